"""docs/exchange.md says what the dialects declare now."""

from __future__ import annotations

from providers.contract import Addressing
from tests.exchange.docs_tables import (
    KINDS,
    NAMES,
    PAGE,
    TABLE,
    judge_kind,
    list_doors,
    list_vendors,
    write_page,
)
from tests.exchange.gateways import GATEWAYS
from tests.exchange.test_pairs import NAMED, PAIRS, REFUSED, VENDORS
from tests.house.sources import ROOT

TESTS = "tests/compat"  # where the door of a gateway tries its pairs itself


def test_the_page_is_what_is_made_now():
    text = PAGE.read_text()

    assert [found[1] for found in TABLE.findall(text)] == ["addressing", "pairs", "fields"]
    assert write_page(text) == text, "run python -m tests.exchange.docs_tables"


def test_every_pair_that_is_tried_stands_on_the_page():
    gateways = [door for door in list_doors() if door.fans_out]
    pairs = [(door.key, vendor.key) for door in list_doors() for vendor in list_vendors()]
    sending = [vendor.key for vendor in (*VENDORS, *GATEWAYS)]

    own_tests = [f"{TESTS}/{door.key}/test_exchange.py" for door in gateways]
    assert sorted(pairs) == sorted(
        (door.key, vendor) for door in (*VENDORS, *gateways) for vendor in sending
    )
    assert [path for path in own_tests if not (ROOT / path).exists()] == []


def test_the_pairs_that_are_seen_to_refuse_are_those_of_the_page():
    told = {
        (door.key, vendor.key): {judge_kind(kind, vendor) for kind in NAMES}
        for door, vendor in PAIRS
        if door.limits.addressing & NAMES
    }

    assert {pair for pair, words in told.items() if words == {"refused"}} == {
        (door.key, vendor.key) for door, vendor in REFUSED
    }
    assert {pair for pair, words in told.items() if words == {"taken"}} == {
        (door.key, vendor.key) for door, vendor in NAMED
    }


def test_every_way_of_addressing_has_a_word():
    assert set(KINDS) == set(Addressing)
