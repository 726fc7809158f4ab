"""The page of this gateway names what an operator meets: calls, fields, options, answers."""

from __future__ import annotations

import re

import pytest

from providers.vendors.fcm import CARRIES, DIALECT, wire_messages
from tests.house.sources import ROOT

PAGE = (ROOT / "docs" / "vendors" / f"{DIALECT.key}.md").read_text(encoding="utf-8")
TEXT = " ".join(PAGE.split())  # wherever its lines end
LIGHT = {"led_color", "led_interval", "led_pause_interval"}


def test_the_table_lists_exactly_the_routes() -> None:
    listed = re.findall(r"^\| `(POST [^`]+)` \|", PAGE, re.MULTILINE)

    assert sorted(listed) == sorted(f"{route.method} {route.path}" for route in DIALECT.routes)


@pytest.mark.parametrize(
    "words",
    [
        *sorted({path.rpartition(".")[2] for path in CARRIES} - LIGHT - {"translations", "extras"}),
        *(f"**{field.label}**" for field in DIALECT.credentials + DIALECT.base_urls),
        *(f"**{field.label.partition(',')[0]}**" for field in DIALECT.door_options),
        *(field.label for field in wire_messages.OPTION_FIELDS),
        "`project_id`",
        "`service_account`",
        f"{wire_messages.MAX_BYTES:,} bytes",
        "by documentation",
    ],
)
def test_the_page_names_it(words: str) -> None:
    assert words in TEXT
