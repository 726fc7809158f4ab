"""The page of this gateway names what an operator meets: fields, options, sizes."""

from __future__ import annotations

import pytest

from providers.vendors.webpush import CARRIES, DIALECT, wire_messages
from providers.vendors.webpush.wire_encryption import MAX_PLAIN_BYTES
from tests.house.sources import ROOT
from tests.providers.webpush.codes import CASES
from tests.vendor_cases.codes import Case
from tests.vendor_cases.tables import list_untold, read_rows

PAGE = (ROOT / "docs" / "vendors" / f"{DIALECT.key}.md").read_text(encoding="utf-8")
TEXT = " ".join(PAGE.split())  # wherever its lines end


@pytest.mark.parametrize(
    "words",
    [
        *(f"`{path}`" for path in CARRIES if path.startswith("web.") and path not in
          ("web.title", "web.body")),
        *(f"`extras.{DIALECT.key}.{field.name}`" for field in wire_messages.OPTION_FIELDS),
        *(f"**{field.label}**" for field in DIALECT.credentials),
        *(field.label for field in DIALECT.account_options),
        f"{MAX_PLAIN_BYTES} bytes",
        "By documentation",
    ],
)  # fmt: skip
def test_the_page_names_it(words: str) -> None:
    assert words in TEXT


FATES = {
    "sent": r"^sent$",
    "token": r"`token`",
    "payload": r"`payload`",
    "not_addressable": r"`not_addressable`",
    "account": r"`credential`",
    "later": r"^tried again later",
    "doubt": r"^unknown",
}


def find_status(case: Case) -> str:
    return rf"\b{case.status}\b|{case.status // 100}xx"


def test_the_page_says_of_every_status_what_becomes_of_the_browser() -> None:
    assert list_untold(read_rows(PAGE), CASES, FATES, find_status) == []
