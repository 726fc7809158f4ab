"""PostgreSQL ends without a word in mid-transfer: everybody waits for it and goes on."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import Any

import requests

from providers import registry
from tests.chaos.conftest import IS_FULL
from tests.chaos.count import count_transfer
from tests.chaos.dialects import BATCH
from tests.chaos.machine import Database, Machine, running_machine
from tests.installation import wait_for

RECIPIENTS = 20_000 if IS_FULL else 1_000
CRASHES = 10 if IS_FULL else 1
SPOKEN, QUESTION = next(
    (dialect, route.path)
    for dialect in registry.all_dialects()
    for route in dialect.routes
    if dialect.has_door and route.method == "GET" and "{" not in route.path and not route.is_open
)
VENDOR_DOOR = f"/compat/{SPOKEN.key}/{QUESTION}"
DOORS = ("/api/v1/apps/", VENDOR_DOOR, "/", "/admin/", "/readyz", "/healthz")


def knock(machine: Machine, made: dict[str, Any]) -> dict[str, int]:
    """What each door answers to somebody who would have to be looked up."""
    return {door: knock_at(machine, door, made["authorization"]) for door in DOORS}


def knock_at(machine: Machine, door: str, authorization: str) -> int:
    if door == VENDOR_DOOR:
        authorization = SPOKEN.write_authorization(authorization.removeprefix("Bearer "))
    answer = requests.get(
        f"{machine.url}{door}",
        headers={"Authorization": authorization},
        cookies={"sessionid": "0123456789abcdef0123456789abcdef"},
        timeout=30,
        allow_redirects=False,
    )
    return answer.status_code


def has_sent_more(machine: Machine, calls: float) -> bool:
    return machine.count_calls() > calls


def crash_database(machine: Machine, made: dict[str, Any]) -> tuple[dict[str, int], float]:
    """Stop it at once, knock at the doors, start it; how long until something is sent again."""
    server = machine.database.server
    assert server is not None
    server.stop_at_once()
    time.sleep(1)  # what was on the wire ends
    calls = machine.count_calls()
    answers = knock(machine, made)
    server.start_again()
    began = time.monotonic()
    wait_for("the workers to go on", partial(has_sent_more, machine, calls))
    return answers, time.monotonic() - began


def test_a_database_that_ends_at_once_loses_nobody(tmp_path: Path, postgres: Database, tell):
    with running_machine(tmp_path, postgres) as machine:
        processes = [machine.start_web(), machine.start_scheduler()]
        processes += machine.start_workers("worker-0", "worker-1")
        made = machine.fill(recipients=RECIPIENTS, options={"latency_ms": 200}, campaign={})
        before = wait_for("the web process", lambda: knock(machine, made))
        doors, waits = [], []
        for number in range(CRASHES):
            reached = number * RECIPIENTS / BATCH / (CRASHES + 1)
            wait_for("calls", partial(has_sent_more, machine, reached))
            answers, seconds = crash_database(machine, made)
            doors.append(answers)
            waits.append(seconds)
        after = knock(machine, made)
        machine.wait_for_end(made["transfer"])

        count = count_transfer(machine, made["transfer"])
        tell(
            f"R5 {CRASHES} x PostgreSQL stopped at once: {count}; sending again "
            f"{max(waits):.1f} s after it was back at the latest; doors meanwhile {doors[0]}"
        )
        away = dict.fromkeys(DOORS, 503) | {"/healthz": 200}
        assert [process.poll() for process in processes] == [None] * 4
        assert doors == [away] * CRASHES
        assert before["/api/v1/apps/"] == before["/readyz"] == 200
        assert after == before
        assert (count.lost, count.hidden, count.unknown, count.doubled) == (0, 0, 0, 0)
        assert count.sent == RECIPIENTS
        assert "0 faults" in machine.manage("verify")
