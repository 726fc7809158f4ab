"""Calls of a script that name somebody, for the tests of who was erased."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.compat.naming import Call, Who


def list_calls(names: Mapping[str, Any], who: Who) -> list[Call]:
    base = f"{names['org_name']}/{names['app_name']}"
    bound = {"device_id": who.device, "notifier_name": "n", "device_token": who.token}
    push = {"targets": [who.user], "pushMessage": {"title": "Hi", "content": "There"}}
    return [
        ("PUT", f"{base}/users/{who.user}/push/binding", bound),
        ("PUT", f"{base}/users/somebody/push/binding", bound),
        ("PUT", f"{base}/users/{who.user}", {"nickname": "Ann"}),
        ("POST", f"{base}/push/label", {"name": "vip"}),
        ("POST", f"{base}/push/label/vip/user", {"usernames": [who.user]}),
        ("POST", f"{base}/push/single", {**push, "strategy": 3}),
        ("POST", f"{base}/push/async/{who.user}", {**push, "strategy": 3}),
    ]
