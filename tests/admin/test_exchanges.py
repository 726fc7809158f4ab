"""Calls that went over the wire, as people read them."""

from __future__ import annotations

import pytest
from django.urls import reverse

from campaigns.models import Account, Exchange

pytestmark = [pytest.mark.database, pytest.mark.django_db]


def test_how_long_a_call_took_is_told_to_the_millisecond(client, owner, app, now):
    account = Account.objects.create(workspace=app.workspace, name="Mine", dialect="sandbox")
    row = Exchange.objects.create(
        account=account, at=now, method="POST", url="/send", seconds=0.01300048828125
    )
    client.force_login(owner)

    pages = [
        client.get(reverse(f"admin:campaigns_exchange_{page}", args=arguments)).content.decode()
        for page, arguments in (("changelist", []), ("change", [row.pk]))
    ]

    assert all("0.013" in page and "0.01300" not in page for page in pages)
