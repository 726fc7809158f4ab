"""A door with a key for each dialect, and sessions that lead our own clients through it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from rest_framework.test import RequestsClient

from campaigns.models import ApiKey
from campaigns.services import access
from campaigns.services.doors import ensure_door
from providers import http, registry
from providers.contract import Dialect
from providers.outbound import AccountConfig
from tests.vendor_cases.accounts import make_account

KEYS = 8


def make_key(app, dialect="", **limits) -> tuple[ApiKey, str]:
    return access.issue_key(
        app.workspace, name="script", apps=[app], dialect=dialect, actor="owner",
        now=datetime.now(UTC), **limits,
    )  # fmt: skip


@pytest.fixture(scope="session", autouse=True)
def key_store() -> Iterator[None]:
    """Private keys of doors are real, and each is given out again some doors later: to make and
    read one takes a tenth of a second of CPU, and tests make hundreds of doors."""
    made: list[rsa.RSAPrivateKey] = []
    numbers = count()

    def take(**wanted: int) -> rsa.RSAPrivateKey:
        if len(made) < KEYS:
            made.append(generate(**wanted))
            return made[-1]
        return made[next(numbers) % KEYS]

    generate = rsa.generate_private_key
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rsa, "generate_private_key", take)
        yield


class Script:
    """A script that speaks a dialect: it knows a header and a base path, as `issue_key` tells."""

    def __init__(self, client: Any, dialect: Dialect, key: str) -> None:
        self.client = client
        self.dialect = dialect
        self.key = key

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        content = body if isinstance(body, bytes | str) or body is None else json.dumps(body)
        shown = {"Authorization": self.dialect.write_authorization(self.key), **headers}
        return self.client.generic(
            method, f"/compat/{self.dialect.key}/{path}", content or b"", headers=shown,
            content_type="text/plain",
        )  # fmt: skip


@pytest.fixture
def speak(client, app):
    """Make a script for a dialect's key."""
    return lambda dialect, key=None: Script(client, dialect, key or make_key(app)[1])


@pytest.fixture
def connect(app, settings):
    """Our own client of a dialect, led through our own door."""
    session = RequestsClient()

    def open_client(dialect: Dialect, **options: Any) -> tuple[Any, Any]:
        config = make_account(dialect, "http://testserver/compat")
        _key, text = make_key(app)
        door = ensure_door(app, dialect, datetime.now(UTC))
        identifiers = {**config.options, **door.identifiers, **options}
        account = AccountConfig(
            public_id="acc-1",
            credentials=dict.fromkeys(config.credentials, text),
            base_urls=config.base_urls,
            options=identifiers,
        )
        return dialect.connect(account), http.using_session(session)

    with session:
        yield open_client


OPEN = [
    dialect
    for dialect in registry.all_dialects()
    if dialect.routes and dialect.authenticate and not dialect.is_sandbox
]
# Those whose own client sends to several recipients with one call.
BY_LISTS = [dialect for dialect in OPEN if not dialect.fans_out]
