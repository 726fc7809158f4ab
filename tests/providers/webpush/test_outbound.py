"""The requests of a push, and what becomes of those that answer badly."""

from __future__ import annotations

import json
import re

import pytest

from providers.commands import PushPart, SendPush
from providers.contract import LONGEST_REFERENCE, Payload
from providers.message import Button, PushMessage, WebContent
from providers.message_fields import Platform
from providers.outbound import AccountConfig, DeviceAnswer, DeviceCall
from providers.outcomes import Failure, Outcome, Reason
from providers.recipients import Targets
from providers.vendors.webpush import DIALECT, outbound, wire_auth
from providers.vendors.webpush.wire_auth import make_private_key
from tests.providers.webpush.browsers import SERVICE, Browser

MESSAGE = PushMessage(
    title="Hi",
    body="Where are you? 🧭",
    web=WebContent(
        url="https://shop.example/c?a=1&b=2",
        icon="https://shop.example/i.png",
        image="https://shop.example/l.png",
        badge="https://shop.example/b.png",
        tag="cart",
        require_interaction=True,
        time_to_live=600,
        urgency="high",
        buttons=(Button("To the cart", "https://shop.example/cart"), Button("Later", id="later")),
        extras={"order": 7},
    ),
)
REFERENCE = "1.2s.9f.0123456789ab"


@pytest.fixture(autouse=True)
def _rested(monkeypatch):
    monkeypatch.setattr(outbound, "RESTS", outbound.Rests())


def connect(**options):
    account = AccountConfig(
        public_id="acc", credentials={"private_key": make_private_key()}, options=options
    )
    return outbound.WebPush(account)


def write(*tokens, message=MESSAGE, client=None, references=(), **push):
    resolved = message.resolve(Platform.WEB)
    targets = Targets("token", tokens, references or tuple(REFERENCE for _ in tokens))
    parts = (PushPart(resolved, (targets,)),)
    return (client or connect()).write_calls(SendPush(parts=parts, **push))


def read_headers(call):
    return dict(line.split(": ", 1) for line in call.headers)


def test_a_browser_reads_what_was_said():
    browser = Browser()

    call = write(browser.token, expires_in=3600).write(0)

    assert (call.place, call.url) == (0, browser.endpoint)
    assert json.loads(browser.read(call.body)) == {
        "title": "Hi",
        "body": "Where are you? 🧭",
        "url": "https://shop.example/c?a=1&b=2",
        "icon": "https://shop.example/i.png",
        "image": "https://shop.example/l.png",
        "badge": "https://shop.example/b.png",
        "tag": "cart",
        "requireInteraction": True,
        "actions": [
            {"action": "0", "title": "To the cart", "url": "https://shop.example/cart"},
            {"action": "later", "title": "Later"},
        ],
        "data": {"order": 7},
        "receipt": REFERENCE,
    }


def test_a_request_has_what_the_rfcs_ask_for():
    call = write(Browser().token, expires_in=3600).write(0)

    headers = read_headers(call)
    word = headers.pop("Authorization")
    assert headers == {
        "TTL": "600",
        "Urgency": "high",
        "Topic": "1-2s-9f-0123456789ab",
        "Content-Encoding": "aes128gcm",
        "Content-Type": "application/octet-stream",
    }
    assert wire_auth.verify(word, SERVICE, outbound.time.time())["aud"] == SERVICE
    assert word not in repr(call)


@pytest.mark.parametrize(
    ("life", "seconds", "ttl"),
    [(None, None, 2_419_200), (None, 5, 5), (60, 5, 5), (0, 60, 0), (None, 10**9, 2_419_200)],
)
def test_a_push_is_kept_for_as_long_as_it_is_good(life, seconds, ttl):
    message = PushMessage(title="t", body="b", web=WebContent(time_to_live=life))

    call = write(Browser().token, message=message, expires_in=seconds).write(0)

    assert read_headers(call)["TTL"] == str(ttl)


@pytest.mark.parametrize(
    ("topic", "reference", "said"),
    [
        ("", REFERENCE, "1-2s-9f-0123456789ab"),
        ("sale", REFERENCE, "sale"),
        ("sale of all", REFERENCE, "Lby25qkN-ZV_LwDU-ocVP86F7xxNZwAE"),
        ("", "1." + "z" * 40, "O0sGdHYo24b5zOoLPrb-JWAk_XgmIqtd"),
    ],
)
def test_a_topic_is_the_same_for_the_same_and_never_too_long(topic, reference, said):
    message = PushMessage(title="t", body="b", extras={"webpush": {"topic": topic}})

    calls = [
        write(Browser().token, message=message, references=(reference,)).write(0) for _ in range(2)
    ]

    topics = {read_headers(call)["Topic"] for call in calls}
    assert topics == {said}
    assert len(said) <= 32


def test_a_message_is_rendered_once_and_everybody_gets_their_own_token():
    browsers = [Browser(endpoint=f"{SERVICE}/{n}") for n in range(3)]
    references = tuple(f"1.a.{n}.0123456789ab" for n in range(3))

    calls = write(*(browser.token for browser in browsers), references=references)

    read = [
        json.loads(browser.read(calls.write(place).body))["receipt"]
        for place, browser in enumerate(browsers)
    ]
    assert calls.count == 3
    assert read == list(references)


def test_several_texts_are_told_apart_by_their_places():
    browsers = [Browser(), Browser()]
    parts = tuple(
        PushPart(
            PushMessage(title=text, body="b").resolve(Platform.WEB),
            (Targets("token", (one.token,)),),
        )
        for text, one in zip("ab", browsers, strict=True)
    )

    calls = connect().write_calls(SendPush(parts=parts))

    said = [json.loads(one.read(calls.write(place).body)) for place, one in enumerate(browsers)]
    assert said == [{"title": "a", "body": "b"}, {"title": "b", "body": "b"}]


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda body: "just a token", "no endpoint"),
        (lambda body: "[]", "no endpoint"),
        (lambda body: "[" * 100_000, "no endpoint"),
        (lambda body: body["endpoint"], "no endpoint"),
        (lambda body: {**body, "keys": {}}, "no endpoint"),
        (lambda body: {**body, "keys": {**body["keys"], "p256dh": 7}}, "no endpoint"),
        (lambda body: {**body, "keys": {**body["keys"], "p256dh": "*?"}}, "no endpoint"),
        (lambda body: {**body, "keys": {**body["keys"], "auth": "AAAA"}}, "secret of 16"),
        (lambda body: {**body, "keys": {**body["keys"], "p256dh": "AAAA"}}, "point of 65"),
        (lambda body: {**body, "keys": {**body["keys"], "p256dh": "B" + "A" * 86}}, "curve|nvalid"),
        (lambda body: {**body, "endpoint": "http://push.example/a"}, "https"),
        (lambda body: {**body, "endpoint": "https://push.example/a\r\nX: y"}, "https"),
        (lambda body: {**body, "endpoint": "https://ann:pw@push.example/a"}, "https"),
        (lambda body: {**body, "endpoint": "https://push.example:99999/a"}, "port"),
        (lambda body: {**body, "endpoint": "https:///a"}, "https"),
        (lambda body: {**body, "endpoint": "https://[1]/a"}, "https"),
        (lambda body: {**body, "endpoint": "https://[10.0.0.1]/a"}, "https"),
        (lambda body: {**body, "endpoint": "https://push.example/" + "a" * 2048}, "https"),
        (lambda body: {**body, "endpoint": None}, "https"),
    ],
)
def test_what_is_no_subscription_fails_alone_and_nobody_is_called(spoil, words):
    good = Browser()
    spoiled = spoil(json.loads(good.token))
    token = spoiled if isinstance(spoiled, str) else json.dumps(spoiled)

    calls = write(token, good.token)

    bad, well = calls.write(0), calls.write(1)
    assert (bad.index, bad.outcome, bad.reason) == (0, Outcome.FAILED, Reason.NOT_ADDRESSABLE)
    assert re.search(words, bad.message)
    assert isinstance(well, DeviceCall)


def test_a_message_that_no_service_must_take_is_not_sent():
    long = PushMessage(title="t", body="x" * 3950)

    result = write(Browser().token, message=long).write(0)

    assert (result.outcome, result.reason) == (Outcome.FAILED, Reason.PAYLOAD)
    assert "3993 bytes" in DIALECT.find_message_faults(long)["body"]
    assert DIALECT.find_message_faults(MESSAGE) == {}


@pytest.mark.parametrize("length", [0, 1, 500, 2900, 3300])
def test_what_is_measured_is_what_is_sent(length):
    message = PushMessage(title="Hi", body="я" * (length // 2), web=MESSAGE.web)
    browser = Browser()

    call = write(browser.token, message=message, references=(LONGEST_REFERENCE,)).write(0)
    payload = DIALECT.measure(message.resolve(Platform.WEB), Platform.WEB)

    assert payload == Payload(len(call.body), 4096)
    assert not payload.is_over


def test_what_is_too_long_is_measured_as_too_long():
    longest = next(
        length
        for length in range(4000, 0, -1)
        if not DIALECT.find_message_faults(PushMessage(body="x" * length))
    )

    sizes = [
        DIALECT.measure(PushMessage(body="x" * (longest + more)), Platform.WEB) for more in (0, 1)
    ]

    assert [size.is_over for size in sizes] == [False, True]


def answer(status, body=b"", place=0, **headers):
    return DeviceAnswer(place, status, headers, body)


def test_a_stranger_who_speaks_as_a_service_harms_nobody_else():
    stranger = Browser(endpoint="https://push.evil.example/x")
    calls = write(stranger.token, Browser().token)

    results = [calls.read(answer(status, b"no")) for status in (400, 401, 403, 413)]

    assert {(one.reason, one.retry_after) for one in results} == {(Reason.NOT_ADDRESSABLE, None)}
    assert calls.read(answer(403, b"no", place=1)).reason is Reason.CREDENTIAL


def test_a_service_that_staff_have_named_is_believed():
    own = Browser(endpoint="https://push.intra.example:8443/x")

    calls = write(own.token, client=connect(services="other.example, INTRA.example"))

    assert calls.read(answer(401, b"no key")).reason is Reason.CREDENTIAL


@pytest.mark.parametrize(
    ("status", "body"),
    [(201, b""), (201, b'{"error":"none"}'), (202, b"<p>"), (200, b""), (200, b'{"id":"x1"}')],
)
def test_a_push_that_was_taken_is_sent(status, body):
    assert write(Browser().token).read(answer(status, body)).outcome is Outcome.ACCEPTED


@pytest.mark.parametrize(
    "body", [b"<html>", b"taken", b"[]", b'{"errno":102}', b'{"reason":"VapidPkHashMismatch"}']
)
def test_a_200_that_says_something_else_leaves_it_open(body):
    result = write(Browser().token).read(answer(200, body))

    assert (result.outcome, result.reason) == (Outcome.UNKNOWN, Reason.NO_ANSWER)


def test_an_expired_subscription_is_told_in_the_services_words():
    result = write(Browser().token).read(answer(410, b'{"reason":"Unregistered\\u0000 <b>"}'))

    assert (result.outcome, result.reason) == (Outcome.FAILED, Reason.TOKEN)
    assert result.message == "Unregistered <b>"


def test_a_service_that_asks_for_patience_is_left_alone_and_the_others_are_not():
    tired, fresh = Browser(), Browser(endpoint="https://updates.push.services.mozilla.com/a")
    calls = write(tired.token, tired.token, fresh.token)

    _first, second, third = (calls.write(place) for place in range(3))

    throttled = calls.read(answer(429, **{"retry-after": "7200"}))

    held, other = calls.find_rest(second), calls.find_rest(third)
    # A time to wait could be any stranger's wish, and others would wait with him.
    assert (throttled.reason, throttled.retry_after) == (Reason.VENDOR, None)
    assert (held.index, held.reason) == (1, Reason.VENDOR)
    assert 3590 < held.retry_after <= 3600
    assert not held.blocks_account
    assert 3590 < outbound.RESTS.find("acc", SERVICE) <= 3600
    assert other is None
    later = write(tired.token)
    assert later.find_rest(later.write(0)).index == 0


@pytest.mark.parametrize("status", [406, 429])
@pytest.mark.parametrize("headers", [{}, {"retry-after": "0"}, {"retry-after": "in a moment"}])
def test_a_service_that_wants_time_and_says_none_is_left_alone_for_a_minute(status, headers):
    calls = write(Browser().token)

    calls.read(answer(status, **headers))

    assert 50 < calls.find_rest(calls.write(0)).retry_after <= 60


@pytest.mark.parametrize("status", [500, 501, 503])
def test_a_service_that_has_failed_and_says_no_time_is_called_again(status):
    calls = write(Browser().token)

    calls.read(answer(status))

    assert calls.find_rest(calls.write(0)) is None


def test_strangers_services_do_not_fill_the_memory_of_rests():
    rests = outbound.Rests()

    for number in range(outbound.MAX_RESTS + 5):
        rests.note("acc", f"https://{number}.example", 60)

    assert len(rests._until) <= outbound.MAX_RESTS


def test_a_key_that_is_none_is_a_fault_of_the_account():
    with pytest.raises(Failure) as caught:
        outbound.WebPush(AccountConfig(public_id="a", credentials={"private_key": "x"}))

    assert (caught.value.reason, caught.value.is_permanent) == (Reason.CREDENTIAL, True)


def test_an_account_begins_with_a_key_that_browsers_can_subscribe_with():
    made = [DIALECT.make_credentials() for _ in range(2)]

    keys = [DIALECT.find_browser_key(credentials) for credentials in made]
    assert len(set(keys)) == 2
    assert all(len(key) == 87 for key in keys)
    assert DIALECT.find_browser_key({"private_key": "x"}) == ""


def test_a_check_without_a_browser_signs_and_calls_nobody():
    result = connect().check()

    assert result.is_good
    assert "Subscribe a browser" in result.words


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://api.push.apple.com/3/device/00",  # another service beside the known one
        f"{SERVICE}/v1/projects/shop/messages:send",  # another one of the same host
        "https://updates.push.services.mozilla.com/status",
        "https://notify.windows.com.evil.example/w/?token=x",
    ],
)
def test_an_address_that_no_service_gives_out_harms_nobody_else(endpoint):
    calls = write(Browser(endpoint=endpoint).token)

    results = [calls.read(answer(status, b"no")) for status in (400, 401, 403)]

    assert {one.reason for one in results} == {Reason.NOT_ADDRESSABLE}


def test_a_word_that_was_taken_is_not_what_is_refused_later():
    client = connect()
    calls = write(Browser().token, Browser().token, client=client)
    assert isinstance(calls.write(0), DeviceCall)

    before, taken, after = (calls.read(answer(status, b"no")) for status in (401, 201, 401))
    later = write(Browser().token, client=client).read(answer(403, b"no"))
    elsewhere = Browser(endpoint="https://web.push.apple.com/abc")
    other = write(elsewhere.token, client=client).read(answer(403, b"no"))

    assert taken.outcome is Outcome.ACCEPTED
    reasons = [before.reason, after.reason, later.reason, other.reason]
    assert reasons[:1] + reasons[3:] == [Reason.CREDENTIAL] * 2
    assert reasons[1:3] == [Reason.NOT_ADDRESSABLE] * 2


def test_a_message_that_a_service_took_is_not_what_it_refuses_later():
    calls = write(Browser().token, Browser().token)

    before, _taken, after = (calls.read(answer(status, b"no")) for status in (413, 201, 413))
    other = write(Browser().token).read(answer(413, b"no"))

    assert [before.reason, after.reason] == [Reason.PAYLOAD, Reason.NOT_ADDRESSABLE]
    assert other.reason is Reason.PAYLOAD


def test_one_accounts_rest_is_not_anothers():
    calls = write(Browser().token)
    calls.read(answer(429, **{"retry-after": "60"}))
    account = AccountConfig(public_id="b", credentials={"private_key": make_private_key()})

    other = write(Browser().token, client=outbound.WebPush(account))

    assert calls.find_rest(calls.write(0)) is not None
    assert other.find_rest(other.write(0)) is None


@pytest.mark.parametrize(
    ("endpoint", "is_given", "is_believed"),
    [
        (f"{SERVICE}/fcm/send/abc", False, True),
        (f"{SERVICE}:443/fcm/send/abc", False, True),
        (f"{SERVICE}:81/fcm/send/abc", True, False),  # where nobody answers
        ("https://push.evil.example/fcm/send/abc", True, False),
        ("https://intra.example/abc", True, True),
    ],
)
def test_an_address_is_the_browsers_unless_a_known_service_has_given_it_out(
    endpoint, is_given, is_believed
):
    call = write(Browser(endpoint).token, client=connect(services="intra.example")).write(0)

    assert (call.is_address_given, call.is_believed) == (is_given, is_believed)


def test_a_known_services_other_ports_are_not_believed():
    calls = write(Browser(f"{SERVICE}:8443/fcm/send/abc").token)

    assert calls.read(answer(401, b"no")).reason is Reason.NOT_ADDRESSABLE
