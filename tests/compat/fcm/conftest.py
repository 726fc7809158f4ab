"""A script with a key file that `issue_key` has printed."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any
from urllib.parse import urlencode

import pytest
from django.core.management import call_command

from campaigns.models import App
from providers.vendors.fcm import wire_auth


class Script:
    """What `issue_key` tells, and calls by it."""

    def __init__(self, client: Any, app: App) -> None:
        out = StringIO()
        call_command("issue_key", app=app.slug, dialect="fcm", stdout=out)
        self.told = json.loads(out.getvalue().splitlines()[-1])
        self.account = wire_auth.read_service_account(self.told["service_account"])
        self.client = client

    def call(self, path: str, body: Any, authorization: str | None = None) -> Any:
        shown = self.told["authorization"] if authorization is None else authorization
        headers = {"Authorization": shown} if shown else {}
        return self.client.generic(
            "POST", f"/compat/fcm/{path}", json.dumps(body), "application/json", headers=headers
        )

    def send(self, message: Any, authorization: str | None = None, **values: Any) -> Any:
        path = f"v1/projects/{self.told['project_id']}/messages:send"
        return self.call(path, {"message": message, **values}, authorization)

    def exchange(self, assertion: str, **changes: str) -> Any:
        form = {"grant_type": wire_auth.GRANT, "assertion": assertion, **changes}
        kind = "application/x-www-form-urlencoded"
        return self.client.post("/compat/fcm/token", urlencode(form), kind)


@pytest.fixture
def script(client: Any, app: App) -> Script:
    return Script(client, app)
