"""The page of this gateway names what an operator meets: calls, fields, options, answers."""

from __future__ import annotations

import re

import pytest

from providers.vendors.fcm import CARRIES, DIALECT, wire_messages
from tests.house.sources import ROOT
from tests.providers.fcm.codes import CASES
from tests.vendor_cases.codes import Case
from tests.vendor_cases.tables import list_untold, read_rows

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


FATES = {
    "token": "the token is disabled",
    "payload": "a fault of",
    "not_addressable": "`not_addressable`",
    "account": "a fault of the account",
    "later": "tried again|of one device, only that one",
    "blocked": "the account waits|tried again",
    "doubt": "nobody knows",
}


def find_code(case: Case) -> str:
    """Firebase's own codes; where the server has failed, the status says it."""
    details = case.body["error"]["details"] if "error" in case.body else []
    codes = [detail["errorCode"] for detail in details if "errorCode" in detail]
    goes_by_status = case.status >= 500 or case.fate.in_doubt
    return str(case.status) if codes and goes_by_status else "".join(codes)


def test_the_page_says_of_every_code_what_becomes_of_the_device() -> None:
    assert list_untold(read_rows(PAGE), CASES, FATES, find_code) == []
