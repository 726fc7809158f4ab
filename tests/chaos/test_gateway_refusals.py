"""What only a person can mend stops a broadcast over a gateway after one window of each worker,
switches no device off, and loses nobody (R11)."""

from __future__ import annotations

from typing import Any

import pytest

from providers.contract import Dialect
from tests.chaos.conftest import BOTH, on
from tests.chaos.gateways import (
    count_disabled,
    count_ends,
    count_gateway,
    fill_gateways,
    name_dialect,
    wait_for_pause,
)
from tests.chaos.machine import Machine
from tests.vendor_cases.accounts import GATEWAYS

RECIPIENTS = 10_000
WORKERS = 2
HEALTH = "SELECT health, health_words FROM campaigns_account"


def broadcast(machine: Machine, dialect: Dialect, fault: str) -> dict[str, Any]:
    """Launch it while every call suffers the fault, and wait until a person is asked."""
    machine.start_simulator("--latency-ms", "200")
    machine.give_faults(fault)
    machine.start_workers(*(f"worker-{number}" for number in range(WORKERS)))
    [(_, made)] = fill_gateways(machine, RECIPIENTS, [dialect])
    wait_for_pause(machine, made["transfer"])
    return made


def mend(machine: Machine, made: dict[str, Any]) -> None:
    """The vendor is well again, and the person resumes."""
    machine.give_faults()
    machine.start_web()
    machine.call(made, "POST", f"campaigns/{made['campaign']}/resume/")
    machine.wait_for_end(made["transfer"], 300)


@on(*BOTH)
@pytest.mark.parametrize("dialect", GATEWAYS, ids=name_dialect)
def test_a_message_that_nobody_takes_pauses_after_a_window_of_each_worker(gateways, dialect, tell):
    made = broadcast(gateways, dialect, "error_400")

    calls, disabled = gateways.count_faults("error_400"), count_disabled(gateways, made["app"])
    ends = count_ends(gateways, made["transfer"])
    bound = WORKERS * dialect.limits.streams
    tell(
        f"R11 {gateways.database.kind}, {dialect.key}: every message refused, {WORKERS} workers, "
        f"{RECIPIENTS} devices: paused after {calls} calls, of {bound}; {disabled} disabled, {ends}"
    )
    assert ends == {"failed payload": calls}
    assert 0 < calls <= bound
    assert disabled == 0
    mend(gateways, made)
    assert count_ends(gateways, made["transfer"]) == {
        "failed payload": calls,
        "sent": RECIPIENTS - calls,
    }
    assert "0 faults" in gateways.manage("verify")


@on(*BOTH)
@pytest.mark.parametrize("dialect", GATEWAYS, ids=name_dialect)
def test_a_bad_key_pauses_after_a_window_of_each_worker_and_fails_nobody(gateways, dialect, tell):
    made = broadcast(gateways, dialect, "error_403")

    calls, disabled = gateways.count_faults("error_403"), count_disabled(gateways, made["app"])
    ends, [(health, words)] = count_ends(gateways, made["transfer"]), gateways.ask(HEALTH)
    bound = WORKERS * dialect.limits.streams
    tell(
        f"R11 {gateways.database.kind}, {dialect.key}: every call forbidden, {WORKERS} workers, "
        f"{RECIPIENTS} devices: paused after {calls} calls, of {bound}; {disabled} disabled, "
        f"{ends}; the account is {health}: {words}"
    )
    assert (ends, disabled, health) == ({}, 0, "bad")
    assert 0 < calls <= bound
    mend(gateways, made)
    count = count_gateway(gateways, dialect, made["transfer"])
    tell(f"R11 {gateways.database.kind}, {dialect.key}: resumed with a good key: {count}")
    assert (count.sent, count.lost, count.hidden) == (RECIPIENTS, 0, 0)
    # On a busy machine the simulator's answers come later than a call may take.
    assert count.doubled <= count.resent
    assert gateways.ask(HEALTH)[0][0] == "good"
    assert "0 faults" in gateways.manage("verify")
