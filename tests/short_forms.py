"""What PostgreSQL leaves to the long form.

What a door or a page says to one of many values it says to the next, on any database. So of a test
of theirs that is run with many PostgreSQL tries six, and all in the long form; SQLite tries all
every time. `values(18)` says how many it takes where the statement, or what a database thinks of a
letter, goes with the value, and of a test elsewhere.

A vendor's own code is plain Python that knows no database (the contracts of pyproject.toml). Its
door is tried on PostgreSQL call by call, and by the vendor's client; what else is tried of one
vendor ends in the intake and the engine, whose tests run there every time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from math import gcd
from pathlib import Path

import pytest

DOORS = frozenset({"admin", "api", "compat", "pages"})
MOST = 6  # as many as there are dialects with a door
OF_VENDORS = frozenset({"providers", "vendor_cases"})
DOOR_FILES = frozenset({"test_door.py", "test_client.py", "test_exchange.py", "test_race.py"})
TESTS = Path(__file__).resolve().parent


def mark_long(items: Iterable[pytest.Item]) -> None:
    """Mark as `long` what repeats on PostgreSQL what another test or value has shown there."""
    of_one: dict[str, list[pytest.Item]] = defaultdict(list)
    for item in items:
        if is_of_one_vendor(item.path) and not item.get_closest_marker("values"):
            item.add_marker(pytest.mark.long)
        elif is_of_both(item):
            of_one[item.nodeid.partition("[")[0]].append(item)
    for values in of_one.values():
        tried = choose(len(values), find_most(values[0]))
        for place, item in enumerate(values):
            if place not in tried:
                item.add_marker(pytest.mark.long)


def is_of_one_vendor(path: Path) -> bool:
    """Whether tests of this file are of one vendor's code, and not the plain ones of its door."""
    folder, *more = path.relative_to(TESTS).parts
    return folder in OF_VENDORS or (
        folder == "compat" and len(more) > 1 and more[-1] not in DOOR_FILES
    )


def is_of_both(item: pytest.Item) -> bool:
    """Whether a test of a door, or another that says how many, runs on both databases so far."""
    marks = {mark.name for mark in item.iter_markers()}
    is_few = "values" in marks or item.path.relative_to(TESTS).parts[0] in DOORS
    return is_few and "database" in marks and "long" not in marks


def find_most(item: pytest.Item) -> int:
    told = item.get_closest_marker("values")
    return told.args[0] if told else MOST


def choose(count: int, most: int) -> set[int]:
    """So many places of `count`, far from one another. A step that no divisor shares with `count`
    takes another value of each of two lists of which a test is run with every pair.
    """
    if count <= most:
        return set(range(count))
    step = next(step for step in range(count // most, count + 2) if gcd(step, count) == 1)
    return {turn * step % count for turn in range(most)}
