"""Whom a search among the recipients of a transfer means."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Q

from campaigns.models import Part, Transfer
from campaigns.selectors.held import match_recipients

Numbers = frozenset[int]


@dataclass(frozen=True, slots=True)
class Searched:
    """Devices and persons. Their numbers are apart: each means somebody in parts of its kind."""

    devices: Numbers = frozenset()
    persons: Numbers = frozenset()

    def match(self) -> Q:
        """Of rows of recipients those who are meant."""
        return match_recipients(sorted(self.persons), sorted(self.devices))

    def list_by_part(self, transfer: Transfer) -> dict[int, Numbers]:
        """The numbers that are meant in each part of a transfer."""
        return {
            part: self.persons if kind == Part.Kind.PERSON else self.devices
            for part, kind in transfer.parts.values_list("pk", "kind")
        }
