"""An account's form: credentials that are no secret are drawn, and saving loses none of them."""

from __future__ import annotations

import pytest
from django.urls import reverse

from campaigns.models import Account, AuditEntry
from campaigns.services.accounts import find_credentials, save_account
from providers import registry
from tests.vendor_cases.accounts import make_account

pytestmark = pytest.mark.django_db
DIALECTS = [dialect for dialect in registry.all_dialects() if dialect.credentials]


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.key)
def test_who_changes_a_name_alone_keeps_all_credentials(client, owner, app, now, dialect):
    config = make_account(dialect, "https://vendor.example")
    row = Account(workspace=app.workspace, name="Mine", dialect=dialect.key,
                  base_urls=config.base_urls)  # fmt: skip
    account = save_account(row, config.credentials, actor="owner", now=now)
    before = find_credentials(account)
    url = reverse("admin:campaigns_account_change", args=[account.pk])
    client.force_login(owner)

    page = client.get(url)
    form = page.context["adminform"].form
    drawn = {name: form[name].value() for name in form.fields}
    typed = {name: value for name, value in drawn.items() if value not in (None, "", False)}
    saved = client.post(url, {**typed, "name": "Yours"})

    account.refresh_from_db()
    hidden = {spec.name for spec in dialect.credentials if spec.kind == "secret"}
    shown = {spec.name for spec in dialect.credentials} - hidden
    assert saved.status_code == 302
    assert (account.name, find_credentials(account)) == ("Yours", before)
    assert AuditEntry.objects.latest("pk").fields == ["name"]
    assert {name: drawn[f"credential_{name}"] for name in shown} == {
        name: before[name] for name in shown
    }
    assert not [name for name in hidden if before[name] and before[name] in page.content.decode()]
