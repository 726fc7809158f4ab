"""What the dialect says of itself is what its wire and client do."""

from __future__ import annotations

import pytest

from providers.contract import Addressing, CallKind, Cap, Fate, Idempotency
from providers.inbound import DoorApp, Quota
from providers.message_fields import Platform
from providers.message_platforms import BLOCK_FIELDS
from providers.vendors.agora import DIALECT, wire_messages

QUOTAS = {
    "POST push/sync/{target}": Quota(per_second=1, per_app=True),
    "POST push/async/{target}": Quota(per_second=200),
    "POST push/single": Quota(calls=1200, within=60),
    "POST push/list": Quota(calls=1200, within=60),
    "POST push/list/label": Quota(calls=1200, within=60),
    "POST push/task": Quota(calls=5, within=60, per_day=100),
    "GET push/label": Quota(per_second=100),
    "GET push/data/offline-push/begin/{begin}/end/{end}": Quota(calls=10, within=10),
}


@pytest.mark.parametrize(("call", "quota"), QUOTAS.items(), ids=list(QUOTAS))
def test_the_rates_are_those_of_the_vendor(call: str, quota: Quota) -> None:
    method, _, path = call.partition(" ")
    (route,) = (
        item
        for item in DIALECT.routes
        if (item.method, item.path) == (method, f"{{org_name}}/{{app_name}}/{path}")
    )

    assert DIALECT.quotas[route.quota] == quota


def test_every_call_about_labels_counts_against_one_rate() -> None:
    about = [route for route in DIALECT.routes if "/push/label" in route.path]

    assert len(about) == 8
    assert {route.quota for route in about} == {"label"}


def test_three_tasks_run_at_once_and_labels_are_bounded() -> None:
    assert DIALECT.running_limits == {"task": 3}
    assert DIALECT.caps == {Cap.LABELS: 100, Cap.MEMBERS: 20_000, Cap.MEMBERS_PER_CALL: 100}


def test_only_the_call_for_a_token_is_open() -> None:
    assert [route.path for route in DIALECT.routes if route.is_open] == [
        "{org_name}/{app_name}/token"
    ]


def test_a_lost_answer_is_never_tried_again() -> None:
    assert (DIALECT.idempotency, DIALECT.blind_resend) == (Idempotency.NONE, False)


def test_users_labels_and_everyone_are_addressed() -> None:
    limits = DIALECT.limits

    assert limits.addressing == {Addressing.USERNAME, Addressing.LABEL, Addressing.EVERYONE}
    assert (limits.batch_size, limits.labels_per_call) == (100, 5)
    # One task for a whole app or label, whose people are not sent along.
    assert (DIALECT.has_labels, DIALECT.prefers_audience) == (True, True)


@pytest.mark.parametrize(
    ("options", "rate", "tasks"),
    [
        ({}, 20.0, 5 / 60),
        ({"service": "agora"}, 20.0, 5 / 60),
        ({"service": "easemob"}, 10.0, 1.0),
    ],
)
def test_the_two_hosts_have_rates_of_their_own(
    options: dict[str, str], rate: float, tasks: float
) -> None:
    plain = CallKind(options=options)
    labels = CallKind(options=options, told=Addressing.LABEL)
    everyone = CallKind(options=options, told=Addressing.EVERYONE)
    awaited = CallKind(options=options, is_awaited=True)

    rates = [
        DIALECT.limits.call_rates[DIALECT.name_call(call)]
        for call in (plain, labels, everyone, awaited)
    ]

    assert rates == [rate, rate, tasks, 1.0]


def test_a_field_is_renamed_exactly_where_the_wire_renames_it() -> None:
    for place in wire_messages.PLACES:
        carry = DIALECT.carries[f"{place.block}.{place.name}"]
        assert (carry.fate, carry.name) == (Fate.RENAMED, ".".join(place.path))


def test_what_no_phone_of_the_vendors_shows_is_dropped() -> None:
    fields = {
        f"{platform}.{spec.name}" for platform, specs in BLOCK_FIELDS.items() for spec in specs
    }

    assert fields - DIALECT.carries.keys() >= {"android.led_color", "ios.attachments", "web.title"}
    assert Platform.WEB not in DIALECT.platforms


def test_a_door_is_found_by_the_key_of_its_app_and_by_its_app_id() -> None:
    app = DoorApp(id=7, slug="shop", workspace="acme", code="c" * 32)

    assert DIALECT.door_identifiers(app) == {
        "org_name": "acme",
        "app_name": "shop",
        "app_key": "acme#shop",
        "app_id": "c" * 32,
    }
    assert DIALECT.door_secrets == ("app_certificate",)


def test_a_key_is_shown_as_a_clients_id_and_secret() -> None:
    shown = DIALECT.describe_key({"key": "public", "secret": "hidden"})

    assert shown == {"client_id": "public", "client_secret": "hidden"}
    assert DIALECT.describe_key({"group_key": "g", "group_secret": "s"}) == {}
