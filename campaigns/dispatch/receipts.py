"""Takes in what comes back from recipients: appended once, counted by hour, beside the books."""

from __future__ import annotations

from collections import Counter as Tally
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

from campaigns.dispatch import books, outbox
from campaigns.dispatch.audience_calls import correct_call
from campaigns.dispatch.receipt_folds import Place, Receipt, Recipient, count_placed, find_places
from campaigns.dispatch.receipt_tokens import read_receipt_token
from campaigns.dispatch.tokens import disable_recipients
from campaigns.models import Delivery, Device, Part, ReceiptCount, ReceiptRow
from campaigns.models.bulk import IdList, add_counts, append_new_rows
from providers.receipts import ReceiptEvent, ReceiptKind
from providers.scenarios import Channel

RECEIPT_COLUMNS = ("part", "recipient", "kind", "at", "account_id", "cohort_id")
COUNT_COLUMNS = ("part", "hour", "platform", "account_id", "kind")
Rows = Mapping[tuple[int, int, str], datetime]  # when, by part, recipient and kind


def keep_receipts(events: Sequence[ReceiptEvent], account_id: int, now: datetime) -> int:
    """Keep receipts whose reference is ours; gives how many are new.

    Runs in the caller's transaction. A receipt that came before changes nothing.
    """
    rows = take_receipts(events, account_id, now)
    disable_recipients(find_unregistered(rows), now)
    return len(rows)


def take_receipts(events: Sequence[ReceiptEvent], account_id: int, now: datetime) -> Rows:
    """The same for who has other rows to lock before devices; gives the new ones, of which the
    unregistered are left to the caller."""
    rows: dict[tuple[int, int, str], datetime] = {}
    for event in events:
        found = read_receipt_token(event.reference)
        if found is not None:
            rows.setdefault((*found, event.kind.value), event.at)
    parts = Part.objects.filter(pk__in=IdList({key[0] for key in rows}))
    known = list(parts.values_list("pk", "channel", "transfer__created_at"))
    channels = {pk: channel for pk, channel, _at in known}
    made = {pk: at for pk, _channel, at in known}
    # Nothing comes back of what is yet to be made, whatever a vendor's clock says: what is dated
    # long ago would be forgotten before its transfer is.
    rows = {key: max(at, made[key[0]]) for key, at in rows.items() if key[0] in made}
    places = find_places(key[:2] for key in rows)
    rows = _append(rows, channels, places, account_id)
    _count(rows, channels, account_id)
    _count_placed(rows, places, account_id)
    _clear_up_unknown(rows, now)
    _note(rows, now)
    return rows


_Channels = Mapping[int, str]  # of the parts that there are
_Places = Mapping[Recipient, Place]


def _append(
    rows: Rows, channels: _Channels, places: _Places, account_id: int
) -> dict[tuple[int, int, str], datetime]:
    """Keep them; gives those that nobody else has kept, also none who keeps the same just now.
    Those of parts that are gone are left out.

    They are written in sorted key order, so two writers cannot wait for each other in a ring.
    """
    cohorts = {recipient: place.cohort for recipient, place in places.items()}
    values = [
        (*key, at, account_id, cohorts.get(key[:2]))
        for key, at in sorted(rows.items())
        if key[0] in channels
    ]
    new = append_new_rows(ReceiptRow, RECEIPT_COLUMNS, values, RECEIPT_COLUMNS[:3])
    return {key: at for key, at in rows.items() if key in new}


def _count(rows: Rows, channels: _Channels, account_id: int) -> None:
    """By the platform of the device, or by the channel where a person was reached."""
    recipients = {recipient for _part, recipient, _kind in rows}
    platforms = dict(Device.objects.filter(pk__in=IdList(recipients)).values_list("pk", "platform"))
    tally: Tally[tuple[object, ...]] = Tally()
    for (part, recipient, kind), at in rows.items():
        channel = channels[part]
        where = platforms.get(recipient, "") if channel == Channel.PUSH else channel
        tally[(part, books.find_hour(at), where, account_id, kind)] += 1
    add_counts(ReceiptCount, COUNT_COLUMNS, [(*key, count) for key, count in tally.items()])


def _count_placed(rows: Rows, places: _Places, account_id: int) -> None:
    """By what the recipient was, where he has an outcome; the others wait (`receipt_folds`)."""
    placed = {
        Receipt(*key, account_id, at): places[key[:2]]
        for key, at in rows.items()
        if key[:2] in places
    }
    count_placed(placed)


def find_unregistered(rows: Rows) -> dict[Recipient, str]:
    """Whose app is gone, with what is kept as evidence of it."""
    gone = [key[:2] for key in rows if key[2] == ReceiptKind.UNREGISTERED]
    return dict.fromkeys(gone, "A receipt says that the app is no longer registered.")


def _note(rows: Rows, now: datetime) -> None:
    """For scripts that want to be told."""
    by_part = defaultdict(list)
    for part, recipient, _kind in rows:
        by_part[part].append(recipient)
    outbox.note_recipients(by_part, now)


def _clear_up_unknown(rows: Rows, now: datetime) -> None:
    """Who has received it was sent to, whatever became of the call's answer."""
    by_part = defaultdict(list)
    for part, recipient, kind in rows:
        if kind != ReceiptKind.UNREGISTERED:
            by_part[part].append(recipient)
    by_attempt = defaultdict(list)
    for part, recipients in by_part.items():
        unknown = Delivery.objects.filter(
            part_id=part, recipient__in=IdList(recipients), outcome="unknown"
        )
        for attempt, recipient in unknown.values_list("attempt_id", "recipient"):
            by_attempt[attempt].append(recipient)
    for attempt, batch in sorted(books.lock_batches(by_attempt).items()):
        correct_call(batch, by_attempt[attempt], books.RECEIVED, now)
