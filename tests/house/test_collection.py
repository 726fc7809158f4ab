"""Each worker collects the tests by itself: their names have to come out the same every time."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.house.sources import ROOT, nodes_of, place

# What gives something else each time, or in the next second: gzip writes the time down.
CHANGING = frozenset(
    {
        "getrandbits", "now", "randint", "random", "time", "token_bytes", "token_hex",
        "token_urlsafe", "urandom", "uuid1", "uuid4",
    }
)  # fmt: skip


def find_changing_names(path: Path) -> list[str]:
    """Places where a test is parametrized by what nobody else will find."""
    return [
        place(path, node)
        for node in nodes_of(path)
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("mark.parametrize")
        for inner in ast.walk(node)
        if isinstance(inner, ast.Call) and is_changing(inner)
    ]


def is_changing(call: ast.Call) -> bool:
    name = ast.unparse(call.func)
    if name == "gzip.compress":
        return not any(word.arg == "mtime" for word in call.keywords)
    return name.rpartition(".")[2] in CHANGING


def test_no_test_is_named_after_chance_or_the_clock():
    files = sorted((ROOT / "tests").rglob("test_*.py"))

    found = [one for path in files for one in find_changing_names(path)]

    assert len(files) > 300
    assert found == []


def test_a_name_of_chance_would_be_found(monkeypatch):
    path = ROOT / "tests" / "house" / "made_up.py"
    tree = ast.parse(
        "@pytest.mark.parametrize('x', [os.urandom(3), gzip.compress(b'')])\ndef f(): 0"
    )
    monkeypatch.setattr("tests.house.test_collection.nodes_of", lambda _path: ast.walk(tree))

    assert find_changing_names(path) == ["tests/house/made_up.py:1"] * 2
