"""What services of an account have asked one worker, told to all of them.

A browser's push service is one of many that an account calls: one that asks to be left alone does
not stop the others, so this is not the account's own block (`pace.block_pair`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from django.db import transaction
from django.db.models import Q

from campaigns.dispatch.fan_out_calls import Clock
from campaigns.models import AddressRest
from campaigns.selectors.limits import LONGEST_BLOCK
from providers.outbound import AddressRests

LOOK = timedelta(seconds=1)
LONG_AGO = datetime.min.replace(tzinfo=UTC)


class RestBoard:
    """What one fan-out and the others of its account tell each other."""

    def __init__(self, account_id: int, rests: AddressRests | None, clock: Clock) -> None:
        self.account_id, self.rests, self.clock = account_id, rests, clock
        self.looked_at = LONG_AGO

    def share(self, *, can_ask: bool) -> None:
        """Tell what was asked for here, and learn every second what was asked for elsewhere; not
        while the connection to the database is busy."""
        if self.rests is None or not can_ask:
            return
        told, now = self.rests.take_told(), self.clock()
        try:
            for address, seconds in told.items():
                _tell(self.account_id, address, now, now + timedelta(seconds=seconds))
        except BaseException:
            self.rests.put_back(told)  # whoever is the next to share tells it
            raise
        if now - self.looked_at >= LOOK:
            self.looked_at = now
            self.rests.learn(find_rests(self.account_id, now))


def find_rests(account_id: int, now: datetime) -> Mapping[str, float]:
    """For how many seconds which services of an account are left alone from now on."""
    # What lasts longer than anybody may ask for is left over from a clock that went back.
    ours = AddressRest.objects.filter(account_id=account_id, until__lte=now + LONGEST_BLOCK)
    rows = ours.filter(until__gt=now).values_list("address", "until")
    return {address: (until - now).total_seconds() for address, until in rows}


def _tell(account_id: int, address: str, now: datetime, until: datetime) -> None:
    """A later end stays, unless it is later than anybody may ask for."""
    row = AddressRest(account_id=account_id, address=address, until=until)
    with transaction.atomic():
        # Changes nothing of one that is there, and locks it: nobody prunes it before it is renewed.
        AddressRest.objects.bulk_create(
            [row],
            update_conflicts=True,
            unique_fields=["account", "address"],
            update_fields=["address"],
        )
        rows = AddressRest.objects.filter(account_id=account_id, address=address)
        rows.filter(Q(until__lt=until) | Q(until__gt=now + LONGEST_BLOCK)).update(until=until)
