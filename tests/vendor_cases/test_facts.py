"""What a dialect says of itself, and what its package may import."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from providers.contract import Dialect
from providers.message_channels import OTHER_BLOCKS
from providers.message_faults import TOP_FIELDS
from providers.message_platforms import BLOCK_FIELDS
from tests.vendor_cases.accounts import ALL
from tests.vendor_cases.test_wire import each

ROOT = Path(__file__).resolve().parents[2]
SPECS = ("credentials", "base_urls", "account_options", "route_options", "message_options")
PLAIN = ("wire", "inbound")
WEB = {"django", "rest_framework", "requests", "urllib3", "pycurl", "campaigns", "pushadmin"}


def list_message_paths() -> set[str]:
    blocks = {
        f"{platform.value}.{spec.name}"
        for platform, specs in BLOCK_FIELDS.items()
        for spec in specs
    }
    blocks |= {f"{name}.{spec.name}" for name, specs in OTHER_BLOCKS.items() for spec in specs}
    return {spec.name for spec in TOP_FIELDS} | {"translations", "extras"} | blocks


def list_imports(dialect: Dialect) -> Iterator[tuple[str, str]]:
    """File name and imported module, for every import in the vendor's package."""
    package = f"providers.vendors.{dialect.key}"
    for path in sorted((ROOT / "providers" / "vendors" / dialect.key).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                yield from ((path.stem, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                base = package if node.level else ""
                module = ".".join(filter(None, (base, node.module)))
                yield from ((path.stem, f"{module}.{alias.name}") for alias in node.names)


@each(ALL)
def test_it_has_a_page_in_the_docs(dialect):
    page = ROOT / "docs" / "vendors" / f"{dialect.key}.md"

    assert dialect.label in page.read_text()


@each(ALL)
def test_it_carries_only_fields_that_a_message_has(dialect):
    assert set(dialect.carries) <= list_message_paths()


@each(ALL)
def test_names_of_fields_are_told_apart(dialect):
    for group in SPECS:
        names = [spec.name for spec in getattr(dialect, group)]
        assert len(names) == len(set(names)), group


@each(ALL)
def test_every_route_takes_what_a_call_of_ours_carries(dialect):
    sends = [route for route in dialect.routes if route.method == "POST"]

    assert not sends or max(row.max_recipients for row in sends) >= dialect.limits.batch_size


@each(ALL)
def test_every_quota_that_a_route_names_exists(dialect):
    assert {route.quota for route in dialect.routes} - {""} <= set(dialect.quotas)


@each(ALL)
def test_no_vendor_imports_another(dialect):
    siblings = {
        module
        for _, module in list_imports(dialect)
        if module.startswith("providers.vendors.") and module.split(".")[2] != dialect.key
    }

    assert not siblings


@each(ALL)
def test_what_describes_the_wire_knows_no_web(dialect):
    foreign = {
        (stem, module)
        for stem, module in list_imports(dialect)
        if stem.startswith(PLAIN) and module.split(".")[0] in WEB
    }

    assert not foreign


@pytest.mark.parametrize(
    "flag", ["has_groups", "can_report", "has_totals", "has_receipts", "fans_out"]
)
@each(ALL)
def test_a_client_offers_what_its_flags_promise(dialect, flag):
    methods = {
        "has_groups": ["ensure_group"],
        "can_report": ["fetch_status", "fetch_totals"],
        "has_totals": ["fetch_totals"],
        "has_receipts": ["fetch_receipts"],
        "fans_out": ["write_calls"],
    }

    missing = [name for name in methods[flag] if not hasattr(dialect.connect, name)]

    assert not (getattr(dialect, flag) and missing)
