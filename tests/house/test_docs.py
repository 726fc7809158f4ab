"""Docs that lag fail here."""

from __future__ import annotations

import base64
import re
import subprocess
import sys
from pathlib import Path

import pytest

from providers import registry
from tests.house.sources import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *ROOT.glob("benchmarks/*.md")])
LINK = re.compile(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("document", PAGES, ids=lambda document: str(document.relative_to(ROOT)))
def test_every_link_to_a_file_leads_to_one(document: Path):
    targets = LINK.findall(document.read_text())

    missing = [target for target in targets if not (document.parent / target).exists()]

    assert missing == []


def test_every_page_picture_and_benchmark_is_named_where_readers_look():
    readme, all_pages = (ROOT / "README.md").read_text(), "".join(p.read_text() for p in PAGES)
    benchmarks = (ROOT / "benchmarks/README.md").read_text()

    unnamed = [
        *(page.name for page in (ROOT / "docs").glob("*.md") if f"docs/{page.name}" not in readme),
        *(one.name for one in (ROOT / "docs/images").iterdir() if one.name not in all_pages),
        *(one.name for one in (ROOT / "benchmarks").glob("*.py") if one.stem not in benchmarks),
    ]

    assert unnamed == []


def test_no_page_holds_the_marks_of_a_merge():
    marks = re.compile(r"^(<{7} |={7}$|>{7} )", re.MULTILINE)

    assert [str(page) for page in PAGES if marks.search(page.read_text())] == []


@pytest.mark.parametrize("dialect", registry.all_dialects(), ids=lambda dialect: dialect.key)
def test_every_vendor_has_a_page_that_names_its_calls(dialect):
    text = (ROOT / "docs/vendors" / f"{dialect.key}.md").read_text()

    unmentioned = [
        route.path
        for route in dialect.routes
        if re.sub(r"{\w+}", "", route.path).rstrip("/").split("{")[0].split("/")[-1] not in text
    ]

    assert dialect.label in text
    assert unmentioned == []


def test_readme_and_the_page_of_doors_have_a_row_for_every_vendor_with_a_door():
    doors = [dialect for dialect in registry.all_dialects() if dialect.has_door]
    readme, compat = (ROOT / "README.md").read_text(), (ROOT / "docs/compat.md").read_text()

    unnamed = [
        dialect.key
        for dialect in doors
        if f"| [{dialect.label}](docs/vendors/{dialect.key}.md)" not in readme
        or f"| [{dialect.label}](vendors/{dialect.key}.md) | `/compat/{dialect.key}/` |"
        not in compat
    ]

    assert unnamed == []
    assert all(dialect.connect for dialect in doors)  # README says that all go both ways


def test_every_gateway_has_a_row_in_readme_and_a_page_that_speaks_of_receipts():
    gateways = [dialect for dialect in registry.all_dialects() if dialect.fans_out]
    _head, _title, table = (ROOT / "README.md").read_text().partition("## Without a vendor")

    unnamed = [
        dialect.key
        for dialect in gateways
        if f"| [{dialect.label}](docs/vendors/{dialect.key}.md) |" not in table
        or "receipt token" not in (ROOT / f"docs/vendors/{dialect.key}.md").read_text()
    ]

    assert unnamed == []


def test_decisions_are_numbered_without_gaps_and_listed_by_their_titles():
    pages = sorted((ROOT / "docs/decisions").glob("[0-9]*.md"))
    titles = [page.read_text().split("\n", 1)[0].removeprefix("# ") for page in pages]

    listed = (ROOT / "docs/decisions/README.md").read_text().splitlines()

    assert [int(page.name[:4]) for page in pages] == list(range(1, len(pages) + 1))
    assert [title.split(".")[0] for title in titles] == [str(int(p.name[:4])) for p in pages]
    assert [line for line in listed if line.startswith("- ")] == [
        f"- [{title}]({page.name})" for title, page in zip(titles, pages, strict=True)
    ]


def test_the_changelog_has_an_unreleased_part_that_says_nothing_twice():
    text = (ROOT / "CHANGELOG.md").read_text()
    lines = re.findall(r"^- (.{40})", text, re.MULTILINE)

    assert re.search(r"^## Unreleased\n\n(### .+\n\n)?- \S", text, re.MULTILINE)
    assert sorted(line for line in set(lines) if lines.count(line) > 1) == []


def test_every_make_target_that_help_shows_has_a_sentence():
    text = (ROOT / "Makefile").read_text()

    targets = re.findall(r"^([a-z-]+):.*## (.+)$", text, re.MULTILINE)

    wanted = {"run", "test", "test-fast", "lint", "format", "bench", "gallery", "vendor", "help"}
    wanted |= {"chaos", "fuzz"}
    assert wanted <= {name for name, _sentence in targets}


def test_the_command_that_makes_a_key_makes_one():
    text = (ROOT / "docs/operating.md").read_text()
    code = re.findall(r'`python -c "(from cryptography[^`]+)"`', text)

    made = subprocess.run([sys.executable, "-c", code[0]], capture_output=True, check=True)

    assert len(code) == 1
    assert len(base64.urlsafe_b64decode(made.stdout)) == 32


def test_every_figure_that_operators_are_told_to_watch_is_there():
    text = (ROOT / "docs/operating.md").read_text()
    source = (ROOT / "pushadmin/metrics.py").read_text()

    named = set(re.findall(r"`pushadmin_(\w+)`", text))

    assert len(named) == 8
    assert sorted(name for name in named if f'"{name}"' not in source) == []
