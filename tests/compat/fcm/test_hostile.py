"""Calls at the door that mean harm: another tenant's project, no message at all, too much of it."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Any

import pytest

from campaigns.dispatch.engine import drain
from campaigns.models import Delivery, Transfer
from providers.vendors.fcm import wire_auth
from providers.vendors.fcm.inbound import MAX_BYTES
from tests import builders
from tests.compat.fcm.conftest import Script
from tests.compat.fcm.test_door import AUDIENCE, read_codes

pytestmark = [pytest.mark.django_db, pytest.mark.database]
HALF = "\ud800"
MESSAGE = {"token": "token-1", "notification": {"title": "Hi", "body": "There"}}


@pytest.fixture
def stranger(client: Any) -> Script:
    """Another tenant's script."""
    workspace = builders.make_workspace("others")
    other = builders.make_app(workspace, "others-app")
    builders.make_device(other, "token-1")
    return Script(client, other)


@pytest.fixture
def path(script: Script) -> str:
    return f"v1/projects/{script.told['project_id']}/messages:send"


def test_another_tenants_project_is_not_there(script: Script, stranger: Script, path: str) -> None:
    theirs = script.call(path, {"message": MESSAGE}, stranger.told["authorization"])
    nobodys = script.call("v1/projects/pushadmin-0/messages:send", {"message": MESSAGE})

    assert read_codes(theirs) == read_codes(nobodys)
    assert not Transfer.objects.exists()


def test_another_tenants_key_signs_for_nobody_else(script: Script, stranger: Script) -> None:
    account = wire_auth.ServiceAccount(
        project=script.account.project,
        email=script.account.email,
        private_key=stranger.account.private_key,
        key_id=script.account.key_id,
        token_uri=script.account.token_uri,
    )
    assertion = wire_auth.write_assertion(account, AUDIENCE, datetime.now(UTC))

    answer = script.exchange(assertion)

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


BODIES = {
    "nothing": b"",
    "a list": b"[]",
    "a number": b"7",
    "deep": b'{"message":' * 5000 + b"1" + b"}" * 5000,
    "deep lists": b"[" * 50_000,
    "a long number": b'{"message": {"token": "token-1", "data": {"n": ' + b"9" * 5000 + b"}}}",
    "no number": b'{"message": {"token": "token-1", "android": {"ttl": NaN}}}',
    "no text": b"\xff\xfe\x00",
    "two of a name": b'{"message": {}, "message": []}',
    "a zero in a token": json.dumps({"message": {**MESSAGE, "token": "a\0b"}}).encode(),
    "half a character in a token": json.dumps({"message": {**MESSAGE, "token": HALF}}).encode(),
    "a zero in a topic": b'{"message": {"topic": "a\\u0000"}}',
    "a list for a message": b'{"message": [1]}',
    "a list for blocks": b'{"message": {"token": "t", "android": [], "apns": 7, "webpush": "a"}}',
    "a trial that is no truth": b'{"message": {"token": "token-1"}, "validate_only": "yes"}',
}


KINDS = ["application/json", "text/plain", "application/x-www-form-urlencoded", ""]


def post(script: Script, path: str, body: bytes, kind: str = KINDS[0], shown: str = "") -> Any:
    headers = {"Authorization": shown or script.told["authorization"]}
    return script.client.generic("POST", f"/compat/fcm/{path}", body, kind, headers=headers)


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_what_is_no_message_is_refused_in_googles_words_whatever_it_is_called(
    script: Script, path: str, body: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    answers = [post(script, path, body, kind) for kind in KINDS]

    assert {read_codes(answer)[:2] for answer in answers} == {(400, "INVALID_ARGUMENT")}
    assert script.told["authorization"].removeprefix("Bearer ") not in caplog.text


@pytest.mark.some(18)
@pytest.mark.values(18)
@pytest.mark.parametrize("value", ["a\0b", HALF, "\r\nX: y", "\x1b[31m", "\u202e", "a" * 4096])
@pytest.mark.parametrize(
    "place",
    [
        ("notification", "title"),
        ("data", "k"),
        ("android", "collapse_key"),
        ("android", "notification", "tag"),
        ("apns", "headers", "apns-collapse-id"),
        ("apns", "payload", "x"),
        ("webpush", "headers", "Topic"),
        ("webpush", "notification", "title"),
        ("fcm_options", "analytics_label"),
    ],
    ids=".".join,
)
def test_an_odd_text_is_sent_or_refused_wherever_it_stands(
    script: Script, app: Any, place: tuple[str, ...], value: str
) -> None:
    builders.make_route(app, "android")
    builders.make_device(app, "token-1")
    inner: Any = value
    for name in reversed(place):
        inner = {name: inner}

    answer = script.send({"token": "token-1", **inner})
    drain()

    assert (answer.status_code, Delivery.objects.count()) in {(200, 1), (400, 0)}


def test_a_call_is_read_up_to_its_limit_and_not_a_byte_further(script: Script, path: str) -> None:
    frame = b'{"message": {"token": "x"}, "a": "%s"}'
    filled = frame % (b"b" * (MAX_BYTES + 2 - len(frame)))

    answers = [post(script, path, body) for body in (filled, filled + b" ")]

    assert len(filled) == MAX_BYTES
    assert [read_codes(answer)[0] for answer in answers] == [403, 413]


@pytest.mark.parametrize(
    "shown",
    ["Bearer", "Basic eA==", "Bearer \xff", "Bearer a\tb", "bearer \0", f"Bearer {'x' * 7000}"],
)
def test_what_is_no_key_is_told_so(script: Script, path: str, shown: str) -> None:
    answer = post(script, path, b"{}", shown=shown)

    assert read_codes(answer)[:2] == (401, "UNAUTHENTICATED")


FORMS = {
    "nothing": b"",
    "dots": b"..",
    "zeros": b"%00.%00.%00",
    "too long": b"a" * 9000 + b".a.a",
    "no ascii": b"%ff.%ff.%ff",
}


@pytest.mark.parametrize("assertion", FORMS.values(), ids=FORMS)
def test_what_is_no_assertion_is_an_invalid_grant(script: Script, assertion: bytes) -> None:
    form = b"grant_type=" + wire_auth.GRANT.encode() + b"&assertion=" + assertion

    answer = post(script, "token", form, KINDS[2])

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


@pytest.mark.parametrize("form", [b"", b"grant_type=a&grant_type=b", b"%ff=%ff", b"a=1&" * 5000])
@pytest.mark.parametrize("kind", [*KINDS, "multipart/form-data; boundary=x"])
def test_what_is_no_form_is_told_so(script: Script, form: bytes, kind: str) -> None:
    answer = post(script, "token", form, kind)

    assert answer.status_code == 400
    assert answer.json()["error"] in {"invalid_request", "unsupported_grant_type"}
