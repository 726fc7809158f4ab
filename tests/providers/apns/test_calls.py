"""What a call for one device says, header by header and key by key."""

from __future__ import annotations

import json
from dataclasses import replace
from uuid import UUID, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.commands import PushPart, SendPush
from providers.message import Attachment, Button, IosContent, PushMessage
from providers.message_fields import Platform
from providers.message_platforms import IOS_FIELDS
from providers.recipients import Targets
from providers.vendors.apns import DIALECT, wire, wire_content
from tests.providers.apns.account import (
    HI,
    NOON,
    TOKEN,
    connect,
    make_push,
    open_account,
    read_headers,
    say,
    write_calls,
    write_one,
)
from tests.vendor_cases.strategies import messages, normalize


def read_aps(message: PushMessage, **values) -> dict:
    return json.loads(write_one(message, **values).body)["aps"]


def test_a_plain_push_is_an_alert():
    call = write_one(HI)

    headers = read_headers(call)
    number = str(uuid5(wire.NAMESPACE, "1.2.0.abc"))
    assert call.url == f"https://api.push.apple.com/3/device/{TOKEN}"
    assert json.loads(call.body) == {
        "aps": {"alert": {"title": "Hi", "body": "There"}},
        "pushadmin_reference": "1.2.0.abc",
    }
    assert headers.pop("authorization").startswith("bearer ey")
    assert headers == {
        "content-type": "application/json",
        "apns-push-type": "alert",
        "apns-topic": "com.example.shop",
        "apns-priority": "10",
        "apns-id": number,
        "apns-collapse-id": number,
    }


@given(reference=st.text(max_size=60))
def test_ids_are_uuids_of_version_5_of_the_receipt_token(reference):
    assert wire.make_id(reference) == str(uuid5(wire.NAMESPACE, reference))
    assert UUID(wire.make_id(reference)).version == 5


def test_a_repeat_has_the_same_ids_and_another_recipient_has_others():
    first, again, other = (
        read_headers(calls.write(place))
        for calls, place in [
            (write_calls(HI, HI), 0),
            (write_calls(HI, HI, now=NOON + 7200), 0),
            (write_calls(HI, HI), 1),
        ]
    )

    assert [first[name] for name in ("apns-id", "apns-collapse-id")] == [
        again[name] for name in ("apns-id", "apns-collapse-id")
    ]
    assert first["apns-id"] != other["apns-id"]


def test_a_collapse_id_of_the_message_goes_before_ours():
    headers = read_headers(write_one(say(collapse_id="score-17")))

    assert headers["apns-collapse-id"] == "score-17"


@pytest.mark.parametrize(
    ("environment", "port", "origin"),
    [
        ("production", "443", "https://api.push.apple.com"),
        ("production", "2197", "https://api.push.apple.com:2197"),
        ("sandbox", "443", "https://api.sandbox.push.apple.com"),
        ("sandbox", "", "https://api.sandbox.push.apple.com"),
    ],
)
def test_environment_and_port_choose_the_address(environment, port, origin):
    options = {"topic": "com.example.shop", "environment": environment, "port": port}

    call = connect(options=options).write_calls(make_push(HI)).write(0)

    assert call.url == f"{origin}/3/device/{TOKEN}"


def test_an_address_of_the_account_goes_before_apples():
    account = open_account(base_urls={"gateway": "https://127.0.0.1:7/x/"})

    call = connect(base_urls=account.base_urls).write_calls(make_push(HI)).write(0)

    assert call.url == f"https://127.0.0.1:7/x/3/device/{TOKEN}"


@pytest.mark.parametrize(
    ("kind", "topic"),
    [
        ("alert", ""),
        ("background", ""),
        ("voip", ".voip"),
        ("pushtotalk", ".voip-ptt"),
        ("complication", ".complication"),
        ("fileprovider", ".pushkit.fileprovider"),
        ("location", ".location-query"),
        ("widgets", ".push-type.widgets"),
        ("controls", ".push-type.controls"),
    ],
)
def test_each_push_type_has_its_topic(kind, topic):
    headers = read_headers(write_one(say({"push_type": kind})))

    assert headers["apns-push-type"] == kind
    assert headers["apns-topic"] == f"com.example.shop{topic}"


def test_a_silent_push_is_a_background_one_that_shows_nothing():
    call = write_one(say(silent=True, sound="default", badge=3, data='{"sync": 1}'))

    headers = read_headers(call)
    assert (headers["apns-push-type"], headers["apns-priority"]) == ("background", "5")
    assert "apns-collapse-id" not in headers
    assert json.loads(call.body) == {
        "sync": 1,
        "aps": {"content-available": 1},
        "pushadmin_reference": "1.2.0.abc",
    }


def test_every_field_has_its_place():
    call = write_one(
        say(
            {
                "alert": {"title-loc-key": "T", "title-loc-args": ["a"]},
                "filter_criteria": "work",
                "priority": "5",
            },
            subtitle="Sub",
            badge=3,
            sound_name="bell.caf",
            thread_id="thread",
            category="cat",
            mutable_content=1,
            data="plain text",
            url="shop://cart",
            interruption_level="time-sensitive",
            relevance_score=0.5,
            target_content_id="window-1",
            buttons=(Button("Open", "shop://cart", "o"), Button("Later")),
            attachments=(Attachment("1", "https://example.com/a.png", "png"),),
        )
    )

    assert read_headers(call)["apns-priority"] == "5"
    assert json.loads(call.body) == {
        "data": "plain text",
        "url": "shop://cart",
        "attachments": [{"id": "1", "url": "https://example.com/a.png", "type": "png"}],
        "buttons": [{"id": "o", "title": "Open", "url": "shop://cart"}, {"title": "Later"}],
        "aps": {
            "alert": {
                "title": "Hi",
                "subtitle": "Sub",
                "body": "There",
                "title-loc-key": "T",
                "title-loc-args": ["a"],
            },
            "sound": "bell.caf",
            "badge": 3,
            "thread-id": "thread",
            "category": "cat",
            "mutable-content": 1,
            "interruption-level": "time-sensitive",
            "relevance-score": 0.5,
            "target-content-id": "window-1",
            "filter-criteria": "work",
        },
        "pushadmin_reference": "1.2.0.abc",
    }


@pytest.mark.parametrize(
    ("values", "options", "sound"),
    [
        ({"sound": "default"}, {}, "default"),
        ({"sound": "disable"}, {}, None),
        ({}, {}, None),
        ({"sound": "default", "sound_name": "bell.caf"}, {}, "bell.caf"),
        (
            {"sound_name": "bell.caf", "interruption_level": "critical"},
            {},
            {"critical": 1, "name": "bell.caf"},
        ),
        ({"interruption_level": "critical"}, {}, None),
        ({}, {"critical_volume": 80}, {"critical": 1, "name": "default", "volume": 0.8}),
        (
            {"sound_name": "bell.caf"},
            {"critical_volume": 0},
            {"critical": 1, "name": "bell.caf", "volume": 0.0},
        ),
    ],
)
def test_what_is_heard(values, options, sound):
    assert read_aps(say(options, **values)).get("sound") == sound


@pytest.mark.parametrize(
    ("own", "expires_in", "expiration"),
    [
        (None, None, None),
        (60, None, str(int(NOON) + 60)),
        (60, 30, str(int(NOON) + 30)),
        (None, 90, str(int(NOON) + 90)),
        (0, 90, "0"),
    ],
)
def test_the_sooner_expiration_holds(own, expires_in, expiration):
    call = write_one(say(expiration=own), expires_in=expires_in)

    assert read_headers(call).get("apns-expiration") == expiration


def test_a_live_activity_is_updated():
    call = write_one(
        say(
            {"event": "update", "content_state": {"score": 3}, "stale_in": 60},
            sound_name="goal.caf",
            badge=1,
            relevance_score=1,
        )
    )

    headers = read_headers(call)
    assert headers["apns-push-type"] == "liveactivity"
    assert headers["apns-topic"] == "com.example.shop.push-type.liveactivity"
    assert "apns-collapse-id" not in headers
    assert json.loads(call.body)["aps"] == {
        "timestamp": int(NOON),
        "event": "update",
        "content-state": {"score": 3},
        "stale-date": int(NOON) + 60,
        "alert": {"title": "Hi", "body": "There", "sound": "goal.caf"},
        "relevance-score": 1,
    }


def test_a_live_activity_is_started_and_ended():
    start = {
        "event": "start",
        "content_state": {"score": 0},
        "attributes_type": "MatchAttributes",
        "attributes": {"home": "A"},
    }

    begun = read_aps(say(start))
    ended = read_aps(say({"event": "end", "dismiss_in": 0}, silent=True))

    assert begun["attributes-type"] == "MatchAttributes"
    assert begun["attributes"] == {"home": "A"}
    assert ended == {"timestamp": int(NOON), "event": "end", "dismissal-date": int(NOON)}


def test_places_are_counted_over_parts_and_their_targets():
    other = "ab" * 32
    push = SendPush(
        parts=(
            PushPart(HI, (Targets("token", (TOKEN, other), ("r0", "r1")),)),
            PushPart(say(body="Other"), (Targets("token", (TOKEN,), ("r2",)),)),
        ),
        client_key="17",
    )
    calls = connect().write_calls(push)

    written = [calls.write(place) for place in range(calls.count)]

    assert [call.place for call in written] == [0, 1, 2]
    assert [json.loads(call.body)["pushadmin_reference"] for call in written] == ["r0", "r1", "r2"]
    assert [json.loads(call.body)["aps"]["alert"]["body"] for call in written] == [
        "There", "There", "Other",
    ]  # fmt: skip
    assert [call.url.rpartition("/")[2] for call in written] == [TOKEN, other, TOKEN]


@given(message=messages(DIALECT, Platform.IOS))
def test_a_message_is_read_as_it_was_written(message):
    payload = json.loads(write_one(message).body)
    read = wire_content.read_payload(payload)

    # Neither is part of a payload; a hidden text is not sent, nor what only a shown push has.
    kept = replace(normalize(message, Platform.IOS).ios, expiration=None, collapse_id=None)
    if kept.silent:
        kept = IosContent(silent=True, data=kept.data, url=kept.url)
    assert read == replace(
        kept, sound=read.sound, attachments=read.attachments, buttons=read.buttons
    )


def test_every_field_of_ios_has_a_fate():
    unnamed = {f"ios.{spec.name}" for spec in IOS_FIELDS} - set(DIALECT.carries)

    assert unnamed == set()
