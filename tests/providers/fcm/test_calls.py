"""Calls per device: what is spliced in, what answers mean for the access token, the check."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from providers.commands import PushPart, SendPush, Token
from providers.contract import LONGEST_REFERENCE
from providers.message import AndroidContent, IosContent, PushMessage, WebContent
from providers.message_fields import Platform
from providers.outbound import DeviceAnswer
from providers.outcomes import Failure, Outcome, Reason
from providers.recipients import Targets
from providers.vendors.fcm import DIALECT, outbound, wire_auth
from providers.vendors.fcm.outbound import AccessTokens, Fcm
from tests.providers.conftest import open_vendor, write_answer
from tests.vendor_cases.accounts import make_account

__all__ = ["open_vendor"]
GOOD = {"name": "projects/p/messages/1"}
STALE = {"error": {"code": 401, "message": "Stale", "status": "UNAUTHENTICATED"}}

CODE = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
GONE = {
    "error": {
        "code": 404,
        "message": "Requested entity was not found.",
        "status": "NOT_FOUND",
        "details": [{"@type": CODE, "errorCode": "UNREGISTERED"}],
    }
}


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


class Giver:
    """Gives tokens by number, or fails."""

    def __init__(self, fails: bool = False) -> None:
        self.asked = 0
        self.fails = fails

    def __call__(self) -> Token:
        self.asked += 1
        if self.fails:
            raise Failure(Reason.CREDENTIAL, "invalid_grant", is_permanent=True)
        return Token(f"token-{self.asked}", 3600)


def connect(giver: Giver, clock: Clock | None = None) -> Fcm:
    account = make_account(DIALECT, "https://vendor.example")
    client = Fcm(account, tokens=AccessTokens(clock or Clock()))
    client.fetch_token = lambda key: giver()
    return client


def make_push(*messages: PushMessage) -> SendPush:
    return SendPush(
        parts=tuple(
            PushPart(one, (Targets("token", (f"a{n}", 'b"\\\u00e9'), (f"1.{n}.a", f"1.{n}.b")),))
            for n, one in enumerate(messages)
        )
    )


def write_all(client: Fcm, push: SendPush) -> list[dict[str, Any]]:
    calls = client.write_calls(push)
    return [json.loads(calls.write(place).body)["message"] for place in range(calls.count)]


def answer(status: int, body: Any, place: int = 0, **headers: str) -> DeviceAnswer:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return DeviceAnswer(place, status, headers, content)


def test_each_device_gets_its_token_and_a_name_of_its_own():
    platforms = PushMessage(
        title='Quotes " and token', body="B", android=AndroidContent(), ios=IosContent(),
        web=WebContent(),
    )  # fmt: skip

    first, second, third, _fourth = write_all(connect(Giver()), make_push(platforms, platforms))

    names = [
        (one["android"]["notification"]["tag"], one["apns"]["headers"]["apns-collapse-id"],
         one["webpush"]["notification"]["tag"])
        for one in (first, second, third)
    ]  # fmt: skip
    assert [first["token"], second["token"]] == ["a0", 'b"\\\u00e9']
    assert all(len(set(name)) == 1 and len(name[0]) == 32 for name in names)
    assert len(set(names)) == 3


def test_a_repeat_is_the_same_call_byte_by_byte():
    push = make_push(PushMessage(body="B", android=AndroidContent()))

    bodies = [
        [calls.write(place).body for place in range(calls.count)]
        for calls in (connect(Giver()).write_calls(push) for _ in range(2))
    ]

    assert bodies[0] == bodies[1]


def test_a_name_of_the_messages_own_stays_and_a_silent_one_gets_none():
    own = PushMessage(body="B", android=AndroidContent(collapse_id="score"))
    silent = PushMessage(android=AndroidContent(silent=True, data="x"))

    written = write_all(connect(Giver()), make_push(own, silent))

    assert written[0]["android"] == {"notification": {"tag": "score"}}
    assert written[2] == {"token": "a1", "data": {"data": "x"}}


@pytest.mark.parametrize("platform", [Platform.ANDROID, Platform.IOS, Platform.WEB])
def test_what_is_measured_is_what_is_sent_without_the_target(platform):
    message = PushMessage(
        title="Hé",
        body="Да" * 100,
        android=AndroidContent(data='{"order": "7"}', channel_id="c"),
        ios=IosContent(badge=3),
        web=WebContent(url="https://shop.example"),
    ).resolve(platform)
    part = PushPart(message, (Targets("token", ("t" * 150,), (LONGEST_REFERENCE,)),))

    body = connect(Giver()).write_calls(SendPush(parts=(part,))).write(0).body
    target = json.dumps({"message": {"token": "t" * 150}}, separators=(",", ":"))

    assert len(body) - len(target) - len(",") + len("{}") == (
        DIALECT.measure(message, platform).bytes
    )
    assert "Да".encode() in body


def test_a_call_says_where_it_goes_and_who_makes_it():
    call = connect(Giver()).write_calls(make_push(PushMessage(body="B"))).write(1)

    assert call.place == 1
    assert call.url == "https://vendor.example/fcm/v1/projects/made-for-tests/messages:send"
    assert "authorization: Bearer token-1" in call.headers
    assert "token-1" not in repr(call)


def test_a_token_is_shared_and_fetched_again_shortly_before_it_ends():
    giver, clock = Giver(), Clock()
    client = connect(giver, clock)
    calls = client.write_calls(make_push(PushMessage(body="B")))
    calls.write(0)
    calls.write(1)
    before = giver.asked
    clock.now += 3301

    call = calls.write(0)

    assert (before, giver.asked) == (1, 2)
    assert "authorization: Bearer token-2" in call.headers


def test_a_token_that_is_refused_is_fetched_anew_once():
    giver = Giver()
    calls = connect(giver).write_calls(make_push(PushMessage(body="B")))
    calls.write(0)

    first = [calls.read(answer(401, STALE, place)) for place in (0, 1)]
    calls.write(0)
    second = calls.read(answer(401, STALE))

    assert {(one.reason, one.retry_after) for one in first} == {(Reason.VENDOR, 1.0)}
    assert giver.asked == 2
    assert (second.reason, second.retry_after) == (Reason.CREDENTIAL, None)


def test_a_token_that_has_worked_is_fetched_anew_when_it_is_refused_later():
    giver = Giver()
    calls = connect(giver).write_calls(make_push(PushMessage(body="B")))
    calls.write(0)
    calls.read(answer(401, STALE))
    calls.write(0)
    calls.read(answer(200, GOOD))

    again = calls.read(answer(401, STALE))
    call = calls.write(0)

    assert (again.reason, again.retry_after) == (Reason.VENDOR, 1.0)
    assert "authorization: Bearer token-3" in call.headers


def test_a_dead_device_says_that_the_access_token_works():
    calls = connect(Giver()).write_calls(make_push(PushMessage(body="B")))
    calls.write(0)
    calls.read(answer(401, STALE))
    calls.write(0)
    calls.read(answer(404, GONE))

    again = calls.read(answer(401, STALE))

    assert again.reason is Reason.VENDOR


def test_the_last_answers_to_an_old_token_say_nothing_of_the_one_that_works():
    calls = connect(Giver()).write_calls(make_push(PushMessage(body="B")))
    calls.write(0)
    calls.write(1)
    calls.read(answer(401, STALE, 0))
    calls.write(0)
    calls.read(answer(200, GOOD, 0))

    late = calls.read(answer(401, STALE, 1))
    first = calls.read(answer(401, STALE, 0))

    assert (late.reason, first.reason) == (Reason.VENDOR, Reason.VENDOR)


def test_a_token_that_nobody_takes_is_shown_no_more():
    giver = Giver()
    calls = connect(giver).write_calls(make_push(PushMessage(body="B")))
    calls.write(0)
    calls.read(answer(401, STALE, 0))
    calls.write(0)
    calls.write(1)

    refused = [calls.read(answer(401, STALE, place)).reason for place in (0, 1)]
    resumed = calls.write(0)

    assert refused == [Reason.CREDENTIAL] * 2
    assert "authorization: Bearer token-3" in resumed.headers


def test_a_token_that_was_renewed_meanwhile_is_not_refused_for_the_old_one():
    giver, clock = Giver(), Clock()
    calls = connect(giver, clock).write_calls(make_push(PushMessage(body="B")))
    calls.write(0)
    clock.now += 3301
    calls.write(1)

    stale = calls.read(answer(401, STALE, 0))
    again = calls.write(0)

    assert (stale.reason, stale.retry_after) == (Reason.VENDOR, 1.0)
    assert giver.asked == 2
    assert "authorization: Bearer token-2" in again.headers


def test_a_key_that_gives_no_token_fails_every_call_and_is_asked_once():
    giver = Giver(fails=True)
    calls = connect(giver).write_calls(make_push(PushMessage(body="B")))

    for place in (0, 1):
        with pytest.raises(Failure) as caught:
            calls.write(place)
        assert (caught.value.reason, caught.value.was_sent) == (Reason.CREDENTIAL, False)

    assert giver.asked == 1


@pytest.mark.parametrize(
    ("status", "headers", "wait"),
    [
        (429, {}, 60.0),
        (429, {"retry-after": "7"}, 7.0),
        (503, {}, None),
        (503, {"retry-after": "30"}, 30.0),
        (500, {}, None),
    ],
)
def test_another_try_comes_when_the_vendor_asks_for_it(status, headers, wait):
    calls = connect(Giver()).write_calls(make_push(PushMessage(body="B")))

    results = [calls.read(answer(status, body, **headers)) for body in ({}, b"<html>")]

    assert [one.retry_after for one in results] == [wait, wait]


def test_an_accepted_call_is_accepted():
    calls = connect(Giver()).write_calls(make_push(PushMessage(body="B")))

    assert calls.read(answer(200, GOOD, 1)).outcome is Outcome.ACCEPTED
    assert calls.read(answer(200, GOOD, 1)).index == 1


def test_a_kind_of_id_that_is_no_token_is_refused_before_anybody_is_called():
    push = SendPush(parts=(PushPart(PushMessage(body="B"), (Targets("alias", ("a",)),)),))

    with pytest.raises(Failure) as caught:
        connect(Giver()).write_calls(push)

    assert caught.value.reason is Reason.NOT_ADDRESSABLE


def open_google(open_vendor: Any, send: bytes, token: bytes) -> tuple[Any, Fcm]:
    vendor = open_vendor(
        lambda link, request: link.sendall(token if b"POST /fcm/token" in request else send)
    )
    return vendor, Fcm(make_account(DIALECT, vendor.url), tokens=AccessTokens())


TOKEN = write_answer(200, b'{"access_token": "ya29.x", "expires_in": 3599}')


@pytest.mark.parametrize(
    ("status", "code", "words", "is_good"),
    [
        (400, "INVALID_ARGUMENT", "The registration token is not a valid FCM registration token",
         True),
        (404, "UNREGISTERED", "Requested entity was not found.", True),
        (400, "INVALID_ARGUMENT", "Invalid JSON payload received", False),
        (403, "PERMISSION_DENIED", "Permission denied on resource", False),
        (401, "UNAUTHENTICATED", "Request had invalid authentication credentials", False),
    ],
)  # fmt: skip
def test_the_check_says_whether_the_key_works(open_vendor, status, code, words, is_good):
    details = [{"@type": CODE, "errorCode": code}]
    error = {"code": status, "message": words, "status": code, "details": details}
    reply = write_answer(status, json.dumps({"error": error}).encode())
    vendor, client = open_google(open_vendor, reply, TOKEN)

    result = client.check()

    assert result.is_good is is_good
    assert is_good or words in result.words
    assert b'"validate_only":true' in vendor.requests[-1]


def test_the_check_repeats_what_the_vendor_says_of_a_bad_key(open_vendor):
    refusal = b'{"error": "invalid_grant", "error_description": "Invalid JWT Signature."}'
    _vendor, client = open_google(open_vendor, b"", write_answer(400, refusal))

    result = client.check()

    assert (result.is_good, result.words) == (False, "invalid_grant: Invalid JWT Signature.")


def test_the_check_asks_for_a_token_of_its_own(open_vendor):
    """A key that was deleted gives none, whatever token of it is still good."""
    refusal = b'{"error": "invalid_grant", "error_description": "Invalid JWT Signature."}'
    _vendor, client = open_google(open_vendor, b"", write_answer(400, refusal))
    client.tokens.find(client.name_owner(client.key), lambda: Token("kept", 3600))

    result = client.check()

    assert (result.is_good, result.words) == (False, "invalid_grant: Invalid JWT Signature.")


def test_the_check_shows_no_token_that_was_taken_back(open_vendor):
    vendor, client = open_google(open_vendor, write_answer(404, json.dumps(GONE).encode()), TOKEN)
    client.tokens.find(client.name_owner(client.key), lambda: Token("taken-back", 3600))

    result = client.check()

    assert result.is_good
    assert b"Bearer ya29.x" in vendor.requests[-1]


def test_no_secret_is_said_of_a_failing_token_endpoint(open_vendor):
    vendor, client = open_google(open_vendor, b"", write_answer(503, b"{}"))
    calls = client.write_calls(make_push(PushMessage(body="B")))

    with pytest.raises(Failure) as caught:
        calls.write(0)

    assertion = vendor.requests[0].rpartition(b"assertion=")[2].decode()
    said = f"{caught.value!r} {caught.value.message} {client.key!r}"
    assert (caught.value.reason, caught.value.was_sent) == (Reason.VENDOR, False)
    assert assertion not in said
    assert "PRIVATE KEY" not in said


def test_an_inner_address_in_a_key_file_is_not_called(settings):
    account = make_account(DIALECT, "http://127.0.0.1:1")
    client = Fcm(account, tokens=AccessTokens())

    with pytest.raises(Failure) as caught:
        client.fetch_token(client.key)

    assert caught.value.reason is Reason.CREDENTIAL
    assert "PUSHADMIN_OUTBOUND_ALLOW" in caught.value.message


def test_the_assertion_is_signed_for_the_endpoint_that_is_asked(open_vendor):
    vendor, client = open_google(open_vendor, b"", TOKEN)

    client.fetch_token(client.key)

    form = vendor.requests[0].partition(b"\r\n\r\n")[2].decode()
    assertion = wire_auth.read_assertion(form.rpartition("assertion=")[2])
    assert assertion.audience == (f"{vendor.url}/fcm/token",)
    assert assertion.is_signed_by(client.key.private_key)
    assert assertion.is_fresh(datetime.now(UTC))


KEY_FILE = {
    "type": "service_account", "project_id": "p", "client_email": "e",
    "private_key": "secret-canary", "token_uri": "https://x.example/token",
}  # fmt: skip
RARE_CURVE = """-----BEGIN EC PRIVATE KEY-----
MFQCAQEEFMIwGf/8fXK4h9sS1/8mA+U4iK/NoAsGCSskAwMCCAEBAaEsAyoABAbG
AmwvCpzw4e+7xe+tjnb+LROpk9k30MdZbFyhqFBeG6DqKCLhu3g=
-----END EC PRIVATE KEY-----
"""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("hello", "no JSON"),
        ("[" * 5000, "no JSON"),
        (json.dumps(KEY_FILE | {"private_key": RARE_CURVE}), "no RSA key"),
        ('{"type": "authorized_user"}', "no key of a service account"),
        ('{"type": "service_account"}', "lacks project_id, client_email, private_key, token_uri"),
        (json.dumps(KEY_FILE), "no RSA key"),
        (json.dumps(KEY_FILE | {"token_uri": "file:///etc/passwd"}), "no web address"),
        (json.dumps(KEY_FILE | {"token_uri": "https://"}), "no web address"),
        (json.dumps(KEY_FILE | {"token_uri": "https://["}), "no web address"),
        (json.dumps(KEY_FILE | {"token_uri": "https://ann:pw@x.example/token"}), "no web address"),
        (json.dumps(KEY_FILE | {"token_uri": "https://x.example:99999/token"}), "no web address"),
        (json.dumps(KEY_FILE | {"token_uri": "https://x.example/\r\nX: y"}), "no web address"),
        (json.dumps(KEY_FILE | {"token_uri": "https://\ud800/"}), "no web address"),
        (json.dumps(KEY_FILE | {"project_id": "p/../../v2"}), "no project's"),
        (json.dumps(KEY_FILE | {"project_id": "p\r\nX: y"}), "no project's"),
        (json.dumps(KEY_FILE | {"project_id": "p?\ud800"}), "no project's"),
        (json.dumps(KEY_FILE | {"client_email": "an n"}), "no address"),
        (json.dumps(KEY_FILE | {"client_email": "\0"}), "no address"),
        ('{"type": "service_account", "project_id": ' + "9" * 10_000 + "}", "no JSON"),
    ],
)
def test_what_is_no_key_file_is_told_by_a_sentence(text, words):
    fault = outbound.find_credential_faults({"service_account": text})["service_account"]

    assert words in fault
    assert "canary" not in fault


@pytest.mark.parametrize(
    "answer",
    [
        {"access_token": "ya29.x", "expires_in": 0},
        {"access_token": "ya29.x", "expires_in": -1},
        {"access_token": "ya29.x", "expires_in": "soon"},
        {"access_token": "ya29.x", "expires_in": [[]]},
        {"access_token": "ya29.x\r\nx: 1", "expires_in": 3599},
        {"access_token": "ya29 x", "expires_in": 3599},
        {"access_token": "y" * 10_000, "expires_in": 3599},
        {"access_token": "", "expires_in": 3599},
        {"access_token": 7, "expires_in": 3599},
        {"id_token": "ya29.x", "expires_in": 3599},
    ],
)
def test_what_is_no_access_token_is_a_failure_of_the_vendors(open_vendor, answer):
    _vendor, client = open_google(open_vendor, b"", write_answer(200, json.dumps(answer).encode()))
    push = make_push(PushMessage(body="B", android=AndroidContent()))

    with pytest.raises(Failure) as caught:
        client.write_calls(push).write(0)

    assert (caught.value.reason, caught.value.was_sent) == (Reason.VENDOR, False)


def test_a_token_that_is_to_live_for_ever_is_fetched_anew_after_an_hour(open_vendor):
    body = b'{"access_token": "ya29.x", "expires_in": 1' + b"0" * 400 + b"}"
    vendor, client = open_google(open_vendor, b"", write_answer(200, body))
    clock = Clock()
    client.tokens = AccessTokens(clock)
    push = make_push(PushMessage(body="B", android=AndroidContent()))

    for wait in (0, 3000, 600):
        clock.now += wait
        client.write_calls(push).write(0)

    assert len(vendor.requests) == 2
