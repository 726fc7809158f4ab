"""The vendor's page names everything that its wire knows, and the dialect says what it does."""

from __future__ import annotations

from pathlib import Path

import pytest

from providers.contract import Fate, Idempotency
from providers.inbound import Quota
from providers.outcomes import HTTP_STATUS
from providers.scenarios import Channel
from providers.vendors.infobip import DIALECT, wire_destinations, wire_errors, wire_filters
from providers.vendors.infobip import wire_statuses as statuses

PAGE = Path(__file__).parents[3] / "docs" / "vendors" / "infobip.md"
TEXT = PAGE.read_text(encoding="utf-8")
REJECTED = (
    statuses.DUPLICATE,
    statuses.NO_APPLICATION,
    statuses.NO_DESTINATION,
    statuses.TOO_BIG,
    statuses.NO_CONTENT,
    statuses.BAD_VALIDITY,
    statuses.BAD_QUERY,
    statuses.BAD_TOPIC,
    statuses.BAD_ACTION,
)


@pytest.mark.parametrize(
    "words",
    [
        *(f"| `{route.method} {route.path}` |" for route in DIALECT.routes),
        *(f"`{kind.name}`" for kind in DIALECT.identifier_kinds),
        *(f"`{name}`" for name, _key in wire_destinations.TYPES.values()),
        *(f"`{name}`" for name in wire_filters.FIELDS),
        *(f"`{field}`" for field in wire_filters.FIELDS.values()),
        *(f"{HTTP_STATUS[kind]} `{word}`" for kind, word in wire_errors.WORDS.items()),
        *(f"| {number} | `{statuses.STATUSES[number].name}`" for number in REJECTED),
        *(
            field.label
            for field in (
                *DIALECT.credentials,
                *DIALECT.base_urls,
                *DIALECT.account_options,
                *DIALECT.route_options,
                *DIALECT.message_options,
            )
        ),
        *(path.rpartition(".")[2] for path in DIALECT.carries if "." in path),
    ],
)
def test_the_page_names_it(words: str) -> None:
    assert words in TEXT


def test_a_lost_answer_is_asked_for() -> None:
    assert (DIALECT.idempotency, DIALECT.blind_resend) == (Idempotency.LOOKUP, False)
    assert DIALECT.lookup_lag > 0
    assert DIALECT.wants_references


def test_logs_are_bounded_by_the_minute_and_sends_by_the_second() -> None:
    assert DIALECT.quotas["logs"] == Quota(calls=120, within=60)
    assert DIALECT.quotas["messages"] == Quota(per_second=2500)


def test_what_is_cut_is_not_said_to_be_carried() -> None:
    cut = {path for path, carry in DIALECT.carries.items() if carry.fate is Fate.TRUNCATED}

    assert {"title", "body", "ios.attachments"} <= cut


def test_texts_are_a_channel_of_it() -> None:
    assert DIALECT.channels == {Channel.SMS}
