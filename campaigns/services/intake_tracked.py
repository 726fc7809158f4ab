"""What became of single targets that scripts follow by ids: reports, told once, and logs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta

from django.core.cache import cache
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _

from campaigns.dispatch.tracked import describe_targets, is_known, name_sender
from campaigns.errors import Invalid
from campaigns.models import App, Counter, Part, ToldReport, TrackedTarget
from campaigns.services.callers import Caller, find_app
from campaigns.services.doors import ensure_door
from providers.outcomes import Outcome
from providers.reports import FetchOutcomes, OutcomeRow, OutcomeRows

CHUNK = 500
KEPT = timedelta(hours=48)  # how long a report waits to be asked for
MOST_LOOKED_AT = 5_000  # targets of one call that are pending, or not what was asked for


def fetch_tracked(command: FetchOutcomes, caller: Caller) -> OutcomeRows:
    """Newest first, or each once where the command says so: then oldest first.

    `cursor` is where the page before ended. A page may be short, or empty, and have one: as many
    targets were looked at as one call may.
    """
    rows = _select(command, caller)
    if command.is_once:
        return _tell_once(rows, command, caller)
    if command.cursor:
        rows = rows.filter(pk__lt=_read_cursor(command.cursor))
    found: list[OutcomeRow] = []
    targets = _list_targets(rows.order_by("-pk"), command.limit)
    for chunk in _cut(targets, command.limit):
        for target, row in _describe(chunk, caller):
            if _fits(row, command):
                found.append(row)
            if len(found) == command.limit:
                return OutcomeRows(tuple(found), str(target.pk))
    is_more = len(targets) == _count_most(command.limit)
    return OutcomeRows(tuple(found), str(targets[-1].pk) if is_more else "")


def _tell_once(
    rows: QuerySet[TrackedTarget], command: FetchOutcomes, caller: Caller
) -> OutcomeRows:
    """What this key has not been told yet, of pushes that were due in the last two days.

    Where more of them are pending than one call looks at, the next call goes on behind them and
    comes round to them again. Its place is a hint: who has lost it begins with the oldest.
    """
    place = _name_place(command, caller)
    with transaction.atomic():
        # Who asks at the same moment gets others.
        untold = _list_untold(rows, command.channel, caller)
        locked = untold.select_for_update(of=("self",), skip_locked=True)
        targets = _leave_told(_list_ring(locked, cache.get(place, 0), command.limit), caller)
        known, end = _pick_known(targets, command, caller)
        ToldReport.objects.bulk_create(
            ToldReport(target=target, api_key=caller.key) for target, _row in known
        )
    cache.set(place, end, KEPT.total_seconds())
    known.sort(key=lambda one: one[0].pk)
    return OutcomeRows(tuple(row for _target, row in known))


def _leave_told(targets: list[TrackedTarget], caller: Caller) -> list[TrackedTarget]:
    """Without those of which another call of this key has told between our look and the lock."""
    ids = [target.pk for target in targets]
    told = ToldReport.objects.filter(target__in=ids, api_key=caller.key)
    gone = set(told.values_list("target_id", flat=True))
    return [target for target in targets if target.pk not in gone]


def _name_place(command: FetchOutcomes, caller: Caller) -> str:
    asked = hashlib.sha256(repr(replace(command, limit=0)).encode()).hexdigest()
    return f"pa-told-{caller.key.pk}-{asked}"


def _list_untold(
    rows: QuerySet[TrackedTarget], channel: str, caller: Caller
) -> QuerySet[TrackedTarget]:
    """Those of which something may be known, by the books of their transfer and its channels."""
    told = ToldReport.objects.filter(target=OuterRef("pk"), api_key=caller.key)
    # Where nobody has an outcome nothing is counted; in the end everybody has one.
    counted = Counter.objects.filter(part__transfer=OuterRef("part__transfer"))
    is_begun = Q(part__transfer__finished_at__isnull=False) | Exists(counted)
    young = rows.filter(is_begun, part__transfer__due_at__gte=caller.now - KEPT)
    if channel:
        siblings = Part.objects.filter(transfer=OuterRef("part__transfer"), channel=channel)
        young = young.filter(Exists(siblings))
    return young.filter(~Exists(told))


def _list_ring(rows: QuerySet[TrackedTarget], start: int, limit: int) -> list[TrackedTarget]:
    """As many as one call looks at: oldest first behind `start`, and then those up to it."""
    most = _count_most(limit)
    targets = list(rows.filter(pk__gt=start).order_by("pk")[:most])
    if start and len(targets) < most:
        targets += rows.filter(pk__lte=start).order_by("pk")[: most - len(targets)]
    return targets


def _pick_known(
    targets: Sequence[TrackedTarget], command: FetchOutcomes, caller: Caller
) -> tuple[list[tuple[TrackedTarget, OutcomeRow]], int]:
    """At most as many as were asked for, and behind which the next call begins; 0: the oldest."""
    known: list[tuple[TrackedTarget, OutcomeRow]] = []
    for chunk in _cut(targets, command.limit):
        for target, row in _describe(chunk, caller):
            if is_known(row, caller.now) and _fits(row, command):
                known.append((target, row))
            if len(known) == command.limit:
                return known, target.pk
    is_more = len(targets) == _count_most(command.limit)
    return known, targets[-1].pk if is_more else 0


def _count_most(limit: int) -> int:
    """How many targets one call looks at."""
    return min(MOST_LOOKED_AT, max(CHUNK, limit) * 4)


def _list_targets(rows: QuerySet[TrackedTarget], limit: int) -> list[TrackedTarget]:
    return list(rows[: _count_most(limit)])


def _cut(targets: Sequence[TrackedTarget], limit: int) -> Iterator[Sequence[TrackedTarget]]:
    size = max(CHUNK, limit)
    for start in range(0, len(targets), size):
        yield targets[start : start + size]


def _select(command: FetchOutcomes, caller: Caller) -> QuerySet[TrackedTarget]:
    """The caller's targets, as far as their own rows tell whether they are asked for."""
    rows = TrackedTarget.objects.filter(
        workspace=caller.key.workspace_id,
        door=caller.dialect.key,
        part__transfer__app__in=App.objects.for_user(caller.key),
    )
    rows = rows.select_related("submission", "part__message", "part__transfer__app__workspace")
    if command.app:
        rows = rows.filter(part__transfer__app=find_app(command.app, caller))
    if command.references:
        rows = rows.filter(_name_bulks(command.references))
    if command.ids:
        rows = rows.filter(answered__in=command.ids)
    if command.tags:
        rows = rows.filter(part__transfer__tag__in=command.tags)
    if command.value:
        rows = rows.filter(value=command.value)
    if command.until:
        rows = rows.filter(submission__created_at__lte=command.until)
    return rows


def _name_bulks(names: Sequence[str]) -> Q:
    return (
        Q(submission__reference__in=names)
        | Q(submission__client_key__in=names)
        | Q(part__transfer__client_key__in=names)
    )


def _read_cursor(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise Invalid(_("This cursor was never given."), fields={"cursor": text})
    return int(text)


def _fits(row: OutcomeRow, command: FetchOutcomes) -> bool:
    at = row.sent_at
    return (
        command.channel in ("", row.channel)
        and (command.state is None or row.outcome in _list_states(command.state))
        and (command.since is None or (at is not None and at >= command.since))
        and (command.until is None or (at is not None and at <= command.until))
    )


def _list_states(state: Outcome) -> tuple[Outcome | None, ...]:
    """Who was sent to and who waits are both on their way."""
    if state is Outcome.ACCEPTED:
        return (Outcome.ACCEPTED, None)
    return (state, Outcome.UNKNOWN) if state is Outcome.EXPIRED else (state,)


def _describe(
    targets: Sequence[TrackedTarget], caller: Caller
) -> list[tuple[TrackedTarget, OutcomeRow]]:
    apps = {item.part.transfer.app for item in targets}
    senders = {app.pk: _name_app(app, caller) for app in apps}
    rows = describe_targets(targets, caller.dialect, senders)
    return list(zip(targets, rows, strict=True))


def _name_app(app: App, caller: Caller) -> str:
    return name_sender(ensure_door(app, caller.dialect, caller.now))
