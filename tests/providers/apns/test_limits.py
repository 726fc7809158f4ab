"""What Apple would not take is refused before anybody is called: options, sizes, tokens."""

from __future__ import annotations

import json

import pytest

from providers.commands import PushPart, SendPush
from providers.contract import LONGEST_REFERENCE
from providers.message_fields import Platform
from providers.outcomes import Outcome, Reason, Result
from providers.recipients import Targets
from providers.vendors.apns import DIALECT, wire_content
from tests.providers.apns.account import (
    HI,
    TOKEN,
    connect,
    say,
    write_calls,
    write_one,
)


@pytest.mark.parametrize(
    ("options", "values", "field"),
    [
        ({"event": "start"}, {}, "content_state"),
        ({"event": "update"}, {}, "content_state"),
        ({"push_type": "liveactivity"}, {}, "event"),
        ({"push_type": "voip", "event": "end"}, {}, "push_type"),
        (
            {"event": "start", "content_state": {}, "attributes": {}, "attributes_type": "A"},
            {"silent": True},
            "event",
        ),
        ({"push_type": "background", "priority": "10"}, {}, "priority"),
        ({"alert": {"badge": 1}}, {}, "alert"),
        ({"critical_volume": 101}, {}, "critical_volume"),
        ({"colour": "red"}, {}, "colour"),
        ({"push_type": "mdm"}, {}, "push_type"),
    ],
)
def test_options_that_apple_would_not_take_are_told_by_name(options, values, field):
    faults = wire_content.find_faults(say(options, **values))

    assert f"extras.apns.{field}" in faults


@pytest.mark.parametrize("key", ["aps", "pushadmin_reference"])
def test_data_does_not_speak_in_apples_name_or_ours(key):
    message = say(data=json.dumps({key: {"alert": "x"}}))

    result = write_calls(message).write(0)

    assert "ios.data" in wire_content.find_faults(message)
    assert (result.outcome, result.reason) == (Outcome.FAILED, Reason.PAYLOAD)


def test_half_characters_in_data_are_written_as_one_sign_each():
    message = say(data=r'{"order": "a\ud800b"}')

    body = json.loads(write_calls(message).write(0).body)

    assert wire_content.find_faults(message) == {}
    assert body["order"] == "a?b"


@pytest.mark.parametrize(("options", "limit"), [({}, 4096), ({"push_type": "voip"}, 5120)])
def test_a_payload_fills_what_apple_takes_and_not_a_byte_more(options, limit):
    longest = next(
        size
        for size in range(limit, 0, -1)
        if not wire_content.find_faults(say(options, body="é" * (size // 2)))
    )
    fits, too_long = (say(options, body="é" * ((longest + more) // 2)) for more in (0, 2))

    call = write_one(fits)
    refused = write_calls(too_long).write(0)

    assert limit - 200 < len(call.body) <= limit
    assert refused.reason is Reason.PAYLOAD
    assert f"at most {limit}" in refused.message


def test_what_is_measured_is_what_is_sent():
    messages = [
        HI,
        say(body="я" * 300, subtitle="S", badge=7, data='{"order": 7}'),
        say({"push_type": "voip"}, body="call"),
        say({"event": "end"}),
        say(silent=True, data='{"a": "b"}'),
    ]

    for message in messages:
        part = PushPart(message, (Targets("token", (TOKEN,), (LONGEST_REFERENCE,)),))
        call = connect().write_calls(SendPush(parts=(part,))).write(0)
        payload = DIALECT.measure(message, Platform.IOS)
        assert payload.bytes == len(call.body)
        assert payload.limit == (5120 if "voip" in str(message.extras) else 4096)


def test_one_message_that_is_too_long_fails_alone():
    calls = write_calls(HI, say(body="x" * 4090), HI)

    written = [calls.write(place) for place in range(calls.count)]

    assert [isinstance(item, Result) for item in written] == [False, True, False]
    assert written[1].index == 1


@pytest.mark.parametrize(
    "token",
    ["", "../../3/device", "cUr1:APA91bE-x_y", "00fc 13", "0" * 63, "00fc\r\nx: y", "00/00"],
)
def test_what_is_no_token_of_this_gateway_is_neither_called_nor_touched(token):
    push = SendPush(parts=(PushPart(HI, (Targets("token", (token,), ("1.2.0.abc",)),)),))

    result = connect().write_calls(push).write(0)

    assert (result.outcome, result.reason) == (Outcome.FAILED, Reason.NOT_ADDRESSABLE)
    assert not token or token not in result.message
