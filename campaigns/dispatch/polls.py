"""Asks vendors what became of calls that they accepted, and for their own totals."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction

from campaigns.dispatch import books, pace, recalls
from campaigns.dispatch.aims import list_called
from campaigns.dispatch.audience_calls import correct_call
from campaigns.dispatch.outbound import connect_way, fetch_status
from campaigns.models import Attempt, Batch, Delivery, Transfer, VendorCount
from campaigns.models.bulk import IdList
from campaigns.models.packing import unpack_ids
from campaigns.selectors.limits import FINAL
from campaigns.selectors.routes import Way, find_way_back
from providers.commands import TransferState, TransferStatus
from providers.contract import Idempotency
from providers.outbound import StatusTeller
from providers.outcomes import Failure, Outcome, Reason

Clock = Callable[[], datetime]
ACTOR = "dispatch"
POLL_LEASE = timedelta(seconds=60)
TOTAL_DAYS = 3  # days of a call that its totals are added up over
# After the call was accepted: often at first, then rarely, then never again.
STATUS_WAITS = ((60, 10), (600, 60), (6 * 3600, 600))
TOTAL_WAITS = ((600, 60), (3600, 600), (TOTAL_DAYS * 86400, 6 * 3600))


def poll_step(clock: Clock) -> bool:
    """Ask about one call whose time has come; False when there is none."""
    now = clock()
    due = Attempt.objects.filter(poll_at__isnull=False, poll_at__lte=now).order_by("poll_at")
    attempt = due.select_related("batch__transfer__app", "account").first()
    if attempt is None:
        return False
    # Whoever moves the time asks; a crash while asking only delays the next question.
    mine = Attempt.objects.filter(pk=attempt.pk, poll_at=attempt.poll_at)
    if mine.update(poll_at=now + POLL_LEASE):
        _poll(attempt, clock)
    return True


def _poll(attempt: Attempt, clock: Clock) -> None:
    batch = attempt.batch
    way = find_way_back(attempt.account, batch.app_id, batch.platform)
    if way is None or not _can_tell(attempt, way):
        Attempt.objects.filter(pk=attempt.pk).update(poll_at=None)
        return
    asked_to_wait = pace.find_block(attempt.account_id, batch.app_id, clock())
    if asked_to_wait is not None:
        Attempt.objects.filter(pk=attempt.pk).update(poll_at=asked_to_wait)
        return
    try:
        if attempt.polled_state in FINAL or (attempt.reference and not way.dialect.can_report):
            _poll_totals(attempt, way, clock)
        else:
            _poll_status(attempt, way, clock)
    except Failure as failure:
        pace.heed_failure(attempt.account_id, batch.app_id, failure, 0, clock())
        wait = max(failure.retry_after or 0.0, 60.0)
        is_over = clock() - attempt.started_at > timedelta(days=TOTAL_DAYS)
        later = None if is_over else clock() + timedelta(seconds=wait)
        Attempt.objects.filter(pk=attempt.pk).update(poll_at=later)


def _can_tell(attempt: Attempt, way: Way) -> bool:
    """Whether the vendor can be asked about it: by its own id for the call, or by ours."""
    by_ours = way.idempotency is Idempotency.LOOKUP
    return way.dialect.can_be_asked if attempt.reference else by_ours


def _poll_status(attempt: Attempt, way: Way, clock: Clock) -> None:
    pace.count_call(way, clock())
    status = fetch_status(attempt, way, attempt.batch.transfer.group_id)
    now = clock()
    if attempt.outcome == Outcome.UNKNOWN:
        _clear_up(attempt, way, status, now)
        return
    state = status.state if status else TransferState.ACCEPTED
    if status is not None and state is TransferState.FAILED:
        _correct(attempt, "sent", _blame_vendor(status), now)
    next_at = _find_next(attempt, now, TOTAL_WAITS if state in FINAL else STATUS_WAITS)
    Attempt.objects.filter(pk=attempt.pk).update(polled_state=state.value, poll_at=next_at)


def _find_next(
    attempt: Attempt, now: datetime, waits: tuple[tuple[int, int], ...]
) -> datetime | None:
    age = (now - attempt.started_at).total_seconds()
    wait = next((wait for limit, wait in waits if age < limit), None)
    return None if wait is None else now + timedelta(seconds=wait)


def _clear_up(attempt: Attempt, way: Way, status: TransferStatus | None, now: datetime) -> None:
    """A call that nobody knew about: the vendor has it, or it definitely never came."""
    if status is None:
        _correct(attempt, "unknown", _NEVER_CAME, now)
        facts: dict[str, Any] = {"was_sent": False, "outcome": Outcome.FAILED.value}
        facts["poll_at"] = None
    elif status.state is TransferState.FAILED:
        _correct(attempt, "unknown", _blame_vendor(status), now)
        facts = {"was_sent": True, "outcome": Outcome.FAILED.value, "poll_at": None}
    else:
        _correct(attempt, "unknown", _TAKEN, now)
        later = _find_next(attempt, now, STATUS_WAITS) if way.dialect.can_report else None
        facts = {"was_sent": True, "outcome": Outcome.ACCEPTED.value, "poll_at": later}
    reference = status.transfer[:64] if status else ""
    with transaction.atomic():
        # Whoever cancels it now waits, and finds the call.
        Transfer.objects.select_for_update().get(pk=attempt.batch.transfer_id)
        Attempt.objects.filter(pk=attempt.pk).update(**facts, reference=reference)
        recalls.follow_cancelled(attempt.batch.transfer_id, now)


@dataclass(frozen=True, slots=True)
class _Truth:
    """What recipients of a call are, as it turns out later, and how that is known."""

    outcome: str
    evidence: str
    reason: str = ""


_TAKEN = _Truth("sent", "The vendor knows the call.")
_NEVER_CAME = _Truth("failed", "The vendor does not know the call.", Reason.NO_ANSWER.value)


def _blame_vendor(status: TransferStatus) -> _Truth:
    words = "; ".join(fault.detail or fault.kind.value for fault in status.faults)
    return _Truth("failed", words or "failed", Reason.VENDOR.value)


def _correct(attempt: Attempt, old: str, truth: _Truth, now: datetime) -> None:
    """Correct the recipients of a call that still have the old outcome."""
    change = books.Change(
        old=old, new=truth.outcome, reason=truth.reason, evidence=truth.evidence, actor=ACTOR
    )
    with transaction.atomic():
        batch = Batch.objects.select_for_update().get(pk=attempt.batch_id)
        called = [one for each in list_called(batch) for one in unpack_ids(each.recipients)]
        of_call = Delivery.objects.filter(
            part_id=batch.part_id, recipient__in=IdList(called), attempt_id=attempt.pk
        )
        recipients = list(of_call.values_list("recipient", flat=True))
        correct_call(batch, recipients, change, now)
        if truth.outcome == "failed":
            Attempt.objects.filter(pk=attempt.pk).update(words=truth.evidence[:500])


def _poll_totals(attempt: Attempt, way: Way, clock: Clock) -> None:
    """The newest call of a part asks for the totals of all of them."""
    calls = Attempt.objects.filter(
        batch__part=attempt.batch.part_id, account=attempt.account_id
    ).exclude(reference="")
    if calls.filter(pk__gt=attempt.pk).exists():
        Attempt.objects.filter(pk=attempt.pk).update(poll_at=None)
        return
    totals: Tally[str] = Tally()
    client: StatusTeller = connect_way(way)
    for call in calls.order_by("pk"):
        _add_totals(client, way, call, totals, clock)
    now = clock()
    for metric, value in totals.items():
        VendorCount.objects.update_or_create(
            part_id=attempt.batch.part_id,
            account_id=attempt.account_id,
            metric=metric,
            defaults={"value": value, "as_of": now},
        )
    later = _find_next(attempt, now, TOTAL_WAITS)
    Attempt.objects.filter(pk=attempt.pk).update(poll_at=later)


def _add_totals(
    client: StatusTeller, way: Way, call: Attempt, totals: Tally[str], clock: Clock
) -> None:
    zone = ZoneInfo(call.batch.transfer.app.timezone)
    first, today = call.started_at.astimezone(zone).date(), clock().astimezone(zone).date()
    days = 1 if way.dialect.has_totals else (today - first).days + 1
    for offset in range(min(days, TOTAL_DAYS)):
        pace.count_call(way, clock())
        day = first + timedelta(days=offset)
        for total in client.fetch_totals(call.reference, day.isoformat()):
            if total.value is not None:
                totals[total.metric.value] += total.value
