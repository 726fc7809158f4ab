"""The device door: installations register themselves, pull their inbox, tell what they saw."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction
from rest_framework.test import APIClient

from campaigns.dispatch.receipt_tokens import write_receipt_token
from campaigns.models import (
    AuditEntry,
    Delivery,
    Device,
    DeviceSession,
    InboxItem,
    Message,
    Part,
    Person,
    ReceiptRow,
    Transfer,
)
from campaigns.services import device_door
from campaigns.services.erase import bury
from tests import builders
from tests.house.sources import ROOT

pytestmark = pytest.mark.database
NOW = datetime.now(tz=UTC)


@pytest.fixture
def opened(app):
    device_door.open_door(app, actor="owner", now=NOW)
    return app


@pytest.fixture
def phone(opened):
    return register(opened)


def call(method, path, body=None, secret="", **query):
    client = APIClient()
    if secret:
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
    options = {"format": "json"} if body is not None else {}
    data = body if body is not None else query or None
    return getattr(client, method)(f"/device/v1/{path}/", data, **options)


def register(app, installation="i-1", secret="", **fields):
    body = {"app_key": app.device_key, "platform": "android", "installation_id": installation}
    return call("post", "register", body | fields, secret)


def send(device, content, **fields):
    """A message that was sent to the device; gives its reference."""
    message = Message.objects.create(app=device.app, content=content)
    transfer = Transfer.objects.create(
        app=device.app, group=device.app.groups.get(), status="sent", status_since=NOW,
        due_at=NOW, created_at=NOW, frozen_at=NOW, audience=1,
    )  # fmt: skip
    part = Part.objects.create(transfer=transfer, message=message, audience=1)
    Delivery.objects.create(
        part_id=part.pk, recipient=device.pk, at=NOW, cohort_id=0, outcome="sent", **fields
    )
    return write_receipt_token(part.pk, device.pk)


def put(device, content, expires_at=NOW + timedelta(days=1)):
    """A message in the device's inbox; gives its reference."""
    reference = send(device, content)
    InboxItem.objects.create(
        device=device, part=Part.objects.latest("pk"), batch_id=0, created_at=NOW,
        expires_at=expires_at,
    )  # fmt: skip
    return reference


def test_an_installation_registers_and_gets_a_secret(opened):
    answer = register(
        opened, token="t-1", columns={"app_version": "2.1"}, attributes={"plan": "gold"}
    )

    device = Device.objects.get()
    assert answer.status_code == 201
    assert answer.json()["device"] == device.pk
    assert (device.token, device.app_version, device.attributes) == ("t-1", "2.1", {"plan": "gold"})
    assert answer.json()["secret"] not in DeviceSession.objects.get().secret_hash


def test_who_shows_the_secret_changes_the_same_device(opened, phone):
    answer = register(opened, token="t-2", secret=phone.json()["secret"])

    assert answer.status_code == 200
    assert "secret" not in answer.json()
    assert Device.objects.get().token == "t-2"


def test_nobody_takes_over_an_installation_or_a_token(opened, phone):
    register(opened, "i-2", token="t-2")

    by_installation, by_token = register(opened), register(opened, "i-3", token="t-2")

    assert (by_installation.status_code, by_token.status_code) == (409, 409)
    assert Device.objects.count() == 2


def test_a_user_has_to_be_proven(opened, phone):
    secret = phone.json()["secret"]
    proof = device_door.write_user_proof(opened, "ann")

    wrong = call("patch", "device", {"external_user_id": "ann", "user_proof": "00"}, secret)
    right = call("patch", "device", {"external_user_id": "ann", "user_proof": proof}, secret)

    assert (wrong.status_code, wrong.json()["code"]) == (403, "unproven_user")
    assert right.status_code == 200
    assert Device.objects.get().person.external_user_id == "ann"


def test_who_was_erased_comes_back_by_signing_in_and_not_by_waking(opened, phone, now):
    secret = phone.json()["secret"]
    proof = device_door.write_user_proof(opened, "ann")
    call("patch", "device", {"external_user_id": "ann", "user_proof": proof}, secret)
    ann = Person.objects.get(external_user_id="ann")
    with transaction.atomic():
        bury(opened.workspace, [ann.pk], [], "owner", now)

    old = call("patch", "device", {"token": "t"}, secret)
    awake = register(opened)
    signed = register(opened, external_user_id="ann", user_proof=proof)

    assert (old.status_code, awake.status_code, awake.json()["code"]) == (401, 409, "erased")
    assert signed.status_code == 201
    assert Person.objects.get(external_user_id="ann").pk != ann.pk
    assert AuditEntry.objects.filter(verb="lift_tombstone", actor="device").exists()


def test_a_closed_door_takes_nobody_new(opened, phone):
    key = opened.device_key
    device_door.close_door(opened, actor="owner", now=NOW)
    body = {"app_key": key, "platform": "ios", "installation_id": "i-9"}

    answer = call("post", "register", body)
    still = call("get", "inbox", secret=phone.json()["secret"])

    assert (answer.status_code, still.status_code) == (404, 200)


def test_who_came_by_a_door_that_was_closed_can_claim_no_user(opened, phone):
    proof = device_door.write_user_proof(opened, "ann")
    device_door.close_door(opened, actor="owner", now=NOW)
    body = {"external_user_id": "ann", "user_proof": proof}

    answer = call("patch", "device", body, phone.json()["secret"])

    assert (answer.status_code, answer.json()["code"]) == (403, "unproven_user")
    assert not Person.objects.exists()


def test_a_device_does_not_grow_call_by_call(opened, phone):
    secret = phone.json()["secret"]
    first = {f"a{place}": "x" for place in range(80)}
    more = {f"b{place}": "x" for place in range(30)}
    less = dict.fromkeys(list(first)[:30])

    one = call("patch", "device", {"attributes": first}, secret)
    two = call("patch", "device", {"attributes": more}, secret)
    swapped = call("patch", "device", {"attributes": less | more}, secret)

    assert (one.status_code, two.status_code, swapped.status_code) == (200, 400, 200)
    assert "too_many_attributes" in two.json()["message"]
    assert len(Device.objects.get().attributes) == 80


def test_what_waits_is_pulled_and_counts_as_delivered_once(opened, phone):
    secret, device = phone.json()["secret"], Device.objects.get()
    reference = put(
        device, {"title": "Hi", "body": "There", "translations": {"de": {"body": "Da"}}}
    )
    Device.objects.update(language="de")

    first = call("get", "inbox", secret=secret).json()
    second = call("get", "inbox", secret=secret).json()

    [message] = first["messages"]
    assert (message["reference"], message["kind"]) == (reference, "own")
    assert message["message"]["body"] == "Da"
    assert second["messages"] == first["messages"]
    assert ReceiptRow.objects.get().kind == "delivered"
    assert DeviceSession.objects.get().pulled_at is not None


def test_the_cursor_leaves_out_what_was_seen(opened, phone):
    secret = phone.json()["secret"]
    put(Device.objects.get(), {"body": "There"})
    cursor = call("get", "inbox", secret=secret).json()["cursor"]

    later = call("get", "inbox", secret=secret, after=cursor).json()

    assert later["messages"] == []
    assert later["cursor"] == cursor


@pytest.mark.parametrize(
    "cursor",
    ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-11-20T12:00:00", "2026", "x"],
)
def test_a_cursor_that_was_never_given_is_refused(phone, cursor):
    answer = call("get", "inbox", secret=phone.json()["secret"], after=cursor)

    assert answer.status_code == 400
    assert answer.json()["fields"] == {"after": "Send the cursor as it was given."}


def test_what_a_vendor_sent_is_mirrored_inside_the_app(opened, phone):
    secret, device = phone.json()["secret"], Device.objects.get()
    send(device, {"body": "Only outside"})
    send(device, {"body": "Both", "in_app": {"style": "modal", "topic": "News"}})

    everything = call("get", "inbox", secret=secret).json()["messages"]
    news = call("get", "inbox", secret=secret, topic="News").json()["messages"]
    others = call("get", "inbox", secret=secret, topic="news").json()["messages"]

    assert [(row["kind"], row["message"]["body"]) for row in everything] == [("mirror", "Both")]
    assert everything[0]["message"]["in_app"] == {"style": "modal", "topic": "News"}
    assert news == everything
    assert others == []


def test_what_has_expired_is_not_shown(opened, phone):
    secret, device = phone.json()["secret"], Device.objects.get()
    put(device, {"body": "Late"}, expires_at=NOW - timedelta(seconds=1))
    put(device, {"body": "In time"})
    for body, seconds in (("Mirror", 60), ("Mirrored still", 86_400)):
        send(device, {"body": body, "in_app": {"style": "banner", "expires_in": seconds}})
    Delivery.objects.update(at=NOW - timedelta(seconds=61))

    messages = call("get", "inbox", secret=secret).json()["messages"]

    assert {one["message"]["body"] for one in messages} == {"In time", "Mirrored still"}


def test_a_device_tells_what_it_did_once(opened, phone):
    secret = phone.json()["secret"]
    reference = put(Device.objects.get(), {"body": "There"})
    events = {"events": [{"reference": reference, "event": "opened"}]}

    first = call("post", "events", events, secret).json()
    second = call("post", "events", events, secret).json()

    assert (first, second) == ({"new": 1}, {"new": 0})


def test_a_device_tells_nothing_of_anothers_message(opened, phone):
    other = builders.make_device(opened, "someone")
    reference = put(other, {"body": "There"})
    events = {"events": [{"reference": reference, "event": "opened"}]}

    answer = call("post", "events", events, phone.json()["secret"])

    assert answer.status_code == 400
    assert list(answer.json()["fields"]) == ["events[0].reference"]
    assert not ReceiptRow.objects.exists()


def test_a_device_that_signs_off_is_gone(opened, phone):
    secret = phone.json()["secret"]
    put(Device.objects.get(), {"body": "There"})

    answer = call("delete", "device", secret=secret)

    assert answer.status_code == 204
    assert call("get", "inbox", secret=secret).status_code == 401
    assert Device.objects.get().token_state == "disabled"


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("get", "inbox", None, 401),
        ("post", "events", {"events": []}, 401),
        ("post", "register", {}, 400),
        ("post", "register", [], 400),
        ("post", "register", {"app_key": "none", "platform": "ios", "installation_id": "i"}, 404),
        ("post", "register", {"app_key": "\0", "platform": "x", "installation_id": 1}, 400),
        ("get", "nowhere", None, 404),
        ("put", "inbox", {}, 405),
    ],
)  # fmt: skip
def test_every_refusal_has_our_one_shape(opened, method, path, body, status):
    answer = call(method, path, body)

    assert answer.status_code == status
    assert set(answer.json()) == {"code", "message", "fields", "request_id"}


@pytest.mark.parametrize("query", [{"after": "yesterday"}, {"after": "2026-01-01"}, {"limit": "1"}])
def test_a_wrong_question_is_refused(phone, query):
    assert call("get", "inbox", secret=phone.json()["secret"], **query).status_code == 400


@pytest.mark.parametrize("secret", ["x", "1", "1.x", "9" * 20 + ".x", "é.x", "0." + "a" * 999])
def test_a_wrong_secret_opens_nothing(phone, secret):
    assert call("get", "inbox", secret=secret).status_code == 401


BLOCK = re.compile(r"```(http|json)\n(.*?)```", re.DOTALL)


def test_every_example_of_the_page_does_what_it_says(opened):
    text = (ROOT / "docs" / "devices.md").read_text()
    known = {
        "app_key": opened.device_key, "proof": device_door.write_user_proof(opened, "u-1"),
    }  # fmt: skip
    secret, answer, count = "", None, 0

    for kind, block in BLOCK.findall(text):
        if kind == "json":
            assert answer.json().keys() == json.loads(block).keys(), block
            continue
        head, _blank, body = block.partition("\n\n")
        method, address = head.split()
        for name, value in known.items():
            body = body.replace(f"{{{name}}}", value)
        path = address.removeprefix("/device/v1/").rstrip("/")
        answer = call(method.lower(), path, json.loads(body) if body else None, secret)
        secret = (answer.json().get("secret") if answer.content else "") or secret
        known["reference"] = put(Device.objects.get(), {"title": "Hi", "body": "There"})
        assert answer.status_code < 300, block
        count += 1

    assert count == 5
