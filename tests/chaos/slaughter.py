"""Kills workers at random moments of what they send."""

from __future__ import annotations

import time
from collections.abc import Iterable
from functools import partial
from random import Random
from subprocess import Popen

from tests.chaos.conftest import IS_FULL
from tests.chaos.machine import Machine
from tests.installation import wait_for


def kill_workers(
    machine: Machine,
    workers: list[Popen[bytes]],
    transfers: Iterable[int],
    *,
    kills: int,
    draw: Random,
    calls: int | None = None,
) -> None:
    """Kill the eldest worker at random moments; the full form replaces it.

    `calls` is how many the transfers need, if that is not one for each batch.

    Fails if the transfers have ended before the last one is killed.
    """
    wait_for("the freeze", lambda: all(is_frozen(machine, pk) for pk in transfers))
    calls = calls or sum(count_batches(machine, pk) for pk in transfers)
    for number, moment in enumerate(sorted(draw.uniform(0.03, 0.6) * calls for _ in range(kills))):
        wait_for(f"{moment:.0f} calls", partial(has_passed, machine, moment), 300)
        time.sleep(draw.uniform(0, 0.3))  # anywhere in the work on a batch
        assert not all(machine.is_finished(pk) for pk in transfers), f"over after {number} kills"
        victim = workers.pop(0)
        victim.kill()
        victim.wait()
        if IS_FULL:
            workers.append(machine.start_worker(f"successor-{number}"))


def has_passed(machine: Machine, calls: float) -> bool:
    return machine.count_calls() >= calls


def is_frozen(machine: Machine, transfer: int) -> bool:
    query = "SELECT frozen_at FROM campaigns_transfer WHERE id = ?"
    return machine.ask(query, transfer)[0][0] is not None


def count_batches(machine: Machine, transfer: int) -> int:
    query = "SELECT count(*) FROM campaigns_batch WHERE transfer_id = ?"
    found: int = machine.ask(query, transfer)[0][0]
    return found
