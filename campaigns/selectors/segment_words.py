"""Expressions in words: names of fields and comparisons, and an expression as lines of text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.models.audience import WAYS
from campaigns.selectors.audience_fields import FieldKind, field_catalogue, find_field
from campaigns.selectors.expressions import check_expression
from campaigns.selectors.spans import say_span
from providers.audience import RELATIVE, And, Condition, Expression, Not, Op, Or

PLATFORMS: Mapping[str, str | Promise] = dict(WAYS)
MISSING = "missing"  # `exists` that is false: for people a comparison of its own
MOST_VALUES = 12  # of a list that are said

FIELDS: Mapping[str, str | Promise] = {
    "person.external_user_id": gettext_lazy("External user id"),
    "person.email": gettext_lazy("E-mail"),
    "person.phone": gettext_lazy("Phone"),
    "person.language": gettext_lazy("Language of the person"),
    "person.country": gettext_lazy("Country of the person"),
    "person.timezone": gettext_lazy("Time zone of the person"),
    "person.label": gettext_lazy("Label"),
    "device.platform": gettext_lazy("Platform"),
    "device.language": gettext_lazy("Language of the device"),
    "device.country": gettext_lazy("Country of the device"),
    "device.timezone": gettext_lazy("Time zone of the device"),
    "device.app_version": gettext_lazy("App version"),
    "device.sdk_version": gettext_lazy("SDK version"),
    "device.os_version": gettext_lazy("OS version"),
    "device.manufacturer": gettext_lazy("Manufacturer"),
    "device.model": gettext_lazy("Model"),
    "device.is_secure": gettext_lazy("Screen lock"),
    "device.notifications_enabled": gettext_lazy("Notifications allowed"),
    "device.is_primary": gettext_lazy("Primary device"),
    "device.last_seen_at": gettext_lazy("Last seen"),
    "device.created_at": gettext_lazy("Registered"),
    "device.tag": gettext_lazy("Tag"),
    "device.alias": gettext_lazy("Alias"),
}
OPS: Mapping[str, str | Promise] = {
    Op.EQ: gettext_lazy("is"),
    Op.NE: gettext_lazy("is known and is not"),
    Op.IN: gettext_lazy("is one of"),
    Op.CONTAINS: gettext_lazy("contains"),
    Op.STARTS_WITH: gettext_lazy("begins with"),
    Op.GT: gettext_lazy("is more than"),
    Op.GTE: gettext_lazy("is at least"),
    Op.LT: gettext_lazy("is less than"),
    Op.LTE: gettext_lazy("is at most"),
    Op.EXISTS: gettext_lazy("is known"),
    Op.WITHIN_LAST: gettext_lazy("is within the last"),
    Op.LONGER_AGO_THAN: gettext_lazy("is longer ago than"),
    Op.WITHIN_NEXT: gettext_lazy("is within the next"),
    MISSING: gettext_lazy("is not known"),
}
INSTANTS: Mapping[str, str | Promise] = {
    Op.WITHIN_LAST: gettext_lazy("since %(at)s"),
    Op.LONGER_AGO_THAN: gettext_lazy("before %(at)s"),
    Op.WITHIN_NEXT: gettext_lazy("until %(at)s"),
}
OPS_OF_TIMES: Mapping[str, str | Promise] = {
    Op.GT: gettext_lazy("is after"),
    Op.GTE: gettext_lazy("is at or after"),
    Op.LT: gettext_lazy("is before"),
    Op.LTE: gettext_lazy("is at or before"),
}
OPS_OF_SETS: Mapping[str, str | Promise] = {
    Op.EQ: gettext_lazy("holds"),
    Op.IN: gettext_lazy("holds one of"),
    Op.EXISTS: gettext_lazy("holds anything"),
    MISSING: gettext_lazy("holds nothing"),
}
OPS_OF_KINDS = {FieldKind.TIME: OPS_OF_TIMES, FieldKind.SET: OPS_OF_SETS}
GROUPS: Mapping[str, str | Promise] = {
    "and": gettext_lazy("All of these"),
    "or": gettext_lazy("One of these"),
    "not": gettext_lazy("Not this"),
}
SECTIONS: tuple[tuple[str, str | Promise], ...] = (
    ("person.", gettext_lazy("Person")),
    ("device.", gettext_lazy("Device")),
    ("device.id.", gettext_lazy("Ids of the device")),
    ("person.custom.", gettext_lazy("Attributes of the person")),
    ("device.custom.", gettext_lazy("Attributes of the device")),
)


def name_field(name: str) -> str:
    """The field for people: `Country of the person`; what is unknown stays as it is written."""
    if name in FIELDS:
        return str(FIELDS[name])
    for prefix in ("person.custom.", "device.custom."):
        if name.startswith(prefix):
            whose = _("%(name)s of the person") if prefix[0] == "p" else _("%(name)s of the device")
            return whose % {"name": name.removeprefix(prefix) or "…"}
    if name.startswith("device.id."):
        return _("Id: %(kind)s") % {"kind": name.removeprefix("device.id.")}
    return name


def say_op(field: str, op: str) -> str:
    """The comparison as it is said of that field."""
    known = find_field(field)
    own = OPS_OF_KINDS.get(known.kind, {}) if known else {}
    return str(own.get(op) or OPS.get(op) or op)


def list_plain_fields() -> list[str]:
    """Fields of the catalogue with a name of their own."""
    return [field.name for field in field_catalogue() if "<" not in field.name]


def say_value(value: Any) -> str:
    """A value as it is written: texts in quotes, so that `1` and `"1"` are told apart."""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, tuple | list):
        more = _("and %(count)d more") % {"count": len(value) - MOST_VALUES}
        said = [say_value(one) for one in value[:MOST_VALUES]]
        return ", ".join([*said, more] if len(value) > MOST_VALUES else said) or _("nothing")
    return f"“{value}”" if isinstance(value, str) else str(value)


def say_of_field(field: str, value: Any, zone: str) -> str:
    """A value that a field has or is compared with: a platform by its name, of a field of time the
    moment in a zone."""
    if field == "device.platform" and value:
        keys = value if isinstance(value, tuple | list) else (value,)
        return ", ".join(str(PLATFORMS.get(key, say_value(key))) for key in keys)
    known = find_field(field)
    is_time = known is not None and known.kind is FieldKind.TIME
    return (is_time and _say_moment(value, zone)) or say_value(value)


def _say_moment(value: Any, zone: str) -> str:
    """As pages write moments, to the second where it has one; "" for what is none."""
    try:
        local = datetime.fromisoformat(value).astimezone(ZoneInfo(zone or "UTC"))
    except (TypeError, ValueError, OverflowError):
        return ""
    return f"{date_format(local, 'j M Y, H:i:s' if local.second else 'j M Y, H:i')} {local:%Z}"


def say_condition(field: str, op: str, value: Any, zone: str) -> str:
    """One condition as a sentence: `Country of the device is one of “DE”, “AT”`."""
    if op == Op.EXISTS:
        return f"{name_field(field)} {say_op(field, MISSING if value is False else op)}"
    said = say_span(value) if op in RELATIVE else say_of_field(field, value, zone)
    return f"{name_field(field)} {say_op(field, op)} {said}"


def outline(expression: Expression, zone: str, depth: int = 0) -> Iterator[tuple[int, str]]:
    """The expression line by line, each with how deep it stands, moments in a zone."""
    match expression:
        case And(terms) | Or(terms):
            yield depth, str(GROUPS["and" if isinstance(expression, And) else "or"])
            for term in terms:
                yield from outline(term, zone, depth + 1)
        case Not(term):
            yield depth, str(GROUPS["not"])
            yield from outline(term, zone, depth + 1)
        case Condition(field, op, value):
            yield depth, say_condition(field, op.value, value, zone)


def outline_body(body: Any, zone: str) -> list[tuple[int, str]]:
    """The lines of a stored expression. Raises Invalid."""
    return list(outline(check_expression(body), zone))
