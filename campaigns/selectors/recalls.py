"""What vendors can be asked to take back of a transfer, and what came of asking."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db.models import Count, Q, QuerySet, Sum

from campaigns.models import Account, Attempt, Counter, Transfer
from campaigns.selectors import routes
from providers.contract import Dialect
from providers.outcomes import Outcome, Reason

WAITING = "waiting"  # a call that its vendor is still to be asked about
RECALLED = Q(outcome="cancelled", reason=Reason.RECALLED.value)
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


def can_be_recalled(transfer: Transfer, now: datetime) -> bool:
    """Whether a vendor can still be asked for something that it has taken of it."""
    for account, dialect in list_able(transfer):
        calls = select_recallable(transfer, account)
        if calls.filter(started_at__gt=find_first(dialect, now)).exists():
            return True
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Recall:
    """How far one account has been asked to take a transfer back.

    `calls` is by `Attempt.Recall`, and `waiting`; `taken` counts recipients whom the vendor says
    that it has taken it back from, `left` those who stay counted as sent or unknown. `seconds` is
    how long the vendor takes a call back, None for as long as one likes.
    """

    account: str
    can_cancel: bool
    calls: dict[str, int]
    taken: int
    left: int
    seconds: float | None


def list_recalls(transfer: Transfer) -> tuple[Recall, ...]:
    """What came of asking, by account; empty where nobody wanted anything back."""
    calls = _count_calls(transfer)
    if transfer.status != Transfer.Status.CANCELLED and not calls:
        return ()
    counts = _count_recipients(transfer)
    return tuple(
        _describe(account, dialect, calls.get(account.pk, {}), *counts[account.pk])
        for account, dialect in _list_used(transfer)
        if any(counts[account.pk])
    )


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
    """By account: who was taken back, and who stays counted as sent to, perhaps."""
    counters = Counter.objects.filter(part__transfer=transfer).exclude(account_id=0)
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
