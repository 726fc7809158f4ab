"""A `pushMessage` in detail: what is mapped, what is kept, what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from providers.message import AndroidContent, IosContent, PushMessage
from providers.message_fields import Platform
from providers.outcomes import Refusal, RefusalKind
from providers.vendors.agora import wire_messages
from providers.vendors.agora.wire_errors import refuse_message
from providers.vendors.agora.wire_values import Block

TEXTS = {"title": "Hello", "content": "World"}

# The vendor's page of message fields shows this one, with every basic field empty.
SAMPLE = {
    "title": "You have a message",
    "subTitle": "",
    "content": "Check the message",
    "ext": {},
    "config": {
        "clickAction": {"url": "", "action": "", "activity": ""},
        "badge": {"addNum": 0, "setNum": 0},
    },
    "agora": {},
    "apns": {},
    "fcm": {},
}


def read(**fields: Any) -> PushMessage:
    body = {**TEXTS, **fields}
    return wire_messages.read_message(Block(body, "pushMessage", refuse_message))


def rewrite(message: PushMessage) -> dict[str, Any]:
    return wire_messages.write_message(message)


def test_the_pages_own_sample_is_written_as_it_stands() -> None:
    message = wire_messages.read_message(Block(SAMPLE, "pushMessage", refuse_message))

    assert (message.title, message.body) == ("You have a message", "Check the message")
    assert (message.android, message.ios) == (AndroidContent(badge=0), IosContent(badge=0))
    assert rewrite(message) == SAMPLE


@pytest.mark.parametrize("name", ["title", "content"])
@pytest.mark.parametrize("value", [None, ""])
def test_an_absent_text_is_the_vendors_own(name: str, value: Any) -> None:
    message = read(**{name: value})

    told = {"title": message.title, "content": message.body}
    assert told == {**TEXTS, name: SAMPLE[name]}


@pytest.mark.parametrize("name", ["subTitle", "sub_title"])
def test_both_spellings_of_the_subtitle_are_one(name: str) -> None:
    message = read(**{name: "Hi"})

    assert message.ios == IosContent(subtitle="Hi")
    assert rewrite(message) == {**TEXTS, "subTitle": "Hi"}


def test_a_block_overrides_the_basic_text_for_its_phones() -> None:
    message = read(
        apns={"title": "Apple", "content": "Pie"}, fcm={"notification": {"title": "Robot"}}
    )

    assert message.resolve(Platform.IOS).title == "Apple"
    assert message.resolve(Platform.ANDROID).title == "Robot"
    assert message.resolve(Platform.HMOS).title == "Hello"


def test_the_basic_badge_and_data_are_for_every_phone() -> None:
    message = read(ext={"a": 1}, config={"badge": {"setNum": 3}})

    assert message.android == AndroidContent(badge=3, data='{"a":1}')
    assert message.ios == IosContent(badge=3, data='{"a":1}')


def test_apples_own_badge_and_data_win_over_the_basic_ones() -> None:
    body = {
        "ext": {"a": 1},
        "config": {"badge": {"setNum": 3}},
        "apns": {"badge": 9, "ext": {"b": 2}},
    }

    message = read(**body)

    assert (message.ios.badge, message.ios.data) == (9, '{"b":2}')
    assert (message.android.badge, message.android.data) == (3, '{"a":1}')
    assert rewrite(message) == {**TEXTS, **body}


def test_an_override_that_changes_nothing_is_left_out() -> None:
    message = read(config={"badge": {"setNum": 3}}, apns={"badge": 3, "sound": "x"})

    assert rewrite(message) == {**TEXTS, "config": {"badge": {"setNum": 3}}, "apns": {"sound": "x"}}


@pytest.mark.parametrize(
    ("data", "ext"),
    [
        ("plain words", {"data": "plain words"}),
        ("[1]", {"data": "[1]"}),
        ('{"a":{"b":[1]}}', {"a": {"b": [1]}}),
    ],
)
def test_data_is_an_object_or_stands_under_one_name(data: str, ext: dict[str, Any]) -> None:
    message = PushMessage(title="Hello", body="World", android=AndroidContent(data=data))

    body = rewrite(message)

    assert body["ext"] == ext
    assert read(**body).android == AndroidContent(data=data)


def test_a_silent_push_is_one_of_the_background() -> None:
    message = read(apns={"pushType": "background", "contentAvailable": True})

    assert message.ios == IosContent(silent=True)
    assert rewrite(message) == {
        **TEXTS,
        "apns": {"pushType": "background", "contentAvailable": True},
    }


@pytest.mark.parametrize(
    ("sound", "ios"),
    [("default", IosContent(sound="default")), ("ring.caf", IosContent(sound_name="ring.caf"))],
)
def test_a_sound_is_the_default_or_a_name(sound: str, ios: IosContent) -> None:
    message = read(apns={"sound": sound})

    assert message.ios == ios
    assert rewrite(message)["apns"] == {"sound": sound}


def test_no_sound_is_named_where_none_is_to_be_heard() -> None:
    message = PushMessage(title="a", body="b", ios=IosContent(sound="disable"))

    assert rewrite(message) == {"title": "a", "content": "b"}


UNKNOWN = {
    "vivo": {},
    "harmonyOS": {"pushType": 0, "payload": {"deep": [1, None, True]}},
    "agora": {"operation": {"type": "2"}, "needNotification": False},
    "fcm": {"priority": "odd", "collapseKey": "abc", "timeToLive": -1, "dryRun": True},
    "apns": {
        "badge": "7",
        "invalidationTime": 5,
        "mutableContent": 1,
        "interruptionLevel": "LOUD",
    },
    "config": {"badge": {"addNum": 1, "setNum": 10_000_000_000}},
    "anything": None,
}


def test_what_is_not_ours_is_kept_as_it_is() -> None:
    message = read(**UNKNOWN)

    assert (message.android, message.ios) == (None, None)
    assert message.extras == {"agora": UNKNOWN}
    assert rewrite(message) == {**TEXTS, **UNKNOWN}


def test_what_was_kept_is_not_shared_with_what_is_written() -> None:
    message = read(fcm={"data": {"a": 1}})

    rewrite(message)["fcm"]["data"]["a"] = 2

    assert message.extras == {"agora": {"fcm": {"data": {"a": 1}}}}


AT_LIMIT = {
    "title": "a" * 32,
    "content": "本" * 100,
    "subTitle": "b" * 10,
    "ext": {str(number): "x" * 101 for number in range(10)},
}


def test_what_is_at_its_limit_is_taken() -> None:
    assert sum(len(name) + len(text) for name, text in AT_LIMIT["ext"].items()) == 1020

    message = read(**AT_LIMIT)

    assert rewrite(message) == AT_LIMIT


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"title": "a" * 33}, "title"),
        ({"content": "a" * 101}, "content"),
        ({"subTitle": "a" * 11}, "subTitle"),
        ({"sub_title": "a" * 11}, "sub_title"),
        ({"ext": {str(number): 1 for number in range(11)}}, "ext"),
        ({"ext": {"a": "x" * 1024}}, "ext"),
        ({"ext": "x"}, "ext"),
        ({"title": 5}, "title"),
        ({"content": ["a"]}, "content"),
        ({"apns": "x"}, "apns"),
        ({"harmonyOS": [1]}, "harmonyOS"),
        ({"config": {"badge": 3}}, "config.badge"),
        ({"fcm": {"notification": "x"}}, "fcm.notification"),
        ({"title": "a\0"}, "title"),
    ],
)
def test_a_bad_message_is_refused_with_the_place(fields: dict[str, Any], path: str) -> None:
    with pytest.raises(Refusal) as refused:
        read(**fields)

    assert refused.value.kind is RefusalKind.INVALID
    assert refused.value.type == "MessageException"  # type: ignore[attr-defined]
    assert refused.value.message.startswith("bad_request: pushMessage")
    assert refused.value.field in (f"pushMessage.{path}", "pushMessage")


def test_an_empty_block_says_no_more_than_the_fields() -> None:
    plain, more = (
        wire_messages.read_message(Block({"title": "Hello", "vivo": block}))
        for block in ({}, {"category": "IM"})
    )

    assert "vivo" in plain.extras["agora"]
    assert not wire_messages.says_more(plain)
    assert wire_messages.says_more(more)
