"""Approval and the pre-flight list over the native API."""

from __future__ import annotations

import pytest
from rest_framework.test import APIClient

from campaigns.models import App, Approval, Membership
from tests import builders
from tests.api.conftest import make_client

pytestmark = pytest.mark.database
BODY = {"audience": {"all": True}, "message": {"title": "Hi", "body": "There"}}


@pytest.fixture
def script(app):
    builders.make_route(app, "android")
    builders.make_device(app, "one", language="de")
    App.objects.update(needs_approval=True)
    return make_client(app.workspace)


@pytest.fixture
def made(script):
    return script.post("/api/v1/campaigns/", BODY).json()["id"]


def enter(app, name, role):
    client = APIClient()
    client.force_login(builders.make_member(name, app.workspace, app=app, role=role))
    return client


def press(client, pk, verb, body=None):
    return client.post(f"/api/v1/campaigns/{pk}/{verb}/", body or {}, format="json")


def test_the_list_holds_every_check_and_what_it_goes_to(script, made):
    found = script.get(f"/api/v1/campaigns/{made}/preflight/").json()

    verdicts = {check["key"]: check["verdict"] for check in found["checks"]}
    assert (found["total"], found["platforms"], found["languages"]) == (
        1, {"android": 1}, {"de": 1},
    )  # fmt: skip
    assert found["is_ready"] is False
    assert verdicts.pop("approval") == "blocking"
    assert verdicts["size"] == "passed"
    assert found["forecast"]["calls"] == 1
    assert found["approval"] == {"needed": True, "holds": False, "newest": None}
    assert len(found["version"]) == 64


def test_a_key_asks_and_a_person_approves(app, script, made):
    asked = press(script, made, "request_approval", {"note": "Nightly"})
    status = script.get(f"/api/v1/campaigns/{made}/").json()["status"]
    by_key = press(script, made, "approve", {"version": "x"})
    bob = enter(app, "bob", Membership.Role.APPROVER)
    version = bob.get(f"/api/v1/campaigns/{made}/preflight/").json()["version"]
    stale = press(bob, made, "approve", {"version": "x"})
    approved = press(bob, made, "approve", {"version": version})
    launched = press(script, made, "launch")
    history = script.get(f"/api/v1/campaigns/{made}/approvals/").json()["results"]

    assert (asked.status_code, status) == (200, "in_review")
    assert by_key.status_code == 403
    assert (stale.status_code, stale.json()["code"]) == (409, "changed_meanwhile")
    assert approved.json()["state"] == "approved"
    assert launched.json()["status"] == "sending"
    assert [row["digest"] for row in history] == [version]
    assert history[0]["note"] == "Nightly"


def test_a_composer_and_a_sender_do_not_approve(app, script, made):
    press(script, made, "request_approval")

    people = [enter(app, role, role) for role in (Membership.Role.COMPOSER, Membership.Role.SENDER)]

    codes = [
        press(person, made, verb, {"note": "x"}).status_code
        for person in people
        for verb in ("approve", "send_back")
    ]

    assert codes == [403] * 4
    assert Approval.objects.get().state == "asked"


def test_it_is_sent_back_with_a_note(app, script, made):
    press(script, made, "request_approval")
    bob = enter(app, "bob", Membership.Role.APPROVER)

    mute = press(bob, made, "send_back")
    back = press(bob, made, "send_back", {"note": "Too loud"})

    assert (mute.status_code, list(mute.json()["fields"])) == (400, ["note"])
    assert back.json()["state"] == "sent_back"
    assert script.get(f"/api/v1/campaigns/{made}/").json()["status"] == "draft"


@pytest.mark.parametrize("body", [{"note": 1}, {"other": "x"}, [1], {"note": "x" * 501}])
def test_a_wrong_body_is_refused(script, made, body):
    answer = press(script, made, "request_approval", body)

    assert answer.status_code == 400
    assert not Approval.objects.exists()


def test_a_stranger_finds_nothing(script, made, stranger):
    client = APIClient()
    client.force_login(stranger)

    codes = {
        press(client, made, verb).status_code
        for verb in ("request_approval", "approve", "send_back")
    }
    codes |= {
        client.get(f"/api/v1/campaigns/{made}/{name}/").status_code
        for name in ("preflight", "approvals")
    }

    assert codes == {404}
