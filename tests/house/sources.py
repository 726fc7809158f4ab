"""The project's own source files, for tests that hold rules against all of them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGES = ("pushadmin", "providers", "campaigns")


@cache
def python_files(*packages: str) -> tuple[Path, ...]:
    """Every source file of the packages (all three by default), migrations left out."""
    return tuple(
        path
        for package in packages or PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
        if "migrations" not in path.parts
    )


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), filename=str(path))


def nodes_of(path: Path) -> Iterator[ast.AST]:
    return ast.walk(tree_of(path))


def place(path: Path, node: ast.AST) -> str:
    """`campaigns/x.py:12`."""
    return f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"


@cache
def template_files() -> tuple[Path, ...]:
    return tuple(sorted((ROOT / "templates").rglob("*.html")))
