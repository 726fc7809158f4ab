"""The page of this gateway names what an operator meets: fields, options, answers."""

from __future__ import annotations

import pytest

from providers.vendors.apns import CARRIES, DIALECT, wire, wire_content
from providers.vendors.apns.wire_options import OPTION_FIELDS
from tests.house.sources import ROOT
from tests.providers.apns.codes import CASES
from tests.vendor_cases.codes import Case
from tests.vendor_cases.tables import list_untold, name_fate, read_rows

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


FATES = {
    "token": "is switched off",
    "payload": "recipient fails",
    "account": "the account is marked",
    "later": "tried again",
    "blocked": "the account waits",
    "doubt": "nobody knows",
}


def find_reason(case: Case) -> str:
    """Apple's own strings, with their statuses: by name, by status, or among the faults of a
    message."""
    if not isinstance(case.body, dict) or case.body.get("reason") != case.name:
        return ""
    name, others = case.name, "whatever else is wrong with the message"
    return f"`{name}`|{others}" if name_fate(case.fate) == "payload" else f"`{name}`|^{case.status}"


def test_the_page_says_of_every_reason_what_becomes_of_the_device() -> None:
    assert list_untold(read_rows(PAGE), CASES, FATES, find_reason) == []
