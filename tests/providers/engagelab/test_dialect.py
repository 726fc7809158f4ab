"""What the dialect says of itself is what its wire and client do, and its page tells."""

from __future__ import annotations

from pathlib import Path

import pytest

from providers.contract import Cap, Fate, Idempotency
from providers.fields import Fields
from providers.inbound import DoorApp, Quota
from providers.vendors.engagelab import DIALECT, wire_content, wire_errors

PAGE = Path(__file__).parents[3] / "docs" / "vendors" / "engagelab.md"
TEXT = PAGE.read_text(encoding="utf-8")
PLATFORMS = [
    ("android.", wire_content.ANDROID), ("ios.", wire_content.IOS), ("web.", wire_content.WEB)
]  # fmt: skip


@pytest.mark.parametrize(("prefix", "names"), PLATFORMS)
def test_a_field_is_renamed_exactly_where_the_wire_renames_it(prefix: str, names: Fields) -> None:
    for ours, theirs in names.names.items():
        carry = DIALECT.carries[prefix + ours]
        assert (carry.fate is Fate.RENAMED, carry.name) == (ours != theirs, theirs)


def test_our_calls_stay_within_the_vendors_limits() -> None:
    limits = DIALECT.limits

    assert (limits.batch_size, limits.requests_per_second) == (1000, 500)
    assert DIALECT.quotas == {"api": Quota(per_second=500)}
    assert {route.quota for route in DIALECT.routes} == {"api"}


def test_what_scripts_keep_is_bounded_as_at_the_vendor() -> None:
    assert DIALECT.caps == {
        Cap.TAGS: 100_000,
        Cap.TAGS_PER_DEVICE: 100,
        Cap.DEVICES_PER_TAG: 100_000,
        Cap.TAG_BYTES: 40,
        Cap.ALIAS_BYTES: 40,
        Cap.DEVICES_PER_CALL: 1000,
    }


def test_a_lost_answer_is_asked_for_with_the_same_key() -> None:
    assert (DIALECT.idempotency, DIALECT.blind_resend) == (Idempotency.KEY, False)


def test_an_app_is_named_in_a_groups_answer_by_24_digits() -> None:
    app = DoorApp(id=7, slug="a", workspace="w", code="0123456789abcdef" * 2)

    assert DIALECT.door_identifiers(app) == {"member_app_key": "0123456789abcdef01234567"}


def test_a_key_is_told_as_appkey_and_secret_and_a_groups_as_its_header() -> None:
    key = DIALECT.describe_key({"key": "k", "secret": "s"})
    group = DIALECT.describe_key({"group_key": "g", "group_secret": "s"})

    assert key == {"app_key": "k", "master_secret": "s"}
    assert group == {"authorization": "Basic Z3JvdXAtZzpz"}  # group-g:s


@pytest.mark.parametrize(
    "words",
    [
        *(f"`{route.method} {route.path}`" for route in DIALECT.routes),
        *(f"`{kind.name}`" for kind in DIALECT.identifier_kinds),
        *(str(int(code)) for code in wire_errors.Code),
        *(
            field.label
            for field in (
                *DIALECT.credentials, *DIALECT.base_urls, *DIALECT.account_options,
                *DIALECT.route_options, *DIALECT.message_options,
            )
        ),
        *(path.rpartition(".")[2] for path in DIALECT.carries if "." in path),
    ],
)  # fmt: skip
def test_the_page_names_it(words: str) -> None:
    assert words in TEXT
