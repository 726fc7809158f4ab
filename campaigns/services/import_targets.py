"""What a column of an imported file can be: the targets, which one a heading suggests, and what
is wrong with a choice of them.

A mapping is `{"<column>": "<target>"}`; a custom attribute has its type behind a colon, as in
`person.custom.plan:text`. Columns that are not named are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from django.utils.translation import gettext as _

from campaigns.errors import Invalid
from campaigns.models.audience import PLATFORM_KEYS
from campaigns.selectors.attributes import ATTRIBUTE_NAME
from campaigns.selectors.identifiers import identifier_platforms

PERSON_KEYS = ("external_user_id", "email", "phone")
PLACES = ("language", "country", "timezone")
VERSIONS = ("app_version", "sdk_version", "os_version")
TYPES = ("text", "number", "flag", "list")
LABELS = "labels"
CUSTOM = ("person.custom.", "device.custom.")
PERSON_TARGETS = tuple(
    f"person.{name}" for name in (*PERSON_KEYS, *PLACES, "opted_out", "attributes")
)
DEVICE_TARGETS = tuple(
    f"device.{name}"
    for name in ("platform", "token", "ids", *PLACES, *VERSIONS, "manufacturer", "model",
                 "attributes")
)  # fmt: skip
# Headings that other tools write, in small letters without blanks and signs.
SUGGESTIONS = {
    "person.external_user_id": "externaluserid userid uid externalid customerid playerid"
                               " profileid user userprofileid",
    "person.email": "email emailaddress mail",
    "person.phone": "phone phonenumber mobile msisdn tel telephone gsm",
    "person.language": "language lang locale languagecode",
    "person.country": "country countrycode countryiso geocountry",
    "person.timezone": "timezone tz zone timezoneid",
    "person.opted_out": "optedout unsubscribed optout donotdisturb",
    "person.attributes": "attributes customattributes properties traits",
    "device.platform": "platform os devicetype deviceos ostype",
    "device.token": "token pushtoken devicetoken registrationtoken identifier fcmtoken apnstoken",
    "device.ids": "ids deviceids",
    "device.app_version": "appversion gameversion version",
    "device.sdk_version": "sdkversion sdk",
    "device.os_version": "osversion deviceosversion",
    "device.manufacturer": "manufacturer brand vendor",
    "device.model": "model devicemodel",
    LABELS: "labels label",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Target:
    """A target in its parts: `person.custom.plan:text` is (person, plan, text)."""

    side: str
    name: str
    type: str = ""

    @property
    def names_device(self) -> bool:
        """Whether devices are known by it."""
        is_id = self.name in ("token", "ids") or self.name.startswith("id.")
        return self.side == "device" and not self.type and is_id

    @property
    def text(self) -> str:
        """As a mapping writes it."""
        middle = "custom." if self.type else ""
        behind = f":{self.type}" if self.type else ""
        return f"{self.side}.{middle}{self.name}{behind}" if self.name else self.side


def read_target(text: str) -> Target | None:
    """The target that a mapping names; None if there is none."""
    if text == LABELS or text in PERSON_TARGETS or text in DEVICE_TARGETS:
        side, _dot, name = text.partition(".")
        return Target(side, name)
    kind = text.removeprefix("device.id.")
    if kind != text:
        return Target("device", f"id.{kind}") if kind in identifier_platforms() else None
    for prefix in CUSTOM:
        name, _colon, kind = text.removeprefix(prefix).rpartition(":")
        if text.startswith(prefix) and kind in TYPES and ATTRIBUTE_NAME.fullmatch(name):
            return Target(prefix.partition(".")[0], name, kind)
    return None


def list_targets() -> list[str]:
    """Every target but the custom attributes, in reading order."""
    kinds = [f"device.id.{kind}" for kind in sorted(identifier_platforms())]
    return [*PERSON_TARGETS, *DEVICE_TARGETS[:3], *kinds, *DEVICE_TARGETS[3:], LABELS]


@cache
def _suggestions() -> dict[str, str]:
    """Targets by heading, squeezed."""
    known = {word: target for target, words in SUGGESTIONS.items() for word in words.split()}
    known |= {_squeeze(target): target for target in list_targets()}
    return {_squeeze(kind): f"device.id.{kind}" for kind in identifier_platforms()} | known


def _squeeze(heading: str) -> str:
    return re.sub(r"[^0-9a-z]", "", heading.casefold())


def list_known_headings() -> frozenset[str]:
    """Headings, in small letters, that say by themselves what a column is."""
    plain = {word for words in SUGGESTIONS.values() for word in words.split()}
    return frozenset(plain | {"external_user_id", "user_id", "e-mail", "external id", "user id"})


def propose_mapping(
    columns: Sequence[str], remembered: Mapping[str, str] | None = None
) -> dict[str, str]:
    """What each column is likely to be: as it was the last time, else by its heading."""
    if remembered is not None:
        return {column: remembered[column] for column in columns if column in remembered}
    mapping: dict[str, str] = {}
    for column in columns:
        target = _propose(column)
        if target and target not in mapping.values():
            mapping[column] = target
    if len(columns) == 1 and not mapping:
        return {columns[0]: "person.external_user_id"}
    return mapping


def propose_by_name(
    columns: Sequence[str], remembered: Mapping[str, str], attributes: Mapping[str, str]
) -> dict[str, str]:
    """What each column was in other files, else what its heading says, else the attribute of that
    name; nothing twice."""
    named = {
        _squeeze(name.partition(".custom.")[2]): f"{name}:{kind}"
        for name, kind in sorted(attributes.items(), reverse=True)
    }
    guessed = propose_mapping(columns)
    mapping: dict[str, str] = {}
    for ways in (remembered, guessed, {column: named.get(_squeeze(column)) for column in columns}):
        for column in columns:
            target = ways.get(column)
            if target and column not in mapping and target not in mapping.values():
                mapping[column] = target
    return mapping


def is_known_heading(column: str) -> bool:
    """Whether a heading says by itself what its column is."""
    return bool(_propose(column))


def _propose(column: str) -> str:
    if read_target(column) is not None:
        return column
    found = _suggestions().get(_squeeze(column), "")
    prefix = next((prefix for prefix in CUSTOM if column.startswith(prefix)), "")
    name = column.removeprefix(prefix)
    return f"{column}:text" if prefix and ATTRIBUTE_NAME.fullmatch(name) else found


@dataclass(frozen=True, slots=True)
class Choice:
    """What is to be done with a file. `verb` is `save`, `add` or `remove` (of labels).

    `platform` is every row's where no column says it, `labels` are ids that every person gets or
    loses, `moves_devices` lets a known device go to the person of its row.
    """

    mapping: Mapping[str, str]
    verb: str = "save"
    platform: str = ""
    labels: tuple[int, ...] = ()
    moves_devices: bool = False

    @property
    def targets(self) -> dict[str, Target]:
        """By column, those that are known."""
        read = {column: read_target(text) for column, text in self.mapping.items()}
        return {column: target for column, target in read.items() if target is not None}

    @property
    def person_key(self) -> str:
        """The column by which persons are found: the first of these that is in the file."""
        names = {target.name for target in self.targets.values() if target.side == "person"}
        return next((name for name in PERSON_KEYS if name in names), "")

    @property
    def device_keys(self) -> tuple[str, ...]:
        """Targets by which devices are found, the token first."""
        names = {target.name for target in self.targets.values() if target.side == "device"}
        own = sorted(name for name in names if name in {"token", "ids"} or name.startswith("id."))
        return tuple(sorted(own, key=lambda name: name != "token"))


def check_choice(columns: Iterable[str], choice: Choice) -> None:
    """Raise Invalid, whose `fields` name columns, unless the mapping can be used."""
    faults = _find_column_faults(set(columns), choice.mapping)
    whole = "" if faults else _find_fault(choice)
    if whole:
        faults["mapping"] = whole
    if faults:
        raise Invalid(next(iter(faults.values())), fields=faults)


def _name_unknown_target(text: str) -> str:
    """Says what would be an attribute of this name."""
    words = _("There is no target %(name)s. Choose one of the list; an attribute is %(own)s.")
    name = text.partition(":")[0].rpartition(".")[2].strip()
    owner = "device" if text.startswith("device.") else "person"
    return words % {"name": text, "own": f"{owner}.custom.{name or 'plan'}:text"}


def _find_column_faults(columns: set[str], mapping: Mapping[str, str]) -> dict[str, str]:
    faults: dict[str, str] = {}
    taken: dict[str, str] = {}
    for column, text in mapping.items():
        target = read_target(text)
        own = target.text.partition(":")[0] if target else ""
        if column not in columns:
            faults[column] = _("The file has no column %(name)s.") % {"name": column}
        elif target is None:
            faults[column] = _name_unknown_target(text[:200])
        elif own in taken:
            faults[column] = _(
                "The column %(name)s is the same already; leave one of them out."
            ) % {"name": taken[own]}
        else:
            taken[own] = column
    return faults


def _find_fault(choice: Choice) -> str:
    sides = {target.side for target in choice.targets.values()}
    own = {target.name for target in choice.targets.values() if target.side == "device"}
    has_values = "person" in sides or LABELS in sides or choice.labels
    if has_values and not choice.person_key:
        return _("Say which column tells people apart: the external user id, e-mail or phone.")
    if choice.verb != "save":
        return _find_label_fault(choice)
    if not sides:
        return _("Say of at least one column what it is.")
    if "device" in sides and not choice.device_keys:
        return _("Say which column tells devices apart: the token or an id of the device.")
    if "device" in sides and "platform" not in own and not choice.platform:
        return _("Say which column is the platform, or choose one platform for all rows.")
    return _find_platform_fault(choice)


def _find_platform_fault(choice: Choice) -> str:
    if choice.platform and choice.platform not in PLATFORM_KEYS:
        return _("A platform is one of %(known)s.") % {"known": ", ".join(PLATFORM_KEYS)}
    return ""


def _find_label_fault(choice: Choice) -> str:
    if not choice.person_key:
        return _("Say which column tells people apart: the external user id, e-mail or phone.")
    if not choice.labels:
        return _("Choose the label.")
    return ""
