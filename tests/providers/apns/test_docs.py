"""The page of this gateway names what an operator meets: fields, options, answers."""

from __future__ import annotations

import pytest

from providers.vendors.apns import CARRIES, DIALECT, wire, wire_content
from providers.vendors.apns.wire_options import OPTION_FIELDS
from tests.house.sources import ROOT

PAGE = (ROOT / "docs" / "vendors" / f"{DIALECT.key}.md").read_text(encoding="utf-8")
TEXT = " ".join(PAGE.split())  # wherever its lines end


@pytest.mark.parametrize(
    "words",
    [
        *(path.rpartition(".")[2] for path in CARRIES if path.startswith("ios.")),
        *(f"`{field.name}`" for field in OPTION_FIELDS),
        *(f"**{field.label}**" for field in DIALECT.credentials + DIALECT.account_options),
        *(f"**{field.label}**" for field in DIALECT.route_options),
        *wire.KINDS,
        *wire.PORTS,
        f"`{wire_content.REFERENCE_KEY}`",
        f"{wire.KINDS[wire.ALERT].max_bytes:,} bytes",
        "By documentation",
    ],
)
def test_the_page_names_it(words: str) -> None:
    assert words in TEXT
