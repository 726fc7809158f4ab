"""Calls of a script that name somebody, for the tests of who was erased."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.compat.naming import Call, Who


def list_calls(names: Mapping[str, Any], who: Who) -> list[Call]:
    sender = names["sender"]
    flow = [{"from": sender, "channel": "PUSH"}, {"from": "Shop", "channel": "EMAIL"}]
    targets = [{"type": "EXTERNAL_USER_ID", "externalUserId": who.user}]
    push = {
        "sender": sender, "destinations": targets, "content": {"type": "TEXT", "text": "Hi"},
    }  # fmt: skip
    to = [{"emailAddress": who.mail, "phoneNumber": "4915550009999"}, {"phoneNumber": who.phone}]
    climb = {
        "destinations": [{"to": one} for one in to], "push": {"text": "Hi"},
        "email": {"subject": "Hello", "text": "Hi there"},
    }  # fmt: skip
    sms = {"sender": "Shop", "destinations": [{"to": who.phone}], "content": {"text": "Hi"}}
    return [
        ("POST", "push/3/messages", {"messages": [push]}),
        ("POST", "omni/1/scenarios", {"name": "Two", "flow": flow, "default": True}),
        ("POST", "omni/1/advanced", climb),
        ("POST", "sms/3/messages", {"messages": [sms]}),
    ]
