"""How many recipients get both of two campaigns, app by app."""

from __future__ import annotations

from dataclasses import dataclass

from campaigns.models import App, Campaign
from campaigns.selectors.audience import select_all

COUNTED = 100_000  # nobody needs to know it more exactly to think again


@dataclass(frozen=True, slots=True)
class Overlap:
    """Devices of one app that both mean; `is_more` where there are more than were counted."""

    app: App
    count: int
    is_more: bool


def count_overlap(first: Campaign, second: Campaign, apps: list[App]) -> list[Overlap]:
    """Counted from the audiences as they are now, for each of the apps."""
    only_primary = first.only_primary or second.only_primary
    found = []
    for app in apps:
        both = select_all(app, [first.audience, second.audience], only_primary=only_primary)
        count = both[: COUNTED + 1].count()
        found.append(Overlap(app, min(count, COUNTED), count > COUNTED))
    return found
