"""What adding a vendor touches: its own five places, and nothing else."""

from __future__ import annotations

import re
from functools import cache

import pytest

from providers import registry
from providers.contract import Dialect
from tests.house.sources import ROOT

VENDORS = [dialect for dialect in registry.all_dialects() if dialect.has_door]
FOLDERS = (
    "benchmarks", "campaigns", "docs", "providers", "pushadmin", "static", "templates", "tests",
)  # fmt: skip
TEXTS = {
    ".py",
    ".md",
    ".txt",
    ".toml",
    ".html",
    ".js",
    ".css",
    ".json",
    ".yml",
    ".yaml",
    ".example",
}
# Written for people, or made: by docs_tables, and by whoever measured.
EVERYBODYS = {
    "CHANGELOG.md",
    "README.md",
    "THREAT_MODEL.md",  # points to the tests of vendors, too
    "docs/compat.md",  # its table of doors is held against what `issue_key` prints
    "docs/exchange.md",
    "requirements-dev.txt",  # a vendor's own client, for its tests
    "benchmarks/doors.txt",
    "benchmarks/engine.txt",
    "benchmarks/hop.txt",
    # Beside other makers' clients of the same gateways, which bear their names.
    "benchmarks/README.md",
    "benchmarks/gateway_ours.py",
    "benchmarks/gateway_peers.py",
    "benchmarks/gateway_profile.txt",
    "benchmarks/gateway_sink.py",
    "benchmarks/gateways.py",
    "benchmarks/gateways.txt",
    "benchmarks/peer/gateway_peer.js",
    "benchmarks/peer/gateway_peer.py",
    "tests/chaos/results.txt",
    "tests/compat/fuzz_results.txt",
}
# Older than the rule: they take one vendor for any. The list only gets shorter.
OLDER = {
    "benchmarks/send_batch.py",
    "tests/admin/test_changes.py",
    "tests/admin/test_limits.py",
    "tests/campaigns/test_campaigns.py",
    "tests/campaigns/test_devices.py",
    "tests/campaigns/test_messages.py",
    "tests/campaigns/test_status.py",
    "tests/journeys/test_script_journey.py",
}


@cache
def read_texts() -> dict[str, str]:
    """Every text of the project by its path, migrations left out."""
    found = [*ROOT.glob("*"), *(path for folder in FOLDERS for path in (ROOT / folder).rglob("*"))]
    return {
        path.relative_to(ROOT).as_posix(): path.read_text()
        for path in found
        if path.suffix in TEXTS and path.is_file() and "migrations" not in path.parts
    }


# A gateway's name is a word of others too: their documented formats name it, people bring files
# that do, and another gateway is told from it.
QUOTING = (
    "providers/vendors/", "docs/vendors/", "tests/providers/", "tests/compat/", "tests/fixtures/",
    "campaigns/services/import_targets.py", "campaigns/services/import_values.py",
    "campaigns/services/token_shapes.py",
)  # fmt: skip


def list_outside(dialect: Dialect) -> set[str]:
    """Files that name a vendor and are not its own."""
    key = dialect.key
    own = (
        f"providers/vendors/{key}/",
        f"docs/vendors/{key}.md",
        f"tests/providers/{key}/",
        f"tests/compat/{key}/",
        f"tests/fixtures/{key}/",
    )
    names = re.compile(rf"{key}|{re.escape(dialect.label)}", re.IGNORECASE)
    return {
        path
        for path, text in read_texts().items()
        if not path.startswith(own)
        and not (dialect.fans_out and path.startswith(QUOTING))
        and names.search(text)
    }


@pytest.mark.parametrize("dialect", VENDORS, ids=lambda dialect: dialect.key)
def test_no_file_outside_a_vendors_own_places_names_it(dialect):
    outside = list_outside(dialect) - EVERYBODYS - OLDER - {"tests/house/test_vendors.py"}

    assert sorted(outside) == []


def test_no_exception_stands_without_need():
    named = set().union(*(list_outside(dialect) for dialect in VENDORS))

    assert sorted(OLDER - named) == []
