"""What can be taken back of a transfer, by its vendors and by us, and what came of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db.models import Count, Q, QuerySet, Sum

from campaigns.models import Account, Attempt, Counter, InboxItem, Transfer
from campaigns.selectors import routes
from providers.contract import Dialect
from providers.outcomes import Outcome, Reason

WAITING = "waiting"  # a call that its vendor is still to be asked about
RECALLED = Q(outcome="cancelled", reason=Reason.RECALLED.value)
OWN = 0  # no account: our own channel
FIRST_MOMENT = datetime(1970, 1, 1, tzinfo=UTC)


def list_able(transfer: Transfer) -> Iterator[tuple[Account, Dialect]]:
    """Accounts that have taken something of it and whose vendor can be asked for it back."""
    for account, dialect in _list_used(transfer):
        if dialect is not None and dialect.can_cancel:
            yield account, dialect


def select_recallable(transfer: Transfer, account: Account) -> QuerySet[Attempt]:
    """Calls that the account has taken and nobody has asked back yet, however old."""
    return Attempt.objects.filter(
        batch__transfer=transfer,
        account=account,
        answered_at__isnull=False,
        outcome__in=[Outcome.ACCEPTED.value, Outcome.UNKNOWN.value],
        recall_at__isnull=True,
        recalled="",
    ).exclude(reference="")


def find_first(dialect: Dialect, now: datetime) -> datetime:
    """What was accepted before this moment the vendor does not take back any more."""
    seconds = min(dialect.recall_seconds, (now - FIRST_MOMENT).total_seconds())
    return now - timedelta(seconds=seconds)


def select_waiting(transfer: Transfer, now: datetime) -> QuerySet[InboxItem]:
    """What waits of it in inboxes, and no app has pulled."""
    items = InboxItem.objects.filter(part__transfer=transfer)
    return items.filter(pulled_at__isnull=True, expires_at__gt=now)


def has_waiting_inbox(transfer: Transfer, now: datetime) -> bool:
    """Whether anything of it can still be taken back from an inbox."""
    return select_waiting(transfer, now).exists()


def can_be_recalled(transfer: Transfer, now: datetime) -> bool:
    """Whether a vendor can still be asked for something that it has taken of it, or something waits
    in an inbox that nobody is taking it from."""
    if transfer.inbox_recall_at is None and has_waiting_inbox(transfer, now):
        return True
    for account, dialect in list_able(transfer):
        calls = select_recallable(transfer, account)
        if calls.filter(started_at__gt=find_first(dialect, now)).exists():
            return True
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Recall:
    """How far one account has been asked to take a transfer back; "" is our own channel.

    `calls` is by `Attempt.Recall`, and `waiting`; `taken` counts recipients whom the vendor says
    that it has taken it back from, `left` those who stay counted as sent or unknown. `seconds` is
    how long the vendor takes a call back, None for as long as one likes. Of our own channel `calls`
    counts messages: those that are still to be taken out of inboxes, and those that were.
    """

    account: str
    can_cancel: bool
    calls: dict[str, int]
    taken: int
    left: int
    seconds: float | None


def list_recalls(transfer: Transfer) -> tuple[Recall, ...]:
    """What came of asking, by account; empty where nobody wanted anything back."""
    calls, counts = _count_calls(transfer), _count_recipients(transfer)
    own = _describe_own(transfer, *counts[OWN])
    if transfer.status != Transfer.Status.CANCELLED and not calls and not own.calls:
        return ()
    by_vendors = tuple(
        _describe(account, dialect, calls.get(account.pk, {}), *counts[account.pk])
        for account, dialect in _list_used(transfer)
        if any(counts[account.pk])
    )
    return (*by_vendors, own) if any(counts[OWN]) else by_vendors


def _describe_own(transfer: Transfer, taken: int, left: int) -> Recall:
    calls: dict[str, int] = {Attempt.Recall.TAKEN.value: taken} if taken else {}
    if transfer.inbox_recall_at is not None:
        unseen = InboxItem.objects.filter(part__transfer=transfer, pulled_at__isnull=True)
        calls[WAITING] = unseen.count()
    return Recall(account="", can_cancel=True, calls=calls, taken=taken, left=left, seconds=None)


def _describe(
    account: Account, dialect: Dialect | None, calls: dict[str, int], taken: int, left: int
) -> Recall:
    can_cancel = dialect is not None and dialect.can_cancel
    is_bounded = dialect is not None and can_cancel and dialect.recall_seconds < float("inf")
    return Recall(
        account=account.name,
        can_cancel=can_cancel,
        calls=calls,
        taken=taken,
        left=left,
        seconds=dialect.recall_seconds if dialect is not None and is_bounded else None,
    )


def _list_used(transfer: Transfer) -> list[tuple[Account, Dialect | None]]:
    used = Counter.objects.filter(part__transfer=transfer).exclude(account_id=0)
    accounts = Account.objects.filter(pk__in=used.values("account_id")).order_by("name", "pk")
    return [(account, routes.find_dialect(account.dialect)) for account in accounts]


def _count_calls(transfer: Transfer) -> dict[int, dict[str, int]]:
    able = [account.pk for account, _dialect in list_able(transfer)]
    asked = Attempt.objects.filter(batch__transfer=transfer, account__in=able)
    asked = asked.filter(Q(recall_at__isnull=False) | ~Q(recalled=""))
    counts: dict[int, dict[str, int]] = defaultdict(dict)
    rows = asked.order_by().values_list("account_id", "recalled").annotate(n=Count("pk"))
    for account, state, count in rows:
        counts[account][state or WAITING] = count
    return counts


def _count_recipients(transfer: Transfer) -> dict[int, tuple[int, int]]:
    """By account, OWN too: who was taken back, and who stays counted as sent to, perhaps."""
    counters = Counter.objects.filter(part__transfer=transfer)
    rows = (
        counters.order_by()
        .values_list("account_id")
        .annotate(
            taken=Sum("count", filter=RECALLED),
            left=Sum("count", filter=Q(outcome__in=["sent", "unknown"])),
        )
    )
    found = {account: (taken or 0, left or 0) for account, taken, left in rows}
    return defaultdict(lambda: (0, 0), found)
