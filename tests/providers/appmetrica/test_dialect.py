"""What the dialect says of itself is what its wire and client do."""

from __future__ import annotations

from typing import Any

import pytest

from providers.contract import Fate, Idempotency
from providers.fields import Fields
from providers.inbound import DoorApp, Quota
from providers.message_fields import COMMON_FIELDS, Platform
from providers.message_platforms import ANDROID_FIELDS, IOS_FIELDS
from providers.vendors.appmetrica import DIALECT, wire_messages

ROUTES = [
    ("POST", "push/v1/management/groups", "client_write"),
    ("GET", "push/v1/management/groups", "client_read"),
    ("GET", "push/v1/management/group/{group}", "client_read"),
    ("PUT", "push/v1/management/group/{group}", "client_write"),
    ("DELETE", "push/v1/management/group/{group}", "client_write"),
    ("POST", "push/v1/management/group/{group}/restore", "client_write"),
    ("POST", "push/v1/send-batch", "client_write"),
    ("GET", "push/v1/status/{transfer}", "client_read"),
    ("GET", "push/v1/status/{group}/{client_transfer}", "client_read"),
    ("GET", "stat/v1/data", "report_read"),
    ("GET", "stat/v1/data.csv", "report_read"),
    ("GET", "stat/v1/data/drilldown", "report_read"),
    ("GET", "stat/v1/data/drilldown.csv", "report_read"),
]


def test_the_routes_are_those_of_the_vendor() -> None:
    assert [(route.method, route.path, route.quota) for route in DIALECT.routes] == ROUTES


def test_a_send_may_be_as_big_as_250_000_tokens() -> None:
    (route,) = (route for route in DIALECT.routes if route.path.endswith("send-batch"))

    assert (route.max_bytes, route.max_recipients) == (64 * 1024 * 1024, 250_000)


def test_every_class_of_calls_has_the_vendors_quota() -> None:
    assert {route.quota for route in DIALECT.routes} == set(DIALECT.quotas)
    assert set(DIALECT.quotas.values()) == {Quota(per_second=30, per_day=5000)}


def test_our_calls_stay_within_the_vendors_limits() -> None:
    limits = DIALECT.limits

    assert (limits.requests_per_second, limits.requests_per_day) == (30, 5000)
    assert (limits.batch_size, limits.day_zone) == (50_000, "UTC")


def test_a_lost_answer_is_asked_for() -> None:
    assert (DIALECT.idempotency, DIALECT.blind_resend) == (Idempotency.LOOKUP, False)
    assert DIALECT.lookup_lag > 0


def test_every_mobile_field_that_the_vendor_has_a_word_for_is_carried() -> None:
    fields = {
        *(spec.name for spec in COMMON_FIELDS),
        *(f"android.{spec.name}" for spec in ANDROID_FIELDS),
        *(f"ios.{spec.name}" for spec in IOS_FIELDS),
        "translations",
    }

    no_word_for = {
        "android.sound", "android.badge", "android.collapse_id", "android.buttons",
        "ios.subtitle", "ios.sound_name", "ios.interruption_level", "ios.relevance_score",
        "ios.target_content_id", "ios.buttons",
    }  # fmt: skip
    assert fields - set(DIALECT.carries) == no_word_for
    assert set(DIALECT.carries) <= fields


@pytest.mark.parametrize(
    ("prefix", "names"), [("android.", wire_messages.ANDROID), ("ios.", wire_messages.IOS)]
)
def test_a_field_is_renamed_exactly_where_the_wire_renames_it(prefix: str, names: Fields) -> None:
    for ours, theirs in names.names.items():
        carry = DIALECT.carries[prefix + ours]
        assert (carry.fate is Fate.RENAMED, carry.name) == (ours != theirs, theirs)


def test_seven_kinds_of_ids_are_known_and_three_are_tokens() -> None:
    kinds = {kind.name: kind for kind in DIALECT.identifier_kinds}

    assert len(kinds) == 7
    assert {name for name, kind in kinds.items() if kind.is_token} == {
        "android_push_token",
        "ios_push_token",
        "huawei_push_token",
    }
    assert kinds["ios_ifa"].platform is Platform.IOS
    assert kinds["appmetrica_device_id"].platform is None


def test_the_first_token_of_a_platform_is_its_own_gateways() -> None:
    first: dict[Any, str] = {}
    for kind in DIALECT.identifier_kinds:
        if kind.is_token:
            first.setdefault(kind.platform, kind.name)

    assert first == {Platform.ANDROID: "android_push_token", Platform.IOS: "ios_push_token"}


def test_a_door_is_found_by_the_id_of_its_app() -> None:
    assert DIALECT.door_identifiers(DoorApp(id=7, slug="a", workspace="w")) == {"app_id": 7}
