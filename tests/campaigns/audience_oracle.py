"""What an audience expression means, in plain Python: the yardstick for the compiled query."""

from __future__ import annotations

import operator
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from campaigns.models import Device
from campaigns.models.audience import pack_version
from campaigns.selectors.contacts import write_contact
from campaigns.selectors.identifiers import identifier_kinds
from providers.audience import RELATIVE, And, Condition, Expression, Not, Op, Or
from tests.builders import NOW

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
UTC_TEXT = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00))?")
ORDER = {Op.GT: operator.gt, Op.GTE: operator.ge, Op.LT: operator.lt, Op.LTE: operator.le}
VERSIONS = {"device.app_version", "device.sdk_version", "device.os_version"}
CONTACTS = {"person.email", "person.phone"}
TIMES = {"device.last_seen_at", "device.created_at"}
# What `is_meant` reads of a device beside its own row, to be fetched before.
READ = ("marks", "identifiers", "person__label_members__label")


def is_meant(device: Device, expression: Expression) -> bool:
    """At builders.NOW."""
    match expression:
        case And(terms):
            return all(is_meant(device, term) for term in terms)
        case Or(terms):
            return any(is_meant(device, term) for term in terms)
        case Not(term):
            return not is_meant(device, term)
    return holds(device, expression)


def holds(device: Device, condition: Condition) -> bool:
    carried = find_carried(device, condition.field)
    if carried is not None:
        return holds_carried(carried, condition)
    found = look_up(device, condition.field)
    if condition.op is Op.EXISTS:
        return (found is not None) == condition.value
    if found is None:
        return False
    if condition.op in RELATIVE:
        time = find_time(found)
        return time is not None and holds_relative(time, condition)
    if condition.op is Op.NE:
        return not compare(condition.field, Op.EQ, found, condition.value)
    if condition.op is Op.IN:
        return any(compare(condition.field, Op.EQ, found, item) for item in condition.value)
    return compare(condition.field, condition.op, found, condition.value)


def holds_relative(found: datetime, condition: Condition) -> bool:
    """At NOW, which is a full second. A column has no times that lie ahead of a real clock."""
    span = condition.value
    length = timedelta(**{{"d": "days", "h": "hours"}[span[-1]]: int(span[:-1])})
    if condition.op is Op.WITHIN_NEXT:
        return NOW <= found <= NOW + length
    if condition.op is Op.LONGER_AGO_THAN:
        return found < NOW - length
    return NOW - length <= found and (condition.field in TIMES or found <= NOW)


def find_time(found: Any) -> datetime | None:
    """What a value says as a time; texts count to the second, and must be in UTC."""
    if isinstance(found, datetime):
        return found
    if isinstance(found, str) and UTC_TEXT.fullmatch(found):
        return datetime.fromisoformat(found).replace(microsecond=0, tzinfo=UTC)
    if isinstance(found, int | float) and not isinstance(found, bool):
        return EPOCH + timedelta(seconds=found)
    return None


def holds_carried(carried: set[str], condition: Condition) -> bool:
    if condition.op is Op.EXISTS:
        return bool(carried) == condition.value
    named = condition.value if condition.op is Op.IN else [condition.value]
    return bool(carried & set(named))


def find_carried(device: Device, name: str) -> set[str] | None:
    """The texts that a field which holds a set holds; None for any other field."""
    if name == "person.label":
        members = device.person.label_members.all() if device.person else []
        return {one.label.name for one in members if one.label.app_id == device.app_id}
    if name in {"device.tag", "device.alias"}:
        kind = name.removeprefix("device.")
        return {mark.name for mark in device.marks.all() if mark.kind == kind}
    kind = name.removeprefix("device.id.")
    return None if kind == name else find_ids(device, kind)


def find_ids(device: Device, name: str) -> set[str]:
    kind = identifier_kinds()[name]
    if not kind.is_token:
        return {one.value for one in device.identifiers.all() if one.kind == name}
    is_of_it = kind.platform in (None, device.platform)
    return {device.token} if is_of_it and device.token else set()


def look_up(device: Device, name: str) -> Any:
    """The attribute's value; None when it is missing."""
    owner, _dot, field = name.partition(".")
    row = device if owner == "device" else device.person
    if row is None:
        return None
    if field.startswith("custom."):
        return row.attributes.get(field.removeprefix("custom."))
    found = getattr(row, field)
    return None if found == "" else found


def compare(field: str, op: Op, found: Any, value: Any) -> bool:
    if op in {Op.CONTAINS, Op.STARTS_WITH}:
        test = str.__contains__ if op is Op.CONTAINS else str.startswith
        if field == "person.email":
            found, value = found.lower(), value.lower()
        return isinstance(found, str) and test(found, value)
    if op is Op.EQ and field in CONTACTS:
        kind = field.removeprefix("person.")
        return bool(write_contact(kind, found) == write_contact(kind, value))
    if field in VERSIONS:
        found, value = pack_version(found), pack_version(value)
    if field in TIMES:
        value = datetime.fromisoformat(value)
    if kind_of(found) != kind_of(value):
        return False
    if op is Op.EQ:
        return bool(found == value)
    return kind_of(found) != "flag" and bool(ORDER[op](found, value))


def kind_of(value: Any) -> str:
    if isinstance(value, bool):
        return "flag"
    return "number" if isinstance(value, int | float) else type(value).__name__
