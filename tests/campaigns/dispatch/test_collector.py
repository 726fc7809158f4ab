"""How rarely a worker looks for cycles of objects, of which a batch has none."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Callable, Iterator

import pytest

from campaigns.management.commands.dispatch import Command

OBJECTS = 60_000  # of a batch of ten thousand calls


@pytest.fixture(autouse=True)
def _as_python_comes() -> Iterator[None]:
    """The collector and the signals of a process that has just started; these tests' afterwards."""
    thresholds = gc.get_threshold()
    numbers = (signal.SIGTERM, signal.SIGINT)
    handlers = [signal.getsignal(number) for number in numbers]
    gc.set_threshold(700, 10, 10)
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)
    for number, handler in zip(numbers, handlers, strict=True):
        signal.signal(number, handler)


def count_looks() -> int:
    """How often the collector comes while a batch is made ready."""
    looks: list[str] = []

    def note(phase: str, _details: object) -> None:
        looks.append(phase)

    gc.callbacks.append(note)
    try:
        batch = [[number] for number in range(OBJECTS)]
    finally:
        gc.callbacks.remove(note)
    assert len(batch) == OBJECTS
    return looks.count("start")


def test_a_worker_hardly_looks_for_cycles_while_it_makes_a_batch_ready() -> None:
    found: list[int] = []

    def work(_name: str, should_stop: Callable[[], bool]) -> bool:
        found.append(count_looks())
        os.kill(os.getpid(), signal.SIGTERM)
        return True

    as_it_comes = count_looks()
    Command().handle(name="worker", pump=work)

    assert as_it_comes > 50
    assert len(found) == 1
    assert found[0] <= 3
