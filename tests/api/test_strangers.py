"""A script of another workspace: it sees nothing of ours, and can name nothing of ours."""

from __future__ import annotations

import pytest

from campaigns.models import App, AppGroup, Campaign, Group, Label, Segment, Transfer
from tests import builders
from tests.api.conftest import make_client

MESSAGE = {"title": "Hello", "body": "World"}


@pytest.fixture
def ours(client, app):
    """The addresses of one row of each kind of ours."""
    rows = {
        "groups": {"name": "News"},
        "labels": {"name": "Fans"},
        "segments": {
            "name": "Germany",
            "expression": {"field": "person.country", "op": "eq", "value": "DE"},
        },
        "campaigns": {"audience": {"all": True}, "message": MESSAGE},
    }
    ids = {name: client.post(f"/api/v1/{name}/", body).json()["id"] for name, body in rows.items()}
    device = builders.make_device(app, "token", person=builders.make_person(app.workspace))
    return ids | {"apps": app.pk, "devices": device.pk, "persons": device.person_id}


def test_a_stranger_lists_and_opens_nothing_of_ours(foreign, ours):
    for name, pk in ours.items():
        listed = foreign.get(f"/api/v1/{name}/").json()["results"]
        opened = foreign.get(f"/api/v1/{name}/{pk}/")

        assert pk not in [row["id"] for row in listed]
        assert opened.status_code == 404


@pytest.mark.parametrize(
    ("method", "address"),
    [
        ("patch", "groups/{groups}/"), ("post", "groups/{groups}/archive/"),
        ("patch", "labels/{labels}/"), ("delete", "labels/{labels}/"),
        ("post", "labels/{labels}/members/add/"), ("get", "labels/{labels}/members/"),
        ("patch", "segments/{segments}/"), ("delete", "segments/{segments}/"),
        ("get", "segments/{segments}/count/"), ("get", "segments/{segments}/sample/"),
        ("patch", "persons/{persons}/"), ("post", "persons/{persons}/merge/"),
        ("post", "persons/{persons}/unmerge/"), ("post", "devices/{devices}/enable/"),
        ("patch", "campaigns/{campaigns}/"),
        ("post", "campaigns/{campaigns}/launch/"), ("post", "campaigns/{campaigns}/cancel/"),
        ("post", "campaigns/{campaigns}/test/"), ("get", "campaigns/{campaigns}/check/"),
    ],
)  # fmt: skip
def test_a_stranger_changes_nothing_of_ours(foreign, ours, method, address):
    call = getattr(foreign, method)

    answer = call(f"/api/v1/{address.format(**ours)}", {})

    assert answer.status_code == 404
    assert (Label.objects.count(), Segment.objects.count()) == (1, 1)
    assert Campaign.objects.get().status == Campaign.Status.DRAFT


@pytest.mark.parametrize(
    "forged",
    [
        {"app": "shop"}, {"app": "{apps}"}, {"group": "{groups}"}, {"group": "News"},
        {"audience": {"segment": "{segments}"}}, {"audience": {"labels": ["Fans"]}},
    ],
    ids=str,
)  # fmt: skip
def test_a_stranger_names_nothing_of_ours_in_a_campaign(foreign, ours, forged):
    body = {"app": "theirs", "audience": {"all": True}, "message": MESSAGE, **fill(forged, ours)}

    answer = foreign.post("/api/v1/campaigns/", body)

    assert answer.status_code == 400
    assert Campaign.objects.count() == 1


@pytest.mark.parametrize(
    "forged", [{"devices": ["{devices}"]}, {"persons": ["ann"]}], ids=["devices", "persons"]
)
def test_our_recipients_are_nobody_in_a_strangers_campaign(foreign, ours, forged):
    builders.make_route(App.objects.get(slug="theirs"), "android")
    body = {"app": "theirs", "audience": fill(forged, ours), "message": MESSAGE}

    made = foreign.post("/api/v1/campaigns/", body).json()
    total = foreign.get(f"/api/v1/campaigns/{made['id']}/check/").json()["total"]

    assert total == 0


def test_a_stranger_makes_nothing_in_an_app_of_ours(foreign, ours):
    names = [
        foreign.post(f"/api/v1/{kind}/", {"app": "shop", "name": "Forged", **more}).status_code
        for kind, more in (
            ("groups", {}), ("labels", {}), ("segments", {"expression": {"and": []}}),
        )
    ]  # fmt: skip

    assert names == [400, 400, 400]
    assert not Group.objects.filter(name="Forged").exists()


def fill(value, ids):
    """The forged body with our ids as numbers."""
    if isinstance(value, dict):
        return {name: fill(item, ids) for name, item in value.items()}
    if isinstance(value, list):
        return [fill(item, ids) for item in value]
    return ids[value[1:-1]] if value.startswith("{") else value


def test_a_key_of_one_app_is_told_of_no_others_speed(app):
    apps = [app, builders.make_app(app.workspace, slug="other")]
    both = AppGroup.objects.create(workspace=app.workspace, name="Both", slug="b", group_key="k")
    both.apps.set(apps)
    for one in apps:
        builders.make_route(one, "android")
        builders.make_device(one, "token")
    wide = make_client(app.workspace)
    body = {"app_group": "b", "audience": {"all": True}, "message": MESSAGE}
    made = wide.post("/api/v1/campaigns/", body).json()["id"]
    wide.post(f"/api/v1/campaigns/{made}/launch/")

    narrow = make_client(app.workspace, apps=[app]).get(f"/api/v1/campaigns/{made}/").json()

    own = Transfer.objects.get(app=app).pk
    assert len(wide.get(f"/api/v1/campaigns/{made}/").json()["speeds"]) == 2
    assert [speed["transfer"] for speed in narrow["speeds"]] == [own]
