"""An app whose door scripts of this vendor call, at a time that stands still."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from campaigns.models import ApiKey, App
from campaigns.services import intake_wait
from campaigns.services.doors import bind_door, ensure_door, open_secrets
from providers import registry
from tests import builders
from tests.compat.conftest import make_key

DIALECT = registry.get("agora")
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
MESSAGE = {"title": "Hello", "content": "World"}
PEOPLE = ("test1", "test2", "test3")


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = NOW

    def move(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def read(self) -> datetime:
        return self.now


@dataclass
class Script:
    """Somebody who knows what `issue_key` has printed."""

    client: Any
    app: App
    key: ApiKey
    text: str = field(repr=False)
    base: str = ""

    @property
    def door(self) -> Any:
        return ensure_door(self.app, DIALECT, NOW)

    @property
    def secrets(self) -> dict[str, str]:
        return dict(open_secrets(self.door))

    def call(self, method: str, path: str, body: Any = None, token: str | None = None) -> Any:
        shown = self.text if token is None else token
        headers = {"Authorization": f"Bearer {shown}"} if shown else {}
        content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        return self.client.generic(
            method, f"/compat/agora/{self.base}/{path}", content or b"", headers=headers,
            content_type="application/x-www-form-urlencoded",
        )  # fmt: skip

    def send(self, path: str, **fields: Any) -> Any:
        return self.call("POST", path, {"pushMessage": MESSAGE, **fields})


def read_error(answer: Any) -> tuple[int, str, str]:
    """Status, type and sentence of a refusal, which has the vendor's whole envelope."""
    body = answer.json()
    assert answer["Content-Type"] == "application/json"
    assert set(body) == {"error", "exception", "timestamp", "duration", "error_description"}
    return answer.status_code, body["error"], body["error_description"]


def read_data(answer: Any) -> Any:
    """What an answer says inside of its envelope."""
    assert answer.status_code == 200, answer.content
    body = answer.json()
    assert {"timestamp", "data", "duration"} <= set(body)
    return body["data"]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(timezone, "now", clock.read)
    return clock


@pytest.fixture
def naps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Who waits for an outcome does it in no time; nobody works meanwhile."""
    taken: list[float] = []

    def read_seconds() -> float:
        return sum(taken)

    monkeypatch.setattr(intake_wait, "sleep", taken.append)
    monkeypatch.setattr(intake_wait, "monotonic", read_seconds)
    return taken


@pytest.fixture
def script(client: Any, app: App, clock: Clock) -> Script:
    key, text = make_key(app)
    bind_door(ensure_door(app, DIALECT, NOW), DIALECT, key, actor="owner", now=NOW)
    return Script(client, app, key, text, "acme/shop")


@pytest.fixture
def people(app: App) -> list[Any]:
    """Three users; the first two have a device."""
    persons = [builders.make_person(app.workspace, name) for name in PEOPLE]
    for person in persons[:2]:
        builders.make_device(app, f"token-{person.external_user_id}", person=person)
    return persons
