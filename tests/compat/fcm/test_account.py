"""An account's form: a key file that is none is refused before it is kept."""

from __future__ import annotations

import json

import pytest
from django.urls import reverse

from campaigns.models import Account
from providers import vault
from tests.vendor_cases.accounts import FIXTURES

pytestmark = pytest.mark.django_db
KEY_FILE = json.loads((FIXTURES / "fcm" / "account.json").read_text())["credentials"]


def add(client, app, text: str):
    url = reverse("admin:campaigns_account_add") + "?dialect=fcm"
    address = "https://fcm.googleapis.com"
    return client.post(url, {
        "workspace": app.workspace.pk, "name": "Firebase", "is_enabled": "on",
        "address_api": address, "credential_service_account": text,
    })  # fmt: skip


def test_a_key_file_is_kept_and_something_else_is_told(client, app, admin_user):
    client.force_login(admin_user)

    refused = add(client, app, '{"type": "authorized_user", "private_key": "canary"}')
    before = Account.objects.count()
    add(client, app, KEY_FILE["service_account"])

    assert "no key of a service account" in refused.content.decode()
    assert before == 0
    assert vault.decrypt(Account.objects.get().credentials) == KEY_FILE
