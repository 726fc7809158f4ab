"""What `issue_key` prints is all that a script needs."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from providers.vendors.agora import wire_tokens
from tests.compat.agora.conftest import read_data

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture
def printed(app: Any, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    call_command("issue_key", "--app", app.slug, "--dialect", "agora")
    return json.loads(capsys.readouterr().out.splitlines()[-1])


@pytest.fixture
def ask(client: Any, printed: dict[str, Any]) -> Any:
    """List labels by one form of a path and with one `Authorization`."""

    def ask_labels(app_path: str, authorization: str) -> Any:
        path = f"{printed['base_path']}{app_path}/push/label"
        return client.get(path, headers={"Authorization": authorization})

    return ask_labels


def test_it_prints_names_and_secrets(printed: dict[str, Any]) -> None:
    assert (printed["org_name"], printed["app_name"]) == ("acme", "shop")
    assert len(printed["app_id"]) == len(printed["app_certificate"]) == 32
    assert printed["authorization"] == f"Bearer {printed['client_id']}.{printed['client_secret']}"


def test_the_printed_header_opens_both_forms_of_a_path(printed: Any, ask: Any) -> None:
    for path in ("acme/shop", f"app-id/{printed['app_id']}"):
        assert read_data(ask(path, printed["authorization"])) == []


def test_the_printed_client_gets_a_token(printed: Any, ask: Any, client: Any) -> None:
    body = {name: printed[name] for name in ("client_id", "client_secret")}
    body["grant_type"] = "client_credentials"
    path = f"{printed['base_path']}acme/shop/token"

    token = client.post(path, body, content_type="application/json").json()["access_token"]

    assert read_data(ask("acme/shop", f"Bearer {token}")) == []


def test_the_printed_certificate_builds_a_token(printed: Any, ask: Any) -> None:
    token = wire_tokens.write_app_token(
        printed["app_id"], printed["app_certificate"], now=timezone.now(), life=3600, salt=1
    )

    assert read_data(ask(f"app-id/{printed['app_id']}", f"Bearer {token}")) == []
