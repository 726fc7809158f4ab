"""How rarely a process that has relaxed looks for cycles of objects, of which a batch has none."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from importlib import import_module

import pytest

from campaigns.dispatch import collector
from campaigns.services.installation import record_versions

OBJECTS = 60_000  # of a batch of ten thousand calls


@pytest.fixture(autouse=True)
def _as_python_comes() -> Iterator[None]:
    """The collector of a process that has just started; these tests' own afterwards."""
    thresholds = gc.get_threshold()
    gc.set_threshold(700, 10, 10)
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)


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


def test_who_has_relaxed_hardly_looks_for_cycles_while_a_batch_is_made_ready() -> None:
    as_it_comes = count_looks()

    collector.relax()

    assert as_it_comes > 50
    assert count_looks() <= 3


@pytest.mark.django_db
def test_a_server_of_pages_never_looks_again_at_what_it_has_imported() -> None:
    record_versions()
    sys.modules.pop("pushadmin.wsgi", None)
    gc.unfreeze()

    import_module("pushadmin.wsgi")

    assert gc.get_freeze_count() > OBJECTS
    assert gc.get_threshold()[0] == collector.YOUNG
