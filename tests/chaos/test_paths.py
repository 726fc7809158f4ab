"""`kill -9` on workers and schedulers while people go from a push to a text, devices get it our own
way and a script is called back: nobody is lost, nobody is handed on twice."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.chaos.conftest import IS_FULL, on
from tests.chaos.count import read_sends
from tests.chaos.machine import Database, Machine, running_machine
from tests.compat.receiver import Receiver, receiving
from tests.installation import wait_for

SIZE = 1_000 if IS_FULL else 60
KILLS = 40 if IS_FULL else 2
PAUSE = (0.2, 1.5)  # seconds between two kills
LATENCY_MS = 300
HANDED_ON = """
    SELECT member.person_id FROM campaigns_stepmember AS member
    JOIN campaigns_part AS part ON part.id = member.part_id WHERE part.transfer_id = ?
"""
INBOX = """
    SELECT device.token FROM campaigns_inboxitem AS item
    JOIN campaigns_part AS part ON part.id = item.part_id
    JOIN campaigns_device AS device ON device.id = item.device_id WHERE part.transfer_id = ?
"""
OUTCOMES = """
    SELECT part.step, delivery.outcome, count(*) FROM campaigns_delivery AS delivery
    JOIN campaigns_part AS part ON part.id = delivery.part_id
    WHERE part.transfer_id = ? GROUP BY 1, 2 ORDER BY 1, 2
"""
RESENT = "SELECT coalesce(sum(resent), 0) FROM campaigns_part"
RECEIPTS = "SELECT count(*) FROM campaigns_receiptrow"
COUNTED = "SELECT coalesce(sum(count), 0) FROM campaigns_receiptcount"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def machine(tmp_path: Path, database: Database, receiver: Receiver) -> Iterator[Machine]:
    with running_machine(tmp_path, database) as running:
        allowed = f"{running.vendor_url},{receiver.url}"
        running.environment["PUSHADMIN_OUTBOUND_ALLOW"] = allowed
        yield running


def kill_anybody(machine: Machine, draw: Random) -> None:
    """Kill a worker or a scheduler, whoever it hits, and start another in its place."""
    at_work = [machine.start_worker("worker"), machine.start_scheduler()]
    if IS_FULL:
        at_work += [machine.start_worker("second"), machine.start_scheduler()]
    wait_for("the first calls", machine.count_calls)
    for number in range(KILLS):
        time.sleep(draw.uniform(*PAUSE))
        place = draw.randrange(len(at_work)) if IS_FULL else number
        victim = at_work[place]
        victim.kill()
        victim.wait()
        is_scheduler = "--scheduler" in victim.args  # type: ignore[operator]
        start = machine.start_scheduler if is_scheduler else machine.start_worker
        at_work[place] = start() if is_scheduler else start(f"successor-{number}")


def count_texts(machine: Machine) -> Counter[str]:
    """How often each number was taken."""
    lines = [line for line in machine.read_journal() if line["event"] == "send"]
    texts = [line for line in lines if line["dialect"] == "texting"]
    return Counter(value for line in texts for stretch in line["stretches"] for value in stretch[3])


def count_pushes(machine: Machine, slug: str) -> Counter[str]:
    sends = read_sends(machine, slug)
    return Counter(token for _line, tokens in sends for token in tokens)


def count_told(receiver: Receiver) -> Counter[str]:
    """How often the script was told that somebody's text has arrived."""
    rows = [row for body in receiver.bodies for row in body["told"]]
    return Counter(name for name, outcome in rows if outcome == "delivered")


@on("sqlite")
def test_kills_lose_nobody_between_steps_in_the_inbox_or_on_the_way_to_a_script(
    machine: Machine, receiver: Receiver, tell: Any
) -> None:
    wanted = {"url": machine.vendor_url, "receiver": receiver.url, "size": SIZE}
    made = machine.run_module(
        "tests.chaos.filling_paths", json.dumps({**wanted, "latency_ms": LATENCY_MS})
    )

    kill_anybody(machine, Random(11))
    for transfer in made.values():
        machine.wait_for_end(transfer, 300)
    wait_for("the last call to the script", lambda: len(count_told(receiver)) == SIZE)

    pushes, texts = count_pushes(machine, "steps"), count_texts(machine)
    own, inbox = (
        count_pushes(machine, "own"),
        Counter(token for (token,) in machine.ask(INBOX, made["own"])),
    )
    handed = Counter(person for (person,) in machine.ask(HANDED_ON, made["steps"]))
    told = count_told(receiver)
    doubled = sum((counts.total() - len(counts)) for counts in (pushes, texts, own))
    tell(
        f"Steps, inbox and callbacks, {machine.database.kind}: {KILLS} x kill -9, {SIZE} pushes "
        f"and {len(texts)} texts, {len(inbox)} our own way and {len(own)} by the vendor, "
        f"{2 * SIZE - len(texts) - len(inbox) - len(own)} lost, {doubled} duplicates; "
        f"the script was told of {len(told)}, {told.total() - len(told)} times again"
    )
    assert (len(pushes), len(texts), len(handed)) == (SIZE, SIZE, SIZE)
    assert (handed.total(), doubled, machine.ask(RESENT)) == (SIZE, 0, [(0,)])
    assert (len(inbox), len(own), inbox.keys() & own.keys()) == (SIZE // 2, SIZE // 2, set())
    assert machine.ask(OUTCOMES, made["steps"]) == [(0, "sent", SIZE), (1, "sent", SIZE)]
    assert machine.ask(OUTCOMES, made["own"]) == [(0, "sent", SIZE)]
    assert machine.ask(COUNTED) == machine.ask(RECEIPTS) == [(SIZE,)]
    assert told.total() - len(told) <= KILLS * SIZE
    assert "0 faults" in machine.manage("verify")
