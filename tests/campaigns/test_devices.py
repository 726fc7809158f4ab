"""Registering devices: what matches what, and what is left out."""

from __future__ import annotations

import json

import pytest

from campaigns.models import AuditEntry, Device, DeviceIdentifier, Person
from campaigns.models.audience import hash64
from campaigns.services.device_rows import DeviceRow
from campaigns.services.devices import Rejected, register_devices
from tests import builders

pytestmark = pytest.mark.database
CROOKED = "https://push.example/wp/%2e%2e/other"


@pytest.fixture
def register(app, now):
    def act(*rows):
        return register_devices(
            app, [DeviceRow(**{"platform": "android", **row}) for row in rows], actor="me", now=now
        )

    return act


def test_a_new_device_is_created_with_its_person_and_ids(app, register):
    result = register(
        {
            "token": "t1",
            "external_user_id": "ann",
            "ids": {"google_aid": "g1"},
            "attributes": {"plan": "pro", "gone": None},
            "columns": {"country": "DE", "app_version": "2.10.1", "is_primary": True},
        }
    )

    device = Device.objects.get()
    assert (result.created, result.updated, result.rejected) == (1, 0, ())
    assert result.devices == (device.pk,)
    assert (device.token, device.token_hash, device.token_state) == ("t1", hash64("t1"), "active")
    assert device.person.external_user_id == "ann"
    assert device.person.workspace_id == app.workspace_id
    assert device.attributes == {"plan": "pro"}
    assert (device.country, device.is_primary) == ("DE", True)
    assert device.app_version_number == 2 << 36 | 10 << 24 | 1 << 12
    assert list(device.identifiers.values_list("kind", "value")) == [("google_aid", "g1")]


def test_the_same_rows_again_change_nothing(register):
    rows = [{"token": f"t{n}", "ids": {"google_aid": f"g{n}"}} for n in range(5)]
    register(*rows)

    result = register(*rows)

    assert (result.created, result.updated) == (0, 5)
    assert Device.objects.count() == 5
    assert DeviceIdentifier.objects.count() == 5


def test_a_token_is_matched_before_ids_and_an_unknown_id_is_added(register):
    [first] = register({"token": "t1"}).devices

    result = register({"token": "t1", "ids": {"google_aid": "g1"}})

    assert result.devices == (first,)
    assert DeviceIdentifier.objects.get().device_id == first


def test_a_device_that_is_known_by_id_gets_its_new_token(register):
    [first] = register({"token": "old", "ids": {"google_aid": "g1"}}).devices
    Device.objects.update(token_state="disabled", token_evidence="gone")

    result = register({"token": "new", "ids": {"google_aid": "g1"}})

    device = Device.objects.get()
    assert result.devices == (first,)
    assert (device.token, device.token_state) == ("new", "active")


def test_a_known_token_with_another_user_moves_the_device(register):
    register({"token": "t1", "external_user_id": "ann"})

    register({"token": "t1", "external_user_id": "bob"})

    device = Device.objects.get()
    assert device.person.external_user_id == "bob"
    assert AuditEntry.objects.filter(verb="move", target_id=str(device.pk)).count() == 1


def test_a_row_without_user_keeps_the_person(register):
    register({"token": "t1", "external_user_id": "ann", "attributes": {"a": 1, "b": 2}})

    register({"token": "t1", "attributes": {"b": None, "c": 3}})

    device = Device.objects.get()
    assert device.person.external_user_id == "ann"
    assert device.attributes == {"a": 1, "c": 3}


def test_two_matches_in_one_row_are_a_conflict(register):
    register({"token": "t1"}, {"token": "t2", "ids": {"google_aid": "g2"}})
    register({"token": "t3", "ids": {"appmetrica_device_id": "m3"}})

    result = register(
        {"token": "t1", "ids": {"google_aid": "g2"}},
        {"ids": {"google_aid": "g2", "appmetrica_device_id": "m3"}},
        {"platform": "ios", "ids": {"appmetrica_device_id": "m3"}},
        {"token": "t4"},
    )

    assert result.rejected == (
        Rejected(0, "conflict"), Rejected(1, "conflict"), Rejected(2, "conflict"),
    )  # fmt: skip
    assert (result.created, result.updated) == (1, 0)


def test_later_rows_see_what_earlier_ones_did(register):
    result = register(
        {"token": "t1", "external_user_id": "ann"},
        {"token": "t1", "ids": {"google_aid": "g1"}},
        {"ids": {"google_aid": "g1"}, "token": "t2"},
        {"token": "t1"},
    )

    assert (result.created, result.updated) == (2, 2)
    assert result.devices[0] == result.devices[1] == result.devices[2]
    assert list(Device.objects.order_by("pk").values_list("token", flat=True)) == ["t2", "t1"]


def test_two_devices_can_exchange_their_tokens(register):
    first, second = register(
        {"token": "a", "ids": {"google_aid": "1"}}, {"token": "b", "ids": {"google_aid": "2"}}
    ).devices

    register(
        {"token": "c", "ids": {"google_aid": "1"}},
        {"token": "a", "ids": {"google_aid": "2"}},
        {"token": "b", "ids": {"google_aid": "1"}},
    )

    assert Device.objects.get(pk=first).token == "b"
    assert Device.objects.get(pk=second).token == "a"


def test_a_freed_id_may_be_taken_by_another_device(register):
    [first] = register({"token": "a", "ids": {"google_aid": "1"}}).devices

    result = register(
        {"token": "a", "ids": {"google_aid": "2"}}, {"token": "b", "ids": {"google_aid": "1"}}
    )

    assert result.created == 1
    held = dict(DeviceIdentifier.objects.values_list("value", "device_id"))
    assert held == {"2": first, "1": result.devices[1]}


def test_the_same_token_on_another_platform_or_app_is_another_device(app, register, now):
    other = builders.make_app(app.workspace, slug="second")
    register({"token": "t1"}, {"token": "t1", "platform": "ios"})

    register_devices(other, [DeviceRow(platform="ios", token="t1")], actor="me", now=now)

    assert Device.objects.count() == 3


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({}, "no_identity"),
        ({"platform": "beos", "token": "t"}, "invalid_platform"),
        ({"token": "t\0"}, "invalid_token"),
        ({"token": "x" * 4097}, "invalid_token"),
        ({"token": "\ud800"}, "invalid_token"),
        ({"platform": "web", "token": CROOKED}, "invalid_token"),
        ({"platform": "web", "token": json.dumps({"endpoint": CROOKED})}, "invalid_token"),
        ({"token": "t", "external_user_id": "x" * 256}, "invalid_external_user_id"),
        ({"ids": {"colour": "red"}}, "unknown_id_kind"),
        ({"ids": {"google_aid": ""}}, "invalid_ids"),
        ({"ids": {"ios_ifa": "x"}}, "wrong_platform"),
        ({"token": "t", "attributes": {'a"b': 1}}, "invalid_attributes"),
        ({"token": "t", "attributes": {"a": 2**60}}, "invalid_attributes"),
        ({"token": "t", "attributes": {"a": float("inf")}}, "invalid_attributes"),
        ({"token": "t", "attributes": {"a": {"b": 1}}}, "invalid_attributes"),
        ({"token": "t", "attributes": {"a": ["\0"]}}, "invalid_attributes"),
        ({"token": "t", "attributes": {str(n): n for n in range(101)}}, "invalid_attributes"),
        ({"token": "t", "columns": {"country": "de"}}, "invalid_country"),
        ({"token": "t", "columns": {"language": "german!"}}, "invalid_language"),
        ({"token": "t", "columns": {"timezone": "Mars/Olympus"}}, "invalid_timezone"),
        ({"token": "t", "columns": {"timezone": "Factory"}}, "invalid_timezone"),
        ({"token": "t", "columns": {"is_secure": 1}}, "invalid_is_secure"),
        ({"token": "t", "columns": {"model": "x" * 65}}, "invalid_model"),
    ],
)
def test_a_row_that_cannot_be_is_left_out_with_its_reason(register, row, reason):
    result = register({"token": "good"}, row)

    assert result.rejected == (Rejected(1, reason),)
    assert result.devices[1] == 0
    assert Device.objects.count() == 1
    assert Person.objects.count() == 0


def test_two_thousand_rows_take_a_handful_of_queries(register, django_assert_max_num_queries):
    rows = [
        {"token": f"t{n}", "external_user_id": f"u{n % 600}", "ids": {"google_aid": f"g{n}"}}
        for n in range(2_000)
    ]

    with django_assert_max_num_queries(86):
        created = register(*rows)
    with django_assert_max_num_queries(86):
        updated = register(*rows)

    assert (created.created, updated.updated) == (2_000, 2_000)
