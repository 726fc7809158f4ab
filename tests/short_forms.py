"""What is left to the long form: repeats alone, of every test some.

What a door or a page says to one of many values it says to the next, on any database. So of a test
of theirs that is run with many PostgreSQL tries three, of one elsewhere four, and all in the long
form; SQLite tries all every time. `values(18)` says how many it takes where the statement, or what
a database thinks of a letter, goes with the value. `some(48)` says how many either database tries.

A vendor's own code is plain Python that knows no database (the contracts of pyproject.toml). What
is tried of one ends in the intake and the engine, whose tests run on PostgreSQL every time. So do
what pages show and ask for in selectors and services: of pages and doors PostgreSQL tries every
third test.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from math import gcd
from pathlib import Path

import pytest

DOORS = frozenset({"admin", "api", "compat", "pages"})
MOST_AT_DOORS = 3
MOST = 4
OF_VENDORS = frozenset({"providers", "vendor_cases"})
DOOR_FILES = frozenset({"test_door.py", "test_client.py", "test_exchange.py", "test_race.py"})
TESTS = Path(__file__).resolve().parent


def mark_long(items: Iterable[pytest.Item]) -> None:
    """Mark as `chaos` the values that no database tries in the short form, and as `long` what
    repeats on PostgreSQL what another test or value has shown there.
    """
    of_one: dict[str, list[pytest.Item]] = defaultdict(list)
    of_a_file: dict[Path, list[list[pytest.Item]]] = defaultdict(list)
    for item in items:
        of_one[item.nodeid.partition("[")[0]].append(item)
    for values in of_one.values():
        mark_rest(values, find_most(values[0], "some"), "chaos")
        if is_of_one_vendor(values[0].path) and not values[0].get_closest_marker("values"):
            mark_rest(values, 0, "long")
        tried = list(filter(is_of_both, values))
        mark_rest(tried, find_most(values[0], "values"), "long")
        if tried and not is_always_tried(tried[0]):
            of_a_file[tried[0].path].append(tried)
    for path, tests in of_a_file.items():
        every = find_every(path)
        for values in (test for place, test in enumerate(tests) if place % every):
            mark_rest(values, 0, "long")


def mark_rest(values: Sequence[pytest.Item], most: int, mark: str) -> None:
    """Mark all of one test's values but so many."""
    tried = choose(len(values), most)
    for place, item in enumerate(values):
        if place not in tried:
            item.add_marker(mark)


def is_of_one_vendor(path: Path) -> bool:
    """Whether tests of this file are of one vendor's code, and not the plain ones of its door."""
    folder, *more = path.relative_to(TESTS).parts
    return folder in OF_VENDORS or (
        folder == "compat" and len(more) > 1 and more[-1] not in DOOR_FILES
    )


def find_every(path: Path) -> int:
    """PostgreSQL tries every so many-th test of a file: all of what sends, every second one of the
    other services, selectors and doors, and every third of who only calls these: a page, a vendor.
    """
    folder, *more = path.relative_to(TESTS).parts
    if folder == "pages" or (folder == "compat" and len(more) > 1):
        return 3
    if folder in DOORS or (folder == "campaigns" and "dispatch" not in more):
        return 2
    return 1


def is_always_tried(item: pytest.Item) -> bool:
    """Whether PostgreSQL tries it whatever its file: it commits, so that others meet its locks, or
    says by how many values its statement differs."""
    database = item.get_closest_marker("django_db")
    is_committed = bool(database and database.kwargs.get("transaction"))
    return is_committed or item.get_closest_marker("values") is not None


def is_of_both(item: pytest.Item) -> bool:
    """Whether a test runs on both databases so far."""
    marks = {mark.name for mark in item.iter_markers()}
    return "database" in marks and not marks & {"chaos", "long"}


def find_most(item: pytest.Item, mark: str) -> int:
    told = item.get_closest_marker(mark)
    if told:
        return int(told.args[0])
    if mark == "some":
        return sys.maxsize
    return MOST_AT_DOORS if item.path.relative_to(TESTS).parts[0] in DOORS else MOST


def choose(count: int, most: int) -> set[int]:
    """So many places of `count`, far from one another. A step that no divisor shares with `count`
    takes another value of each of two lists of which a test is run with every pair.
    """
    if count <= most or not most:
        return set(range(min(count, most)))
    step = next(step for step in range(count // most, count + 2) if gcd(step, count) == 1)
    return {turn * step % count for turn in range(most)}
