"""Takes in what comes back from recipients: appended once, counted by hour, beside the books."""

from __future__ import annotations

from collections import Counter as Tally
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from campaigns.dispatch import books
from campaigns.dispatch.outbound import connect_way
from campaigns.dispatch.receipt_tokens import read_receipt_token
from campaigns.models import (
    Account,
    Attempt,
    Batch,
    Delivery,
    Device,
    Part,
    ReceiptCount,
    ReceiptRow,
    Route,
)
from campaigns.models.bulk import IdList, add_counts, append_rows
from campaigns.selectors.routes import Way, find_dialect
from providers import registry
from providers.commands import FetchReceipts, ReceiptEvent, ReceiptKind, ReceiptPage
from providers.contract import ReceiptTeller
from providers.outcomes import Failure
from providers.scenarios import Channel

Clock = Callable[[], datetime]
PAGE = 5000
BUSY_WAIT = timedelta(seconds=2)
# An account that was idle may be sent through at any moment, and people watch what comes back.
IDLE_WAIT = timedelta(seconds=20)
FETCH_LEASE = timedelta(seconds=60)
RECENT = timedelta(days=1)
RECEIPT_COLUMNS = ("part", "recipient", "kind", "at", "account_id")
COUNT_COLUMNS = ("part", "hour", "platform", "account_id", "kind")


def fetch_step(clock: Clock) -> bool:
    """Fetch one page of one account whose time has come; True when something came."""
    now = clock()
    talkative = [dialect.key for dialect in registry.all_dialects() if dialect.has_receipts]
    due = Account.objects.filter(dialect__in=talkative, is_enabled=True).filter(
        Q(poll_at__isnull=True) | Q(poll_at__lte=now)
    )
    account = due.order_by("poll_at", "pk").first()
    if account is None:
        return False
    mine = Account.objects.filter(pk=account.pk, poll_at=account.poll_at)
    if not mine.update(poll_at=now + FETCH_LEASE):
        return False
    return _fetch(account, clock)


def _fetch(account: Account, clock: Clock) -> bool:
    way = _find_way(account)
    page = ReceiptPage((), account.receipt_cursor)
    asked_to_wait = timedelta()
    try:
        if way is not None:
            command = FetchReceipts(account.receipt_cursor, PAGE)
            client: ReceiptTeller = connect_way(way)
            page = client.fetch_receipts(command)
    except Failure as failure:
        # Asked again at the usual time, or when the vendor wants to be.
        page = ReceiptPage((), account.receipt_cursor)
        asked_to_wait = timedelta(seconds=failure.retry_after or 0)
    now = clock()
    with transaction.atomic():
        kept = Account.objects.select_for_update().filter(
            pk=account.pk, receipt_cursor=account.receipt_cursor
        )
        wait = max(_find_wait(account, now), asked_to_wait)
        later = now if len(page.events) >= PAGE else now + wait
        if kept.update(receipt_cursor=page.cursor[:200], poll_at=later):
            keep_receipts(page.events, account.pk, now)
    return bool(page.events)


def _find_way(account: Account) -> Way | None:
    route = Route.objects.filter(account=account).select_related("account").first()
    dialect = find_dialect(account.dialect)
    return Way(route, dialect) if route and dialect else None


def _find_wait(account: Account, now: datetime) -> timedelta:
    last = Attempt.objects.filter(account=account).order_by("-pk").values_list("started_at").first()
    return BUSY_WAIT if last and last[0] > now - RECENT else IDLE_WAIT


def keep_receipts(events: Sequence[ReceiptEvent], account_id: int, now: datetime) -> int:
    """Keep receipts whose reference is ours; gives how many are new.

    Runs in the caller's transaction. A receipt that came before changes nothing.
    """
    rows: dict[tuple[int, int, str], datetime] = {}
    for event in events:
        found = read_receipt_token(event.reference)
        if found is not None:
            rows.setdefault((*found, event.kind.value), event.at)
    channels = dict(
        Part.objects.filter(pk__in=IdList({key[0] for key in rows})).values_list("pk", "channel")
    )
    rows = _leave_known(rows, channels)
    values = [(*key, at, account_id) for key, at in rows.items()]
    append_rows(ReceiptRow, RECEIPT_COLUMNS, values, skip_known=True)
    _count(rows, channels, account_id)
    _disable_unregistered(rows, channels, now)
    _clear_up_unknown(rows, now)
    return len(rows)


_Rows = Mapping[tuple[int, int, str], datetime]
_Channels = Mapping[int, str]  # of the parts that there are


def _leave_known(rows: _Rows, channels: _Channels) -> dict[tuple[int, int, str], datetime]:
    """Without those that are kept already, and those of parts that are gone."""
    by_part = defaultdict(set)
    for part, recipient, _kind in rows:
        by_part[part].add(recipient)
    known: set[tuple[int, int, str]] = set()
    for part in channels:
        same = ReceiptRow.objects.filter(part_id=part, recipient__in=IdList(by_part[part]))
        known.update(same.values_list("part_id", "recipient", "kind"))
    return {key: at for key, at in rows.items() if key[0] in channels and key not in known}


def _count(rows: _Rows, channels: _Channels, account_id: int) -> None:
    """By the platform of the device, or by the channel where a person was reached."""
    recipients = {recipient for _part, recipient, _kind in rows}
    platforms = dict(Device.objects.filter(pk__in=IdList(recipients)).values_list("pk", "platform"))
    tally: Tally[tuple[object, ...]] = Tally()
    for (part, recipient, kind), at in rows.items():
        channel = channels[part]
        where = platforms.get(recipient, "") if channel == Channel.PUSH else channel
        tally[(part, books.find_hour(at), where, account_id, kind)] += 1
    add_counts(ReceiptCount, COUNT_COLUMNS, [(*key, count) for key, count in tally.items()])


def _disable_unregistered(rows: _Rows, channels: _Channels, now: datetime) -> None:
    gone = [
        recipient
        for part, recipient, kind in rows
        if kind == ReceiptKind.UNREGISTERED and channels[part] == Channel.PUSH
    ]
    Device.objects.filter(pk__in=IdList(gone), token_state=Device.TokenState.ACTIVE).update(
        token_state=Device.TokenState.DISABLED,
        token_evidence="A receipt says that the app is no longer registered.",
        token_state_at=now,
    )


def _clear_up_unknown(rows: _Rows, now: datetime) -> None:
    """Who has received it was sent to, whatever became of the call's answer."""
    by_part = defaultdict(list)
    for part, recipient, kind in rows:
        if kind != ReceiptKind.UNREGISTERED:
            by_part[part].append(recipient)
    for part, recipients in by_part.items():
        unknown = Delivery.objects.filter(
            part_id=part, recipient__in=IdList(recipients), outcome="unknown"
        )
        by_attempt = defaultdict(list)
        for attempt, recipient in unknown.values_list("attempt_id", "recipient"):
            by_attempt[attempt].append(recipient)
        for attempt, members in by_attempt.items():
            batch = Batch.objects.select_for_update().filter(attempt_rows=attempt).first()
            if batch is not None:
                books.correct_deliveries(batch, members, books.RECEIVED, now)
