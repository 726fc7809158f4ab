"""A campaign that goes by a scenario, on the operator's pages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse

from campaigns.models import Campaign, Scenario
from tests import builders

pytestmark = [pytest.mark.django_db, pytest.mark.database]
STEPS = [
    {"channel": "push", "sender": "", "wait": 3600, "price": "0.001"},
    {"channel": "email", "sender": "", "wait": None, "price": "0.02"},
]
DAY = (datetime.now(UTC) + timedelta(days=3)).strftime("%Y-%m-%dT%H:%M")


@pytest.fixture
def typed(app):
    return {
        "target": f"app:{app.pk}", "audience_kind": "all", "ids_kind": "persons",
        "title": "Autumn sale", "body": "Fresh looks have landed.", "group": "General",
        "when": "now", "timezone": "UTC", "expires_unit": "3600", "policy": "at_least_once",
        "action": "draft",
    }  # fmt: skip


@pytest.fixture
def scenario(workspace):
    return Scenario.objects.create(workspace=workspace, name="Push, then mail", steps=STEPS)


def test_a_draft_keeps_the_scenario_that_was_chosen(client, owner, typed, scenario):
    client.force_login(owner)
    builders.make_workspace("other").scenarios.create(name="Theirs", steps=STEPS)
    scenario.workspace.scenarios.create(name="Mail alone", steps=STEPS[1:])

    empty = client.get(reverse("compose")).content.decode()
    client.post(reverse("compose"), typed | {"scenario": scenario.key})
    campaign = Campaign.objects.get()
    edited = client.get(reverse("edit", args=[campaign.pk])).content.decode()
    copied = client.get(reverse("compose"), {"copy": campaign.pk}).content.decode()
    version = {"version": str(campaign.message_id)}
    client.post(reverse("edit", args=[campaign.pk]), typed | version)

    option = f'<option value="{scenario.key}"'
    assert [f"{option} selected" in page for page in (empty, edited, copied)] == [0, 1, 1]
    assert option in empty
    assert "Theirs" not in empty
    assert "Mail alone" not in empty
    assert campaign.scenario == scenario
    assert Campaign.objects.get().scenario is None


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"when": "repeat", "send_at": DAY}, "Send it once, or choose no scenario"),
        ({"when": "later", "send_at": DAY, "timezone": "recipient"}, "Choose one time zone for"),
    ],
)
def test_what_a_scenario_does_not_go_with_is_refused_at_its_field(
    client, owner, typed, scenario, more, words
):
    client.force_login(owner)

    page = client.post(reverse("compose"), typed | more | {"scenario": scenario.key})

    assert page.status_code == 422
    assert words in page.context["composition"].failover.errors["scenario"][0]
    assert 'id="id_scenario_error"' in page.content.decode()
    assert not Campaign.objects.exists()


def test_a_scenario_of_somebody_else_is_no_choice(client, owner, typed):
    foreign = builders.make_workspace("other").scenarios.create(name="Theirs", steps=STEPS)
    client.force_login(owner)

    page = client.post(reverse("compose"), typed | {"scenario": foreign.key})

    assert page.status_code == 422
    assert not Campaign.objects.exists()
