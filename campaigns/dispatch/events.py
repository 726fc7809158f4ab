"""What a vendor says later about single recipients, by a hook or when it is polled.

It goes into the books by guarded corrections, and beside them as receipts. A repeat changes
nothing, and an account can say nothing about calls that were not its own.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from django.db import transaction

from campaigns.dispatch import audience_calls, books, receipts, vendor_steps
from campaigns.dispatch.event_targets import find_named
from campaigns.dispatch.event_values import Event, read_event, write_event
from campaigns.dispatch.receipt_tokens import read_receipt_token
from campaigns.dispatch.tokens import disable_recipients
from campaigns.models import (
    Account,
    Batch,
    Delivery,
    Device,
    Part,
    Person,
    ReceiptRow,
    WaitingEvent,
)
from campaigns.models.bulk import IdList
from campaigns.models.ledger import CORRECTIONS
from campaigns.selectors.erased import find_erased
from providers.outcomes import Outcome, Reason
from providers.receipts import OutcomeEvent, ReceiptEvent, ReceiptKind

logger = logging.getLogger(__name__)

Clock = Callable[[], datetime]
# A vendor may be faster than our own books: what cannot be placed is tried again so much later.
WAITS = (2, 10, 60, 600, 3600)  # seconds
ONCE = 500
YEARS = range(2000, 2200)  # in which something may have happened, whatever the zone
ACTOR = "vendor"
OUTCOMES: Mapping[Outcome, str] = {
    Outcome.ACCEPTED: "sent",
    Outcome.DELIVERED: "sent",
    Outcome.FAILED: "failed",
    Outcome.EXPIRED: "expired",
}
Recipient = tuple[int, int]  # part, recipient


def keep_events(
    events: Sequence[Event], account: Account, now: datetime, *, tries: int = 0
) -> None:
    """Keep what an account's vendor says; what means nobody yet waits. Runs in the caller's
    transaction.
    """
    events = [replace(event, at=_find_time(event.at, now)) for event in events]
    placed, early = _place(events, account)
    placed, unknown = vendor_steps.place_events(placed, account, now)
    early += unknown
    told = _read_outcomes(placed)
    settled = _find_settled(told, account)
    books.lock_batches(attempt for _outcome, attempt in settled.values())
    rows = receipts.take_receipts(_list_receipts(placed), account.pk, now)
    gone = receipts.find_unregistered(rows)
    # Devices after all batches, as whoever settles a batch locks them.
    disable_recipients(_correct(told, settled, now) | gone, now)
    early += [event for key, event in told.items() if key not in settled]
    _put_off(early, account, tries, now)


def _find_time(at: datetime, now: datetime) -> datetime:
    """When it happened; now where the vendor's clock tells a moment that cannot be kept."""
    try:
        at = at.astimezone(UTC)
    except OverflowError:
        return now
    return at if at.year in YEARS else now


def retry_step(clock: Clock) -> bool:
    """Try again to place what came early; True when something was due."""
    now = clock()
    with transaction.atomic():
        due = WaitingEvent.objects.filter(due_at__lte=now).order_by("due_at")
        rows = list(due.select_for_update(skip_locked=True, of=("self",))[:ONCE])
        # Of one account and turn: to lock anew where some is held may close a ring of waits.
        turns = {(row.account_id, row.tries) for row in rows[:1]}
        taken = [row for row in rows if (row.account_id, row.tries) in turns]
        WaitingEvent.objects.filter(pk__in=[row.pk for row in taken]).delete()
        for account, tries in turns:
            events = [read_event(row.content) for row in taken]
            keep_events(events, Account.objects.get(pk=account), now, tries=tries + 1)
    return bool(rows)


def _place(events: Sequence[Event], account: Account) -> tuple[list[Event], list[Event]]:
    """Events with a reference of ours that is genuine and was given out to the account's tenant,
    and those of calls that we do not know."""
    named = [(read_receipt_token(event.reference), event) for event in events if event.reference]
    parts = {key[0] for key, _event in named if key}
    own = Part.objects.filter(
        pk__in=IdList(parts), transfer__app__workspace_id=account.workspace_id
    )
    known = set(own.values_list("pk", flat=True))
    placed = [event for key, event in named if key and key[0] in known]
    found, early = find_named([event for event in events if not event.reference], account)
    # Ids of the vendor's own, for whom it has selected itself; others' calls do not wait here.
    theirs = [event for key, event in named if key is None and event.transfer]
    return placed + found + find_named(theirs, account)[0], early


def _read_outcomes(events: Iterable[Event]) -> dict[Recipient, OutcomeEvent]:
    """The last word about each recipient; one that failed is not heard of any more."""
    told: dict[Recipient, OutcomeEvent] = {}
    for event in events:
        if isinstance(event, OutcomeEvent) and event.outcome in OUTCOMES:
            key = read_receipt_token(event.reference)
            if key and (key not in told or OUTCOMES[event.outcome] != "sent"):
                told[key] = event
    return told


def _find_settled(
    told: Mapping[Recipient, OutcomeEvent], account: Account
) -> dict[Recipient, tuple[str, int]]:
    """Outcome and call of those who have one; a call of another account is none of this one's."""
    by_part: dict[int, list[int]] = defaultdict(list)
    for part, recipient in told:
        by_part[part].append(recipient)
    settled: dict[Recipient, tuple[str, int]] = {}
    for part, recipients in sorted(by_part.items()):
        rows = Delivery.objects.filter(part_id=part, recipient__in=IdList(recipients))
        for recipient, outcome, attempt, owner in rows.values_list(
            "recipient", "outcome", "attempt_id", "account_id"
        ):
            settled[part, recipient] = (outcome, attempt if owner == account.pk else 0)
    return settled


def _list_receipts(events: Iterable[Event]) -> list[ReceiptEvent]:
    listed = []
    for event in events:
        if isinstance(event, ReceiptEvent):
            listed.append(event)
        elif event.outcome is Outcome.DELIVERED:
            listed.append(ReceiptEvent(event.reference, ReceiptKind.DELIVERED, event.at))
    return listed


def _correct(
    told: Mapping[Recipient, OutcomeEvent],
    settled: Mapping[Recipient, tuple[str, int]],
    now: datetime,
) -> dict[Recipient, str]:
    """Move those who may be; gives whose tokens are dead, with the vendor's words."""
    gone: dict[Recipient, str] = {}
    by_change: dict[tuple[int, str, str], list[Recipient]] = defaultdict(list)
    received = _find_received(settled)
    for key, (_outcome, attempt) in sorted(settled.items()):
        event = told[key]
        new, reason = OUTCOMES[event.outcome], event.reason.value if event.reason else ""
        # Whom it has reached it has been sent to, whatever the vendor says afterwards.
        if attempt and (new == "sent" or key not in received):
            by_change[attempt, new, "" if new == "sent" else reason].append(key)
    batches = books.lock_batches(attempt for attempt, _new, _reason in by_change)
    for (attempt, new, reason), keys in by_change.items():
        words = told[keys[0]].message
        if attempt in batches:
            _move(
                batches[attempt],
                keys,
                _Change(new, reason, _choose_words(batches[attempt], keys, words)),
                now,
            )
        if reason == Reason.TOKEN:
            gone |= dict.fromkeys(keys, words or "The vendor says that it is not registered.")
    return gone


def _choose_words(batch: Batch, keys: Sequence[Recipient], words: str) -> str:
    """What the vendor has said, unless it may name somebody who is gone."""
    if words:
        rows = Person.objects if batch.part.kind == Part.Kind.PERSON else Device.objects
        recipients = {recipient for _part, recipient in keys}
        if rows.filter(pk__in=IdList(recipients)).count() == len(recipients):
            return words
    return "The vendor has told so."


def _find_received(keys: Iterable[Recipient]) -> set[Recipient]:
    by_part: dict[int, list[int]] = defaultdict(list)
    for part, recipient in keys:
        by_part[part].append(recipient)
    received: set[Recipient] = set()
    for part, recipients in by_part.items():
        rows = ReceiptRow.objects.filter(part_id=part, recipient__in=IdList(recipients))
        came = rows.exclude(kind=ReceiptKind.UNREGISTERED)
        received |= {(part, recipient) for recipient in came.values_list("recipient", flat=True)}
    return received


@dataclass(frozen=True, slots=True)
class _Change:
    """What recipients become, and how that is known."""

    new: str
    reason: str
    words: str


def _move(batch: Batch, keys: Sequence[Recipient], change: _Change, now: datetime) -> None:
    """Correct those who are still what may become it; the others stay what they are."""
    recipients = [recipient for _part, recipient in keys]
    # Batches that share a call are locked only by whoever has locked the one that made it.
    is_shared = batch.form == Batch.Form.AUDIENCE
    correct = audience_calls.correct_call if is_shared else books.correct_deliveries
    for old, new in sorted(CORRECTIONS):
        if new == change.new:
            correction = books.Change(
                old=old, new=new, reason=change.reason, evidence=change.words, actor=ACTOR
            )
            correct(batch, recipients, correction, now)


def _put_off(events: Sequence[Event], account: Account, tries: int, now: datetime) -> None:
    if tries >= len(WAITS):
        if events:
            words = "%d events of account %s mean nobody whom it was sent to."
            logger.warning(words, len(events), account.public_id)
        return
    named = {(event.target_kind, event.target) for event in events if event.target}
    erased = find_erased(account.workspace_id, named) if named else set()
    due_at = now + timedelta(seconds=WAITS[tries])
    WaitingEvent.objects.bulk_create(
        WaitingEvent(account=account, content=write_event(event), tries=tries, due_at=due_at)
        for event in events
        if (event.target_kind, event.target) not in erased
    )
