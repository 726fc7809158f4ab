"""The books of one transfer, taken apart by platform, account, outcome and reason, with the proof
that they balance. One statement reads both sides, so no worker can settle anybody in between, and
its cost does not grow with the audience: counters, parts and open batches.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import CharField, F, IntegerField, QuerySet, Sum, Value
from django.utils.translation import gettext as _

from campaigns.models import Account, Batch, Counter, Part, Settled, Transfer
from campaigns.selectors.counters import Counters

OPEN = (Batch.State.READY, Batch.State.LEASED)
AUDIENCE, RESENT, OWED = "audience", "resent", "owed"  # among the outcomes of the statement


@dataclass(frozen=True, slots=True)
class BookLine:
    """What one account did on one platform; account 0 is nobody's call, platform "" nobody's."""

    platform: str
    account_id: int
    account: str
    outcomes: Mapping[str, int]

    @property
    def total(self) -> int:
        """Settled recipients."""
        return sum(self.outcomes.values())


@dataclass(frozen=True, slots=True)
class ReasonLine:
    """How many came to one outcome for one reason, on which platform, by which account."""

    outcome: str
    reason: str
    platform: str
    account_id: int
    account: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """Both sides of the equation: `owed` by platform is what open batches still hold."""

    audience: int
    resent: int
    owed: Mapping[str, int]
    lines: tuple[BookLine, ...]
    reasons: tuple[ReasonLine, ...]
    is_finished: bool

    @property
    def counters(self) -> Counters:
        """The nine numbers; pending is what has no outcome."""
        return _count(self.lines, self.audience, self.resent)

    @property
    def difference(self) -> int:
        """Recipients who stand nowhere; below 0 those who stand in two places."""
        settled = sum(line.total for line in self.lines)
        return self.audience - settled - sum(self.owed.values())

    @property
    def is_good(self) -> bool:
        """Whether everybody stands in one place, and after the end nobody is owed."""
        return not self.difference and not (self.is_finished and any(self.owed.values()))

    def list_platforms(self) -> tuple[tuple[str, Counters, tuple[BookLine, ...]], ...]:
        """Each platform with its numbers and the lines of its accounts."""
        keys = sorted({*(line.platform for line in self.lines), *self.owed})
        found = []
        for key in keys:
            lines = tuple(line for line in self.lines if line.platform == key)
            size = sum(line.total for line in lines) + self.owed.get(key, 0)
            found.append((key, _count(lines, size), lines))
        return tuple(found)


def _count(lines: Iterable[BookLine], audience: int, resent: int = 0) -> Counters:
    outcomes: dict[str, int] = dict.fromkeys(Settled.values, 0)
    for line in lines:
        for outcome, count in line.outcomes.items():
            outcomes[outcome] += count
    pending = max(0, audience - sum(outcomes.values()))
    return Counters(audience=audience, pending=pending, resent=resent, **outcomes)


def read_books(transfer: Transfer) -> Books:
    """The books of one transfer, in two statements: one of numbers, one of accounts' names."""
    rows = _select_numbers(transfer)
    names = name_accounts({row[1] for row in rows})
    counted = [row for row in rows if row[2] in Settled.values and row[4]]
    sums = {row[2]: row[4] or 0 for row in rows if row[2] in (AUDIENCE, RESENT)}
    return Books(
        audience=sums.get(AUDIENCE, 0),
        resent=sums.get(RESENT, 0),
        owed={row[0]: row[4] for row in rows if row[2] == OWED and row[4]},
        lines=_make_lines(counted, names),
        reasons=_make_reasons(counted, names),
        is_finished=transfer.finished_at is not None,
    )


_Row = tuple[str, int, str, str, int]  # platform, account, outcome, reason, count


def _select_numbers(transfer: Transfer) -> list[_Row]:
    counters: QuerySet[Any, Any] = Counter.objects.filter(part__transfer=transfer).order_by()
    keys = counters.values_list("platform", "account_id", "outcome", "reason")
    parts = Part.objects.filter(transfer=transfer)
    batches = Batch.objects.filter(transfer=transfer, is_folded=False, state__in=OPEN)
    numbers = keys.annotate(n=Sum("count"))
    others = [
        _sum_up(parts, Value("", CharField()), AUDIENCE, F("audience")),
        _sum_up(parts, Value("", CharField()), RESENT, F("resent")),
        _sum_up(batches, F("platform"), OWED, F("count") - F("settled")),
    ]
    return list(numbers.union(*others, all=True))


def _sum_up(rows: QuerySet[Any, Any], platform: Any, name: str, what: Any) -> QuerySet[Any, Any]:
    """A sum in the same columns as the counters."""
    named = rows.order_by().annotate(
        where=platform,
        by=Value(0, IntegerField()),
        key=Value(name, CharField()),
        why=Value("", CharField()),
    )
    return named.values_list("where", "by", "key", "why").annotate(n=Sum(what))


def _make_lines(rows: Iterable[_Row], names: Mapping[int, str]) -> tuple[BookLine, ...]:
    outcomes: dict[tuple[str, int], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for platform, account, outcome, _reason, count in rows:
        outcomes[platform, account][outcome] += count
    lines = [
        BookLine(platform, account, _name(account, counts, names), dict(counts))
        for (platform, account), counts in outcomes.items()
    ]
    return tuple(sorted(lines, key=lambda line: (line.platform, line.account, line.account_id)))


def _make_reasons(rows: Iterable[_Row], names: Mapping[int, str]) -> tuple[ReasonLine, ...]:
    """The most frequent first."""
    lines = [
        ReasonLine(outcome, reason, platform, account, names.get(account, ""), count)
        for platform, account, outcome, reason, count in rows
        if reason
    ]
    return tuple(sorted(lines, key=lambda line: (-line.count, line.reason, line.platform)))


def name_accounts(ids: set[int]) -> dict[int, str]:
    """Names of accounts by id; one that is gone is called by its number."""
    known = dict(Account.objects.filter(pk__in=ids - {0}).values_list("pk", "name"))
    return {pk: known.get(pk, f"#{pk}") for pk in ids if pk}


def _name(account: int, outcomes: Mapping[str, int], names: Mapping[int, str]) -> str:
    """Our own channel sends without an account; whoever else has none was not called for."""
    if account:
        return names[account]
    return _("Own channel") if outcomes.get(Settled.SENT) else ""
