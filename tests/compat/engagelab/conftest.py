"""A door with three phones, and how a script calls it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from campaigns.models import App, DeviceIdentifier
from campaigns.models.audience import hash64
from providers.vendors.engagelab import wire
from tests import builders
from tests.compat.conftest import make_key


@pytest.fixture
def phones(app: App) -> list[str]:
    return [add_device(app, number) for number in range(3)]


def add_device(app: App, number: int, platform: str = "android") -> str:
    device = builders.make_device(app, f"t{number}", platform)
    name = f"rid-{number}"
    DeviceIdentifier.objects.create(
        app=app, device=device, kind="registration_id", value=name, value_hash=hash64(name)
    )
    return name


@pytest.fixture
def call(client: Any):
    def call_door(method: str, path: str, shown: str, body: Any = None) -> Any:
        content = json.dumps(body) if body is not None else ""
        headers = {"Authorization": shown} if shown else {}
        return client.generic(
            method, f"/compat/engagelab/{path}", content, headers=headers, content_type="text/plain"
        )

    return call_door


@pytest.fixture
def script(call: Any, app: App):
    """Call with a key of the app."""
    shown = wire.write_authorization(make_key(app)[1])
    return lambda method, path, body=None: call(method, path, shown, body)


def read_error(answer: Any) -> tuple[int, int]:
    assert answer["Content-Type"] == "application/json"
    body = answer.json()
    assert set(body) == {"error"}
    assert body["error"]["message"]
    return answer.status_code, body["error"]["code"]
