"""How the steps of a transfer's scenario stand: who came to each, what it did, what it has cost."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db.models import Min, Sum

from campaigns.models import Account, Counter, Part, ReceiptCount, Settled, Transfer
from campaigns.selectors.counters import Counters, balance_counters
from providers import registry
from providers.receipts import ReceiptKind


@dataclass(frozen=True, slots=True, kw_only=True)
class StepStanding:
    """One step; `number` from 1. Its counters are of devices for a push, else of persons.

    `delivered` is None where no account of it reports that, `handed_over` how many persons have
    come to the next step, None for the last. `price` and `cost` are None where nobody has said
    what a message costs; what was sent has been paid for.
    """

    number: int
    channel: str
    sender: str
    accounts: tuple[str, ...]
    wait: int | None
    counters: Counters
    delivered: int | None
    handed_over: int | None
    price: Decimal | None

    @property
    def cost(self) -> Decimal | None:
        """So far."""
        return None if self.price is None else self.price * self.counters.sent


@dataclass(frozen=True, slots=True)
class _Books:
    """By part: what came of it, by which accounts, and what came back."""

    outcomes: Mapping[int, Mapping[str, int]]
    accounts: Mapping[int, Sequence[Account]]
    delivered: Mapping[int, int]


def list_steps(transfer: Transfer) -> tuple[StepStanding, ...]:
    """The steps in their order, in four queries; none for what goes by no scenario."""
    if not transfer.has_steps:
        return ()
    by_step: dict[int, list[Part]] = defaultdict(list)
    for part in transfer.parts.order_by("number"):
        by_step[part.step].append(part)
    books = _read_books(transfer)
    return tuple(
        _describe(step, parts, by_step.get(step + 1), books)
        for step, parts in sorted(by_step.items())
    )


def find_next_handover(transfer: Transfer) -> datetime | None:
    """When the next people come to a later step, unless they answer; None when nobody waits."""
    if not transfer.has_steps or transfer.status in Transfer.FINISHED:
        return None
    waiting = transfer.handovers.filter(done_at__isnull=True)
    due_at: datetime | None = waiting.aggregate(due_at=Min("due_at"))["due_at"]
    return due_at


def _read_books(transfer: Transfer) -> _Books:
    outcomes: dict[int, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    used: dict[int, dict[int, None]] = defaultdict(dict)
    counters = Counter.objects.filter(part__transfer=transfer).order_by("account_id")
    rows = counters.values_list("part_id", "account_id", "outcome").annotate(total=Sum("count"))
    for part, account, outcome, total in rows:
        outcomes[part][outcome] += total
        if account:
            used[part][account] = None
    known = Account.objects.in_bulk({account for ids in used.values() for account in ids})
    accounts = {part: [known[pk] for pk in ids if pk in known] for part, ids in used.items()}
    came = ReceiptCount.objects.filter(
        part__transfer=transfer, kind=ReceiptKind.DELIVERED.value
    ).order_by()
    delivered = dict(came.values_list("part_id").annotate(total=Sum("count")))
    return _Books(outcomes, accounts, delivered)


def _describe(
    step: int, parts: Sequence[Part], following: Sequence[Part] | None, books: _Books
) -> StepStanding:
    first = parts[0]
    outcomes = {
        outcome: sum(books.outcomes.get(part.pk, {}).get(outcome, 0) for part in parts)
        for outcome in Settled.values
    }
    accounts = [account for part in parts for account in books.accounts.get(part.pk, ())]
    return StepStanding(
        number=step + 1,
        channel=first.channel,
        sender=first.sender,
        accounts=tuple(dict.fromkeys(account.name for account in accounts)),
        wait=first.wait,
        counters=balance_counters(
            outcomes, sum(part.audience for part in parts), sum(part.resent for part in parts)
        ),
        delivered=_find_delivered(parts, accounts, books),
        handed_over=None if following is None else sum(part.audience for part in following),
        price=Decimal(first.price) if first.price else None,
    )


def _find_delivered(
    parts: Sequence[Part], accounts: Sequence[Account], books: _Books
) -> int | None:
    told = [books.delivered[part.pk] for part in parts if part.pk in books.delivered]
    tellers = {dialect.key for dialect in registry.all_dialects() if dialect.has_receipts}
    is_told = told or any(account.dialect in tellers for account in accounts)
    return sum(told) if is_told else None
