"""Targets that a script follows one by one: an id for each, the caller's own or ours."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from django.db import IntegrityError
from django.utils.translation import gettext as _

from campaigns.dispatch.resolve import find_devices, find_kind, name_sealed
from campaigns.errors import Invalid
from campaigns.models import App, Part, Submission, TrackedTarget, Transfer
from campaigns.models.bulk import TextList, append_rows
from campaigns.models.prepared import Prepared
from campaigns.selectors.audience import select_all
from campaigns.selectors.audience_fields import find_text_fault
from campaigns.selectors.erased import ERASED, find_erased
from campaigns.services.callers import Caller
from campaigns.services.intake_audience import write_audience
from campaigns.services.intake_calls import make_reference
from providers.commands import AcceptedTarget, PushPart, SendPush
from providers.recipients import Targets

MAX_ID = 200
MAX_VALUE = 4096
COLUMNS = (
    "submission", "workspace", "door", "answered", "part", "number", "kind", "value", "count",
)  # fmt: skip
_PARTS: Prepared[tuple[int]] = Prepared(
    lambda transfer: Part.objects.filter(transfer=transfer).order_by("number").values_list("pk"),
    "transfer",
)
_TOLD: Prepared[tuple[int, str, int]] = Prepared(
    lambda transfer: TrackedTarget.objects.filter(part__transfer=transfer).values_list(
        "number", "answered", "count"
    ),
    "transfer",
)


@dataclass(frozen=True, slots=True)
class Named:
    """One target: its place in the push, the place of its part, and the caller's id for it."""

    number: int
    part: int
    id: str
    kind: str = ""
    value: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """A push without the targets whose id had been used, and those of the others."""

    push: SendPush
    named: Sequence[Named]


def list_named(push: SendPush) -> Iterator[Named]:
    """Every target of a push in order; an audience is one."""
    number = 0
    for place, part in enumerate(push.parts):
        for named in _list_part(part):
            yield replace(named, number=number, part=place)
            number += 1


def _list_part(part: PushPart) -> Iterator[Named]:
    if part.audience is not None:
        yield Named(0, 0, part.id)
    for targets in part.targets:
        for index, value in enumerate(targets.values):
            yield Named(0, 0, _find_own(targets, index), str(targets.kind), value)


def _find_own(targets: Targets, index: int) -> str:
    return targets.ids[index] if index < len(targets.ids) else ""


def plan_targets(push: SendPush, app: App, caller: Caller) -> Plan:
    """Leave out each target whose own id this workspace has used in the dialect before.

    Raises Invalid for an id or a value that no column holds.
    """
    named = list(list_named(push))
    _refuse_unstorable(named)
    used = _find_used([item.id for item in named if item.id], app, caller)
    fresh: list[Named] = []
    for item in named:
        if item.id not in used:
            fresh.append(item)
        if item.id:
            used.add(item.id)
    if len(fresh) == len(named):
        return Plan(push, fresh)
    return Plan(leave_targets(push, {item.number for item in fresh}), fresh)


def _refuse_unstorable(named: Sequence[Named]) -> None:
    for item in named:
        fault = find_text_fault(item.id, MAX_ID) or find_text_fault(item.value, MAX_VALUE)
        if fault:
            words = _("Target %(number)d: %(fault)s") % {"number": item.number, "fault": fault}
            raise Invalid(words, fields={"targets": words})


def _find_used(ids: Collection[str], app: App, caller: Caller) -> set[str]:
    if not ids:
        return set()
    known = TrackedTarget.objects.filter(workspace=app.workspace_id, door=caller.dialect.key)
    found = known.filter(answered__in=TextList(ids))
    return set(found.values_list("answered", flat=True))


def leave_targets(push: SendPush, kept: Collection[int]) -> SendPush:
    """The push to those of its targets whose places, as `list_named` counts them, are `kept`."""
    numbers = iter(range(sum(1 for _item in list_named(push))))
    return replace(push, parts=tuple(_keep_part(part, numbers, kept) for part in push.parts))


def _keep_part(part: PushPart, numbers: Iterator[int], kept: Collection[int]) -> PushPart:
    audience = part.audience
    if audience is not None and next(numbers) not in kept:
        audience = None
    targets = tuple(
        replace(
            block, values=tuple(value for value in block.values if next(numbers) in kept), ids=()
        )
        for block in part.targets
    )
    return replace(part, audience=audience, targets=targets)


def keep_targets(plan: Plan, transfer: Transfer, submission: Submission, caller: Caller) -> None:
    """Write the targets down, in the transaction of their transfer; of somebody who was erased
    only that there was one.

    Raises IntegrityError when somebody else has used one of the ids at this moment.
    """
    if not plan.named:
        return
    counts = _count_devices(plan, transfer.app, caller)
    erased = _find_erased([item for item in plan.named if not counts[item]], caller)
    parts = [pk for (pk,) in _PARTS.list(transfer=transfer.pk)]
    rows = [
        (
            submission.pk, transfer.app.workspace_id, submission.door, item.id or make_reference(),
            parts[item.part], item.number, item.kind, ERASED if item in erased else item.value,
            counts[item],
        )
        for item in plan.named
    ]  # fmt: skip
    if append_rows(TrackedTarget, COLUMNS, rows, skip_known=True) < len(rows):
        raise IntegrityError("an id of a target was used at the same moment")


def _find_erased(named: Sequence[Named], caller: Caller) -> set[Named]:
    sealed = {
        item: (name_sealed(find_kind(caller.dialect, item.kind)), item.value) for item in named
    }
    erased = find_erased(caller.key.workspace_id, sealed.values()) if sealed else set()
    return {item for item in named if sealed[item] in erased}


def _count_devices(plan: Plan, app: App, caller: Caller) -> dict[Named, int]:
    """How many devices each target means now: one query per kind of ids, one per audience."""
    groups: dict[tuple[str, bool], list[Named]] = defaultdict(list)
    counts: dict[Named, int] = {}
    for item in plan.named:
        part = plan.push.parts[item.part]
        if part.audience is not None and not item.kind:
            bodies = write_audience(app, part.audience, caller.dialect)
            counts[item] = select_all(app, bodies, only_primary=part.only_primary).count()
        else:
            groups[(item.kind, part.only_primary)].append(item)
    for (name, only_primary), items in groups.items():
        kind = find_kind(caller.dialect, name)
        values = list(dict.fromkeys(item.value for item in items))
        found = find_devices(app, kind, values, only_primary=only_primary)
        tally = Counter(value for value, _device in found)
        counts |= {item: tally[item.value] for item in items}
    return counts


def read_targets(push: SendPush, transfer: Transfer) -> tuple[AcceptedTarget, ...]:
    """What the caller is told of each target; who is not written down is a duplicate."""
    known = {row[0]: row[1:] for row in _TOLD.list(transfer=transfer.pk)}
    return tuple(
        AcceptedTarget(
            id=known[item.number][0] if item.number in known else item.id,
            kind=item.kind,
            value=item.value,
            count=known[item.number][1] if item.number in known else 0,
            is_duplicate=item.number not in known,
        )
        for item in list_named(push)
    )
