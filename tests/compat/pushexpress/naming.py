"""Calls of a script or an app that name somebody, for the tests of who was erased."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.compat.naming import Call, Who
from tests.fixtures.pushexpress import read_examples

EXAMPLES = read_examples()


def list_calls(names: Mapping[str, Any], who: Who) -> list[Call]:
    base = f"api/r/v2/apps/{names['pushexpress_id']}/instances"
    told = {**EXAMPLES["update"]["call"], "transport_token": who.token, "ext_id": who.user}
    return [
        ("POST", base, {**EXAMPLES["register"]["call"], "ic_token": who.device}),
        ("PUT", f"{base}/{who.device}/info", told),
        ("PUT", f"{base}/9d2f7a41-0b1c-4d6e-8f30-aa11bb22cc33/info", told),
    ]
