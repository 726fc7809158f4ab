"""Limits of an account hold for every process and for every app that shares it."""

from __future__ import annotations

import pytest

from tests.campaigns.pacers import CALLS_PER_SECOND, CAP, QUOTA, WORKERS
from tests.databases import run_script


def count_at_once(calls):
    """The most calls that were running at the same time."""
    return max(sum(start <= moment < end for _, start, end in calls) for _, moment, _ in calls)


def count_in_a_second(calls):
    return max(sum(moment <= start < moment + 1 for _, start, _ in calls) for _, moment, _ in calls)


@pytest.mark.database
@pytest.mark.django_db(transaction=True)
def test_quota_cap_and_rate_of_an_account_hold_over_processes_and_apps(
    tmp_path, own_tables, capsys
):
    told = run_script("tests.campaigns.pacers", tmp_path, own_tables)

    calls = [call for some in told["claims"] for call in some]
    accounts = sorted({account for account, _start, _end in calls})
    by_account = [[call for call in calls if call[0] == account] for account in accounts]
    at_once = [count_at_once(some) for some in by_account]
    busiest = [count_in_a_second(some) for some in by_account]
    with capsys.disabled():
        print(f"\n{WORKERS} processes, 2 apps, 2 accounts: {told['used']} of {QUOTA} calls a day,")
        print(f"{at_once} of {CAP} at once, {busiest} in the busiest second")
    assert told["used"] == [QUOTA, QUOTA]
    assert [len(some) for some in by_account] == [QUOTA, QUOTA]
    assert max(at_once) <= CAP
    # A burst of half a second's worth, and what comes in during the second.
    assert max(busiest) <= 1.5 * CALLS_PER_SECOND
    assert sum(bool(some) for some in told["claims"]) > 1, "only one process was at work"
