"""What calls for several apps of a vendor's came to in each of them."""

from __future__ import annotations

from dataclasses import dataclass

from campaigns.models import Attempt, Transfer


@dataclass(frozen=True, slots=True)
class AppPartLine:
    """One app of one call: the vendor's name for it, and its id for the push or why not."""

    account: str
    app: str
    reference: str
    words: str


def list_app_parts(transfer: Transfer) -> tuple[AppPartLine, ...]:
    """An entry for each app of each call, in the order of the calls."""
    # Only who is told of an audience is told of several apps, and has few calls.
    if not transfer.parts.exclude(declared=None).exists():
        return ()
    calls = Attempt.objects.filter(batch__transfer=transfer, parts__isnull=False)
    return tuple(
        AppPartLine(name, part["name"], part["reference"], part["words"])
        for name, parts in calls.order_by("pk").values_list("account__name", "parts")
        for part in parts or ()
    )
