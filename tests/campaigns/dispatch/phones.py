"""A hundred phones behind a gateway without a wire, and a transfer to them."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from campaigns.dispatch import fan_out
from campaigns.dispatch.engine import pump
from campaigns.dispatch.verify import check_books
from campaigns.models import Delivery, Part, Transfer
from tests.campaigns.dispatch.gateways import make_clock

PHONES = 120
CHUNK = fan_out.LEAST_FLUSH  # two streams are fewer
Start = Callable[..., Transfer]


@pytest.fixture
def now() -> datetime:
    return datetime.now(UTC)


def name_phone(number: int) -> str:
    return f"phone-{number:04d}-with-a-long-token"


def send(transfer: Transfer, now: datetime, hours: float = 0) -> Tally[str]:
    """Turn until nobody can do more at that hour; gives outcomes with their reasons."""
    clock = make_clock(now, hours)
    while pump("worker", clock=clock):
        pass
    transfer.refresh_from_db()
    assert check_books().faults == []
    return count_outcomes(transfer)


def count_outcomes(transfer: Transfer) -> Tally[str]:
    rows = Delivery.objects.filter(part__transfer=transfer).values_list("outcome", "reason")
    return Tally(" ".join(filter(None, row)) for row in rows)


def count_resent(transfer: Transfer) -> int:
    return sum(Part.objects.filter(transfer=transfer).values_list("resent", flat=True))
