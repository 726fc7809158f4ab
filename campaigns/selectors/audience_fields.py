"""The fields an audience expression may name, with their types, ops and the columns behind them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from django.utils.translation import gettext as _

from campaigns.models.audience import PLATFORM_KEYS
from campaigns.selectors.attributes import ATTRIBUTE_NAME
from campaigns.selectors.identifiers import MAX_IDENTIFIER, identifier_kinds
from campaigns.selectors.spans import find_span_fault
from providers.audience import RELATIVE, Op

MAX_VALUE_LENGTH = 1024
MAX_NUMBER = 2**53
UNSTORABLE = re.compile("[\0\ud800-\udfff]")
VERSION = re.compile(r"[0-9]{1,4}(\.[0-9]{1,4}){0,3}")


class FieldKind(StrEnum):
    """What a field holds; decides its ops and what its values look like."""

    TEXT = "text"
    VERSION = "version"
    FLAG = "flag"
    TIME = "time"
    CUSTOM = "custom"
    SET = "set"  # texts that one carries any number of; `eq` says that it is among them


ORDERED = (Op.GT, Op.GTE, Op.LT, Op.LTE)
AGO = (Op.WITHIN_LAST, Op.LONGER_AGO_THAN)
SEARCHED = (Op.CONTAINS, Op.STARTS_WITH)
OPS = {
    FieldKind.TEXT: (Op.EQ, Op.NE, Op.IN, *SEARCHED, *ORDERED, Op.EXISTS),
    FieldKind.VERSION: (Op.EQ, Op.NE, *ORDERED, Op.IN, *SEARCHED, Op.EXISTS),
    FieldKind.FLAG: (Op.EQ, Op.NE, Op.EXISTS),
    # The first is what a new condition begins with.
    FieldKind.TIME: (*AGO, *ORDERED, Op.EXISTS),
    FieldKind.CUSTOM: (Op.EQ, Op.NE, Op.IN, *SEARCHED, *ORDERED, *AGO, Op.WITHIN_NEXT, Op.EXISTS),
    FieldKind.SET: (Op.EQ, Op.IN, Op.EXISTS),
}


@dataclass(frozen=True, slots=True)
class AudienceField:
    """One field: `name` as expressions write it, `column` as a Device query does.

    A custom field of the catalogue is named with `<name>` for the attribute's own name, and
    `attribute` holds that name once an expression has said it; so is `<kind>` of an identifier.
    """

    name: str
    kind: FieldKind
    column: str
    choices: tuple[str, ...] = ()
    attribute: str = ""
    maximum: int = MAX_VALUE_LENGTH

    @property
    def ops(self) -> tuple[Op, ...]:
        return OPS[self.kind]

    def find_fault(self, op: Op, value: Any) -> str:
        """What is wrong with a condition on this field, as a sentence, or ""."""
        if op not in self.ops:
            known = ", ".join(self.ops)
            return _("%(name)s cannot be compared with %(op)s, only with %(known)s.") % {
                "name": self.name, "op": op.value, "known": known,
            }  # fmt: skip
        if op is Op.EXISTS:
            return ""
        if op in RELATIVE:
            return find_span_fault(value)
        values = value if op is Op.IN else (value,)
        faults = (self._find_value_fault(op, item) for item in values)
        return next((fault for fault in faults if fault), "")

    def _find_value_fault(self, op: Op, value: Any) -> str:
        match self.kind:
            case FieldKind.FLAG:
                return "" if isinstance(value, bool) else _("The value is true or false.")
            case FieldKind.TIME:
                return find_time_fault(value)
            case FieldKind.CUSTOM:
                return _find_custom_fault(op, value)
        fault = find_text_fault(value, self.maximum)
        if fault or op in SEARCHED:
            return fault
        if self.kind is FieldKind.VERSION and not VERSION.fullmatch(value):
            return _("A version looks like 2.10.3.")
        if self.choices and op not in ORDERED and value not in self.choices:
            return _("The value is one of %(known)s.") % {"known": ", ".join(self.choices)}
        return ""


def find_text_fault(value: Any, maximum: int = MAX_VALUE_LENGTH) -> str:
    """Why this is no text that both databases can hold, or ""."""
    if not isinstance(value, str):
        return _("The value is a text.")
    if len(value) > maximum:
        return _("At most %(maximum)s characters are allowed.") % {"maximum": maximum}
    if UNSTORABLE.search(value):
        return _("The text holds a character that cannot be stored.")
    return ""


def find_time_fault(value: Any) -> str:
    """Why this is no instant with an offset, or ""."""
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        moment = None
    if moment is None or moment.tzinfo is None:
        return _("The value is a time with an offset such as 2026-11-20T09:00:00+03:00.")
    return ""


def find_number_fault(value: int | float) -> str:
    """Why this number does not survive both databases, or ""."""
    # NaN compares false with everything, so it fails this test, too.
    is_held = -MAX_NUMBER <= value <= MAX_NUMBER
    return "" if is_held else _("Numbers are between -2^53 and 2^53.")


def _find_custom_fault(op: Op, value: Any) -> str:
    if isinstance(value, str):
        return find_text_fault(value)
    if op in SEARCHED:
        return _("The value is a text.")
    if isinstance(value, bool):
        return _("true and false have no order.") if op in ORDERED else ""
    return find_number_fault(value)


def _make_fields(prefix: str, path: str, kind: FieldKind, *names: str) -> list[AudienceField]:
    return [AudienceField(f"{prefix}.{name}", kind, f"{path}{name}") for name in names]


_FIELDS = (
    *_make_fields("person", "person__", FieldKind.TEXT,
                  "external_user_id", "email", "phone", "language", "country", "timezone"),
    AudienceField("person.label", FieldKind.SET, "label"),
    AudienceField("person.custom.<name>", FieldKind.CUSTOM, "person__attributes"),
    AudienceField("device.platform", FieldKind.TEXT, "platform", tuple(PLATFORM_KEYS)),
    *_make_fields("device", "", FieldKind.TEXT, "language", "country", "timezone"),
    *_make_fields("device", "", FieldKind.VERSION, "app_version", "sdk_version", "os_version"),
    *_make_fields("device", "", FieldKind.TEXT, "manufacturer", "model"),
    *_make_fields("device", "", FieldKind.FLAG, "is_secure", "notifications_enabled", "is_primary"),
    *_make_fields("device", "", FieldKind.TIME, "last_seen_at", "created_at"),
    *_make_fields("device", "", FieldKind.SET, "tag", "alias"),
    AudienceField("device.id.<kind>", FieldKind.SET, "id", maximum=MAX_IDENTIFIER),
    AudienceField("device.custom.<name>", FieldKind.CUSTOM, "attributes"),
)  # fmt: skip
_BY_NAME = {field.name: field for field in _FIELDS if "<" not in field.name}
_CUSTOM = {"person.custom.": "person__attributes", "device.custom.": "attributes"}


def field_catalogue() -> tuple[AudienceField, ...]:
    """Every field with its type and ops, in reading order, for the editor and the docs."""
    return _FIELDS


def find_field(name: str) -> AudienceField | None:
    """The field that an expression names, custom attributes and ids of vendors included; None if
    there is none."""
    for prefix, column in _CUSTOM.items():
        attribute = name.removeprefix(prefix)
        if attribute != name and ATTRIBUTE_NAME.fullmatch(attribute):
            return AudienceField(name, FieldKind.CUSTOM, column, attribute=attribute)
    kind = name.removeprefix("device.id.")
    if kind != name and kind in identifier_kinds():
        return AudienceField(name, FieldKind.SET, "id", attribute=kind, maximum=MAX_IDENTIFIER)
    return _BY_NAME.get(name)
