"""Databases and machines for the chaos tests, and where their figures go.

PUSHADMIN_CHAOS=full runs the long forms, and files that have no short one, and appends what they
found, dated, to results.txt here.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.machine import (
    Database,
    Machine,
    built_machine,
    make_migrated_server,
    running_machine,
)
from tests.databases import make_once
from tests.postgres import running_server

IS_FULL = os.environ.get("PUSHADMIN_CHAOS") == "full"
BOTH = ("sqlite", "postgres")
# What takes longest, of rules that faster tests hold too (tests/campaigns/dispatch: poison, model
# and engine, pace, crashes and those on paths, faults, turns; tests/campaigns: erase; kills here):
# in the long form only, so that `make test` keeps its budget (docs/decisions/0034).
collect_ignore = (
    []
    if IS_FULL
    else [
        "test_at_most_once.py",
        "test_caps.py",
        "test_equality.py",
        "test_erasures.py",
        "test_fairness.py",
        "test_faults.py",
        "test_gateway_backoff.py",
        "test_gateway_faults.py",
        "test_gateway_neighbours.py",
        "test_gateway_poison.py",
        "test_gateway_refusals.py",
        "test_gateway_waits.py",
        "test_gateway_zombies.py",
        "test_job_kinds.py",
        "test_kill_everything.py",
        "test_paths.py",
        "test_poison.py",
        "test_service_rests.py",
        "test_steering.py",
        "test_upgrade.py",
        "test_zombies.py",
    ]
)
RESULTS = Path(__file__).resolve().parent / "results.txt"


@pytest.fixture(scope="session")
def sqlite(migrated: Path) -> Database:
    return Database(migrated=migrated)


@pytest.fixture(scope="session")
def migrated_server(run_folder: Path) -> Path:
    """The folder of a stopped PostgreSQL server with migrated tables, one for all processes."""
    return make_once(run_folder, "postgres", make_migrated_server)


@pytest.fixture(scope="session")
def postgres(migrated_server: Path) -> Iterator[Database]:
    with running_server(of=migrated_server) as server:
        yield Database(server=server)


def on(*short: str) -> Any:
    """The databases of a test's short form; the full one runs on both."""
    return pytest.mark.parametrize("database", BOTH if IS_FULL else short, indirect=True)


@pytest.fixture
def database(request: Any) -> Database:
    """The one that `on` names."""
    found: Database = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def machine(tmp_path: Path, database: Database) -> Iterator[Machine]:
    """A simulator and empty tables; a test starts the rest."""
    with running_machine(tmp_path, database) as running:
        yield running


@pytest.fixture
def gateways(tmp_path: Path, database: Database) -> Iterator[Machine]:
    """As `machine`, for a simulator with gateways, HTTP/2 from process to process. A test starts
    that too, before any worker: it makes the authority whom these trust."""
    with built_machine(tmp_path, database, has_gateways=True) as built:
        yield built


@pytest.fixture(scope="session")
def _heading() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC ({os.cpu_count()} CPUs, {memory:.0f} GiB, "
        f"{platform.system()} {platform.release()}, Python {platform.python_version()}, "
        f"load {os.getloadavg()[0]:.1f})"
    )


@pytest.fixture
def tell(_heading: str, capsys: Any) -> Callable[[str], None]:
    """Print a figure; the full form also keeps it."""

    def print_figure(sentence: str) -> None:
        with capsys.disabled():
            print(f"\n{sentence}")
        if IS_FULL:
            kept = RESULTS.read_text() if RESULTS.exists() else ""
            new = "" if _heading in kept else f"\n{_heading}\n"
            with RESULTS.open("a") as results:
                results.write(f"{new}  {sentence}\n")

    return print_figure
