"""The vendor's page names everything that its wire knows, and its table the calls that we serve."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from providers.contract import Fate
from providers.vendors.agora import DIALECT, wire_errors, wire_sends

PAGE = Path(__file__).parents[3] / "docs" / "vendors" / "agora.md"
TEXT = PAGE.read_text(encoding="utf-8")


def test_the_table_holds_the_calls_that_we_serve_in_their_order() -> None:
    served = re.findall(r"^\| `((?:GET|POST|PUT|DELETE) [^`]+)` \|", TEXT, re.MULTILINE)

    assert served == [f"{route.method} {route.path}" for route in DIALECT.routes]


@pytest.mark.parametrize(
    "words",
    [
        *(f"{status} `{word}`" for status, word in wire_errors.ERRORS.values()),
        *(f"{status} `{word}`" for word, status in wire_errors.STATUSES.items()),
        f"404 `{wire_errors.NO_APP}`",
        f"401 `{wire_errors.BAD_TOKEN}`",
        f"400 `{wire_errors.BAD_GRANT}`",
        f"400 `{wire_errors.BAD_MESSAGE}`",
        *(f"`{words}`" for words in sorted(set(wire_sends.WORDS.values()))),
        *(f"`{status}`" for status in (wire_sends.SUCCESS, wire_sends.FAIL, wire_sends.ERROR)),
        f"`{wire_sends.TAKEN}`",
        *(field.label for field in DIALECT.credentials + DIALECT.base_urls),
        *(field.label for field in DIALECT.account_options + DIALECT.door_options),
        *(path.rpartition(".")[2] for path in DIALECT.carries),
        *(
            f"`{carry.name}`"
            for carry in DIALECT.carries.values()
            if carry.fate is Fate.RENAMED and "." not in carry.name
        ),
        *(f"`{name}`" for name in DIALECT.quotas),
        *DIALECT.door_secrets,
        *DIALECT.describe_key({"key": "k", "secret": "s"}),
    ],
)
def test_the_page_names_it(words: str) -> None:
    assert words in TEXT
