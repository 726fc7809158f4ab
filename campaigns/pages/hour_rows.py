"""The hours of a transfer by its recipients' own clocks; every number leads to its people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from campaigns.models import Transfer
from campaigns.pages.recipient_form import EVERYBODY
from campaigns.pages.transfer_books import Number, find_address
from campaigns.selectors.hours import Hour


@dataclass(frozen=True, slots=True)
class HourRow:
    """Those who are due at one instant by their own clocks."""

    hour: Hour
    planned: Number
    settled: Number


def list_hour_rows(transfer: Transfer, hours: Sequence[Hour]) -> list[HourRow]:
    """The hours in their order."""
    return [_draw_hour(transfer, hour) for hour in hours]


def _draw_hour(transfer: Transfer, hour: Hour) -> HourRow:
    def count(label: str, number: int, **wanted: str) -> Number:
        start = hour.at.isoformat()
        return Number("", label, number, find_address(transfer, number, planned_at=start, **wanted))

    planned = count(_("Recipients"), hour.recipients, outcome=EVERYBODY)
    return HourRow(hour, planned, count(_("Settled"), hour.settled))
