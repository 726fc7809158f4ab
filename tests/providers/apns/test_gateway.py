"""The simulated gateway takes what we write, and finds wrong what Apple would."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
from hypothesis import given

from providers.gateways import GatewayCall, GatewaySend
from providers.message_fields import Platform
from providers.outbound import DeviceAnswer
from providers.outcomes import Outcome, Reason, Refusal, RefusalKind
from providers.vendors.apns import DIALECT, wire_tokens
from providers.vendors.apns.wire_errors import read_answer
from providers.vendors.apns.wire_gateway import GATEWAY, REFUSED
from tests.providers.apns.account import NOON, TOKEN, open_account, read_headers, write_one
from tests.providers.apns.test_calls import HI, say
from tests.vendor_cases.strategies import messages

MOMENT = datetime.fromtimestamp(NOON, UTC)
KEY = open_account().credentials["key"]


def receive(call) -> GatewayCall:
    return GatewayCall("POST", urlsplit(call.url).path, read_headers(call), call.body, MOMENT)


def change(call: GatewayCall, **headers: str | None) -> GatewayCall:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    merged = {**call.headers, **named}
    return replace(
        call, headers={name: value for name, value in merged.items() if value is not None}
    )


def answer(call: GatewayCall) -> DeviceAnswer:
    try:
        reply = GATEWAY.write_accepted(call, GATEWAY.read(call))
    except Refusal as refusal:
        reply = GATEWAY.write_refusal(call, refusal)
    return DeviceAnswer(0, reply.status, reply.headers, reply.body)


def find_reason(call: GatewayCall) -> str:
    body = answer(call).body
    return json.loads(body)["reason"] if body else ""


def sign(key_id: str = "ABC123DEFG", team: str = "DEF123GHIJ", age: int = 0) -> str:
    return "bearer " + wire_tokens.write_token(KEY, key_id, team, int(NOON) - age)


PLAIN = receive(write_one(HI))


def test_a_connection_belongs_to_the_key_of_its_first_call():
    first = change(PLAIN, authorization=sign())
    renewed, other = (
        change(first, authorization=sign(age=60)),
        change(first, authorization=sign("XYZ123DEFG")),
    )

    assert find_reason(first) == find_reason(renewed) == ""
    assert find_reason(other) == "UnrelatedKeyIdInToken"
    assert find_reason(replace(other, memory={})) == ""


@given(message=messages(DIALECT, Platform.IOS))
def test_what_we_write_is_taken(message):
    call = receive(write_one(message, expires_in=60))

    taken = answer(call)

    assert (taken.status, taken.body) == (200, b"")
    assert taken.headers["apns-id"] == call.headers["apns-id"]
    assert read_answer(taken).outcome is Outcome.ACCEPTED
    assert GATEWAY.read(call) == GatewaySend(TOKEN, call.headers["apns-id"])


@pytest.mark.parametrize(
    "options",
    [
        {"push_type": "voip"},
        {"push_type": "pushtotalk"},
        {"push_type": "complication"},
        {"push_type": "fileprovider"},
        {"push_type": "location"},
        {"push_type": "widgets"},
        {"push_type": "controls"},
        {"event": "end"},
        {"event": "update", "content_state": {}},
    ],
)
def test_every_push_type_that_we_write_is_taken(options):
    assert find_reason(receive(write_one(say(options)))) == ""


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (replace(PLAIN, method="GET"), "MethodNotAllowed"),
        (replace(PLAIN, path="/3/devices/00"), "BadPath"),
        (replace(PLAIN, path="/3/device/"), "MissingDeviceToken"),
        (replace(PLAIN, path="/3/device/xyz"), "BadDeviceToken"),
        (replace(PLAIN, path="/3/device/" + "0" * 64), "BadDeviceToken"),
        (change(PLAIN, apns_topic=None), "MissingTopic"),
        (change(PLAIN, apns_push_type="loud"), "InvalidPushType"),
        (change(PLAIN, apns_push_type="voip"), "BadTopic"),
        (change(PLAIN, apns_priority="7"), "BadPriority"),
        (change(PLAIN, apns_push_type="background", apns_priority="10"), "BadPriority"),
        (change(PLAIN, apns_expiration="tomorrow"), "BadExpirationDate"),
        (change(PLAIN, apns_id="17"), "BadMessageId"),
        (change(PLAIN, apns_collapse_id="é" * 33), "BadCollapseId"),
        (replace(PLAIN, body=b""), "PayloadEmpty"),
        (replace(PLAIN, body=b"{}"), "PayloadEmpty"),
        (replace(PLAIN, body=b"x" * 4097), "PayloadTooLarge"),
        (change(PLAIN, authorization="bearer x"), "InvalidProviderToken"),
        (change(PLAIN, authorization=sign(REFUSED)), "InvalidProviderToken"),
        (change(PLAIN, authorization=sign(team="")), "InvalidProviderToken"),
        (change(PLAIN, authorization=sign(age=-1)), "InvalidProviderToken"),
        (change(PLAIN, authorization=sign(age=3601)), "ExpiredProviderToken"),
        (change(PLAIN, authorization=sign(age=3600)), ""),
        (change(PLAIN, authorization=None), "MissingProviderToken"),
        (replace(change(PLAIN, authorization=None), certificate="com.example.shop"), ""),
    ],
)
def test_what_apple_would_not_take_is_refused_in_its_words(call, reason):
    assert find_reason(call) == reason


def test_a_token_that_went_is_told_with_its_moment():
    since = MOMENT - timedelta(days=1, milliseconds=17)

    reply = GATEWAY.write_dead(PLAIN, GATEWAY.read(PLAIN), since)

    result = read_answer(DeviceAnswer(0, reply.status, reply.headers, reply.body))
    assert (result.reason, result.dead_since) == (Reason.TOKEN, since)


@pytest.mark.parametrize("kind", list(RefusalKind))
def test_every_kind_of_refusal_is_told_in_words_of_the_page(kind):
    reply = GATEWAY.write_refusal(PLAIN, Refusal(kind, "No", retry_after=7))

    result = read_answer(DeviceAnswer(0, reply.status, reply.headers, reply.body))

    assert result.outcome is (Outcome.UNKNOWN if reply.status == 500 else Outcome.FAILED)
    assert result.reason is not Reason.TOKEN
    assert result.retry_after in (None, 7)
