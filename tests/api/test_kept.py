"""Templates and test groups over the native API."""

from __future__ import annotations

import pytest

from campaigns.models import MessageTemplate, TestGroup
from tests import builders
from tests.api.conftest import make_client

pytestmark = pytest.mark.database
SALE = {"name": "Sale", "message": {"title": "Sale", "body": "Today only"}}


def test_a_template_is_made_found_changed_and_put_away(client, app):
    made = client.post("/api/v1/templates/", SALE).json()
    place = f"/api/v1/templates/{made['id']}/"

    changed = client.patch(place, {"description": "For weekends"}).json()
    found = client.get("/api/v1/templates/?search=weekends").json()["results"]
    archived = client.post(f"{place}archive/").json()
    restored = client.post(f"{place}restore/").json()

    assert (made["app"], made["message"]) == (app.slug, SALE["message"])
    assert (changed["name"], changed["description"]) == ("Sale", "For weekends")
    assert changed["message"] == SALE["message"]
    assert [row["id"] for row in found] == [made["id"]]
    assert archived["archived_at"] is not None
    assert restored["archived_at"] is None


def test_what_is_wrong_is_named_and_nothing_is_made(client):
    wrong = client.post("/api/v1/templates/", SALE | {"message": {"android": {"priority": 9}}})
    unnamed = client.post("/api/v1/templates/", {"message": {}})
    unknown = client.post("/api/v1/templates/", SALE | {"title": "x"})

    answers = (wrong, unnamed, unknown)
    assert [answer.status_code for answer in answers] == [400, 400, 400]
    assert list(wrong.json()["fields"]) == ["message.android.priority"]
    assert list(unnamed.json()["fields"]) == ["name"]
    assert list(unknown.json()["fields"]) == ["title"]
    assert not MessageTemplate.objects.exists()


def test_only_a_key_for_all_apps_keeps_and_changes_a_template_for_all(client, app):
    narrow = make_client(app.workspace, apps=[app])
    reading = make_client(app.workspace, scopes=["read"])

    refused = narrow.post("/api/v1/templates/", SALE | {"app": None})
    made = client.post("/api/v1/templates/", SALE | {"app": None}).json()
    place = f"/api/v1/templates/{made['id']}/"
    changed = [script.patch(place, {"name": "B"}).status_code for script in (narrow, reading)]

    assert made["app"] is None
    assert refused.status_code == 403
    assert set(changed) <= {403, 404}
    assert MessageTemplate.objects.get().name == "Sale"


def test_a_test_group_is_made_changed_and_forgotten(client, app):
    phones = [f"device:{builders.make_device(app, str(number)).pk}" for number in range(2)]
    made = client.post("/api/v1/test-groups/", {"name": "Team", "testers": phones}).json()
    place = f"/api/v1/test-groups/{made['id']}/"

    renamed = client.patch(place, {"name": "Desk"}).json()
    fewer = client.patch(place, {"testers": phones[:1]}).json()
    unknown = client.patch(place, {"testers": ["device:999"]})
    gone = client.delete(place)

    assert (made["app"], made["testers"]) == (app.slug, phones)
    assert (renamed["name"], renamed["testers"]) == ("Desk", phones)
    assert (fewer["name"], fewer["testers"]) == ("Desk", phones[:1])
    assert list(unknown.json()["fields"]) == ["testers"]
    assert gone.status_code == 204
    assert not TestGroup.objects.exists()
