"""Failover scenarios through the native API."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from campaigns.models import Campaign, Scenario
from tests import builders

pytestmark = [pytest.mark.django_db, pytest.mark.database]
TOMORROW = (datetime.now(UTC) + timedelta(days=2)).strftime("%Y-%m-%dT%H:%M")
ADDRESS = "/api/v1/scenarios/"
STEPS = [
    {"channel": "push", "wait": 600, "price": "0.001"},
    {"channel": "sms", "sender": "41793026700", "price": "0.045"},
]


def test_what_is_made_is_changed_listed_and_forgotten(client):
    made = client.post(ADDRESS, {"name": "Both", "steps": STEPS, "is_default": True})
    address = f"{ADDRESS}{made.json()['id']}/"
    changed = client.patch(address, {"name": "Else", "run_by": "vendor"})
    listed = client.get(ADDRESS).json()["results"]
    gone = client.delete(address)

    assert (made.status_code, changed.status_code, gone.status_code) == (201, 200, 204)
    assert (made.json()["run_by"], Scenario.RunBy.values) == ("us", ["us", "vendor"])
    assert changed.json() == {**made.json(), "name": "Else", "run_by": "vendor"}
    assert listed == [changed.json()]
    assert [step["wait"] for step in made.json()["steps"]] == [600, None]
    assert not Scenario.objects.exists()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"steps": []}, "steps"),
        ({"steps": [{"channel": "email", "sender": 5}]}, "steps.0.sender"),
        ({"steps": [{"channel": "sms", "wait": 1}, {"channel": "email"}]}, "steps.0.wait"),
        ({"steps": STEPS, "key": "A" * 32}, "key"),
        ({"steps": STEPS, "is_default": 1}, "is_default"),
        ({"steps": STEPS, "workspace": "other"}, "workspace"),
        ({"steps": STEPS, "name": "a" * 121}, "name"),
        ({"steps": STEPS, "run_by": "nobody"}, "run_by"),
    ],
)
def test_what_is_wrong_is_named(client, body, field):
    answer = client.post(ADDRESS, {"name": "Both", **body})

    assert answer.status_code == 400
    assert field in answer.json()["fields"]
    assert not Scenario.objects.exists()


@pytest.fixture
def scenario(client):
    return client.post(ADDRESS, {"name": "Both", "steps": STEPS}).json()


def make_body(scenario, **fields):
    message = {"title": "Hi", "body": "There"}
    return {"audience": {"all": True}, "message": message, "scenario": scenario, **fields}


@pytest.mark.parametrize("name", ["key", "id"])
def test_a_campaign_names_a_scenario_and_keeps_it(client, scenario, name):
    made = client.post("/api/v1/campaigns/", make_body(scenario[name])).json()
    changed = client.patch(f"/api/v1/campaigns/{made['id']}/", {"tag": "x"}).json()
    taken = client.delete(f"{ADDRESS}{scenario['id']}/")
    freed = client.patch(f"/api/v1/campaigns/{made['id']}/", {"scenario": None}).json()

    assert made["scenario"] == changed["scenario"] == scenario["key"]
    assert taken.status_code == 409
    assert freed["scenario"] is None


@pytest.mark.parametrize(
    "fields",
    [
        {"scenario": "A" * 32},
        {"scenario": 5.5},
        {"scenario": 2**52},
        {"send_at": TOMORROW, "timezone": "recipient"},
        {"send_at": TOMORROW, "recurrence": {"unit": "day"}},
    ],
)
def test_a_scenario_that_a_campaign_cannot_have_is_refused(client, scenario, fields):
    answer = client.post("/api/v1/campaigns/", {**make_body(scenario["key"]), **fields})

    assert answer.status_code == 400
    assert "scenario" in answer.json()["fields"]


def test_what_does_not_go_with_a_scenario_says_what_to_do(client, scenario, now):
    body = make_body(scenario["key"], send_at=TOMORROW, timezone="UTC")
    local = client.post("/api/v1/campaigns/", {**body, "timezone": "recipient"}).json()
    again = client.post("/api/v1/campaigns/", {**body, "recurrence": {"unit": "day"}}).json()
    campaign = client.post("/api/v1/campaigns/", body).json()["id"]
    Campaign.objects.get().move_to(Campaign.Status.SCHEDULED, actor="owner", now=now)
    moved = client.post(
        f"/api/v1/campaigns/{campaign}/reschedule/",
        {"send_at": TOMORROW, "timezone": "recipient"},
    )

    choose = "At each recipient's own hour it cannot go by Both. Choose one time zone for everybody"
    assert local["fields"]["scenario"].startswith(choose)
    assert "Send it once, or choose no scenario" in again["fields"]["scenario"]
    assert moved.status_code == 400
    assert moved.json()["fields"] == local["fields"]


def test_another_workspaces_scenario_is_no_scenario(client, app):
    other = builders.make_workspace("other")
    foreign = Scenario.objects.create(workspace=other, name="Theirs", steps=STEPS)

    for name in (foreign.key, foreign.pk):
        answer = client.post("/api/v1/campaigns/", make_body(name))
        assert "scenario" in answer.json()["fields"]


def test_a_campaign_does_not_begin_with_a_text(client):
    body = {"name": "Mail", "steps": [{"channel": "email"}]}
    mail = client.post(ADDRESS, body).json()

    answer = client.post("/api/v1/campaigns/", make_body(mail["key"]))

    assert "scenario" in answer.json()["fields"]


def test_one_by_which_campaigns_have_gone_is_archived_and_not_deleted(client, scenario):
    address = f"{ADDRESS}{scenario['id']}/"
    made = client.post("/api/v1/campaigns/", make_body(scenario["key"])).json()
    early = client.post(f"{address}archive/")
    client.post(f"/api/v1/campaigns/{made['id']}/cancel/")

    deleted = client.delete(address)
    archived = client.post(f"{address}archive/")
    refused = client.post("/api/v1/campaigns/", make_body(scenario["key"]))
    restored = client.post(f"{address}restore/")

    assert (early.status_code, deleted.status_code) == (409, 409)
    assert deleted.json()["code"] == "in_use"
    assert [answer.json()["is_archived"] for answer in (archived, restored)] == [True, False]
    assert "archived" in refused.json()["fields"]["scenario"]


def test_the_default_one_stays_out_of_the_archive(client, scenario):
    address = f"{ADDRESS}{scenario['id']}/"
    client.patch(address, {"is_default": True})
    kept = client.post(f"{address}archive/")
    client.patch(address, {"is_default": False})
    client.post(f"{address}archive/")

    back = client.patch(address, {"is_default": True})

    assert (kept.status_code, kept.json()["code"]) == (409, "default_scenario")
    assert (back.status_code, back.json()["code"]) == (409, "archived")
