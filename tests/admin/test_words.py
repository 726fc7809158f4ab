"""What staff pages say, in the words and forms in which the operators' pages say it."""

from __future__ import annotations

import re

import pytest
from django.urls import reverse

from campaigns.models import Account, ApiKey, Workspace

pytestmark = pytest.mark.django_db
EMPTY, WRONG, RIGHT = (
    "{}", '{"op": "eq"}', '{"field": "device.platform", "op": "eq", "value": "ios"}',
)  # fmt: skip


def test_moments_stand_as_on_other_pages_with_their_zone(client, superuser, workspace, now):
    Workspace.objects.update(created_at=now)
    client.force_login(superuser)

    shown = client.get(reverse("admin:campaigns_workspace_changelist")).content.decode()

    assert "20 Nov 2026, 12:00 UTC" in shown


def test_a_key_says_in_words_what_it_may_do(client, superuser, app):
    key = ApiKey.objects.create(
        workspace=app.workspace, name="Nightly", public_id="0" * 24, secret_hash="x",
        scopes=["audience", "bypass_approval"],
    )  # fmt: skip
    client.force_login(superuser)

    pages = [
        client.get(reverse("admin:campaigns_apikey_change", args=[key.pk])).content.decode(),
        client.get(f"{reverse('keys')}?workspace={app.workspace.slug}").content.decode(),
    ]

    assert ["Change the audience, Send without approval" in page for page in pages] == [True, True]
    assert [page for page in pages if "bypass_approval&quot;" in page] == []


def test_an_account_that_was_never_checked_is_called_so_in_the_list(client, superuser, workspace):
    Account.objects.create(workspace=workspace, dialect="sandbox", name="Front")
    client.force_login(superuser)

    shown = client.get(reverse("admin:campaigns_account_changelist")).content.decode()

    assert re.search(r">\s*Not checked\s*</span>", shown)


def test_an_expression_that_nobody_has_begun_is_no_fault(client, superuser, app):
    client.force_login(superuser)
    address = f"{reverse('admin:campaigns_segment_count')}?app={app.pk}"

    empty, wrong, right = (
        client.post(address, {"expression": text}).content.decode()
        for text in (EMPTY, WRONG, RIGHT)
    )

    assert "Write a condition" in empty
    assert "staff-faults" not in empty
    assert "A condition needs a field" in wrong
    assert "0 devices now" in right
