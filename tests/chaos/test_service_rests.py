"""A push service asks one worker process to leave it alone: no other one calls it either (R9)."""

from __future__ import annotations

import signal
from datetime import UTC, datetime
from functools import partial

import pytest

from tests.chaos.conftest import on
from tests.chaos.gateways import find_busy, list_moments, name_dialect
from tests.chaos.machine import Machine
from tests.installation import wait_for
from tests.vendor_cases.accounts import GATEWAYS

HOUR = 3600
RECIPIENTS, REFUSED = 200, 50
BUSY = "error_429"
SERVICES = [dialect for dialect in GATEWAYS if find_busy(dialect) == "service"]
OPEN = "SELECT state, due_at FROM campaigns_batch WHERE transfer_id = ? AND state <> 'done'"
TRIED = """
    SELECT count(*) FROM campaigns_attempt AS attempt
    JOIN campaigns_batch AS batch ON batch.id = attempt.batch_id
    WHERE batch.transfer_id = ?
"""


def read_moment(value: object) -> datetime:
    """As either database gives it."""
    moment = datetime.fromisoformat(str(value))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def is_left_alone(machine: Machine, transfer: int) -> bool:
    """Whether nobody has a batch, and who is owed waits for most of the hour."""
    now = datetime.now(UTC)
    rows = machine.ask(OPEN, transfer)
    waits = [(read_moment(due_at) - now).total_seconds() for _state, due_at in rows]
    return bool(rows) and {"ready"} == {row[0] for row in rows} and min(waits) > HOUR / 2


@on("sqlite")
@pytest.mark.parametrize("dialect", SERVICES, ids=name_dialect)
def test_what_one_process_was_asked_for_every_process_heeds(gateways, dialect, tell):
    gateways.start_simulator()
    gateways.give_faults(f"{BUSY}:nth={REFUSED},times=1,retry_after={HOUR}")
    [one] = gateways.start_workers("one")
    wanted = {"dialect": dialect.key, "recipients": RECIPIENTS, "campaign": {}}
    told = gateways.fill(slug="told", **wanted)
    wait_for("the service to rest", partial(is_left_alone, gateways, told["transfer"]), 120)
    sent = len(list_moments(gateways, dialect))

    one.send_signal(signal.SIGSTOP)  # what comes now is the other one's
    gateways.start_workers("two")
    other = gateways.fill(slug="other", shares="told", first=RECIPIENTS, **wanted)
    wait_for("it to rest for others", partial(is_left_alone, gateways, other["transfer"]), 120)

    [[tried]] = gateways.ask(TRIED, other["transfer"])
    again = len(list_moments(gateways, dialect)) - sent
    tell(
        f"R9 {gateways.database.kind}, {dialect.key}: one process was refused, once, and sent "
        f"{sent} of {RECIPIENTS}; another one had {RECIPIENTS} to send: {again} calls"
    )
    assert 0 < sent < RECIPIENTS
    assert gateways.count_faults(BUSY) == 1
    assert (tried, again) == (1, 0)
    assert "0 faults" in gateways.manage("verify")
