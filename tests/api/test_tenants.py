"""Every address that names a row, from the schema: a stranger finds nothing behind any of them."""

from __future__ import annotations

import pytest

from campaigns.models import (
    App,
    Campaign,
    Device,
    Group,
    Import,
    Job,
    Label,
    MessageTemplate,
    Person,
    Scenario,
    Segment,
    Suppression,
    TestGroup,
    Transfer,
)
from tests import builders
from tests.api.conftest import make_client
from tests.api.test_hostile import list_calls

pytestmark = pytest.mark.database
MODELS = {
    "apps": App, "groups": Group, "labels": Label, "segments": Segment, "persons": Person,
    "devices": Device, "campaigns": Campaign, "transfers": Transfer,
    "scenarios": Scenario, "jobs": Job,
    "imports": Import, "exports": Job, "suppressions": Suppression,
    "templates": MessageTemplate, "test-groups": TestGroup,
}  # fmt: skip

SHARED = {"scenarios"}  # of the workspace: every app's campaigns go by them


@pytest.fixture
def next_door(app):
    """A key of another app of our workspace."""
    other = builders.make_app(app.workspace, slug="next-door")
    return make_client(app.workspace, apps=[other])


@pytest.fixture
def rows(client, app, now):
    """The id of one row of ours per resource."""
    builders.make_route(app, "android")
    person = Person.objects.create(workspace=app.workspace, external_user_id="ann")
    builders.make_device(app, "t1", person=person)
    Label.objects.create(app=app, name="vip")
    Scenario.objects.create(workspace=app.workspace, name="Mail", steps=[{"channel": "email"}])
    Job.objects.create(app=app, workspace=app.workspace, kind="labels", status_since=now,
                       created_at=now, created_by="ann")  # fmt: skip
    Segment.objects.create(app=app, name="All", expression={"and": []})
    Suppression.objects.create(
        workspace=app.workspace, app=app, kind="token", seal="s", reason="legal", created_at=now,
        created_by="ann",
    )  # fmt: skip
    Import.objects.create(app=app, source="x", shape={"columns": []}, created_at=now)
    MessageTemplate.objects.create(
        workspace=app.workspace, app=app, name="Sale", created_at=now, updated_at=now
    )
    TestGroup.objects.create(app=app, name="Team", created_at=now)
    body = {"audience": {"all": True}, "message": {"title": "Hi", "body": "There"}}
    made = client.post("/api/v1/campaigns/", body).json()
    client.post(f"/api/v1/campaigns/{made['id']}/launch/")
    return {name: model.objects.latest("pk").pk for name, model in MODELS.items()}


def count_everything():
    return {name: list(model.objects.order_by("pk").values()) for name, model in MODELS.items()}


@pytest.mark.parametrize("who", ["foreign", "next_door"])
def test_others_get_404_wherever_a_row_is_named(rows, request, who):
    key, shared = request.getfixturevalue(who), SHARED if who == "next_door" else set()
    calls = [(method, path) for method, path in list_calls() if "{id}" in path]
    before = count_everything()

    answers = {
        (method, path): key.generic(
            method.upper(),
            path.replace("{id}", str(rows[path.split("/")[3]])).replace("{role}", "names"),
            b"{}",
            "application/json",
        ).status_code
        for method, path in calls
    }

    told = {(*call, status) for call, status in answers.items() if status != 404}
    assert len(calls) > 30
    assert {call for call in told if call[1].split("/")[3] not in shared} == set()
    assert {status for method, _path, status in told if method != "get"} <= {403}
    assert count_everything() == before


@pytest.mark.parametrize("who", ["foreign", "next_door"])
def test_others_list_only_what_is_theirs(rows, request, who):
    key, shared = request.getfixturevalue(who), SHARED if who == "next_door" else set()
    theirs = {
        name: [row["id"] for row in key.get(f"/api/v1/{name}/").json()["results"]]
        for name in MODELS
    }

    assert {name for name, ids in theirs.items() if rows[name] in ids} == shared
    assert [len(theirs[name]) for name in ("apps", "devices", "persons", "campaigns")] == [
        1, 0, 0, 0,
    ]  # fmt: skip


def test_nobody_gets_anything_without_a_key(rows, client):
    client.credentials()

    statuses = {
        client.generic(
            method.upper(),
            path.replace("{id}", "1").replace("{role}", "names"),
            b"{}",
            "application/json",
        ).status_code
        for method, path in list_calls()
    }

    assert statuses == {401}
