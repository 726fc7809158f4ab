"""An account's form: credentials that are no secret are drawn, and saving loses none of them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format

from campaigns.models import Account, AuditEntry
from campaigns.services.accounts import find_credentials, save_account
from providers import registry
from tests.vendor_cases.accounts import make_account

pytestmark = pytest.mark.django_db
DIALECTS = [dialect for dialect in registry.all_dialects() if dialect.credentials]


def test_a_last_day_is_noted_shown_at_home_and_taken_back(client, owner, app, now):
    row = Account(workspace=app.workspace, name="Mine", dialect="sandbox")
    account = save_account(row, {"api_key": "good"}, actor="owner", now=now)
    url = reverse("admin:campaigns_account_change", args=[account.pk])
    client.force_login(owner)
    typed = {"name": "Mine", "is_enabled": "on"}
    day = timezone.now().date() + timedelta(days=3)

    client.post(url, {**typed, "credentials_expire_on": day})
    account.refresh_from_db()
    noted, shown = account.credentials_expire_on, date_format(day, "j F Y")
    pages = [client.get(address).content.decode() for address in (url, reverse("home"))]
    wrong = client.post(url, {**typed, "credentials_expire_on": "soon"})
    client.post(url, {**typed, "credentials_expire_on": ""})

    account.refresh_from_db()
    assert (noted, account.credentials_expire_on) == (day, None)
    assert [shown in page for page in pages] == [True, True]
    assert "Credentials expire soon" in pages[1]
    assert wrong.context["adminform"].form.errors.keys() == {"credentials_expire_on"}


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
