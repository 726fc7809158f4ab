"""Calls of a script that name somebody, for the tests of who was erased."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.compat.naming import Call, Who


def list_calls(names: Mapping[str, Any], who: Who) -> list[Call]:
    targets = {"android_push_token": who.token, "appmetrica_device_id": who.device}
    devices = [{"id_type": kind, "id_values": [value]} for kind, value in targets.items()]
    request = {
        "group_id": names["group"],
        "tag": "news",
        "batch": [{"messages": {"android": {"content": {"title": "Hi", "text": "There"}}},
                   "devices": devices}],
    }  # fmt: skip
    return [("POST", "push/v1/send-batch", {"push_batch_request": request})]
