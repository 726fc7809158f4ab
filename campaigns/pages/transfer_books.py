"""The books of a transfer as its page draws them: the equation, the table, the reasons.

Every number leads to the recipients whom it counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from campaigns.models import Settled, Transfer
from campaigns.pages.progress import list_figures
from campaigns.pages.reason_words import explain_reason, name_reason
from campaigns.pages.recipient_form import EVERYBODY
from campaigns.pages.report_names import RECEIPT_WORDS
from campaigns.selectors.counters import Counters
from campaigns.selectors.dimensions import RECEIPTS
from campaigns.selectors.transfer_books import BookLine, Books, ReasonLine
from campaigns.selectors.waiting_recipients import PENDING

MAX_REASONS = 30
RECOUNT = "python manage.py verify"


@dataclass(frozen=True, slots=True)
class Number:
    """A count and the address of whom it counts; no address where there is nobody to list. What
    nobody reports is None."""

    key: str
    label: str
    count: int | None
    address: str = ""


@dataclass(frozen=True, slots=True)
class TableRow:
    """One platform as a whole, or one account on it; only a platform has something pending."""

    platform: str
    account: str
    is_platform: bool
    numbers: tuple[Number, ...]
    pending: Number
    total: Number


@dataclass(frozen=True, slots=True)
class ReasonPlace:
    """Where one reason was met, and how often."""

    platform: str
    account: str
    count: int
    address: str


@dataclass(frozen=True, slots=True)
class ReasonRow:
    """One reason with what it means, and where it was met; `share` of the most frequent one."""

    outcome: str
    name: str
    hint: str
    count: int
    address: str
    share: float
    places: tuple[ReasonPlace, ...]


def describe_books(transfer: Transfer, books: Books) -> dict[str, Any]:
    """What the template of the books needs."""
    return {
        "books": books,
        "terms": list_terms(transfer, books.counters),
        "audience": _count_audience(transfer, books.counters.audience, _count_known(books)),
        "pending": _count_pending(transfer, books.counters.pending),
        "table": list_rows(transfer, books),
        "reason_rows": list_reason_rows(transfer, books.reasons),
        "outcomes": Settled.choices,
        "recount_command": RECOUNT,
    }


def list_terms(transfer: Transfer, counters: Counters) -> list[Number]:
    """The six outcomes of the equation."""
    return [
        Number(key, label, count, find_address(transfer, count, outcome=key))
        for key, label, count in list_figures(counters)
    ]


def _count_known(books: Books) -> int:
    """Without ids that nobody knows, who are no recipients."""
    strangers = sum(line.total for line in books.lines if not line.platform)
    return books.counters.audience - strangers


def _count_audience(transfer: Transfer, count: int, listed: int, **wanted: Any) -> Number:
    address = find_address(transfer, listed, outcome=EVERYBODY, **wanted)
    return Number("audience", _("Audience"), count, address)


def _count_pending(transfer: Transfer, count: int, **wanted: Any) -> Number:
    address = find_address(transfer, count, outcome=PENDING, **wanted)
    return Number(PENDING, _("Pending"), count, address)


def list_receipts(transfer: Transfer, counts: Mapping[str, int | None]) -> list[Number]:
    """What came back, by kind, with who it came from; beside the equation."""
    return [
        Number(kind, str(RECEIPT_WORDS[kind]), count, find_address(transfer, count, receipt=kind))
        for kind in RECEIPTS
        for count in [counts[kind.value]]
    ]


def list_rows(transfer: Transfer, books: Books) -> list[TableRow]:
    """Each platform, and below it its accounts where several were called."""
    rows = []
    for platform, counters, lines in books.list_platforms():
        called = [line for line in lines if line.account]
        name = called[0].account if len(called) == 1 else ""
        rows.append(_draw_platform(transfer, platform, counters, name))
        if len(called) > 1:
            rows += [_draw_account(transfer, line) for line in called]
    return rows


def _draw_platform(transfer: Transfer, platform: str, counters: Counters, account: str) -> TableRow:
    numbers = []
    for outcome, label, count in list_figures(counters):
        # Ids that nobody knows are in a list of their own, and are no recipients.
        listed = count if platform else 0
        address = find_address(transfer, listed, outcome=outcome, platform=platform)
        numbers.append(Number(outcome, label, count, address))
    size = counters.audience
    whole = _count_audience(transfer, size, size if platform else 0, platform=platform)
    pending = _count_pending(transfer, counters.pending, platform=platform)
    return TableRow(platform, account, True, tuple(numbers), pending, whole)


def _draw_account(transfer: Transfer, line: BookLine) -> TableRow:
    own = {"platform": line.platform, "account": line.account_id}
    numbers = []
    for key, label in Settled.choices:
        count = line.outcomes.get(key, 0)
        address = find_address(transfer, count, outcome=key, **own)
        numbers.append(Number(key, str(label), count, address))
    whole = Number("audience", _("Audience"), line.total, find_address(transfer, line.total, **own))
    pending = Number(PENDING, _("Pending"), 0)
    return TableRow(line.platform, line.account, False, tuple(numbers), pending, whole)


def list_reason_rows(transfer: Transfer, lines: Sequence[ReasonLine]) -> list[ReasonRow]:
    """Why who did not get it, the most frequent first."""
    together: dict[tuple[str, str], list[ReasonLine]] = {}
    for line in lines:
        together.setdefault((line.outcome, line.reason), []).append(line)
    most = max((_sum(some) for some in together.values()), default=1)
    rows = [
        _draw_reason(transfer, outcome, reason, some, most)
        for (outcome, reason), some in together.items()
    ]
    return sorted(rows, key=lambda row: -row.count)[:MAX_REASONS]


def _sum(lines: Sequence[ReasonLine]) -> int:
    return sum(line.count for line in lines)


def _draw_reason(
    transfer: Transfer, outcome: str, reason: str, lines: Sequence[ReasonLine], most: int
) -> ReasonRow:
    count, known = _sum(lines), sum(line.count for line in lines if line.platform)
    return ReasonRow(
        outcome=outcome,
        name=name_reason(reason),
        hint=explain_reason(reason),
        count=count,
        address=find_address(transfer, known, outcome=outcome, reason=reason),
        share=count / most,
        places=tuple(_draw_place(transfer, line) for line in lines if line.platform),
    )


def _draw_place(transfer: Transfer, line: ReasonLine) -> ReasonPlace:
    address = find_address(
        transfer,
        line.count,
        outcome=line.outcome,
        reason=line.reason,
        platform=line.platform,
        account=line.account_id,
    )
    return ReasonPlace(line.platform, line.account, line.count, address)


def find_address(transfer: Transfer, count: int | None, **wanted: Any) -> str:
    """The list of recipients who are wanted, whom a number counts; "" where it counts nobody."""
    if not count:
        return ""
    query = urlencode({name: value for name, value in wanted.items() if value != ""})
    return f"{reverse('recipients', args=[transfer.pk])}?{query}"
