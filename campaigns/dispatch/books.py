"""Writes the books: settled outcomes, their counters, the roll-up, corrections.

Everything here runs inside the caller's transaction.
"""

from __future__ import annotations

from collections import Counter as Tally
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.db.models import Count, F

from campaigns.dispatch import outbox
from campaigns.models import (
    Attempt,
    Batch,
    Cohort,
    Correction,
    Counter,
    Delivery,
    Part,
    Rollup,
    SendMinute,
    Settled,
)
from campaigns.models.bulk import IdList, add_counts, append_rows
from campaigns.models.ledger import CORRECTIONS

DELIVERY_COLUMNS = (
    "part", "recipient", "attempt_id", "at", "cohort_id", "account_id", "outcome", "reason",
)  # fmt: skip
COUNTER_COLUMNS = ("part", "platform", "account_id", "outcome", "reason")
MINUTE_COLUMNS = ("part", "minute")
ROLLUP_COLUMNS = ("part", "hour", "cohort_id", "account_id", "outcome", "reason")

Member = tuple[int, int]  # recipient, cohort


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a recipient fared: one of the six outcomes, and why if there is a why."""

    outcome: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Where entries are written: one part, one platform, one moment, one call or none."""

    part_id: int
    platform: str
    at: datetime
    account_id: int = 0
    attempt_id: int = 0


def append_deliveries(page: Page, verdict: Verdict, members: Sequence[Member]) -> int:
    """Settle recipients and count those who had no outcome yet; gives their number."""
    rows = [
        (
            page.part_id,
            recipient,
            page.attempt_id,
            page.at,
            cohort,
            page.account_id,
            verdict.outcome,
            verdict.reason,
        )
        for recipient, cohort in members
    ]
    count = append_rows(Delivery, DELIVERY_COLUMNS, rows, skip_known=True)
    if count:
        move_counters([(page, verdict, count)])
    if count and verdict.outcome == Settled.SENT:
        minute = page.at.replace(second=0, microsecond=0)
        add_counts(SendMinute, MINUTE_COLUMNS, [(page.part_id, minute, count)])
    return count


def append_members(batch: Batch, page: Page, verdict: Verdict, members: Sequence[Member]) -> int:
    """Settle members of a batch, each on the platform that is theirs; gives their number."""
    return sum(
        append_deliveries(replace(page, platform=platform), verdict, some)
        for platform, some in sorted(_split_platforms(batch, members).items())
    )


def _split_platforms(batch: Batch, members: Sequence[Member]) -> dict[str, list[Member]]:
    platforms = _find_platforms(batch, {cohort for _recipient, cohort in members})
    split: dict[str, list[Member]] = defaultdict(list)
    for member in members:
        split[platforms.get(member[1], batch.platform)].append(member)
    return split


def _find_platforms(batch: Batch, cohorts: Iterable[int]) -> dict[int, str]:
    """Platforms by cohort where a batch has several; else none is needed."""
    if batch.form == Batch.Form.DEVICE:
        return {}
    rows = Cohort.objects.filter(pk__in=IdList(cohorts))
    return dict(rows.values_list("pk", "platform"))


def move_counters(moves: Iterable[tuple[Page, Verdict, int]]) -> None:
    """Add to the counters, or take from them where the number is negative."""
    rows = [
        (page.part_id, page.platform, page.account_id, verdict.outcome, verdict.reason, count)
        for page, verdict, count in moves
    ]
    add_counts(Counter, COUNTER_COLUMNS, rows)


def find_hour(at: datetime) -> datetime:
    """The hour in which a moment lies."""
    return at.replace(minute=0, second=0, microsecond=0)


def fold_deliveries(part_id: int, recipients: Sequence[int]) -> None:
    """Add the settled outcomes of these recipients to the roll-up."""
    settled = Delivery.objects.filter(part_id=part_id, recipient__in=IdList(recipients))
    keys = ("at", "cohort_id", "account_id", "outcome", "reason")
    tally: Tally[tuple[object, ...]] = Tally()
    for at, *rest, count in settled.values_list(*keys).annotate(n=Count("recipient")):
        tally[(part_id, find_hour(at), *rest)] += count
    add_counts(Rollup, ROLLUP_COLUMNS, [(*key, count) for key, count in tally.items()])


def fold_skipped(page: Page, reason: str, cohorts: Tally[int]) -> None:
    """Add recipients that were skipped while freezing, by cohort, to the roll-up."""
    hour = find_hour(page.at)
    add_counts(
        Rollup,
        ROLLUP_COLUMNS,
        [(page.part_id, hour, cohort, 0, "skipped", reason, n) for cohort, n in cohorts.items()],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A correction: settled recipients of one old outcome get another one, with the evidence."""

    old: str
    new: str
    reason: str
    evidence: str
    actor: str


RECEIVED = Change(
    old="unknown", new="sent", reason="", evidence="A receipt came.", actor="dispatch"
)


def correct_deliveries(
    batch: Batch, recipients: Sequence[int], change: Change, now: datetime
) -> int:
    """Move Deliveries of a locked batch with their counters and roll-up; gives how many.

    Only those that still have the old outcome move, so a repeat changes nothing.
    """
    if (change.old, change.new) not in CORRECTIONS:
        raise ValueError(f"A delivery that is {change.old} cannot become {change.new}.")
    moved = Delivery.objects.filter(
        part_id=batch.part_id, recipient__in=IdList(recipients), outcome=change.old
    )
    keys = ("at", "cohort_id", "account_id", "attempt_id", "reason")
    groups = list(moved.values_list(*keys).annotate(n=Count("recipient")))
    moved.update(outcome=change.new, reason=change.reason)
    _move_corrected(batch, groups, change)
    if groups:
        outbox.note_recipients({batch.part_id: recipients}, now)
    return _record_corrections(batch, groups, change, now)


_Group = tuple[datetime, int, int, int, str, int]


def _move_corrected(batch: Batch, groups: Sequence[_Group], change: Change) -> None:
    counters: Tally[tuple[object, ...]] = Tally()
    rollups: Tally[tuple[object, ...]] = Tally()
    platforms = _find_platforms(batch, {cohort for _at, cohort, *_rest in groups})
    for at, cohort, account, _attempt, reason, count in groups:
        platform = platforms.get(cohort, batch.platform)
        for sign, outcome, why in ((-1, change.old, reason), (1, change.new, change.reason)):
            counters[(batch.part_id, platform, account, outcome, why)] += sign * count
            rollups[(batch.part_id, find_hour(at), cohort, account, outcome, why)] += sign * count
    _apply_moves(Counter, COUNTER_COLUMNS, counters)
    if batch.is_folded:
        _apply_moves(Rollup, ROLLUP_COLUMNS, rollups)


def _apply_moves(
    model: type[Counter] | type[Rollup],
    columns: Sequence[str],
    moves: Tally[tuple[object, ...]],
) -> None:
    # An upsert with a negative count would break the CHECK of the row that it tries to insert.
    add_counts(model, columns, [(*key, count) for key, count in moves.items() if count > 0])
    for key, count in moves.items():
        if count < 0:
            names = ["part_id" if name == "part" else name for name in columns]
            row = model.objects.filter(**dict(zip(names, key, strict=True)))
            row.update(count=F("count") + count)


def _record_corrections(
    batch: Batch, groups: Sequence[_Group], change: Change, now: datetime
) -> int:
    by_attempt: Tally[int] = Tally()
    for *_rest, attempt, _reason, count in groups:
        by_attempt[attempt] += count
    Correction.objects.bulk_create(
        Correction(
            part_id=batch.part_id,
            attempt_id=attempt,
            old=change.old,
            new=change.new,
            reason=change.reason,
            count=count,
            evidence=change.evidence[:500],
            actor=change.actor,
            at=now,
        )
        for attempt, count in by_attempt.items()
    )
    return by_attempt.total()


def lock_batches(attempts: Iterable[int]) -> dict[int, Batch]:
    """Batches of calls by the call's id, locked in one order before anything of them is moved."""
    calls = Attempt.objects.filter(pk__in=IdList(set(attempts))).values_list("pk", "batch_id")
    by_attempt = dict(calls)
    rows = Batch.objects.filter(pk__in=IdList(set(by_attempt.values()))).order_by("pk")
    batches = {batch.pk: batch for batch in rows.select_for_update()}
    return {attempt: batches[pk] for attempt, pk in by_attempt.items() if pk in batches}


def count_resent(part_id: int, count: int) -> None:
    """Note recipients of a part who may have been sent the message twice."""
    Part.objects.filter(pk=part_id).update(resent=F("resent") + count)
