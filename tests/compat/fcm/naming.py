"""Calls of a script that name somebody, for the tests of who was erased."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.compat.naming import Call, Who


def list_calls(names: Mapping[str, Any], who: Who) -> list[Call]:
    message = {"token": who.token, "notification": {"title": "Hi", "body": "There"}}
    return [("POST", f"v1/projects/{names['project_id']}/messages:send", {"message": message})]
