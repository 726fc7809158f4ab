"""The door: whom a call means, what it answers, and who may call."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.management import call_command

from campaigns.dispatch.engine import drain
from campaigns.models import Delivery, Device, Label, LabelMember, Transfer
from providers.vendors.fcm import wire_auth, wire_errors
from tests import builders
from tests.compat.fcm.conftest import Script

pytestmark = [pytest.mark.django_db, pytest.mark.database]
TEXT = {"notification": {"title": "Hi", "body": "There"}}
AUDIENCE = "https://push.example.org/compat/fcm/token"


def read_codes(answer: Any) -> tuple[int, str, list[str]]:
    error = answer.json()["error"]
    codes = [
        item["errorCode"]
        for item in error.get("details", ())
        if item["@type"] == wire_errors.FCM_ERROR
    ]
    return answer.status_code, error["status"], codes


def test_a_token_gets_its_message(script: Script, app):
    builders.make_route(app, "android")
    device = builders.make_device(app, "token-1")

    answer = script.send({"token": "token-1", **TEXT})
    drain()

    transfer = Transfer.objects.get()
    project = script.told["project_id"]
    assert answer.json() == {"name": f"projects/{project}/messages/{transfer.pk}"}
    assert Delivery.objects.get().recipient == device.pk
    assert transfer.parts.get().message.read().title == "Hi"


def test_a_token_of_nobody_and_a_dead_one_are_told_apart(script: Script, app):
    builders.make_device(app, "dead")
    Device.objects.update(token_state="disabled")

    strange, dead = (script.send({"token": token, **TEXT}) for token in ("strange", "dead"))

    assert read_codes(strange) == (403, "PERMISSION_DENIED", ["SENDER_ID_MISMATCH"])
    assert read_codes(dead) == (404, "NOT_FOUND", ["UNREGISTERED"])
    assert not Transfer.objects.exists()


def test_topics_are_labels_and_conditions_expressions_over_them(script: Script, app):
    for name in ("cats", "dogs", "birds"):
        person = builders.make_person(app.workspace, name)
        builders.make_device(app, name, person=person)
        label = Label.objects.create(app=app, name=name)
        LabelMember.objects.create(label=label, person=person)
    builders.make_route(app, "android")

    topic = script.send({"topic": "cats", **TEXT})
    condition = script.send(
        {"condition": "('cats' in topics || 'dogs' in topics) && !('dogs' in topics)", **TEXT}
    )
    unknown = script.send({"topic": "fish", **TEXT})
    drain()

    cats = Device.objects.get(token="cats").pk
    assert [topic.status_code, condition.status_code] == [200, 200]
    assert list(Delivery.objects.values_list("recipient", flat=True)) == [cats, cats]
    assert read_codes(unknown)[:2] == (404, "NOT_FOUND")


def test_a_call_for_trial_checks_everything_and_makes_nothing(script: Script, app):
    builders.make_device(app, "token-1")

    good = script.send({"token": "token-1", **TEXT}, validate_only=True)
    bad = script.send({"token": "strange", **TEXT}, validate_only=True)

    assert good.json()["name"].endswith("/messages/fake_message_id")
    assert bad.status_code == 403
    assert not Transfer.objects.exists()


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ({}, "message"),
        ({"token": "a", "topic": "b"}, "message"),
        ({"fid": "a"}, "message.fid"),
        ({"token": 7}, "message.token"),
        ({"topic": "no blanks"}, "message.topic"),
        ({"condition": "'a' in topic"}, "message.condition"),
        ({"condition": "('a' in topics"}, "message.condition"),
        ({"condition": "'a' in topics 'b' in topics"}, "message.condition"),
        ({"condition": "!" * 1000 + "'a' in topics"}, "message.condition"),
        ({"condition": "(" * 1000}, "message.condition"),
        ({"condition": " || ".join(["'a' in topics"] * 6)}, "message.condition"),
        ({"token": "a", "data": {"n": 1}}, "message.data.n"),
    ],
)
def test_what_is_wrong_is_named(script: Script, message, field):
    answer = script.send(message)

    [violation] = answer.json()["error"]["details"][0]["fieldViolations"]
    assert read_codes(answer) == (400, "INVALID_ARGUMENT", ["INVALID_ARGUMENT"])
    assert violation["field"] == field


def test_the_batch_endpoint_is_gone(script: Script):
    answer = script.call("batch", {})

    assert read_codes(answer)[:2] == (404, "NOT_FOUND")
    assert "messages:send" in answer.json()["error"]["message"]


def test_another_project_is_not_found(script: Script):
    answer = script.call("v1/projects/pushadmin-0/messages:send", {"message": {"token": "a"}})

    assert read_codes(answer)[:2] == (404, "NOT_FOUND")


def test_a_signed_assertion_is_exchanged_for_a_token_that_sends(script: Script, app):
    builders.make_device(app, "token-1")
    assertion = wire_auth.write_assertion(script.account, AUDIENCE, datetime.now(UTC))

    given = script.exchange(assertion).json()
    answer = script.send({"token": "token-1", **TEXT}, f"Bearer {given['access_token']}")

    assert (given["token_type"], given["expires_in"]) == ("Bearer", 3600)
    assert answer.status_code == 200


def make_assertion(script: Script, case: str) -> str:
    now = datetime.now(UTC)
    account, audience = script.account, AUDIENCE
    match case:
        case "another key":
            other = wire_auth.write_service_account(
                "p", account.email, wire_auth.make_key(), AUDIENCE
            )
            account = wire_auth.read_service_account(other)
        case "nobody's" | "half a letter" | "a zero":
            name = {"half a letter": "\ud800", "a zero": "a\0b"}.get(case, "nobody")
            account = replace(account, email=name)
        case "over":
            now -= timedelta(hours=2)
        case "not yet":
            now += timedelta(hours=1)
        case "for others":
            audience = "https://push.example.org/elsewhere"
    text = wire_auth.write_assertion(account, audience, now)
    head, _dot, signature = text.rpartition(".")
    return f"{head}.{signature[::-1]}" if case == "spoilt" else text


@pytest.mark.parametrize(
    "case",
    [
        "another key",
        "nobody's",
        "half a letter",
        "a zero",
        "over",
        "not yet",
        "for others",
        "spoilt",
    ],
)
def test_an_assertion_that_does_not_hold_is_an_invalid_grant(script: Script, case):
    answer = script.exchange(make_assertion(script, case))

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


def test_what_is_no_assertion_is_told(script: Script):
    nothing = script.exchange("hello")
    other = script.exchange("hello", grant_type="client_credentials")

    assert (nothing.status_code, nothing.json()["error"]) == (400, "invalid_grant")
    assert (other.status_code, other.json()["error"]) == (400, "unsupported_grant_type")


def test_the_key_file_is_the_same_as_long_as_its_key_is_good(script: Script, client, app):
    again = Script(client, app)

    assert again.told["service_account"] == script.told["service_account"]
    assert again.told["authorization"] != script.told["authorization"]


def test_a_caller_that_waits_in_vain_is_told_that_nobody_knows(script: Script, app):
    call_command("set_door", "wait_seconds=1", app=app.slug, dialect="fcm")
    builders.make_route(app, "android")
    builders.make_device(app, "token-1")

    answer = script.send({"token": "token-1", **TEXT})

    assert read_codes(answer) == (504, "DEADLINE_EXCEEDED", [])
