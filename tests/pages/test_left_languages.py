"""A draft of which the page has left languages where they are stored: what is tested is whole, and
what was approved is void once one of them is changed."""

from __future__ import annotations

import pytest
from django.urls import reverse

from campaigns.dispatch.engine import drain
from campaigns.models import Account, App, Approval, Campaign
from campaigns.selectors.signing import digest_campaign
from campaigns.services import approvals
from providers import vault
from tests import builders
from tests.pages import test_long_message as long_message
from tests.pages.left_languages import list_left, open_language
from tests.pages.test_long_message import (
    LAST,
    LONG,
    TAGS,
    find_place,
    find_texts,
    keep_plain,
    open_form,
)
from tests.vendor_cases.conftest import simulator

__all__ = ["simulator"]
pytestmark = pytest.mark.database
make = long_message.make


def fetch(draft):
    return Campaign.objects.select_related("app", "group", "message").get(pk=draft.pk)


def test_a_test_says_to_a_phone_what_the_page_has_left_of_its_language(
    client, make, app, now, simulator
):
    Account.objects.update(credentials=vault.encrypt({"api_key": "good"}))
    draft = make()
    builders.make_device(app, "two", language=TAGS[2])
    form = open_form(client, find_place(draft))
    form["title"] = "New"
    client.post(reverse("autosave"), form | {"campaign": draft.pk})

    for device in ("one", "two"):
        client.post(reverse("test_send", args=[draft.pk]), {"test_term": device})
    drain()

    assert LAST in list_left(form)
    sent = simulator.journal.path.read_text()
    assert (LAST * 600 in sent, TAGS[2] * 600 in sent) == (True, True)
    assert TAGS[48] * 600 not in sent


def test_a_change_of_a_language_that_was_left_voids_what_was_approved(client, make, app, now):
    App.objects.filter(pk=app.pk).update(needs_approval=True)
    draft = make()
    approvals.request_approval(draft, actor="ann", now=now)
    approved = digest_campaign(fetch(draft))
    approvals.approve_campaign(fetch(draft), approved, actor="bob", now=now)
    form = open_form(client, find_place(draft))
    form[f"translations-{open_language(client, form, LAST)}-body"] = "Short now"

    saved = client.post(find_place(draft), form)

    assert saved.status_code == 302
    assert keep_plain(find_texts(draft)) == LONG["translations"] | {
        LAST: {"title": LAST, "body": "Short now"}
    }
    assert digest_campaign(fetch(draft)) != approved
    assert Approval.objects.get().state == Approval.State.VOID
