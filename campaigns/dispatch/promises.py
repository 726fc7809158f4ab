"""How fast a transfer may go at most, kept with it: what bounds it is looked at when its audience
is frozen, when its rate changes, and when it ends. Other limits change without a trace.
"""

from __future__ import annotations

from collections.abc import Collection

from campaigns.models import Counter, Transfer
from campaigns.selectors.speed import find_promised, list_first_ways, list_owed

# Recipients of a script's call, of whose speed nobody asks: there are many such calls.
MOST_UNKEPT = 100


def note_promise(transfer: Transfer) -> None:
    """Keep what it is promised now, by what it still owes."""
    if _is_compared(transfer):
        _keep(transfer, list_owed(transfer))


def note_last_promise(transfer: Transfer) -> None:
    """Keep what it was promised at its end, by whom it was for."""
    if _is_compared(transfer):
        counters = Counter.objects.filter(part__transfer=transfer, count__gt=0)
        _keep(transfer, set(counters.exclude(platform="").values_list("platform", flat=True)))


def _is_compared(transfer: Transfer) -> bool:
    return transfer.campaign_id is not None or transfer.audience > MOST_UNKEPT


def _keep(transfer: Transfer, platforms: Collection[str]) -> None:
    ways = list_first_ways(transfer, platforms)
    if ways:  # without any, what was known stays
        transfer.promised = find_promised(ways, transfer)
        Transfer.objects.filter(pk=transfer.pk).update(promised=transfer.promised)
