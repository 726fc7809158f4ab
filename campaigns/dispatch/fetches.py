"""Asks vendors that are not able to call us what has come back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from campaigns.dispatch.events import keep_events
from campaigns.dispatch.outbound import connect_way
from campaigns.models import Account, Attempt, Route
from campaigns.selectors.routes import Way, find_dialect
from providers import registry
from providers.outbound import ReceiptTeller
from providers.outcomes import Failure
from providers.receipts import FetchReceipts, ReceiptPage

Clock = Callable[[], datetime]
PAGE = 5000
BUSY_WAIT = timedelta(seconds=2)
# An account that was idle may be sent through at any moment, and people watch what comes back.
IDLE_WAIT = timedelta(seconds=20)
FETCH_LEASE = timedelta(seconds=60)
RECENT = timedelta(days=1)


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
            keep_events(page.events, account, now)
    return bool(page.events)


def _find_way(account: Account) -> Way | None:
    route = Route.objects.filter(account=account).select_related("account").first()
    dialect = find_dialect(account.dialect)
    return Way(route, dialect) if route and dialect else None


def _find_wait(account: Account, now: datetime) -> timedelta:
    last = Attempt.objects.filter(account=account).order_by("-pk").values_list("started_at").first()
    return BUSY_WAIT if last and last[0] > now - RECENT else IDLE_WAIT
