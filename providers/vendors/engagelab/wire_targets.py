"""Who gets a push: the object `to` (vendor page "Create Push API", section "to"), or "all".

One kind of registration ids alone are targets; anything else is an audience. Several keys at once
must all hold, an empty list counts as not there (both from the sister product's pages).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from providers.audience import And, Condition, Expression, Not, Op
from providers.fields import gettext_noop
from providers.message_fields import Platform
from providers.recipients import Audience, IdentifierKind, Targets

from .wire_values import Block, refuse_missing, refuse_type

REGISTRATION_ID = "registration_id"
IDENTIFIER_KINDS = (
    IdentifierKind(REGISTRATION_ID, label=gettext_noop("EngageLab registration id")),
)
EVERYONE = "all"
MAX_IDS = 1000
MAX_TAGS = 20
MAX_NAME = 40  # bytes of a tag or an alias
MAX_ID = 255

DEVICE_FIELD = f"device.id.{REGISTRATION_ID}"
ALIAS_FIELD = "device.alias"
TAG_FIELD = "device.tag"
LABEL_FIELD = "person.label"  # a label of ours is a tag there
PLATFORM_FIELD = "device.platform"
ACTIVITY_FIELD = "device.custom.live_activity_id"

Who = tuple[tuple[Targets, ...], Audience | None]


def write_targets(targets: Iterable[Targets], audience: Audience | None) -> str | dict[str, Any]:
    """The object `to`. ValueError for what the vendor has no words for."""
    ids = [value for item in targets for value in item.values]
    if any(item.kind != REGISTRATION_ID for item in targets):
        raise ValueError("The vendor has no such kind of id.")
    if audience is None:
        return {REGISTRATION_ID: ids}
    to: dict[str, Any] = {}
    if audience.labels:
        to["tag_and"] = list(audience.labels)
    if len(audience.segments) > 1 or audience.any_segments or audience.not_segments:
        raise ValueError("The vendor takes one segment.")
    if audience.segments:
        to["seg"] = {"id": audience.segments[0]}
    for term in _list_terms(audience.expression):
        _add_term(to, term)
    return to or EVERYONE


def read_targets(block: Block, platforms: tuple[Platform, ...]) -> Who:
    """Who `to` of a call means; `platforms` narrows an audience, () means all."""
    value = block.values.get("to")
    if value is None or value in ("", {}):
        raise refuse_missing(block.at("to"))
    if value == EVERYONE:
        return (), _make_audience([], (), platforms)
    if not isinstance(value, dict):
        raise refuse_type(block.at("to"), "must be all or an object")
    to = block.take_block("to")
    ids = to.find_texts(REGISTRATION_ID, MAX_IDS)
    terms, segments = _read_terms(to), _read_segment(to)
    if not ids and not terms and not segments:
        raise refuse_missing(to.at(REGISTRATION_ID))
    is_plain = Platform.HMOS not in platforms or len(platforms) == 1
    if ids and not terms and not segments and is_plain:
        # The message has no text for other platforms, so that the ids alone say who.
        return (Targets(REGISTRATION_ID, ids),), None
    if ids:
        terms.insert(0, Condition(DEVICE_FIELD, Op.IN, ids))
    return (), _make_audience(terms, segments, platforms)


def _make_audience(
    terms: list[Expression], segments: tuple[str, ...], platforms: tuple[Platform, ...]
) -> Audience:
    if platforms:
        names = tuple(platform.value for platform in platforms)
        terms = [*terms, Condition(PLATFORM_FIELD, Op.IN, names)]
    expression = terms[0] if len(terms) == 1 else And(tuple(terms))
    return Audience(expression=expression if terms else None, segments=segments)


def _read_terms(to: Block) -> list[Expression]:
    terms: list[Expression] = []
    for name, (maximum, longest, make) in _KEYS.items():
        values = to.find_texts(name, maximum)
        if any(len(value.encode()) > longest for value in values):
            raise refuse_type(to.at(name), f"has a name over {longest} bytes")
        if values:
            terms += make(values)
    activity = to.find_text("live_activity_id", MAX_ID)
    if activity:
        terms.append(Condition(ACTIVITY_FIELD, Op.EQ, activity))
    return terms


def _one_of(field: str) -> Callable[[tuple[str, ...]], list[Expression]]:
    return lambda values: [Condition(field, Op.IN, values)]


def _all_of(values: tuple[str, ...]) -> list[Expression]:
    return [Condition(TAG_FIELD, Op.EQ, value) for value in values]


def _none_of(values: tuple[str, ...]) -> list[Expression]:
    return [Not(Condition(TAG_FIELD, Op.IN, values))]


_KEYS: dict[str, tuple[int, int, Callable[[tuple[str, ...]], list[Expression]]]] = {
    "alias": (MAX_IDS, MAX_NAME, _one_of(ALIAS_FIELD)),
    "tag": (MAX_TAGS, MAX_NAME, _one_of(TAG_FIELD)),
    "tag_and": (MAX_TAGS, MAX_NAME, _all_of),
    "tag_not": (MAX_TAGS, MAX_NAME, _none_of),
}


def _read_segment(to: Block) -> tuple[str, ...]:
    """One segment, an object with its id; not a list, and not named `segment`."""
    segment = to.find_block("seg")
    return () if segment is None else (segment.take_text("id", MAX_ID),)


def _list_terms(expression: Expression | None) -> tuple[Expression, ...]:
    if expression is None:
        return ()
    return expression.terms if isinstance(expression, And) else (expression,)


def _add_term(to: dict[str, Any], term: Expression) -> None:
    """One condition as a key of `to`; what narrows to platforms stands in the body already."""
    match term:
        case Condition(field=field, op=Op.IN, value=values) if field == PLATFORM_FIELD:
            return
        case Condition(field=field, op=Op.EQ | Op.IN, value=value) if field in _WRITTEN:
            _add(to, _WRITTEN[field], value)
        case Condition(field=field, op=Op.EQ, value=value) if field in _TAGS:
            to["tag_and"] = [*to.get("tag_and", []), value]
        case Condition(field=field, op=Op.IN, value=values) if field in _TAGS:
            _add(to, "tag", values)
        case Not(Condition(field=field, op=Op.EQ | Op.IN, value=value)) if field in _TAGS:
            _add(to, "tag_not", value)
        case Condition(field=field, op=Op.EQ, value=value) if field == ACTIVITY_FIELD:
            _add(to, "live_activity_id", value)
        case _:
            raise ValueError("The vendor has no words for this audience.")


_TAGS = frozenset({TAG_FIELD, LABEL_FIELD})
_WRITTEN = {DEVICE_FIELD: REGISTRATION_ID, ALIAS_FIELD: "alias"}


def _add(to: dict[str, Any], name: str, value: Any) -> None:
    if name in to:
        raise ValueError("The vendor takes each kind of condition once.")
    if name == "live_activity_id":
        to[name] = value
    else:
        to[name] = [value] if isinstance(value, str) else list(value)
