"""What the vendor refuses, with its own number; at a limit works what one over it does not."""

from __future__ import annotations

from typing import Any

import pytest

from providers.inbound import Call
from providers.message import PushMessage
from providers.message_fields import Platform
from providers.outcomes import Refusal
from providers.vendors.engagelab import (
    wire_batches,
    wire_devices,
    wire_messages,
    wire_sends,
    wire_stats,
)
from providers.vendors.engagelab.wire_errors import Code, find_number

NOTIFICATION = {"alert": "Hi"}
HMOS = {"alert": "Hi", "category": "MARKETING", "intent": {"url": "action.system.home"}}
ACTIVITY = {"event": "start", "attributes-type": "Order", "content-state": {"step": 1}}


def make_body(to: Any = "all", **body: Any) -> dict[str, Any]:
    return {"to": to, "body": {"platform": "all", "notification": NOTIFICATION, **body}}


def judge(body: Any) -> Code | None:
    """The number that a push is refused with, None for one that is taken."""
    try:
        wire_sends.read_push(Call(body=body))
    except Refusal as refusal:
        return find_number(refusal)[1]
    return None


def only(kind: str, content: Any, platform: Any = "all", **options: Any) -> dict[str, Any]:
    body: dict[str, Any] = {"platform": platform, kind: content}
    return {"to": "all", "body": body | ({"options": options} if options else {})}


def many(count: int) -> list[str]:
    return [f"{number:05d}" for number in range(count)]


def options(**values: Any) -> dict[str, Any]:
    return make_body(options=values)


def activity(**changes: Any) -> dict[str, Any]:
    return only("live_activity", {"ios": {**ACTIVITY, **changes}}, ["ios"])


BAD: dict[str, tuple[Any, Code]] = {
    "no object": ([], Code.BAD_VALUE),
    "no target": ({"body": make_body()["body"]}, Code.MISSING),
    "an empty target": (make_body({}), Code.MISSING),
    "a target of empty lists": (make_body({"tag": []}), Code.MISSING),
    "a target of no kind": (make_body(5), Code.BAD_TYPE),
    "a segment that is a list": (make_body({"seg": [{"id": "1"}]}), Code.BAD_TYPE),
    "a segment without an id": (make_body({"seg": {}}), Code.MISSING),
    "no body": ({"to": "all"}, Code.MISSING),
    "no platform": ({"to": "all", "body": {"notification": NOTIFICATION}}, Code.MISSING),
    "an unknown platform": (make_body(platform=["winphone"]), Code.BAD_VALUE),
    "a platform that is a number": (make_body(platform=5), Code.BAD_TYPE),
    "no content": ({"to": "all", "body": {"platform": "all"}}, Code.MISSING),
    "an empty alert": (only("notification", {"alert": ""}), Code.EMPTY_ALERT),
    "a message without content": (only("message", {"title": "x"}), Code.MISSING),
    "content that is a list": (only("message", {"msg_content": [1]}), Code.BAD_TYPE),
    "an alert that is a number": (only("notification", {"alert": 5}), Code.BAD_TYPE),
    "a title that is a number": (make_body(notification={"android": {"alert": "a", "title": 5}}),
                                 Code.BAD_TYPE),
    "priority 3": (make_body(notification={"android": {"alert": "a", "priority": 3}}),
                   Code.BAD_VALUE),
    "an unknown push type": (make_body(notification={"hmos": {**HMOS, "push_type": 3}}),
                             Code.BAD_VALUE),
    "an unknown style": (make_body(notification={"hmos": {**HMOS, "style": 1}}), Code.BAD_VALUE),
    "a push type without its data": (make_body(notification={"hmos": {**HMOS, "push_type": 10}}),
                                     Code.MISSING),
    "hmos without a category": (make_body(notification={"hmos": {**HMOS, "category": None}}),
                                Code.MISSING),
    "hmos without an intent": (make_body(notification={"hmos": {**HMOS, "intent": None}}),
                               Code.MISSING),
    "an activity beside a notification": (make_body(live_activity={"ios": ACTIVITY}),
                                          Code.KINDS_COEXIST),
    "voip beside a notification": (make_body(voip={"a": 1}), Code.VOIP_ALONE),
    "voip for all": (only("voip", {"a": 1}), Code.VOIP_PLATFORM),
    "an activity for all": (only("live_activity", {"ios": ACTIVITY}), Code.ACTIVITY_PLATFORM),
    "an unknown event": (activity(event="stop"), Code.ACTIVITY_EVENT),
    "an activity without its type": (activity(**{"attributes-type": ""}), Code.ACTIVITY_TYPE),
    "an activity without a state": (activity(**{"content-state": None}), Code.ACTIVITY_STATE),
    "an activity of another priority": (activity(**{"apns-priority": 7}), Code.BAD_VALUE),
    "a spread message": (only("message", {"msg_content": "x"}, big_push_duration=5),
                         Code.NO_DURATION_HERE),
    "a distribution that is a number": (
        options(third_party_channel={"huawei": {"distribution": 5}}), Code.BAD_DISTRIBUTION
    ),
    "an empty plan": (options(plan_id=""), Code.EMPTY_PLAN),
    "a cid with a blank": (options(cid="a b"), Code.BAD_VALUE),
    "a flag that is a text": (options(apns_production="true"), Code.BAD_TYPE),
    "arguments that are a list": ({**make_body(), "custom_args": [1]}, Code.BAD_TYPE),
    "a character that cannot be kept": (make_body(notification={"alert": "a\0b"}), Code.BAD_VALUE),
}  # fmt: skip


@pytest.mark.parametrize(("body", "code"), BAD.values(), ids=list(BAD))
def test_a_bad_push_is_refused_with_the_vendors_number(body: Any, code: Code) -> None:
    assert judge(body) is code


def pad(size: int) -> dict[str, Any]:
    """A notification of that many bytes."""
    return make_body(notification={"alert": "x" * (size - len('{"alert":""}'))})


def pad_web(size: int) -> dict[str, Any]:
    text = "x" * (size - len('{"url":"u","alert":""}'))
    return make_body(platform="web", notification={"web": {"url": "u", "alert": text}})


LIMITS: dict[str, tuple[Any, Any, Code]] = {
    "registration ids": (make_body({"registration_id": many(1000)}),
                         make_body({"registration_id": many(1001)}), Code.BAD_TYPE),
    "aliases": (make_body({"alias": many(1000)}), make_body({"alias": many(1001)}), Code.BAD_TYPE),
    "tags": (make_body({"tag": many(20)}), make_body({"tag": many(21)}), Code.BAD_TYPE),
    "tags that must hold": (make_body({"tag_and": many(20)}), make_body({"tag_and": many(21)}),
                            Code.BAD_TYPE),
    "tags that must not": (make_body({"tag_not": many(20)}), make_body({"tag_not": many(21)}),
                           Code.BAD_TYPE),
    "bytes of a tag": (make_body({"tag": ["é" * 20]}), make_body({"tag": ["é" * 20 + "x"]}),
                       Code.BAD_TYPE),
    "bytes of the content": (pad(4000), pad(4001), Code.TOO_LARGE),
    "bytes of a web notification": (pad_web(2048), pad_web(2049), Code.TOO_LARGE),
    "seconds to live": (options(time_to_live=1_296_000), options(time_to_live=1_296_001),
                        Code.BAD_VALUE),
    "minutes of a spread push": (options(big_push_duration=1440), options(big_push_duration=1441),
                                 Code.BAD_PARAMETER),
    "letters of a cid": (options(cid="a" * 64), options(cid="a" * 65), Code.BAD_VALUE),
    "bytes of a collapse id": (options(apns_collapse_id="a" * 64),
                               options(apns_collapse_id="a" * 65), Code.BAD_TYPE),
    "web buttons": (options(web_buttons=[{}] * 2), options(web_buttons=[{}] * 3), Code.BAD_TYPE),
    "letters of the arguments": ({**make_body(), "custom_args": "a" * 128},
                                 {**make_body(), "custom_args": "a" * 129}, Code.BAD_TYPE),
    "badge of hmos": (make_body(notification={"hmos": {**HMOS, "badge_add_num": 99}}),
                      make_body(notification={"hmos": {**HMOS, "badge_add_num": 100}}),
                      Code.BAD_VALUE),
    "lines of hmos": (make_body(notification={"hmos": {**HMOS, "inbox_content": ["a" * 900] * 3}}),
                      make_body(notification={"hmos": {**HMOS, "inbox_content": ["a"] * 4}}),
                      Code.BAD_TYPE),
    "length of a line of hmos": (
        make_body(notification={"hmos": {**HMOS, "inbox_content": ["a" * 1024]}}),
        make_body(notification={"hmos": {**HMOS, "inbox_content": ["a" * 1025]}}),
        Code.BAD_TYPE,
    ),
    "score of an activity": (activity(**{"relevance-score": 100}),
                             activity(**{"relevance-score": 101}), Code.BAD_VALUE),
}  # fmt: skip


@pytest.mark.parametrize(("good", "bad", "code"), LIMITS.values(), ids=list(LIMITS))
def test_at_the_limit_is_taken_and_one_over_it_is_not(good: Any, bad: Any, code: Code) -> None:
    assert judge(good) is None
    assert judge(bad) is code


def test_a_notification_beside_a_message_is_taken() -> None:
    assert judge(make_body(message={"msg_content": "x"})) is None


def test_options_beside_the_body_count_as_inside() -> None:
    beside = {**make_body(), "options": {"cid": "order-17", "plan_id": "spring"}}

    push = wire_sends.read_push(Call(body=beside))

    assert (push.client_key, push.tag) == ("order-17", "spring")
    assert wire_sends.write_push(push)["body"]["options"] == beside["options"]


def refuse(read: Any, call: Call) -> Code:
    with pytest.raises(Refusal) as caught:
        read(call)
    return find_number(caught.value)[1]


def make_batch(count: int) -> Call:
    items = [
        {"target": target, "platform": "all", "notification": NOTIFICATION}
        for target in many(count)
    ]
    return Call(body={"requests": items})


def test_a_batch_has_at_most_500_targets_each_once() -> None:
    taken = wire_batches.read_regid_batch(make_batch(500))
    twice = Call(body={"requests": make_batch(1).body["requests"] * 2})

    assert len(taken.pushes) == 500
    assert refuse(wire_batches.read_regid_batch, make_batch(501)) is Code.BAD_TYPE
    assert refuse(wire_batches.read_regid_batch, twice) is Code.BAD_VALUE
    assert refuse(wire_batches.read_alias_batch, Call(body={"requests": []})) is Code.MISSING


@pytest.mark.parametrize("platform", ["android", ["android"]])
def test_a_batchs_platform_is_a_text_or_a_list(platform: Any) -> None:
    item = {"target": "1", "platform": platform, "notification": NOTIFICATION}

    [push] = wire_batches.read_regid_batch(Call(body={"requests": [item]})).pushes

    assert push.parts[0].message.android.body == "Hi"


def test_at_most_500_tokens_are_imported() -> None:
    def read(count: int) -> Any:
        body = {"platform": "android", "tokens": many(count)}
        return wire_devices.read_tokens(Call(body=body))

    assert len(read(500).devices) == 500
    assert refuse(lambda call: read(501), Call()) is Code.BAD_TYPE
    assert refuse(lambda call: read(0), Call()) is Code.MISSING


def test_at_most_100_messages_are_asked_about() -> None:
    def ask(count: int) -> Call:
        return Call(query={"message_ids": ",".join(many(count))})

    assert len(wire_stats.read_detail(ask(100)).transfers) == 100
    assert refuse(wire_stats.read_detail, ask(101)) is Code.BAD_VALUE
    assert refuse(wire_stats.read_detail, Call()) is Code.MISSING


def test_a_message_number_of_ours_is_not_told_to_the_vendor() -> None:
    scripts = wire_sends.read_push(Call(body=options(override_msg_id=17, classification=1)))
    peoples = PushMessage(body="Hi", extras={"engagelab": {"override_msg_id": 17}})

    written = [
        wire_messages.write_content(wire_messages.narrow_content(message, Platform.ANDROID))
        for message in (scripts.parts[0].message, peoples)
    ]

    assert wire_sends.write_push(scripts)["body"]["options"]["override_msg_id"] == 17
    assert [body["options"] for body in written] == [{"classification": 1}, {"override_msg_id": 17}]
