"""Whether another vendor would lose something of a push that a script wrote for this one."""

from __future__ import annotations

from typing import Any

import pytest

from providers.inbound import Call
from providers.vendors.engagelab import wire_losses, wire_sends

HMOS = {"alert": "Hi", "category": "MARKETING", "intent": {"url": "action.system.home"}}
SAID: dict[str, dict[str, Any]] = {
    "a platform as a text": {"platform": "android", "notification": {"alert": "Hi"}},
    "a platform in a list": {"platform": ["ios"], "notification": {"alert": "Hi"}},
    "all platforms": {"platform": "all", "notification": {"alert": "Hi"}},
    "an alert with a title": {
        "platform": ["android", "ios"], "notification": {"alert": {"title": "Shop", "body": "Hi"}},
    },
    "an alert at the root and a title in a block": {
        "platform": "all",
        "notification": {"alert": "Hi", "android": {"title": "Shop"}, "ios": {"sound": "default"}},
    },
    "a lifetime and a key": {
        "platform": "web",
        "notification": {"web": {"alert": "Hi", "url": "https://shop.example.org"}},
        "options": {"time_to_live": 60, "cid": "order-17", "plan_id": "spring"},
    },
    "a custom message": {"platform": ["ios"], "message": {"msg_content": "x", "title": "y"}},
}  # fmt: skip
MORE: dict[str, dict[str, Any]] = {
    "a level": {"platform": ["ios"],
                "notification": {"ios": {"alert": "Hi", "interruption-level": "loud"}}},
    "an option": {"platform": "all", "notification": {"alert": "Hi"},
                  "options": {"classification": 1}},
    "an environment": {"platform": "all", "notification": {"alert": "Hi"},
                       "options": {"apns_production": False}},
    "a style": {"platform": ["android"], "notification": {"android": {"alert": "Hi", "style": 1}}},
    "a message beside": {"platform": "all", "notification": {"alert": "Hi"},
                         "message": {"msg_content": "x"}},
    "a fourth platform": {"platform": ["hmos"], "notification": {"hmos": HMOS}},
    "a call": {"platform": "ios", "voip": {"key": "value"}},
}  # fmt: skip


@pytest.mark.parametrize("body", SAID.values(), ids=list(SAID))
def test_another_way_to_write_the_same_says_no_more(body: dict[str, Any]) -> None:
    assert not wire_losses.says_more(read(body))


@pytest.mark.parametrize("body", MORE.values(), ids=list(MORE))
def test_what_no_field_holds_says_more(body: dict[str, Any]) -> None:
    assert wire_losses.says_more(read(body))


def read(body: dict[str, Any]) -> Any:
    call = {"to": "all", "body": body, "from": "push", "request_id": "1", "custom_args": "x"}
    return wire_sends.read_push(Call(body=call)).parts[0].message
