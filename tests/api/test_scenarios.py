"""Failover scenarios through the native API."""

from __future__ import annotations

import pytest

from campaigns.models import Scenario

pytestmark = [pytest.mark.django_db, pytest.mark.database]
ADDRESS = "/api/v1/scenarios/"
STEPS = [
    {"channel": "push", "wait": 600, "price": "0.001"},
    {"channel": "sms", "sender": "41793026700", "price": "0.045"},
]


def test_what_is_made_is_changed_listed_and_forgotten(client):
    made = client.post(ADDRESS, {"name": "Both", "steps": STEPS, "is_default": True})
    address = f"{ADDRESS}{made.json()['id']}/"
    changed = client.patch(address, {"name": "Else"})
    listed = client.get(ADDRESS).json()["results"]
    gone = client.delete(address)

    assert (made.status_code, changed.status_code, gone.status_code) == (201, 200, 204)
    assert changed.json() == {**made.json(), "name": "Else"}
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
    ],
)
def test_what_is_wrong_is_named(client, body, field):
    answer = client.post(ADDRESS, {"name": "Both", **body})

    assert answer.status_code == 400
    assert field in answer.json()["fields"]
    assert not Scenario.objects.exists()
