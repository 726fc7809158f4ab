"""The vendor's page names everything that its wire knows, and no endpoint that is not served."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from providers.vendors.pushexpress import DIALECT, wire_devices, wire_errors, wire_filters

PAGE = Path(__file__).parents[3] / "docs" / "vendors" / "pushexpress.md"
TEXT = PAGE.read_text(encoding="utf-8")
FIELDS = DIALECT.credentials + DIALECT.base_urls + DIALECT.route_options


def test_the_table_lists_exactly_the_routes() -> None:
    listed = re.findall(r"^\| `((?:GET|POST|PUT|DELETE) [^`]+)` \|", TEXT, re.MULTILINE)

    assert sorted(listed) == sorted(f"{route.method} {route.path}" for route in DIALECT.routes)


@pytest.mark.parametrize(
    "words",
    [
        *(f"`{name}`" for name in wire_filters.FIELDS),
        *(f"`{kind.name}`" for kind in DIALECT.identifier_kinds),
        *(str(status) for status in set(wire_errors.STATUSES.values())),
        *(field.label for field in FIELDS),
        *(path.rpartition(".")[2] for path in DIALECT.carries),
        *wire_devices.TRANSPORTS,
        *wire_devices.PLATFORMS,
        wire_errors.EMPTY_APPS,
        "By documentation",
    ],
)
def test_the_page_names_it(words: str) -> None:
    assert words in TEXT
