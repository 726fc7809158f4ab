"""Calls of a script that name somebody, for the tests of who was erased."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.compat.naming import Call, Who


def list_calls(names: Mapping[str, Any], who: Who) -> list[Call]:
    push = {"from": "push", "body": {"platform": "all", "notification": {"alert": "Hi"}}}
    return [
        ("POST", f"v4/devices/{who.device}", {"alias": who.alias, "tags": {"add": ["vip"]}}),
        ("POST", f"v4/devices/{names['device']}", {"alias": who.alias}),
        ("POST", "v4/tags/vip", {"registration_ids": {"add": [who.device]}}),
        ("POST", "v4/push", {**push, "to": {"registration_id": [who.device]}}),
    ]
