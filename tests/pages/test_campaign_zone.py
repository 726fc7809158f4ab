"""The page of a campaign writes all its moments in one zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse

from campaigns.models import App
from tests import builders

pytestmark = pytest.mark.database
NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(("own", "said"), [("", "10:01 CET"), ("Asia/Tokyo", "18:01 JST")])
def test_what_is_due_stands_in_the_zone_of_its_app_or_its_own(client, owner, app, own, said):
    App.objects.filter(pk=app.pk).update(timezone="Europe/Berlin")
    due = NOW + timedelta(minutes=1)
    campaign = builders.make_campaign(app, NOW, status="scheduled", due_at=due, timezone=own)
    client.force_login(owner)

    page = client.get(reverse("campaign", args=[campaign.pk])).content.decode()

    assert f">20 Nov 2026, {said}</time>" in page
    assert "09:01 UTC" not in page
