"""The books of one transfer taken apart: by platform, account, outcome and reason, and whether
they balance. Read from counters; the cost does not grow with the audience.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models import F, OuterRef, Subquery, Sum
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from campaigns.models import Account, Batch, Counter, Part, Settled, Transfer

OPEN = (Batch.State.READY, Batch.State.LEASED)
MAX_REASONS = 60


@dataclass(frozen=True, slots=True)
class Balance:
    """Both sides of the equation as one statement saw them: `owed` is what open batches hold."""

    audience: int
    settled: int
    owed: int
    is_finished: bool

    @property
    def difference(self) -> int:
        """Recipients who stand nowhere; below 0 those who stand in two places."""
        return self.audience - self.settled - self.owed

    @property
    def is_good(self) -> bool:
        """Whether everybody stands in one place, and after the end nobody is owed."""
        return not self.difference and not (self.is_finished and self.owed)


def read_balance(transfer: Transfer) -> Balance:
    """Recounted from counters, parts and open batches, so that a sum cannot prove itself."""
    settled = Counter.objects.filter(part__transfer=OuterRef("pk")).values("part__transfer")
    parts = Part.objects.filter(transfer=OuterRef("pk")).values("transfer")
    batches = Batch.objects.filter(transfer=OuterRef("pk"), is_folded=False, state__in=OPEN)
    owed = batches.values("transfer").annotate(n=Sum(F("count") - F("settled")))
    row = Transfer.objects.filter(pk=transfer.pk).values_list(
        Coalesce(Subquery(parts.annotate(n=Sum("audience")).values("n")), 0),
        Coalesce(Subquery(settled.annotate(n=Sum("count")).values("n")), 0),
        Coalesce(Subquery(owed.values("n")), 0),
        "finished_at",
    )
    [(audience, settled_count, owed_count, finished_at)] = row
    return Balance(audience, settled_count, owed_count, finished_at is not None)


@dataclass(frozen=True, slots=True)
class Line:
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


def list_lines(transfer: Transfer) -> tuple[Line, ...]:
    """By platform and account, in the order of their names."""
    outcomes: dict[tuple[str, int], dict[str, int]] = defaultdict(dict)
    rows = Counter.objects.filter(part__transfer=transfer).order_by()
    keys = rows.values_list("platform", "account_id", "outcome").annotate(total=Sum("count"))
    for platform, account, outcome, total in keys:
        outcomes[platform, account][outcome] = total
    names = name_accounts({account for _platform, account in outcomes})
    lines = [
        Line(platform, account, _name(account, counts, names), counts)
        for (platform, account), counts in outcomes.items()
        if any(counts.values())
    ]
    return tuple(sorted(lines, key=lambda line: (line.platform, line.account, line.account_id)))


def list_reason_lines(transfer: Transfer, limit: int = MAX_REASONS) -> tuple[ReasonLine, ...]:
    """Why recipients did not get it, the most frequent first."""
    rows = Counter.objects.filter(part__transfer=transfer, count__gt=0).exclude(reason="")
    keys = rows.order_by().values_list("outcome", "reason", "platform", "account_id")
    found = list(keys.annotate(total=Sum("count")).order_by("-total", "reason")[:limit])
    names = name_accounts({row[3] for row in found})
    return tuple(
        ReasonLine(outcome, reason, platform, account, names.get(account, ""), count)
        for outcome, reason, platform, account, count in found
    )


def name_accounts(ids: set[int]) -> dict[int, str]:
    """Names of accounts by id; one that is gone is called by its number."""
    known = dict(Account.objects.filter(pk__in=ids - {0}).values_list("pk", "name"))
    return {pk: known.get(pk, f"#{pk}") for pk in ids if pk}


def _name(account: int, outcomes: Mapping[str, int], names: Mapping[int, str]) -> str:
    """Our own channel sends without an account; whoever else has none was not called for."""
    if account:
        return names[account]
    return _("Own channel") if outcomes.get(Settled.SENT) else ""
