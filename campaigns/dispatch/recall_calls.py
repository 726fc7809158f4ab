"""Asks vendors to take back calls that they have accepted of what was cancelled.

That a call is being asked for is written down before the first byte, and what came of it by whoever
still holds it. A vendor is asked again when nobody knows whether it heard, as long as it takes
calls back at all. Only whom it names leaves the books as sent.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Max, QuerySet

from campaigns.dispatch import books, pace, settle
from campaigns.dispatch.aims import list_called
from campaigns.dispatch.audience_calls import correct_call
from campaigns.dispatch.event_targets import name_members
from campaigns.dispatch.outbound import connect_way
from campaigns.models import Attempt, Delivery, ReceiptRow
from campaigns.models.bulk import IdList
from campaigns.selectors.recalls import find_first
from campaigns.selectors.routes import Way, find_way_back
from providers import http
from providers.commands import Recalled
from providers.outbound import Canceller, Exchange
from providers.outcomes import Failure, Reason
from providers.receipts import ReceiptKind
from providers.recipients import Targets

Clock = Callable[[], datetime]
Recall = Attempt.Recall
ACTOR = "vendor"
LEASE = timedelta(seconds=60)
RETRY_SECONDS = 20.0
BEHIND = timedelta(seconds=1)
EVIDENCE = "The vendor says that it has taken it back."
CHANGES = tuple(
    books.Change(
        old=old, new="cancelled", reason=Reason.RECALLED.value, evidence=EVIDENCE, actor=ACTOR
    )
    for old in ("sent", "unknown")
)


def recall_step(clock: Clock) -> bool:
    """Ask for one call whose time has come; False when there is none."""
    now = clock()
    due = Attempt.objects.filter(recall_at__isnull=False, recall_at__lte=now)
    attempt = due.order_by("recall_at", "pk").select_related("batch__part", "account").first()
    if attempt is None:
        return False
    way = find_way_back(attempt.account, attempt.batch.app_id, attempt.batch.platform)
    if way is None or not way.dialect.can_cancel:
        _close(attempt, _find_end(attempt, Recall.REFUSED))
    elif attempt.started_at <= find_first(way.dialect, now):
        _close(attempt, _find_end(attempt, Recall.LATE))
    else:
        _ask(attempt, way, clock)
    return True


def _find_end(attempt: Attempt, end: str) -> str:
    """What is left to say of a call that is asked for no more: it may have been heard before."""
    return Recall.UNKNOWN if attempt.recalled == Recall.ASKING else end


def _close(attempt: Attempt, word: str) -> None:
    _hold(attempt).update(recall_at=None, recalled=word)


def _hold(attempt: Attempt) -> QuerySet[Attempt]:
    """The call, if it is still as we have read it: whoever changes it has it."""
    return Attempt.objects.filter(
        pk=attempt.pk, recall_at=attempt.recall_at, recalled=attempt.recalled
    )


def _ask(attempt: Attempt, way: Way, clock: Clock) -> None:
    now = clock()
    later = pace.take_call(way, attempt.batch.app_id, now)
    if later is not None:
        # What the account cannot be asked for now, it is not asked for one by one.
        _select_alike(attempt, now).update(recall_at=later)
        return
    before = attempt.recalled, attempt.recall_at
    if not _hold(attempt).update(recall_at=now + LEASE, recalled=Recall.ASKING):
        return
    attempt.recall_at, attempt.recalled = now + LEASE, Recall.ASKING
    said = _call(way, attempt.reference)
    now = clock()
    if isinstance(said.result, Recalled):
        _note(attempt, said, now)
    else:
        _note_failure(attempt, before, said, now)


def _select_alike(attempt: Attempt, now: datetime) -> QuerySet[Attempt]:
    """What else the account is to be asked for now, for the same app."""
    calls = Attempt.objects.filter(account=attempt.account_id, batch__app=attempt.batch.app_id)
    return calls.filter(recall_at__lte=now)


@dataclass(slots=True)
class _Said:
    """What asking gave, and what went over the wire."""

    result: Recalled | Failure
    exchanges: Sequence[Exchange] = field(default_factory=tuple)

    @property
    def reason(self) -> str:
        return self.result.reason.value if isinstance(self.result, Failure) else ""


def _call(way: Way, reference: str) -> _Said:
    with http.recording() as exchanges:
        try:
            client: Canceller = connect_way(way)
            return _Said(client.cancel(reference), exchanges)
        except Failure as failure:
            return _Said(failure, exchanges)


def _note(attempt: Attempt, said: _Said, now: datetime) -> None:
    """Write down that the vendor has heard, and correct whom it names."""
    taken = said.result.taken if isinstance(said.result, Recalled) else None
    word = Recall.TAKEN if taken else Recall.LATE
    if taken is None:
        word = Recall.ASKED
    with transaction.atomic():
        books.lock_batches([attempt.pk])
        if not _hold(attempt).update(recall_at=None, recalled=word):
            return
        _keep_exchanges(attempt, said, now)
        if taken:
            recipients = _find_unreached(attempt, taken)
            for change in CHANGES:
                correct_call(attempt.batch, recipients, change, now)


def _find_unreached(attempt: Attempt, taken: Sequence[Targets]) -> list[int]:
    """Whom the vendor names of the call's recipients, without those from whom something came."""
    named: set[int] = set()
    for batch in list_called(attempt.batch):
        named |= name_members(batch, taken)
    part = attempt.batch.part_id
    came = ReceiptRow.objects.filter(part_id=part, recipient__in=IdList(named))
    named -= set(came.exclude(kind=ReceiptKind.UNREGISTERED).values_list("recipient", flat=True))
    called = Delivery.objects.filter(
        part_id=part, recipient__in=IdList(named), attempt_id=attempt.pk
    )
    return sorted(called.values_list("recipient", flat=True))


def _note_failure(
    attempt: Attempt, before: tuple[str, datetime | None], said: _Said, now: datetime
) -> None:
    """A no is the end, unless an earlier question may have been heard; else it is asked again."""
    assert isinstance(said.result, Failure)  # noqa: S101 told by the caller
    failure, (earlier, due_at) = said.result, before
    may_have_heard = failure.was_sent is None or earlier == Recall.ASKING
    is_final = failure.was_sent is not None and failure.is_permanent
    word: str = Recall.REFUSED if is_final else earlier
    if may_have_heard:
        word = Recall.UNKNOWN if is_final else Recall.ASKING
    with transaction.atomic():
        again = None if is_final else _put_off(attempt, due_at or now, now, _find_wait(failure))
        if _hold(attempt).update(recall_at=again, recalled=word):
            _keep_exchanges(attempt, said, now)
    pace.heed_failure(attempt.account_id, attempt.batch.app_id, failure, 0, now)


def _put_off(attempt: Attempt, first: datetime, now: datetime, wait: timedelta) -> datetime:
    """Let the account rest, and what it was to be asked for wait in its order; gives when the call
    itself is asked for again: behind all of it, so that no call keeps others waiting for ever.

    `first` is when it was due.
    """
    others, shift = _select_alike(attempt, now), now + wait - first
    last = others.aggregate(last=Max("recall_at"))["last"] or first
    others.update(recall_at=F("recall_at") + shift)
    return last + shift + BEHIND


def _find_wait(failure: Failure) -> timedelta:
    jitter = 1 + random.random()  # noqa: S311 jitter
    return timedelta(seconds=max(failure.retry_after or 0.0, RETRY_SECONDS * jitter))


def _keep_exchanges(attempt: Attempt, said: _Said, now: datetime) -> None:
    """The evidence: what was asked, and what the vendor said to it."""
    settle.append_exchanges(attempt, attempt.batch, said.exchanges[-1:], said.reason, now)
