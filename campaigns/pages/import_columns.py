"""What each column of an imported file is: chosen among words, with a guess and what stands in the
first rows; an attribute of one's own by its name and type."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.http import QueryDict
from django.utils.html import conditional_escape, format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.models import App, Import
from campaigns.pages.person_fields import PERSON_FIELDS
from campaigns.pages.suppressions import name_kind
from campaigns.selectors.attributes import ATTRIBUTE_NAME
from campaigns.selectors.suggestions import list_custom
from campaigns.services.import_steps import read_shape, read_window
from campaigns.services.import_targets import CUSTOM, TYPES, list_targets
from campaigns.services.import_text import read_chunk
from campaigns.services.imports import suggest_mapping

SAMPLE_ROWS = 3
MOST_OPTIONS = 2_500  # of all columns together: of more, the page would be too long
MOST_DRAWN = 200_000  # characters of all of them: attributes may have long names
SHOWN, SHOWN_OF_MANY = 40, 16  # characters of a value
OWN = tuple(prefix.removesuffix(".") for prefix in CUSTOM)
NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,14})(\.[0-9]+)?")
FLAGS = frozenset({"true", "false"})
PERSON, DEVICE = gettext_lazy("Person"), gettext_lazy("Device")
SIDES = {"person": PERSON, "device": DEVICE}
NAMES = {
    **PERSON_FIELDS,
    "opted_out": gettext_lazy("Opted out"),
    "attributes": gettext_lazy("All attributes, as a JSON object"),
    "platform": gettext_lazy("Platform"), "token": gettext_lazy("Push token"),
    "ids": gettext_lazy("All ids, as a JSON object"),
    "app_version": gettext_lazy("Version of the app"),
    "sdk_version": gettext_lazy("Version of the SDK"),
    "os_version": gettext_lazy("Version of the system"),
    "manufacturer": gettext_lazy("Manufacturer"), "model": gettext_lazy("Model"),
    "labels": gettext_lazy("Names of labels"),
}  # fmt: skip
OWN_NAMES = {
    "person.custom": gettext_lazy("Another attribute of the person…"),
    "device.custom": gettext_lazy("Another attribute of the device…"),
}
TYPE_NAMES = {
    "text": gettext_lazy("text"), "number": gettext_lazy("number"),
    "flag": gettext_lazy("true or false"), "list": gettext_lazy("list, | between"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `options` are drawn, "" where the target is typed; `own` and `type` are of an
    attribute that is none of them."""

    number: int
    name: str
    target: str
    options: SafeString
    own: str
    types: list[tuple[str, Any, bool]]
    samples: list[str]
    fault: str = ""


def list_attributes(app: App) -> dict[str, str]:
    """Custom attributes that the app's people and devices have, with the type of most of them."""
    types = {one.name: one.kinds[0][0] for one in list_custom(app)}
    return {name: kind if kind in TYPES else "list" for name, kind in types.items()}


def describe_columns(
    one: Import, mapping: Mapping[str, str] | None, faults: Mapping[str, str], posted: QueryDict,
    attributes: Mapping[str, str],
) -> list[Column]:  # fmt: skip
    """Each column with what it is to be, else what it likely is, and what stands in the first rows:
    for who may change the import. Of what was `posted` names stay where they were typed. The app's
    `attributes`, of `list_attributes`, are offered."""
    samples, columns = _read_samples(one), read_shape(one).columns
    mapping = suggest_mapping(one, attributes) if mapping is None else mapping
    offered = _Offered(attributes, len(columns))
    drawn = []
    for number, name in enumerate(columns):
        values = [row.get(name) for row in samples]
        typed = posted.get(f"own-{number}"), posted.get(f"type-{number}")
        column = _describe(number, name, mapping.get(name, ""), offered, values, typed)
        drawn.append(replace(column, fault=faults.get(name, "")))
    return drawn


def _read_samples(one: Import) -> list[dict[str, Any]]:
    if one.upload is None:
        return []
    shape = read_shape(one)
    window = read_window(one, shape.start)
    is_end = shape.start + len(window) >= one.size
    rows = read_chunk(shape, window, shape.line, is_end=is_end, most=SAMPLE_ROWS).rows
    return [dict(row.values) for row in rows if not row.fault]


def _describe(
    number: int, name: str, target: str, offered: _Offered, values: Sequence[Any],
    typed: tuple[str | None, str | None],
) -> Column:  # fmt: skip
    chosen, own, kind = offered.split(target)
    if typed[0] is not None:
        own, kind = typed[0].strip(), typed[1] or ""
    elif chosen not in OWN and ATTRIBUTE_NAME.fullmatch(name):
        own = name
    kind = kind or _guess_type(values)
    types = [(one, words, one == kind) for one, words in TYPE_NAMES.items()]
    most = SHOWN_OF_MANY if offered.is_typed else SHOWN
    shown = [_show(value, most) for value in values]
    return Column(number, name, target, offered.draw(chosen), own, types, shown)


def _show(value: Any, most: int) -> str:
    text = value if isinstance(value, str) else "" if value is None else json.dumps(value)
    # Half of a character, as JSON may say it, can be written to no page.
    text = text.encode(errors="replace").decode()
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _guess_type(values: Sequence[Any]) -> str:
    """What the first rows look like; an id that begins with a zero is no number."""
    known = [value for value in values if value not in (None, "")]
    texts = [value if isinstance(value, str) else json.dumps(value) for value in known]
    if any(isinstance(value, list) for value in known):
        return "list"
    if texts and all(NUMBER.fullmatch(text) for text in texts):
        return "number"
    return "flag" if texts and FLAGS.issuperset(text.lower() for text in texts) else "text"


class _Offered:
    """The options of every column: drawn once, and marked for each."""

    def __init__(self, attributes: Mapping[str, str], columns: int) -> None:
        most = MOST_OPTIONS // max(columns, 1) - len(list_targets()) - len(OWN)
        self.is_typed = most < 0
        names = sorted(attributes) if len(attributes) <= most else []
        self._offer([f"{name}:{attributes[name]}" for name in names])
        if len(self.html) * columns > MOST_DRAWN:
            self._offer([])

    def _offer(self, attributes: Sequence[str]) -> None:
        self.groups = list(_group(attributes))
        self.known = {value for _name, pairs in self.groups for value, _words in pairs}
        self.html = "" if self.is_typed else _draw_groups(self.groups)

    def split(self, target: str) -> tuple[str, str, str]:
        """The option that stands for a target, and of an attribute that is none the rest."""
        prefix = next((prefix for prefix in CUSTOM if target.startswith(prefix)), "")
        if self.is_typed or target in self.known or not prefix:
            return target, "", ""
        name, colon, kind = target.removeprefix(prefix).rpartition(":")
        own, kind = (name, kind) if colon else (kind, "")
        return prefix.removesuffix("."), own, kind

    def draw(self, chosen: str) -> SafeString:
        """With one of them chosen; what is none of them is one more, to be seen."""
        if self.is_typed:
            return SafeString("")
        value = f'value="{conditional_escape(chosen)}"'
        if chosen and chosen not in self.known:
            more = format_html('<option value="{0}" selected>{0}</option>', chosen)
            return SafeString(more + self.html)
        return SafeString(self.html.replace(f"{value}>", f"{value} selected>", 1))


def _group(attributes: Sequence[str]) -> Iterator[tuple[Any, list[tuple[str, Any]]]]:
    targets = list_targets()
    yield "", [("", _("Leave it out"))]
    yield PERSON, [(one, _name(one)) for one in targets if one.startswith("person.")]
    yield (
        _("Attributes"),
        [
            *((one, _name_attribute(one)) for one in attributes),
            *((own, words) for own, words in OWN_NAMES.items()),
        ],
    )
    own = [one for one in targets if one.startswith("device.")]
    yield DEVICE, [(one, _name(one)) for one in own if not one.startswith("device.id.")]
    ids = [one for one in own if one.startswith("device.id.")]
    yield _("Ids of a device"), [(one, name_kind(one.rpartition(".")[2])) for one in ids]
    yield _("Labels"), [("labels", NAMES["labels"])]


def _name(target: str) -> str:
    side, _dot, name = target.partition(".")
    words = str(NAMES[name])
    return _("%(name)s of the device") % {"name": words} if side == "device" else words


def _name_attribute(target: str) -> str:
    prefix = next(prefix for prefix in CUSTOM if target.startswith(prefix))
    name, _colon, kind = target.removeprefix(prefix).rpartition(":")
    side = SIDES[prefix.partition(".")[0]]
    return f"{name} ({str(side).lower()}, {TYPE_NAMES[kind]})"


def _draw_groups(groups: Sequence[tuple[Any, Sequence[tuple[str, Any]]]]) -> str:
    drawn = []
    for name, pairs in groups:
        options = format_html_join("", '<option value="{}">{}</option>', pairs)
        html = '<optgroup label="{}">{}</optgroup>'
        drawn.append(format_html(html, name, options) if name else options)
    return "".join(drawn)


def read_mapping(one: Import, posted: QueryDict) -> dict[str, str]:
    """The target of each column that is not left out."""
    columns = enumerate(read_shape(one).columns)
    chosen = {name: _read_target(posted, number) for number, name in columns}
    return {name: target for name, target in chosen.items() if target}


def _read_target(posted: QueryDict, number: int) -> str:
    target = posted.get(f"column-{number}", "").strip()
    if target not in OWN:
        return target
    own, kind = posted.get(f"own-{number}", "").strip(), posted.get(f"type-{number}", "")
    return f"{target}.{own}:{kind if kind in TYPES else 'text'}"


def find_name_faults(mapping: Mapping[str, str]) -> dict[str, str]:
    """Attributes of one's own that have no name, or none that can be used, by column."""
    words = _(
        "Say what the attribute is called: 1 to 128 letters without accents, digits or signs, no "
        "quotes and no backslash."
    )
    own = {
        column: target.partition(".custom.")[2].rpartition(":")[0]
        for column, target in mapping.items()
        if target.startswith(CUSTOM) and ":" in target
    }
    return {column: words for column, name in own.items() if not ATTRIBUTE_NAME.fullmatch(name)}
