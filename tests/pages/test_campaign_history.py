"""The history of a campaign: who stopped, resumed and cancelled it or one of its transfers."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from campaigns.models import ApiKey, AppGroup, Campaign, Transfer, TransferEvent
from campaigns.services import campaigns, transfers
from tests import builders

pytestmark = pytest.mark.database
NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
LINE = re.compile(r"<li>(.*?)</li>", re.DOTALL)


@pytest.fixture
def campaign(app):
    """One that is being sent to two apps."""
    other = builders.make_app(app.workspace, "cafe")
    group = AppGroup.objects.create(workspace=app.workspace, name="Both")
    group.apps.set([app, other])
    campaign = builders.make_campaign(app, NOW, status="sending")
    Campaign.objects.filter(pk=campaign.pk).update(app=None, app_group=group)
    for member in (app, other):
        Transfer.objects.create(
            app=member, group=member.groups.get(), campaign=campaign, status="sending",
            status_since=NOW, due_at=NOW, created_at=NOW, frozen_at=NOW,
        )  # fmt: skip
    campaign.refresh_from_db()
    return campaign


@pytest.fixture
def first(campaign):
    return campaign.transfers.order_by("pk")[0]


def at(minute):
    return NOW + timedelta(minutes=minute)


def read_lines(client, campaign):
    """Chip or note, transfers, who and when of each line, the newest first."""
    page = client.get(reverse("campaign", args=[campaign.pk])).content.decode()
    history = page.partition('<ol class="pa-history">')[2].partition("</ol>")[0]
    return [tuple(read_words(line)) for line in LINE.findall(history)]


def read_words(line):
    words = (text.strip() for text in re.findall(r">([^<>]+)<", line))
    return [text for text in words if text]


def name(transfer):
    return f"Transfer {transfer.pk} to {transfer.app}"


WRITTEN = ("Written", "owner", "20 Nov 2026, 09:00:00 UTC")


def test_what_is_done_to_one_transfer_stands_there_with_who_and_when(
    client, owner, campaign, first
):
    transfers.pause_transfer(first, actor="ann", now=at(1))
    transfers.resume_transfer(first, actor="bob", now=at(2))
    transfers.cancel_transfer(first, actor="eve", now=at(3))
    client.force_login(owner)

    lines = read_lines(client, campaign)

    assert lines == [
        ("Cancelled", name(first), "eve", "20 Nov 2026, 09:03:00 UTC"),
        ("Resumed", name(first), "bob", "20 Nov 2026, 09:02:00 UTC"),
        ("Paused", name(first), "ann", "20 Nov 2026, 09:01:00 UTC"),
        WRITTEN,
    ]


def test_what_is_done_to_all_of_it_is_one_line(client, owner, campaign):
    both = [name(transfer) for transfer in campaign.transfers.order_by("pk")]
    campaigns.pause_campaign(campaign, actor="ann", now=at(1))
    campaigns.resume_campaign(campaign, actor="bob", now=at(2))
    client.force_login(owner)

    lines = read_lines(client, campaign)

    assert lines == [
        ("Sending", *both, "bob", "20 Nov 2026, 09:02:00 UTC"),
        ("Paused", *both, "ann", "20 Nov 2026, 09:01:00 UTC"),
        WRITTEN,
    ]


def test_a_transfer_that_takes_its_campaign_along_is_named(client, owner, campaign, first):
    campaigns.pause_campaign(campaign, actor="ann", now=at(1))
    first.refresh_from_db()
    transfers.resume_transfer(first, actor="bob", now=at(2))
    client.force_login(owner)

    lines = read_lines(client, campaign)

    assert lines[0] == ("Sending", name(first), "bob", "20 Nov 2026, 09:02:00 UTC")


def test_the_engines_reason_and_a_keys_name_stand_there(client, owner, campaign, first):
    key = ApiKey.objects.create(workspace=campaign.workspace, name="Shop", public_id="690f3744")
    first.move_to("paused", actor="dispatch", now=at(1), note="Ten calls in a row failed.")
    transfers.resume_transfer(first, actor=f"key {key.public_id}", now=at(2))
    client.force_login(owner)

    lines = read_lines(client, campaign)

    assert lines[0] == ("Resumed", name(first), "Shop", "20 Nov 2026, 09:02:00 UTC")
    assert lines[1] == (
        "Paused", name(first), "dispatch", "20 Nov 2026, 09:01:00 UTC",
        "Ten calls in a row failed.",
    )  # fmt: skip


def test_transfers_to_apps_that_one_does_not_see_are_left_out(client, app, campaign):
    for transfer in campaign.transfers.order_by("pk"):
        transfers.pause_transfer(transfer, actor=f"of {transfer.app.slug}", now=at(1))
    client.force_login(builders.make_member("vic", app.workspace, app=app, role="viewer"))

    lines = read_lines(client, campaign)

    assert [line[2] for line in lines[:-1]] == [f"of {app.slug}"]


def test_a_long_history_costs_no_more_and_is_cut(client, owner, campaign, first):
    client.force_login(owner)
    asked = []

    for count in (1, 200):
        TransferEvent.objects.bulk_create(
            TransferEvent(transfer=first, old="sending", new="paused", actor="ann", at=at(number))
            for number in range(count)
        )
        with CaptureQueriesContext(connection) as queries:
            lines = read_lines(client, campaign)
        asked.append(len(queries))

    assert asked[0] == asked[1]
    assert len(lines) == 31
    assert lines[0][-1] == "20 Nov 2026, 12:19:00 UTC"


def test_an_approval_is_told_on_the_transfer_in_its_own_words(client, owner, campaign, first):
    campaign.events.create(
        old="draft", new="draft", actor="anna", at=NOW - timedelta(seconds=7), note="Approved."
    )
    client.force_login(owner)

    page = client.get(reverse("transfer", args=[first.pk])).content.decode()

    told = page.partition('data-pa-moment="campaign"')[2].partition("</li>")[0]
    assert read_words(told) == ["Approved.", "anna", "20 Nov 2026, 08:59:53 UTC"]
