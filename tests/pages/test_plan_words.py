"""What a campaign's page says of what was chosen, and of a rate that it does not take."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.urls import reverse

from campaigns.models import Campaign, Message, Segment
from campaigns.pages.plan_words import describe_plan

AT = datetime(2026, 11, 20, tzinfo=UTC)


@pytest.fixture
def campaign(app):
    message = Message.objects.create(app=app, content={"title": "Hi", "body": "There"})
    return Campaign.objects.create(
        workspace=app.workspace, app=app, name="Autumn", message=message, audience={"all": True},
        status="scheduled", due_at=AT, status_since=AT, created_at=AT, created_by="owner",
    )  # fmt: skip


def test_a_campaigns_page_says_what_was_chosen(client, owner, campaign):
    Campaign.objects.update(rate=1200, ramp_up=90, expires_in=7200, policy="at_most_once")
    client.force_login(owner)

    text = client.get(reverse("campaign", args=[campaign.pk])).content.decode()

    for words in ("Everyone", "1,200", "0:01:30", "2:00:00", "nobody gets it twice"):
        assert words in text


def test_what_was_left_at_nothing_is_left_out(campaign):
    names = [name for name, _words in describe_plan(campaign)]

    assert names == ["Audience", "If nothing was running", "When a vendor does not answer"]


@pytest.mark.parametrize(
    ("audience", "words"),
    [
        ({"labels": ["vip", "beta"]}, "Carriers of all of vip, beta"),
        ({"expression": {"field": "device.country", "op": "eq", "value": "DE"}}, "An expression"),
        ({"persons": ["u-1", "u-2"]}, "2 pasted ids"),
        ({"devices": [7]}, "1 pasted id"),
        (
            {"outcomes_of": {"transfer": 12, "outcomes": ["failed", "unknown"]}},
            "Those of transfer 12 who are Failed, Unknown",
        ),
        ({"unknown_of": 12}, "Those unknown in transfer 12"),
        ({"segment": 999}, "Segment #999"),
        (
            {"combine": {"include": [{"labels": ["vip"]}, {"segment": 999}], "exclude": []}},
            "Carriers of all of vip; Segment #999",
        ),
        (
            {"combine": {"include": [{"all": True}], "exclude": [{"persons": ["u-1"]}]}},
            "Everyone, but not: 1 pasted id",
        ),
    ],
)
def test_an_audience_is_said_in_words(campaign, audience, words):
    campaign.audience = audience

    assert dict(describe_plan(campaign))["Audience"] == words


def test_a_segment_is_named_and_primary_devices_are_said(app, campaign):
    segment = Segment.objects.create(app=app, name="Golds", expression={}, created_at=AT)
    campaign.audience = {"segment": segment.pk}
    campaign.only_primary = True

    assert dict(describe_plan(campaign))["Audience"] == "Segment Golds; primary devices only"


@pytest.mark.parametrize("rate", ["0", "-1", "100001", "fast"])
def test_a_rate_that_is_none_is_refused_with_what_it_may_be(client, owner, campaign, rate):
    client.force_login(owner)

    response = client.post(
        reverse("campaign_rate", args=[campaign.pk]), {"rate": rate}, follow=True
    )

    assert "a rate is a whole number from 1 to 100000" in response.content.decode()
    assert Campaign.objects.get().rate is None
