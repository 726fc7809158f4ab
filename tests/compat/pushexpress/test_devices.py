"""What an app on a device calls, without a key: it tells about itself, and about nobody else."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from campaigns.dispatch.receipt_tokens import write_receipt_token
from campaigns.models import Device, Group, Message, Part, ReceiptRow, Transfer
from campaigns.services import quotas
from campaigns.services.device_door import Registration, open_door, register
from campaigns.services.doors import ensure_door
from providers import registry
from tests import builders
from tests.fixtures.pushexpress import read_examples

pytestmark = [pytest.mark.django_db, pytest.mark.database]
DIALECT = registry.get("pushexpress")
EXAMPLES = read_examples()
UUID = EXAMPLES["register"]["call"]["ic_token"]
OTHER = "9d2f7a41-0b1c-4d6e-8f30-aa11bb22cc33"
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def sdk_id(app):
    return ensure_door(app, DIALECT, datetime.now(UTC)).identifiers["pushexpress_id"]


@pytest.fixture
def call(client, sdk_id):
    def call_path(method: str, path: str, body: Any, app: str = sdk_id) -> tuple[int, Any]:
        address = f"/compat/pushexpress/api/r/v2/apps/{app}/{path}"
        answer = client.generic(method, address, json.dumps(body), content_type="text/plain")
        assert answer["Content-Type"] == "application/json"
        return answer.status_code, answer.json()

    return call_path


def update(call, uuid=UUID, **changes):
    return call("PUT", f"instances/{uuid}/info", {**EXAMPLES["update"]["call"], **changes})


def test_a_device_registers_tells_what_it_is_and_is_known_then(call, app):
    first = call("POST", "instances", EXAMPLES["register"]["call"])
    told = update(call)
    again = call("POST", "instances", EXAMPLES["register"]["call"])

    device = Device.objects.get()
    assert first == (200, {"id": UUID, "just_created": True})
    assert told == (200, {"id": UUID, "update_interval_sec": 120})
    assert again == (200, {"id": UUID, "just_created": False})
    assert (device.app, device.platform, device.transport) == (app, "android", "fcm")
    assert (device.token, device.language, device.country, device.timezone) == (
        "fcm-token-0123456789", "en-US", "US", "Etc/GMT-3",
    )  # fmt: skip
    assert device.person.external_user_id == "ann"
    assert device.attributes == {"plan": "gold"}
    assert device.last_seen_at is not None


@pytest.mark.parametrize(
    ("word", "platform"), [("android", "android"), ("ios", "ios"), ("browser", "web")]
)
def test_each_platform_has_its_word(call, word, platform):
    update(call, platform_type=word)

    assert Device.objects.get().platform == platform


def test_a_device_that_tells_something_new_stays_the_same_device(call):
    update(call)
    update(call, transport_token="another-token-0123456789", lang="de")

    device = Device.objects.get()
    assert (device.token, device.language) == ("another-token-0123456789", "de")


def test_nobody_takes_a_device_over_by_its_token(call):
    update(call)

    status, told = update(call, OTHER, ext_id="mallory")

    device = Device.objects.get()
    assert (status, told["error"]) == (409, "This token is another device's.")
    assert (device.person.external_user_id, device.identifiers.get().value) == ("ann", UUID)


def test_a_device_with_a_session_is_not_taken_over_by_its_token(app, call):
    open_door(app, actor="test", now=NOW)
    told = Registration(platform="android", installation_id="one", token="fcm-token-0123456789")
    device = register(app.device_key, told, session=None, now=NOW).device

    status, _told = update(call, ext_id=None)

    assert status == 409
    assert not device.identifiers.filter(kind="pushexpress_ic_token").exists()


def test_a_device_that_a_server_has_uploaded_says_which_it_is(app, call):
    device = builders.make_device(app, token="fcm-token-0123456789", platform="android")

    status, _told = update(call)

    assert status == 200
    assert device.identifiers.get().value == UUID


def test_a_user_is_not_believed_where_devices_must_prove_theirs(app, call):
    update(call)
    open_door(app, actor="test", now=NOW)

    same = update(call)
    other = update(call, ext_id="bob")
    new = update(call, OTHER, transport_token="one-more-token-0123456789")

    assert [status for status, _told in (same, other, new)] == [200, 403, 403]
    assert Device.objects.get().person.external_user_id == "ann"


@pytest.mark.parametrize(
    ("seconds", "zone"),
    [(0, "Etc/UTC"), (-18_000, "Etc/GMT+5"), (50_400, "Etc/GMT-14"), (19_800, ""), (10**6, ""),
     (True, ""), ("3600", "")],
)  # fmt: skip
def test_an_offset_of_whole_hours_is_a_zone(call, seconds, zone):
    status, _told = update(call, tz_sec=seconds)

    assert (status, Device.objects.get().timezone) == (200, zone)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"platform_type": "symbian"}, "platform_type: must be one of"),
        ({"transport_type": "pigeon"}, "transport_type: must be one of"),
        ({"tags": {str(number): "x" for number in range(65)}}, "tags: must have at most 64"),
        ({"tags": {"plan": 4}}, "tags.plan: must be a string"),
        ({"country": "Germany"}, "country: must have at most 2"),
        ({"notif_perm_granted": "yes"}, "notif_perm_granted: must be"),
        ({"platform_type": None}, "platform"),
    ],
)
def test_what_is_malformed_is_refused_and_makes_no_device(call, changes, words):
    status, told = update(call, **changes)

    assert status == 400
    assert words in told["error"]
    assert not Device.objects.exists()


@pytest.mark.parametrize("name", ["1", "shop", "f" * 32, "F" * 32, "x", "%00"])
def test_an_app_is_found_by_its_sdk_id_only(call, app, name):
    ensure_door(app, DIALECT, datetime.now(UTC))

    for number in (name, str(app.pk)):
        assert call("POST", "instances", EXAMPLES["register"]["call"], number)[0] == 404


@pytest.mark.parametrize("uuid", ["1", "x", "2f0a7c86", OTHER])
def test_a_device_that_is_not_known_has_no_life(call, uuid):
    path = f"instances/{uuid}/events/lifecycle"

    assert call("POST", path, {"event": "onscreen"})[0] == 404
    assert not Device.objects.exists()


def test_a_sign_of_life_is_noted(call):
    update(call)
    Device.objects.update(last_seen_at=datetime.now(UTC) - timedelta(days=3))

    answers = [
        call("POST", f"instances/{UUID}/events/lifecycle", {"event": event})
        for event in ("onscreen", "background", "closed", "hbeat")
    ]

    assert answers == [(200, {})] * 4
    assert datetime.now(UTC) - Device.objects.get().last_seen_at < timedelta(minutes=1)
    assert call("POST", f"instances/{UUID}/events/lifecycle", {"event": "sold"})[0] == 400


@pytest.fixture
def message_id(app, call, now):
    """What a message was sent with to the device."""
    update(call)
    transfer = Transfer.objects.create(
        app=app, group=Group.objects.filter(app=app).first(), due_at=now, created_at=now,
        status_since=now,
    )  # fmt: skip
    part = Part.objects.create(transfer=transfer, message=Message.objects.create(app=app))
    return write_receipt_token(part.pk, Device.objects.get().pk)


@pytest.mark.parametrize("event", ["delivered", "clicked"])
def test_a_receipt_counts_by_the_id_that_we_gave_out(call, message_id, event):
    body = {"msg_id": message_id, "event": event}

    answer = call("POST", f"instances/{UUID}/events/notification", body)

    assert answer == (200, {})
    assert list(ReceiptRow.objects.values_list("kind", flat=True)) == [event]


def test_a_forged_receipt_counts_for_nothing(call, message_id):
    path = f"instances/{UUID}/events/notification"
    forged = message_id[:-1] + ("0" if message_id[-1] != "0" else "1")

    answers = [
        call("POST", path, {"msg_id": text, "event": "clicked"})[0] for text in (forged, "x", "7")
    ]
    others = [call("POST", path, body)[0] for body in ({}, {"msg_id": message_id}, [])]

    assert answers == [404] * 3
    assert others == [400] * 3
    assert not ReceiptRow.objects.exists()


def test_a_receipt_of_another_app_counts_for_nothing(call, message_id, workspace):
    other = builders.make_app(workspace, "other")
    foreign = ensure_door(other, DIALECT, datetime.now(UTC)).identifiers["pushexpress_id"]
    path = f"instances/{UUID}/events/notification"

    answer = call("POST", path, {"msg_id": message_id, "event": "clicked"}, foreign)

    assert answer[0] == 404
    assert not ReceiptRow.objects.exists()


def test_whoever_makes_things_up_is_slowed_down(call, monkeypatch):
    monkeypatch.setattr(quotas, "GUEST_BURST", 3.0)
    monkeypatch.setattr(quotas, "GUEST_RATE", 0.5)

    statuses = [call("POST", "instances", EXAMPLES["register"]["call"])[0] for _ in range(5)]

    assert statuses[:3] == [200] * 3
    assert statuses[-1] == 429


def test_a_body_that_is_too_long_for_a_device_is_refused(call):
    status, told = update(call, ext_id="x" * 70_000)

    assert status == 413
    assert told["error"]
