"""What staff tell a kept secret by: names and fingerprints, and nothing of the secret itself."""

from __future__ import annotations

import pytest
from django.urls import reverse
from django.utils.html import escape

from campaigns.models import Account
from campaigns.services.accounts import find_credentials, save_account
from providers import registry
from tests.vendor_cases.accounts import make_account

pytestmark = [pytest.mark.database, pytest.mark.django_db]
DIALECTS = [dialect for dialect in registry.all_dialects() if dialect.recognise_secret]


@pytest.fixture(params=DIALECTS, ids=lambda dialect: dialect.key)
def account(request, app, now):
    config = make_account(request.param, "https://vendor.example")
    row = Account(workspace=app.workspace, name="Mine", dialect=request.param.key,
                  base_urls=config.base_urls)  # fmt: skip
    return save_account(row, config.credentials, actor="owner", now=now)


def test_a_secret_is_recognised_on_its_page_and_in_its_form(client, owner, account):
    dialect = registry.get(account.dialect)
    kept = find_credentials(account)
    names = [
        spec.name for spec in dialect.credentials if spec.kind == "secret" and spec.name in kept
    ]
    hints = [dialect.recognise_secret(name, kept[name]) for name in names]
    client.force_login(owner)

    page = client.get(reverse("admin:campaigns_account_change", args=[account.pk]))

    html = page.content.decode()
    assert names
    assert all(html.count(escape(hint)) == 2 for hint in hints if hint)
    assert html.count("••••") == 2 * hints.count("")


def test_what_is_no_secret_of_the_vendors_is_refused_when_it_is_entered(client, owner, account):
    dialect = registry.get(account.dialect)
    secrets = [spec.name for spec in dialect.credentials if spec.kind == "secret"]
    client.force_login(owner)
    before = account.credentials
    typed = {f"credential_{name}": "s3cr3t-and-none" for name in secrets}

    page = client.post(
        reverse("admin:campaigns_account_change", args=[account.pk]), {"name": "Mine", **typed}
    )

    account.refresh_from_db()
    assert page.context["adminform"].form.errors.keys() == typed.keys()
    assert "s3cr3t" not in page.content.decode()
    assert account.credentials == before
