"""The steps of a transfer's scenario as its page draws them; every number leads to its people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from campaigns.models import Settled, Transfer
from campaigns.pages.progress import list_figures
from campaigns.pages.recipient_form import EVERYBODY
from campaigns.pages.report_names import RECEIPT_WORDS
from campaigns.pages.transfer_books import Number, find_address
from campaigns.selectors.step_counts import StepStanding
from campaigns.selectors.waiting_recipients import PENDING
from providers.reports import Metric

MAIN = (Settled.SENT, Settled.FAILED)  # have a column of their own


@dataclass(frozen=True, slots=True)
class StepRow:
    """One step; `others` are its outcomes that have no column, as far as anybody has them."""

    step: StepStanding
    planned: Number
    sent: Number
    delivered: Number
    failed: Number
    others: tuple[Number, ...]
    pending: Number
    handed_over: Number


def list_step_rows(transfer: Transfer, steps: Sequence[StepStanding]) -> list[StepRow]:
    """The steps in their order."""
    return [_draw_step(transfer, step) for step in steps]


def _draw_step(transfer: Transfer, step: StepStanding) -> StepRow:
    def count(label: str, number: int | None, *, of: int = step.number, **wanted: str) -> Number:
        address = find_address(transfer, number, step=of, **wanted)
        return Number("", label, number, address)

    figures = {
        key: count(label, number, outcome=key) for key, label, number in list_figures(step.counters)
    }
    delivered = Metric.DELIVERED
    return StepRow(
        step=step,
        planned=count(_("Planned"), step.counters.audience, outcome=EVERYBODY),
        sent=figures[Settled.SENT],
        delivered=count(str(RECEIPT_WORDS[delivered]), step.delivered, receipt=delivered),
        failed=figures[Settled.FAILED],
        others=tuple(one for key, one in figures.items() if key not in MAIN and one.count),
        pending=count(_("Pending"), step.counters.pending, outcome=PENDING),
        handed_over=count(_("Handed on"), step.handed_over, of=step.number + 1, outcome=EVERYBODY),
    )
