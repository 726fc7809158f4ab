"""R20: a vendor that lies and never gets well. Everybody ends in a defined state all the same, and
what the books say agrees with the vendor's own journal.

The short form has the two faults that are tried longest, of which each vendor has one;
PUSHADMIN_CHAOS=full has all of them.
"""

from __future__ import annotations

from collections import Counter

import pytest

from campaigns.models import Delivery, Exchange
from providers.simulator import FAULTS
from tests.campaigns.dispatch.hostile import RECIPIENTS
from tests.campaigns.dispatch.test_faults import (
    SETTINGS,
    TABLED,
    begin,
    begin_for,
    list_expected,
    take_turns,
)
from tests.chaos.conftest import IS_FULL
from tests.vendor_cases.conftest import simulator

__all__ = ["begin", "simulator"]

pytestmark = pytest.mark.django_db
FOR_EVER = list(FAULTS) if IS_FULL else ["close_before_acceptance", "accepted_500"]


@pytest.mark.parametrize(("dialect", "name"), take_turns(TABLED, FOR_EVER))
def test_a_vendor_that_never_gets_well_ends_a_transfer_all_the_same(begin, dialect, name, tell):
    rehearsal = begin_for(begin, dialect, name)
    rehearsal.follow(f"{name}:{SETTINGS.get(name, '')}")

    transfer = rehearsal.send(resumes=False)

    ends = Counter(Delivery.objects.values_list("outcome", flat=True))
    ends["pending"] = RECIPIENTS - ends.total()
    reached = rehearsal.count_reached()
    longest = max((call.seconds for call in Exchange.objects.all()), default=0.0)
    tell(
        f"R20 {name} for ever, {dialect.key}: of {RECIPIENTS} "
        f"{', '.join(f'{count} {end}' for end, count in ends.items() if count)}; "
        f"{len(reached)} accepted, {sum(times > 1 for times in reached.values())} twice, "
        f"longest call {longest:.1f} s of 0.3"
    )
    # What only a person can mend waits for one; everything else ends by itself.
    is_paused = transfer.finished_at is None
    assert is_paused == ("paused" in list_expected(name, dialect))
    assert rehearsal.find_faults(is_over=not is_paused) == []
