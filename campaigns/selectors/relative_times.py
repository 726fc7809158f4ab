"""Conditions on times that are seen from the moment at which somebody asks, as queries.

A column holds what has happened, which is never later than now. A custom attribute may lie ahead:
it is a time where it is a text in UTC or a number of seconds since 1970.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import F, Q
from django.db.models.lookups import GreaterThanOrEqual, LessThan, LessThanOrEqual

from campaigns.selectors.attributes import NumberAttribute, TextAttribute, UtcAttribute
from campaigns.selectors.audience_fields import AudienceField, FieldKind
from campaigns.selectors.spans import find_instant
from providers.audience import Op

SECOND = timedelta(seconds=1)


def compile_relative(field: AudienceField, op: Op, value: Any, now: datetime) -> Q:
    """A relative op of a field as it is `now`."""
    end = find_instant(op, value, now)
    if field.kind is FieldKind.CUSTOM:
        return _compare_text(field, op, end, now) | _compare_number(field, op, end, now)
    # One comparison is enough: who is seen after a freeze has begun is in, too.
    column = F(field.column)
    is_recent = op is Op.WITHIN_LAST
    return Q(GreaterThanOrEqual(column, end) if is_recent else LessThan(column, end))


def _compare_text(field: AudienceField, op: Op, end: datetime, now: datetime) -> Q:
    """By code point, to the second, as an index has them: `09:00:00.5Z` comes after `09:00:00`, and
    a date alone before all that is written of its day."""
    text = TextAttribute(field.column, field.attribute)
    is_time = Q(UtcAttribute(field.column, field.attribute))
    if op is Op.LONGER_AGO_THAN:
        return Q(LessThan(text, _write(end))) & is_time
    first, last = sorted((end, now))
    after = Q(GreaterThanOrEqual(text, _write(first)))
    return after & Q(LessThan(text, _write(last + SECOND))) & is_time


def _compare_number(field: AudienceField, op: Op, end: datetime, now: datetime) -> Q:
    number = NumberAttribute(field.column, field.attribute)
    if op is Op.LONGER_AGO_THAN:
        return Q(LessThan(number, end.timestamp()))
    first, last = sorted((end, now))
    after = Q(GreaterThanOrEqual(number, first.timestamp()))
    return after & Q(LessThanOrEqual(number, last.timestamp()))


def _write(moment: datetime) -> str:
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds")
