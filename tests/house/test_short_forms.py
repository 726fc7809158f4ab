"""What PostgreSQL leaves to the long form: repeats alone, of every test some."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.short_forms import MOST, OF_VENDORS, TESTS, choose, is_of_one_vendor, mark_long


@pytest.mark.parametrize(
    ("count", "most"), [(0, 3), (1, 6), (6, 6), (7, 6), (7, 0), (54, 18), (145, 36), (12, 12)]
)
def test_as_many_are_tried_as_was_said(count: int, most: int) -> None:
    assert len(choose(count, most)) == min(count, most)
    assert choose(count, most) <= set(range(count))


def test_of_two_lists_every_value_is_tried() -> None:
    pairs = [divmod(place, 6) for place in choose(54, 18)]

    assert {first for first, _ in pairs} == set(range(9))
    assert {second for _, second in pairs} == set(range(6))


def test_repeats_are_long_and_no_test_is_left_out_whole(request: pytest.FixtureRequest) -> None:
    few = [make_item(request, f"test_few[{n}]", pytest.mark.values(2)) for n in range(5)]
    one = [make_item(request, "test_one", pytest.mark.values(2))]
    elsewhere = [make_item(request, f"test_elsewhere[{n}]") for n in range(9)]

    mark_long(few + one + elsewhere)

    assert [is_marked(item, "long") for item in few] == [False, True, False, True, True]
    assert [is_marked(item, "long") for item in elsewhere].count(False) == MOST
    assert not is_marked(one[0], "long")
    assert not any(is_marked(item, "chaos") for item in few + one + elsewhere)


def test_of_some_values_alone_postgres_takes_its_share(request: pytest.FixtureRequest) -> None:
    some = [
        make_item(request, f"test_some[{n}]", pytest.mark.some(5), pytest.mark.values(2))
        for n in range(9)
    ]

    mark_long(some)

    tried = [item for item in some if not is_marked(item, "chaos")]
    assert len(tried) == 5
    assert [is_marked(item, "long") for item in tried].count(False) == 2
    assert not any(is_marked(item, "long") for item in some if item not in tried)


@pytest.mark.parametrize(
    ("file", "tried"),
    [
        ("campaigns/dispatch/test_any.py", [1, 1, 1, 1, 1, 1, 1]),
        ("campaigns/test_any.py", [1, 0, 1, 0, 1, 1, 1]),
        ("compat/test_any.py", [1, 0, 1, 0, 1, 1, 1]),
        ("compat/anybody/test_door.py", [1, 0, 0, 1, 0, 1, 1]),
        ("pages/test_any.py", [1, 0, 0, 1, 0, 1, 1]),
    ],
)
def test_postgres_tries_what_sends_whole_and_what_commits_everywhere(
    request: pytest.FixtureRequest, file: str, tried: list[int]
) -> None:
    marks = [(), (), (), (), ()]
    always = [(pytest.mark.django_db(transaction=True),), (pytest.mark.values(1),)]
    items = [
        make_item(request, f"test_{number}", *own, path=TESTS / file)
        for number, own in enumerate([*marks, *always])
    ]

    mark_long(items)

    assert [int(not is_marked(item, "long")) for item in items] == tried


@pytest.mark.parametrize(
    ("file", "is_long"),
    [
        ("compat/anybody/test_door.py", False),
        ("compat/anybody/test_sync.py", True),
        ("compat/test_door.py", False),
        ("compat/test_intake_queries.py", False),
        ("providers/anybody/test_sending.py", True),
        ("vendor_cases/test_hygiene.py", True),
        ("campaigns/test_audience.py", False),
    ],
)
def test_what_is_of_one_vendor_is_tried_at_its_door(file: str, is_long: bool) -> None:
    assert is_of_one_vendor(TESTS / file) == is_long


def test_every_vendor_with_a_door_has_its_calls_tried() -> None:
    doors = {path.parent for path in TESTS.glob("compat/*/naming.py")}

    assert len(doors) > 1
    assert [door for door in doors if not (door / "test_door.py").exists()] == []


def make_item(
    request: pytest.FixtureRequest, name: str, *marks: Any, path: Path | None = None
) -> pytest.Item:
    item: pytest.Item = pytest.Function.from_parent(
        request.node.parent, name=name, callobj=lambda: None
    )
    item.path = path or item.path
    for mark in (pytest.mark.database, *marks):
        item.add_marker(mark)
    return item


def is_marked(item: pytest.Item, mark: str) -> bool:
    return item.get_closest_marker(mark) is not None


def test_nothing_that_postgresql_is_to_try_lies_where_it_does_not_look() -> None:
    makefile = (TESTS.parent / "Makefile").read_text()
    spared = {folder for folder in OF_VENDORS if f"--ignore tests/{folder}" in makefile}
    files = [file for folder in spared for file in (TESTS / folder).rglob("test_*.py")]

    assert spared == OF_VENDORS
    assert len(files) > len(spared)
    assert [file for file in files if "pytest.mark.values" in file.read_text()] == []
