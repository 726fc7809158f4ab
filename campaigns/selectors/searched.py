"""Whom a search among the recipients of a transfer means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Q

from campaigns.models import Device, Part, PersonMerge, Transfer
from campaigns.models.bulk import IdList
from campaigns.selectors.aliases import find_named
from campaigns.selectors.held import match_recipients
from campaigns.selectors.known_by import OWN_ID, read_own_ids
from campaigns.selectors.lookup import NUMBERS, find_matches

Numbers = frozenset[int]
MOST_DEVICES = 1000  # of all whom a text may mean


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


def find_searched(transfer: Transfer, text: str, principal: Any) -> Searched:
    """Whom of a transfer's recipients the text may mean, as the search for people takes it; a
    person with all of their devices.

    A bare number means a device or a person of that number, also one who is there no more.
    """
    matches = find_matches(text, principal)
    said = OWN_ID.fullmatch(text)
    is_bare = said is not None and not said[1]
    # Whoever sees the list sees the script's names in it, also of who has no device any more.
    named = find_named([transfer.app.workspace_id], text)
    named |= {
        one.pk for one in matches if one.kind == "person" and not (is_bare and one.by in NUMBERS)
    }
    persons = named | {one.pk for one in matches if one.kind == "person"}
    devices = {one.pk for one in matches if one.kind == "device"} | _list_devices(transfer, named)
    return Searched(
        frozenset(devices | read_own_ids(text, "device")),
        frozenset(persons | _list_merged(persons) | read_own_ids(text, "person")),
    )


def _list_devices(transfer: Transfer, persons: set[int]) -> set[int]:
    rows = Device.objects.filter(app=transfer.app_id, person__in=IdList(persons))
    return set(rows.values_list("pk", flat=True)[:MOST_DEVICES]) if persons else set()


def _list_merged(persons: set[int]) -> set[int]:
    """Whoever was merged into them: they are recipients under the numbers that they had."""
    rows = PersonMerge.objects.filter(person__in=IdList(persons), undone_at__isnull=True)
    return set(rows.values_list("gone_id", flat=True)) if persons else set()
