"""Polled pieces: people who watch the same thing at the same moment have it counted once."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import translation

from campaigns.models import Batch, Campaign, Counter, Group, Membership, Part, Transfer
from campaigns.pages import live
from tests import builders
from tests.pages.test_pages import make_campaign

pytestmark = pytest.mark.django_db
COUNTED = [model._meta.db_table for model in (Batch, Counter)]
PIECES = ("transfer_status", "campaign_status", "running")


@pytest.fixture(autouse=True)
def long_second(monkeypatch):
    """However slow the machine is, both come within it."""
    monkeypatch.setattr(live, "LIVE_SECONDS", 600)


@pytest.fixture
def transfer(app, now):
    campaign = make_campaign(app, audience={"all": True})
    Campaign.objects.update(status="sending")
    transfer = Transfer.objects.create(
        app=app, group=Group.objects.get(app=app), campaign=campaign, status="sending", due_at=now,
        created_at=now, status_since=now, frozen_at=now, audience=1_234,
    )  # fmt: skip
    part = Part.objects.create(transfer=transfer, message=campaign.message, audience=1_234)
    Counter.objects.create(part=part, platform="android", outcome="sent", count=1_234)
    return transfer


def poll(client, user, name, transfer):
    client.force_login(user)
    ids = {"transfer_status": [transfer.pk], "campaign_status": [transfer.campaign_id]}
    with CaptureQueriesContext(connection) as asked:
        answer = client.get(reverse(name, args=ids.get(name, [])))
    counted = [one["sql"] for one in asked if any(f'"{table}"' in one["sql"] for table in COUNTED)]
    return answer, counted


def make_watcher(app, name, role=Membership.Role.SENDER):
    return builders.make_member(name, app.workspace, app=app, role=role)


@pytest.mark.parametrize("name", PIECES)
def test_two_who_poll_at_once_ask_the_database_once(client, app, transfer, name):
    ann, bob = make_watcher(app, "ann"), make_watcher(app, "bob")

    first, counted = poll(client, ann, name, transfer)
    second, again = poll(client, bob, name, transfer)

    assert "1,234" in second.content.decode()
    assert (first.status_code, second.status_code) == (200, 200)
    assert counted
    assert again == []


@pytest.mark.parametrize("name", PIECES)
def test_nobody_of_elsewhere_gets_what_others_have_asked_for(client, app, stranger, transfer, name):
    poll(client, make_watcher(app, "ann"), name, transfer)

    answer, _counted = poll(client, stranger, name, transfer)

    assert answer.status_code == {"running": 200}.get(name, 404)
    assert "1,234" not in answer.content.decode()


@pytest.mark.parametrize("name", PIECES[:2])
def test_what_one_may_do_is_never_shared(client, app, transfer, name):
    sender, viewer = make_watcher(app, "ann"), make_watcher(app, "vic", Membership.Role.VIEWER)

    first, _counted = poll(client, sender, name, transfer)
    second, _again = poll(client, viewer, name, transfer)

    tokens = [piece.content.decode().count("csrfmiddlewaretoken") for piece in (first, second)]
    assert "1,234" in second.content.decode()
    assert tokens[0] > 0
    assert tokens[1] == 0


@pytest.mark.parametrize("name", PIECES[:2])
def test_the_last_answer_is_counted_anew(client, app, transfer, now, name):
    ann = make_watcher(app, "ann")
    poll(client, ann, name, transfer)
    Counter.objects.update(count=1_235)
    Transfer.objects.update(status="sent", finished_at=now)
    Campaign.objects.update(status="sent")

    answer, counted = poll(client, ann, name, transfer)

    assert answer.status_code == 286
    assert counted
    assert "1,235" in answer.content.decode()


def test_each_language_has_its_own_words(client, app, transfer):
    read = iter(["one", "two"])

    with translation.override("en"):
        english = live.share("x", [1], lambda: next(read))
    with translation.override("de"):
        german = live.share("x", [1], lambda: next(read))

    assert (english, german) == ("one", "two")


@pytest.mark.parametrize("name", PIECES[:2])
def test_what_is_cancelled_says_who_is_pending_until_they_are_settled(
    client, app, transfer, now, name
):
    ann = make_watcher(app, "ann")
    Counter.objects.update(count=1_200)
    Transfer.objects.update(status="cancelled")
    Campaign.objects.update(status="cancelled")

    before, _counted = poll(client, ann, name, transfer)
    Counter.objects.create(
        part=transfer.parts.get(), platform="android", outcome="cancelled", count=34
    )
    Transfer.objects.update(finished_at=now)
    after, _counted = poll(client, ann, name, transfer)

    assert (before.status_code, after.status_code) == (200, 286)
    assert "34 are pending until they are settled as cancelled" in before.content.decode()
    assert "are pending until" not in after.content.decode()
