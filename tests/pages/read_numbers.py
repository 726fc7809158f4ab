"""Reads the numbers that a page shows: those of its tables and figures, with where they lead."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from tests.pages.read_shown import ShownReader

NUMBER = re.compile(r"(-?[0-9][0-9,]*(?:\.[0-9]+)?)(?: [a-z]+)?")
FIGURES = {"pa-figure-value", "pa-change-now"}
VOID = frozenset({"br", "meter", "img", "input", "hr", "col"})


@dataclass(slots=True)
class Shown:
    """One number: under which head it stands, its address, and the words that say why it has
    none. `row` counts the rows of tables from 1, 0 is a figure."""

    text: str
    head: str
    link: str = ""
    why: str = ""
    row: int = 0

    @property
    def value(self) -> float:
        found = NUMBER.fullmatch(self.text)
        return float(found[1].replace(",", "")) if found else 0.0


class _Reader(ShownReader):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[Shown] = []
        self.depth = self.row = 0
        self.cell: Shown | None = None
        self.is_name = False
        self.name = ""

    def begin(self, tag: str, given: Mapping[str, str]) -> None:
        classes = given.get("class", "").split()
        self.row += tag == "tr"
        if tag == "dt" or "pa-figure-name" in classes:
            self.is_name, self.name = True, ""
        is_cell = tag == "td" or not FIGURES.isdisjoint(classes)
        if is_cell and self.cell is None:
            head = given.get("data-label", "") if tag == "td" else self.name
            row = self.row if tag == "td" else 0
            self.cell, self.depth = Shown("", head, why=given.get("title", ""), row=row), 0
        if self.cell is None:
            return
        self.depth += tag not in VOID
        self.cell.link = self.cell.link or given.get("href", "")

    def handle_endtag(self, tag: str) -> None:
        super().handle_endtag(tag)
        self.is_name = False
        if self.cell is None:
            return
        self.depth -= tag not in VOID
        if not self.depth:
            self._keep(self.cell)
            self.cell = None

    def handle_data(self, data: str) -> None:
        if self.is_name:
            self.name += data
        elif self.cell is not None:
            self.cell.text += data

    def _keep(self, cell: Shown) -> None:
        cell.text = cell.text.strip()
        if NUMBER.fullmatch(cell.text):
            self.found.append(cell)


def read_numbers(html: str) -> list[Shown]:
    """Every number above 0 that a cell or a figure of a page shows."""
    reader = _Reader()
    reader.feed(html)
    return [cell for cell in reader.found if cell.value]
