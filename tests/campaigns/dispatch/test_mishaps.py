"""One campaign that cannot be worked on is stopped and says so; the others go on."""

from __future__ import annotations

from datetime import timedelta

import pytest

from campaigns.dispatch import engine, plan, runs
from campaigns.dispatch.verify import check_books
from campaigns.models import Account, Campaign
from campaigns.services import campaigns
from providers import vault
from tests import builders

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
HOUR = timedelta(hours=1)


@pytest.fixture
def devices(routed, simulator):
    Account.objects.update(credentials=vault.encrypt({"api_key": "good"}))
    for number in range(3):
        builders.make_device(routed, f"t{number}")


def read_note(moving):
    return moving.events.order_by("pk").last().note


def test_an_audience_that_cannot_be_read_pauses_its_transfer_alone(devices, start, now):
    broken, good = start(), start()
    Campaign.objects.filter(pk=broken.campaign_id).update(audience={"nonsense": True})

    engine.drain(clock=lambda: now)

    broken.refresh_from_db()
    good.refresh_from_db()
    assert (broken.status, good.status) == ("paused", "sent")
    assert "An audience has one key" in read_note(broken)
    assert check_books().faults == []


def test_who_is_cancelled_before_the_audience_is_read_ends_with_those_it_has(devices, start, now):
    transfer = start()
    campaign = transfer.campaign
    Campaign.objects.filter(pk=campaign.pk).update(audience={"nonsense": True})
    engine.drain(clock=lambda: now)
    campaign.refresh_from_db()

    campaigns.cancel_campaign(campaign, actor="owner", now=now)
    engine.drain(clock=lambda: now + HOUR)

    transfer.refresh_from_db()
    assert (transfer.status, transfer.audience) == ("cancelled", 0)
    assert transfer.finished_at is not None
    assert check_books().faults == []


def test_a_mended_audience_is_frozen_and_sent_after_all(devices, start, now):
    transfer = start()
    campaign = transfer.campaign
    Campaign.objects.filter(pk=campaign.pk).update(audience={"nonsense": True})
    engine.drain(clock=lambda: now)
    Campaign.objects.filter(pk=campaign.pk).update(audience={"all": True})
    campaign.refresh_from_db()

    campaigns.resume_campaign(campaign, actor="owner", now=now)
    engine.drain(clock=lambda: now + HOUR)

    transfer.refresh_from_db()
    assert (transfer.status, transfer.audience) == ("sent", 3)
    assert check_books().faults == []


def test_a_series_whose_zone_is_gone_pauses_and_the_next_one_runs(make_campaign, devices, now):
    fields = {"recurrence": {"unit": "day"}, "send_at": "2026-11-20T13:00", "timezone": "UTC"}
    broken, good = [
        campaigns.launch_campaign(
            make_campaign(due_at=now + HOUR, **fields), actor="owner", now=now
        )
        for _ in range(2)
    ]
    Campaign.objects.filter(pk=broken.pk).update(timezone="Mars/Olympus")

    runs.run_due(now + HOUR)

    broken.refresh_from_db()
    assert broken.status == "paused"
    assert "ZoneInfoNotFoundError" in read_note(broken)
    assert good.transfers.count() == 1


def test_a_start_that_ends_in_an_error_fails_alone(schedule, devices, monkeypatch, now):
    broken, good = [schedule(due_at=now) for _ in range(2)]
    create_transfers = plan.create_transfers

    def break_one(campaign, **options):
        if campaign.pk == broken.pk:
            raise KeyError("somebody@example.org")
        create_transfers(campaign, **options)

    monkeypatch.setattr(plan, "create_transfers", break_one)

    plan.start_due(now)

    broken.refresh_from_db()
    good.refresh_from_db()
    assert (broken.status, good.status) == ("failed", "sending")
    assert "KeyError" in read_note(broken)
    assert "somebody" not in read_note(broken)
