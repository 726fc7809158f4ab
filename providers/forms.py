"""Draws a `FieldSpec` as a Django form field: credentials, addresses, options, message fields.

What `clean` gives is the JSON value that `FieldSpec.find_fault` accepts, or None when the field
was left empty.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.forms.fields import InvalidJSONInput
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold import widgets

from providers.fields import BUTTON_PARTS, FieldSpec, is_link, is_storable, is_web_address
from providers.vault import last_four

BUTTON_BAR = "|"
# A bar inside of a variable is a filter's; one in a title is written with a backslash.
BUTTON_BARS = re.compile(r"(?<!\\)\|(?![^{}]*[%}]\})")
ATTACHMENT_PARTS = ("file_url", "file_type", "id")
# Of an attachment: apart by blanks, but for those of a variable.
PIECES = re.compile(r"(?:\{\{[^{}]*\}\}|\{%[^{}]*%\}|\S)+")


def build_field(spec: FieldSpec, *, secret: str = "") -> SpecField:
    """One form field. `secret` is what is kept of a secret now; an empty answer keeps it."""
    return SpecField(spec, secret=secret)


def build_fields(
    specs: Iterable[FieldSpec], *, secrets: Mapping[str, str] | None = None, prefix: str = ""
) -> dict[str, forms.Field]:
    """Form fields by name, `prefix` in front of each."""
    kept = secrets or {}
    return {
        f"{prefix}{spec.name}": build_field(spec, secret=kept.get(spec.name, "")) for spec in specs
    }


def merge_secrets(
    specs: Iterable[FieldSpec], cleaned: Mapping[str, Any], kept: Mapping[str, str]
) -> dict[str, str]:
    """The credentials to keep: new values win, a secret that was left empty stays."""
    merged = {}
    for spec in specs:
        value = cleaned.get(spec.name)
        if value is None and spec.kind == "secret":
            value = kept.get(spec.name)
        if value is not None:
            merged[spec.name] = str(value)
    return merged


class SpecField(forms.Field):
    """A form field for one `FieldSpec`."""

    def __init__(self, spec: FieldSpec, *, secret: str = "") -> None:
        self.spec = spec
        super().__init__(
            required=spec.required and spec.kind != "bool" and not secret,
            label=gettext_lazy(spec.label),
            help_text=gettext_lazy(spec.help) if spec.help else "",
            initial=spec.default,
            widget=_build_widget(spec, secret),
        )

    def prepare_value(self, value: Any) -> Any:
        """A JSON value as the text that a person edits; text that failed comes back as it was."""
        if value is None or isinstance(value, str | bool):
            return value
        return _TEXTS.get(self.spec.kind, str)(value)

    def to_python(self, value: Any) -> Any:
        """The JSON value of what was typed; None when empty. Raises `ValidationError`."""
        if self.spec.kind == "bool":
            is_left_alone = not value and self.spec.default is None and not self.spec.required
            return None if is_left_alone else bool(value)
        text = "" if value is None else str(value).replace("\r\n", "\n")
        if not text.strip():
            return None
        if self.spec.kind == "titles":  # an empty line stands for a title that is left as it is
            return [line.strip() for line in text.rstrip().split("\n")]
        read = _READERS.get(self.spec.kind)
        if read:
            return read(text.strip())
        return text if self.spec.kind in {"long_text", "secret"} else text.strip()

    def validate(self, value: Any) -> None:
        super().validate(value)
        if value is None:
            return
        fault = self.spec.find_fault(value)
        if fault:
            raise ValidationError(_explain(self.spec, value, fault))


def _explain(spec: FieldSpec, value: Any, fault: str) -> str:
    """How to put it right."""
    hint = {"min": spec.minimum, "max": spec.maximum, "fault": fault}
    if spec.pattern and isinstance(value, str) and not re.fullmatch(spec.pattern, value):
        example = _(spec.help) if spec.help else spec.pattern
        return _("This has not the right form: %(example)s") % {"example": example}
    if isinstance(value, int | float) and None not in (spec.minimum, spec.maximum):
        return _("Enter a number from %(min)s to %(max)s.") % hint
    if isinstance(value, str) and spec.maximum is not None and len(value) > spec.maximum:
        hint["size"] = len(value)
        return _("Shorten it to %(max)s characters; it has %(size)s.") % hint
    if isinstance(value, str) and spec.minimum is not None and len(value) < spec.minimum:
        return _("Enter at least %(min)s characters.") % hint
    return _("This cannot be used: %(fault)s.") % hint


# An escaped NUL, and no escaped backslash before u0000.


class BoundedJSONField(forms.JSONField):
    """Django's field, which refuses in words what Python cannot read and databases cannot keep."""

    def to_python(self, value: Any) -> Any:
        try:
            read = super().to_python(value)
        except RecursionError as error:
            raise ValidationError(_("This JSON is nested too deeply.")) from error
        except ValueError as error:
            raise ValidationError(_("A number in it is too long.")) from error
        if not is_storable(read):
            raise ValidationError(_("It holds a number or a character that cannot be stored."))
        return read

    def prepare_value(self, value: Any) -> Any:
        """Nothing is an empty box, which nobody has to clear before typing."""
        return "" if value is None else super().prepare_value(value)

    def bound_data(self, data: Any, initial: Any) -> Any:
        """What was typed as it was typed, if it cannot be shown as JSON."""
        try:
            read = super().bound_data(data, initial)
        except (RecursionError, ValueError):
            return InvalidJSONInput(data)
        return read if is_storable(read) else InvalidJSONInput(data)


def _read_int(text: str) -> int:
    if not re.fullmatch(r"-?[0-9]{1,18}", text):
        raise ValidationError(_("Enter a whole number, digits only."))
    return int(text)


def _read_ints(text: str) -> list[int]:
    pieces = re.split(r"[,\s]+", text.strip(", \n[]"))
    if not all(re.fullmatch(r"-?[0-9]{1,18}", piece) for piece in pieces):
        raise ValidationError(_("Enter whole numbers with commas between them, like 0, 500."))
    return [int(piece) for piece in pieces]


def _read_json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        words = _("This is no JSON: %(error)s.") % {"error": error}
        raise ValidationError(words) from error
    except RecursionError as error:
        raise ValidationError(_("This JSON is nested too deeply.")) from error


def _read_object(text: str) -> dict[str, Any]:
    value = _read_json(text)
    if not isinstance(value, dict):
        raise ValidationError(_('Enter a JSON object, like {"key": "value"}.'))
    return value


def _read_url(text: str) -> str:
    if not is_web_address(text):
        raise ValidationError(_("Enter a whole address that begins with https://."))
    return text


def _read_link(text: str) -> str:
    if not is_link(text):
        raise ValidationError(_("Enter an address with its scheme, like shop://cart or https://."))
    return text


def _read_attachments(text: str) -> list[dict[str, str]]:
    return [_read_attachment(line) for line in text.splitlines() if line.strip()]


def _read_attachment(line: str) -> dict[str, str]:
    pieces = PIECES.findall(line)
    if len(pieces) > len(ATTACHMENT_PARTS):
        raise ValidationError(_("One attachment per line: its address, then a type and an id."))
    if "{" not in pieces[0]:  # an address that holds a variable is none before it is rendered
        _read_url(pieces[0])
    return dict(zip(ATTACHMENT_PARTS, pieces, strict=False))


def _write_attachments(items: Iterable[Mapping[str, str]]) -> str:
    lines = []
    for item in items:
        values = [item.get(name, "") for name in ATTACHMENT_PARTS]
        lines.append(" ".join(values).rstrip())
    return "\n".join(lines)


def _write_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)


def _read_number(text: str) -> float:
    if not re.fullmatch(r"-?[0-9]{1,9}(\.[0-9]{1,9})?", text):
        raise ValidationError(_("Enter a number such as 0.5."))
    return float(text)


def _read_buttons(text: str) -> list[dict[str, str]]:
    return [_read_button(line) for line in text.splitlines() if line.strip()]


def _read_button(line: str) -> dict[str, str]:
    pieces = [piece.replace("\\|", "|").strip() for piece in BUTTON_BARS.split(line)]
    if len(pieces) > len(BUTTON_PARTS):
        raise ValidationError(_("One button per line: title | address to open | id for the app."))
    parts = dict(zip(BUTTON_PARTS, pieces, strict=False))
    link = parts.get("link", "")
    if link and "{" not in link:
        _read_link(link)
    return {name: part for name, part in parts.items() if part}


def _write_buttons(items: Iterable[Mapping[str, str]]) -> str:
    return "\n".join(map(_write_button, items))


def _write_button(item: Mapping[str, str]) -> str:
    texts = [" ".join(item.get(name, "").split()) for name in BUTTON_PARTS]
    while not texts[-1]:
        texts.pop()  # the title is never empty
    return f" {BUTTON_BAR} ".join(BUTTON_BARS.sub(r"\|", text) for text in texts)


_READERS: dict[str, Callable[[str], Any]] = {
    "int": _read_int,
    "int_list": _read_ints,
    "json": _read_json,
    "json_object": _read_object,
    "url": _read_url,
    "link": _read_link,
    "attachments": _read_attachments,
    "buttons": _read_buttons,
    "number": _read_number,
}
_TEXTS: dict[str, Callable[[Any], str]] = {
    "int_list": lambda numbers: ", ".join(map(str, numbers)),
    "json": _write_json,
    "json_object": _write_json,
    "attachments": _write_attachments,
    "buttons": _write_buttons,
    "titles": "\n".join,
}


def _build_widget(spec: FieldSpec, secret: str) -> forms.Widget:
    length = {"maxlength": spec.maximum}
    widget: forms.Widget
    match spec.kind:
        case "secret":
            widget = widgets.UnfoldAdminPasswordWidget(attrs=_hint_at(secret))
        case "bool":
            widget = widgets.UnfoldBooleanSwitchWidget()
        case "choice":
            choices = [(choice, gettext_lazy(label)) for choice, label in spec.list_choices()]
            widget = widgets.UnfoldAdminSelectWidget(choices=[("", "—"), *choices])
        case "int":
            limits = {"min": spec.minimum, "max": spec.maximum}
            widget = widgets.UnfoldAdminIntegerFieldWidget(attrs=_drop_none(limits))
        case "number":
            bounds = {"min": spec.minimum, "max": spec.maximum, "step": "any"}
            widget = widgets.UnfoldAdminIntegerFieldWidget(attrs=_drop_none(bounds))
        case "buttons" | "titles":
            widget = widgets.UnfoldAdminTextareaWidget(attrs={"rows": 2})
        case "long_text" | "json" | "json_object" | "attachments":
            widget = widgets.UnfoldAdminTextareaWidget(attrs=_drop_none({"rows": 3, **length}))
        case _:
            attrs = {"pattern": spec.pattern or None, **length}
            widget = widgets.UnfoldAdminTextInputWidget(attrs=_drop_none(attrs))
    return widget


def _hint_at(secret: str) -> dict[str, str]:
    """A secret itself is never drawn, only that there is one and its last four characters."""
    attrs = {"autocomplete": "new-password"}
    if secret:
        attrs["placeholder"] = f"•••• {last_four(secret)}".rstrip()
    return attrs


def _drop_none(attrs: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in attrs.items() if value is not None}
