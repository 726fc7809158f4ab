"""The vendor's page names everything that its wire knows."""

from __future__ import annotations

from pathlib import Path

import pytest

from providers.vendors.appmetrica import DIALECT, wire_errors, wire_filters, wire_query

PAGE = Path(__file__).parents[3] / "docs" / "vendors" / "appmetrica.md"
TEXT = PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "words",
    [
        *(f"{route.method} {route.path}" for route in DIALECT.routes),
        *(f"`{kind.name}`" for kind in DIALECT.identifier_kinds),
        *(f"{status} `{word}`" for status, word in wire_errors.ERRORS.values()),
        *(f"`{name}`" for name in wire_query.METRICS.values()),
        *(f"`{name}`" for name in wire_filters.DIMENSIONS.values()),
        *(f"`{operator}`" for operator in wire_filters.OPERATORS),
        *(field.label for field in DIALECT.credentials + DIALECT.base_urls + DIALECT.route_options),
        *(path.rpartition(".")[2] for path in DIALECT.carries if "." in path),
        *DIALECT.quotas,
    ],
)
def test_the_page_names_it(words: str) -> None:
    assert words in TEXT
