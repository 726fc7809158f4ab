"""Messages: the pages' own examples, every field of ours, and what the vendor bounds."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.inbound import Call
from providers.message import AndroidContent, IosContent, PushMessage, Text, WebContent
from providers.message_fields import Platform
from providers.outcomes import Refusal, RefusalKind
from providers.vendors.fcm import DIALECT, wire_messages, wire_sends
from tests.vendor_cases.accounts import FIXTURES
from tests.vendor_cases.strategies import messages, normalize

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
EXAMPLES = json.loads((FIXTURES / "fcm" / "examples.json").read_text())
PLATFORMS = sorted(DIALECT.platforms)


def read(message: dict[str, Any]) -> PushMessage:
    call = Call({"message": {"token": "t", **message}}, {"project": "p"}, now=NOW)
    return wire_sends.read_send(call).parts[0].message


@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_an_example_of_the_pages_is_written_as_it_was_read(example):
    push = wire_sends.read_send(Call(example, {"project": "p"}, now=NOW))

    written = wire_messages.write_message(push.parts[0].message, now=NOW)

    targets = wire_messages.TARGETS
    assert written == {k: v for k, v in example["message"].items() if k not in targets}


@given(data=st.data())
def test_what_fields_say_is_read_as_it_was_written(data):
    platform = data.draw(st.sampled_from(PLATFORMS))
    message = data.draw(messages(DIALECT, platform))

    again = read(wire_messages.write_message(message, now=NOW))

    assert normalize(again, platform) == normalize(message, platform)


@given(data=st.data())
def test_a_message_for_all_platforms_keeps_each_ones_own(data):
    parts = {item.value: data.draw(messages(DIALECT, item)) for item in PLATFORMS}
    blocks = {name: getattr(one, name) for name, one in parts.items()}
    message = PushMessage(title="Common", body="Text", **blocks)

    again = read(wire_messages.write_message(message, now=NOW))

    for platform in PLATFORMS:
        assert normalize(again, platform) == normalize(message, platform)


def test_both_spellings_of_a_name_are_one():
    camel = {"fcmOptions": {"analyticsLabel": "x"}, "android": {"collapseKey": "7", "notification":
             {"channelId": "c"}}, "data": {"camelCase": "1"}}  # fmt: skip
    snake = {"fcm_options": {"analytics_label": "x"}, "android": {"collapse_key": "7",
             "notification": {"channel_id": "c"}}, "data": {"camelCase": "1"}}  # fmt: skip

    assert read(camel) == read(snake)
    assert read(camel).android.channel_id == "c"
    assert json.loads(read(camel).android.data) == {"camelCase": "1"}


def test_a_silent_message_shows_nothing_anywhere():
    android = PushMessage(title="T", body="B", android=AndroidContent(silent=True, data="x"))
    ios = PushMessage(title="T", body="B", ios=IosContent(silent=True, badge=3))

    written = [
        wire_messages.write_message(android.resolve(Platform.ANDROID), now=NOW),
        wire_messages.write_message(ios.resolve(Platform.IOS), now=NOW),
    ]

    assert written == [
        {"data": {"data": "x"}},
        {
            "apns": {
                "headers": {"apns-push-type": "background", "apns-priority": "5"},
                "payload": {"aps": {"content-available": 1}},
            }
        },
    ]


def test_a_message_without_texts_is_silent_on_phones():
    message = read({"data": {"a": "1"}})

    assert (message.android.silent, message.ios.silent) == (True, True)
    assert message.web == WebContent(extras={"a": "1"})


@pytest.mark.parametrize(
    ("expires_in", "ttl", "expiration", "web"),
    [(None, "600s", "1795262430", "60"), (20, "20s", "1795262420", "20")],
)
def test_a_send_that_expires_shortens_every_life(expires_in, ttl, expiration, web):
    message = PushMessage(
        body="B",
        android=AndroidContent(time_to_live=600),
        ios=IosContent(expiration=30),
        web=WebContent(time_to_live=60),
    )

    written = wire_messages.write_message(message, expires_in, NOW)

    assert written["android"]["ttl"] == ttl
    assert written["apns"]["headers"]["apns-expiration"] == expiration
    assert written["webpush"]["headers"]["TTL"] == web


def test_links_go_where_the_app_finds_them():
    android = PushMessage(body="B", android=AndroidContent(deeplink="shop://a", data='{"n": 1}'))
    ios = PushMessage(body="B", ios=IosContent(url="shop://b", data='{"n": 1}'))

    assert wire_messages.write_message(android)["data"] == {"n": "1", "deeplink": "shop://a"}
    assert wire_messages.write_message(ios)["apns"]["payload"] == {"n": 1, "url": "shop://b"}


def test_a_translation_is_what_one_device_gets():
    message = PushMessage(title="Hi", body="There", translations={"de": Text("Hallo", "Da")})

    written = wire_messages.write_message(message.resolve(Platform.WEB, "de"))

    assert written == {"notification": {"title": "Hallo", "body": "Da"}}


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ({"data": {"a": 12}}, "message.data.a"),
        ({"data": {"from": "x"}}, "message.data.from"),
        ({"data": {"google.x": "x"}}, "message.data.google.x"),
        ({"android": {"data": {"gcm": "x"}}}, "message.android.data.gcm"),
        ({"android": {"ttl": "2419201s"}}, "message.android.ttl"),
        ({"android": {"ttl": 60}}, "message.android.ttl"),
        ({"android": {"priority": "urgent"}}, "message.android.priority"),
        ({"android": {"notification": {"color": "red"}}}, "message.android.notification.color"),
        ({"android": []}, "message.android"),
        ({"apns": {"headers": {"apns-priority": 5}}}, "message.apns.headers.apns-priority"),
        ({"fcm_options": {"analytics_label": "no blanks"}}, "message.fcm_options.analytics_label"),
        ({"webpush": {"fcm_options": {"link": "http://x.example"}}},
         "message.webpush.fcm_options.link"),
        ({"notification": {"title": 7}}, "message.notification.title"),
    ],
)  # fmt: skip
def test_what_the_reference_bounds_is_refused_by_its_field(message, field):
    with pytest.raises(Refusal) as caught:
        read(message)

    assert (caught.value.kind, caught.value.field) == (RefusalKind.INVALID, field)


def test_compose_is_told_what_would_be_refused():
    message = PushMessage(
        android=AndroidContent(data='{"from": "x"}'),
        web=WebContent(url="http://x.example", extras={"gcm_a": "1"}),
    )

    faults = wire_messages.find_message_faults(message)

    assert faults == {
        "android.data": "from is a key that the vendor keeps",
        "web.url": "must begin with https://",
        "web.extras": "gcm_a is a key that the vendor keeps",
    }
