"""Style as a number: how long functions and files are."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.house.sources import ROOT, nodes_of, python_files

LONGEST_FILE = 600


def measure(package: str) -> tuple[list[int], list[int]]:
    """Lines of each file and of each function of a package."""
    files = python_files(package)
    functions = [
        (node.end_lineno or 0) - node.lineno + 1
        for path in files
        for node in nodes_of(path)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    return [count_lines(path) for path in files], functions


def count_lines(path: Path) -> int:
    return len(path.read_text().splitlines())


def quantile(values: list[int], share: float) -> int:
    ordered = sorted(values) or [0]
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def test_functions_and_files_stay_small(capsys):
    sizes = {package: measure(package) for package in ("pushadmin", "providers", "campaigns")}
    functions = [lines for _files, package in sizes.values() for lines in package]

    with capsys.disabled():
        print("\npackage      files  med  p90  max | functions  med  p90  max")
        for package, (files, own) in sizes.items():
            print(
                f"{package:<12} {len(files):5} {quantile(files, 0.5):4} {quantile(files, 0.9):4}"
                f" {max(files):4} | {len(own):9} {quantile(own, 0.5):4} {quantile(own, 0.9):4}"
                f" {max(own):4}"
            )

    assert len(functions) > 100
    assert quantile(functions, 0.5) <= 8
    assert quantile(functions, 0.9) <= 25


def test_no_file_is_longer_than_600_lines():
    tests = (ROOT / "tests").rglob("*.py")

    too_long = {
        str(path.relative_to(ROOT)): count_lines(path)
        for path in (*python_files(), *tests)
        if count_lines(path) > LONGEST_FILE
    }

    assert too_long == {}
