"""Why somebody is in an audience or out of it: the audience as a tree, each node met or not.

Conditions are asked of the database, by the very query that selects recipients; what and, or and
not make of them is plain logic. One statement explains one expression for one device.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import BooleanField, Case, Q, Value, When
from django.utils import timezone

from campaigns.models import App, Device, Person, Segment
from campaigns.selectors.audience import NOBODY, Audience, AudienceKind, select_devices
from campaigns.selectors.audience_fields import AudienceField, FieldKind, find_field
from campaigns.selectors.expressions import check_expression, compile_expression
from campaigns.selectors.identifiers import identifier_kinds
from campaigns.selectors.spans import find_instant
from providers.audience import RELATIVE, And, Condition, Expression, Not, Op, Or, list_conditions

MOST_FOUND = 100  # texts of a set that are shown
MOST_DEVICES = 20  # of one person
CONDITION = "condition"
Meanings = Mapping[int, Any]
NOTHING: Meanings = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One node: `kind` is and, or, not, condition, or the key of an audience.

    `path` is the node's place as refusals name it (`expression.and[0].not`). Only a condition has
    `field`, `op`, `wanted` (its value) and `found`: what the device or its person has there, None
    when it is missing, for a field that holds a set a sorted tuple of at most 100 texts; one of
    relative time the `instant` that it comes to. `name` is that of a segment.
    """

    kind: str
    is_met: bool
    path: str
    terms: tuple[Verdict, ...] = ()
    field: str = ""
    op: str = ""
    wanted: Any = None
    found: Any = None
    instant: datetime | None = None
    name: str = ""


@dataclass(frozen=True, slots=True)
class DeviceVerdict:
    """One device and what an audience says to it."""

    device: Device
    verdict: Verdict


def explain(
    expression: Expression,
    device: Device,
    path: str = "expression",
    *,
    now: datetime | None = None,
) -> Verdict:
    """Why the expression means the device or not, node by node; relative times count from `now`,
    this moment unless it is said.

    Expects what `check_expression` has passed. The device is judged as it is stored.
    """
    return _Judge(expression, device, now or timezone.now()).judge(expression, path)


def explain_audience(
    app: App,
    audience: Audience,
    who: Device | Person,
    *,
    only_primary: bool = False,
    meanings: Meanings = NOTHING,
) -> tuple[DeviceVerdict, ...]:
    """Why the audience means a device, or each of the first 20 devices that a person has in the
    app; empty for who has none in it.

    `meanings` are expressions of segments by their ids, of others it is what they mean now.
    """
    devices = Device.objects.filter(app=app).select_related("person").order_by("pk")
    chosen = devices.filter(**{"pk" if isinstance(who, Device) else "person": who.pk})
    return tuple(
        DeviceVerdict(device, _explain_device(app, audience, device, only_primary, meanings))
        for device in chosen[:MOST_DEVICES]
    )


class _Judge:
    """What one statement says of every condition of an expression for one device."""

    def __init__(self, expression: Expression, device: Device, now: datetime) -> None:
        self.device, self.now = device, now
        # In the order in which `judge` comes to them.
        self.answers = iter(self._ask(list(list_conditions(expression))))

    def _ask(self, conditions: list[Condition]) -> tuple[bool, ...]:
        if not conditions:
            return ()
        asked = [
            Case(
                When(self._compile(condition), then=Value(True)),
                default=Value(False),
                output_field=BooleanField(),
            )
            for condition in conditions
        ]
        row = Device.objects.filter(pk=self.device.pk).values_list(*asked).first()
        return tuple(map(bool, row)) if row else (False,) * len(asked)

    def _compile(self, condition: Condition) -> Q:
        return compile_expression(condition, self.device.app_id, self.now)

    def judge(self, expression: Expression, path: str) -> Verdict:
        match expression:
            case And(terms):
                judged = self._judge_terms(terms, f"{path}.and")
                is_met = all(term.is_met for term in judged)
                return Verdict(kind="and", is_met=is_met, path=path, terms=judged)
            case Or(terms):
                judged = self._judge_terms(terms, f"{path}.or")
                is_met = any(term.is_met for term in judged)
                return Verdict(kind="or", is_met=is_met, path=path, terms=judged)
            case Not(term):
                inner = self.judge(term, f"{path}.not")
                return Verdict(kind="not", is_met=not inner.is_met, path=path, terms=(inner,))
        return self._judge_condition(expression, path)

    def _judge_terms(self, terms: tuple[Expression, ...], path: str) -> tuple[Verdict, ...]:
        return tuple(self.judge(term, f"{path}[{place}]") for place, term in enumerate(terms))

    def _judge_condition(self, condition: Condition, path: str) -> Verdict:
        field = find_field(condition.field)
        return Verdict(
            kind=CONDITION,
            is_met=next(self.answers),
            path=path,
            field=condition.field,
            op=condition.op.value,
            wanted=condition.value,
            instant=self._find_instant(condition),
            found=None if field is None else find_value(self.device, field),
        )

    def _find_instant(self, condition: Condition) -> datetime | None:
        if condition.op not in RELATIVE:
            return None
        return find_instant(condition.op, condition.value, self.now)


def find_value(device: Device, field: AudienceField) -> Any:
    """What the device or its person has in a field, as `Verdict.found` says it."""
    if field.kind is FieldKind.SET:
        return _CARRIED[field.column](device, field.attribute)
    owner = device.person if field.column.startswith("person__") else device
    found = getattr(owner, field.column.removeprefix("person__"), None)
    if field.kind is FieldKind.CUSTOM:
        return (found or {}).get(field.attribute)
    if isinstance(found, datetime):
        return found.isoformat()
    return None if found == "" else found


def _find_labels(device: Device, attribute: str) -> tuple[str, ...]:
    if device.person is None:
        return ()
    members = device.person.label_members.filter(label__app=device.app_id)
    return _take_names(members.values_list("label__name", flat=True))


def _find_tags(device: Device, attribute: str) -> tuple[str, ...]:
    return _take_names(device.marks.filter(kind="tag").values_list("name", flat=True))


def _find_alias(device: Device, attribute: str) -> tuple[str, ...]:
    return _take_names(device.marks.filter(kind="alias").values_list("name", flat=True))


def _find_ids(device: Device, attribute: str) -> tuple[str, ...]:
    kind = identifier_kinds()[attribute]
    if not kind.is_token:
        ids = device.identifiers.filter(kind=attribute)
        return _take_names(ids.values_list("value", flat=True))
    is_of_it = kind.platform in (None, device.platform)
    return (device.token,) if is_of_it and device.token else ()


def _take_names(names: Any) -> tuple[str, ...]:
    return tuple(sorted(names[:MOST_FOUND]))


_CARRIED = {"label": _find_labels, "tag": _find_tags, "alias": _find_alias, "id": _find_ids}


def _explain_device(
    app: App, audience: Audience, device: Device, only_primary: bool, meanings: Meanings
) -> Verdict:
    verdict = _explain_kind(app, audience, device, "audience", meanings)
    if not only_primary:
        return verdict
    primary = explain(Condition("device.is_primary", Op.EQ, True), device, "only_primary")
    terms = (verdict, primary)
    is_met = all(term.is_met for term in terms)
    return Verdict(kind="and", is_met=is_met, path="", terms=terms)


def _explain_kind(
    app: App, audience: Audience, device: Device, path: str, meanings: Meanings
) -> Verdict:
    path = f"{path}.{audience.kind}"
    match audience.kind:
        case AudienceKind.LABELS:
            carried = And(tuple(Condition("person.label", Op.EQ, one) for one in audience.labels))
            terms = explain(carried, device, path).terms
            is_met = all(term.is_met for term in terms)
            return Verdict(kind=audience.kind, is_met=is_met, path=path, terms=terms)
        case AudienceKind.SEGMENT:
            segment = Segment.objects.filter(pk=audience.segment).first()
            return explain_segment(segment, device, path, meanings.get(audience.segment))
        case AudienceKind.EXPRESSION if audience.expression is not None:
            return explain(audience.expression, device, path)
        case AudienceKind.COMBINE:
            return _explain_combined(app, audience, device, path, meanings)
    is_met = select_devices(app, audience).filter(pk=device.pk).exists()
    return Verdict(kind=audience.kind, is_met=is_met, path=path)


def _explain_combined(
    app: App, audience: Audience, device: Device, path: str, meanings: Meanings
) -> Verdict:
    included = _explain_side(app, audience.include, device, f"{path}.include", meanings)
    if not audience.exclude:
        terms: tuple[Verdict, ...] = (included,)
    else:
        excluded = _explain_side(app, audience.exclude, device, f"{path}.exclude", meanings)
        spared = Verdict(kind="not", is_met=not excluded.is_met, path=path, terms=(excluded,))
        terms = (included, spared)
    is_met = all(term.is_met for term in terms)
    return Verdict(kind=AudienceKind.COMBINE, is_met=is_met, path=path, terms=terms)


def _explain_side(
    app: App, parts: tuple[Audience, ...], device: Device, path: str, meanings: Meanings
) -> Verdict:
    terms = tuple(
        _explain_kind(app, part, device, f"{path}[{place}]", meanings)
        for place, part in enumerate(parts)
    )
    return Verdict(kind="or", is_met=any(term.is_met for term in terms), path=path, terms=terms)


def explain_segment(
    segment: Segment | None, device: Device, path: str = "segment", meaning: Any = None
) -> Verdict:
    """Why a segment means the device or not, by its expression, or by the `meaning` that it had; a
    segment that is gone means nobody."""
    body = segment.expression if segment and meaning is None else meaning
    expression = check_expression(body) if body is not None else NOBODY
    inner = explain(expression, device)
    kind, name = AudienceKind.SEGMENT, segment.name if segment else ""
    return Verdict(kind=kind, is_met=inner.is_met, path=path, terms=(inner,), name=name)
