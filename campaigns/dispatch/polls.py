"""Asks vendors what became of calls that they accepted, and for their own totals."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import transaction

from campaigns.dispatch import books, pace
from campaigns.dispatch.outbound import connect_way
from campaigns.models import Attempt, Batch, Delivery, VendorCount
from campaigns.models.bulk import IdList
from campaigns.models.packing import unpack_ids
from campaigns.selectors.limits import FINAL
from campaigns.selectors.routes import Way, find_way_back
from providers.commands import FetchStatus, TransferState, TransferStatus
from providers.contract import StatusTeller
from providers.outcomes import Failure, Reason

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
    if way is None or not way.dialect.can_report:
        Attempt.objects.filter(pk=attempt.pk).update(poll_at=None)
        return
    asked_to_wait = pace.find_block(attempt.account_id, batch.app_id, clock())
    if asked_to_wait is not None:
        Attempt.objects.filter(pk=attempt.pk).update(poll_at=asked_to_wait)
        return
    try:
        if attempt.polled_state in FINAL:
            _poll_totals(attempt, way, clock)
        else:
            _poll_status(attempt, way, clock)
    except Failure as failure:
        pace.heed_failure(attempt.account_id, batch.app_id, failure, 0, clock())
        wait = max(failure.retry_after or 0.0, 60.0)
        is_over = clock() - attempt.started_at > timedelta(days=TOTAL_DAYS)
        later = None if is_over else clock() + timedelta(seconds=wait)
        Attempt.objects.filter(pk=attempt.pk).update(poll_at=later)


def _poll_status(attempt: Attempt, way: Way, clock: Clock) -> None:
    client: StatusTeller = connect_way(way)
    pace.count_call(way, clock())
    status = client.fetch_status(FetchStatus(transfer=attempt.reference))
    now = clock()
    state = status.state if status else TransferState.ACCEPTED
    if status is not None and state is TransferState.FAILED:
        _withdraw(attempt, status, now)
    next_at = _find_next(attempt, now, TOTAL_WAITS if state in FINAL else STATUS_WAITS)
    Attempt.objects.filter(pk=attempt.pk).update(polled_state=state.value, poll_at=next_at)


def _find_next(
    attempt: Attempt, now: datetime, waits: tuple[tuple[int, int], ...]
) -> datetime | None:
    age = (now - attempt.started_at).total_seconds()
    wait = next((wait for limit, wait in waits if age < limit), None)
    return None if wait is None else now + timedelta(seconds=wait)


def _withdraw(attempt: Attempt, status: TransferStatus, now: datetime) -> None:
    """The vendor says that a call it had accepted has failed."""
    words = "; ".join(fault.detail or fault.kind.value for fault in status.faults)
    change = books.Change(
        old="sent",
        new="failed",
        reason=Reason.VENDOR.value,
        evidence=words or "failed",
        actor=ACTOR,
    )
    with transaction.atomic():
        batch = Batch.objects.select_for_update().get(pk=attempt.batch_id)
        of_call = Delivery.objects.filter(
            part_id=batch.part_id,
            recipient__in=IdList(unpack_ids(batch.recipients)),
            attempt_id=attempt.pk,
        )
        recipients = list(of_call.values_list("recipient", flat=True))
        books.correct_deliveries(batch, recipients, change, now)
        Attempt.objects.filter(pk=attempt.pk).update(words=words[:500])


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
    for offset in range(min((today - first).days + 1, TOTAL_DAYS)):
        pace.count_call(way, clock())
        day = first + timedelta(days=offset)
        for total in client.fetch_totals(call.reference, day.isoformat()):
            if total.value is not None:
                totals[total.metric.value] += total.value
