"""A key for single apps changes nothing that other apps send, know or use."""

from __future__ import annotations

import pytest
from rest_framework.test import APIClient

from campaigns.models import ApiKey, AppGroup, Campaign, Label, LabelMember, Membership
from campaigns.services.job_work import drain_jobs
from tests import builders
from tests.api.conftest import make_client

pytestmark = pytest.mark.database
BODY = {"audience": {"all": True}, "message": {"title": "Hi", "body": "There"}}


@pytest.fixture
def second(app):
    return builders.make_app(app.workspace, slug="second")


@pytest.fixture
def narrow(app):
    """Everything that a key may do, in one app."""
    return make_client(app.workspace, apps=[app], scopes=list(ApiKey.Scope))


@pytest.fixture
def theirs(second):
    """Somebody whom the second app alone knows."""
    person = builders.make_person(second.workspace, "ann", email="ann@example.org")
    builders.make_device(second, "hers", person=person)
    return person


@pytest.fixture
def shared(client, app, second):
    """A campaign that goes to two apps."""
    for member in (app, second):
        builders.make_route(member, "android")
        builders.make_device(member, "one")
    both = AppGroup.objects.create(
        workspace=app.workspace, name="Both", slug="both", group_key="k" * 24
    )
    both.apps.set([app, second])
    made = client.post("/api/v1/campaigns/", {**BODY, "app_group": "both"}).json()
    return Campaign.objects.get(pk=made["id"])


CALLS = [
    ("launch/", {}),
    ("request_approval/", {}),
    ("pause/", {}),
    ("resume/", {}),
    ("cancel/", {}),
    ("unschedule/", {}),
    ("reschedule/", {"send_at": "2030-01-01T09:00"}),
    ("rate/", {"rate": 100}),
    ("test/", {"audience": {"devices": [1]}}),
]


@pytest.mark.parametrize(("verb", "body"), CALLS)
def test_a_key_of_one_app_does_nothing_to_a_campaign_of_several(narrow, shared, verb, body):
    answer = narrow.post(f"/api/v1/campaigns/{shared.pk}/{verb}", body)

    assert (answer.status_code, answer.json().get("code")) == (403, "forbidden")
    shared.refresh_from_db()
    assert (shared.status, shared.transfers.count()) == (Campaign.Status.DRAFT, 0)


def test_nor_does_it_change_what_it_says(narrow, shared):
    address = f"/api/v1/campaigns/{shared.pk}/"

    answers = [
        narrow.patch(address, {"name": "Mine"}),
        narrow.post(f"{address}translations/", {"file": "", "dry_run": True}),
    ]

    assert [answer.status_code for answer in answers] == [403, 403]
    assert narrow.get(address).status_code == 200


def test_a_key_that_names_them_all_launches_it(app, second, shared):
    script = make_client(app.workspace, apps=[app, second])

    launched = script.post(f"/api/v1/campaigns/{shared.pk}/launch/").json()

    assert len(launched["transfers"]) == 2


def patch(caller, person):
    """A change of what all apps know of a person; whether it was made."""
    answer = caller.patch(f"/api/v1/persons/{person.pk}/", {"opted_out": True}, format="json")
    person.refresh_from_db()
    return answer.status_code, person.opted_out_at is not None


def test_a_key_changes_people_of_its_own_apps_alone(app, second, narrow, theirs):
    both = make_client(app.workspace, apps=[app, second])
    ours = builders.make_person(app.workspace, "bob")
    builders.make_device(app, "his", person=ours)
    unseen = patch(narrow, theirs)
    builders.make_device(app, "hers too", person=theirs)

    assert (unseen, patch(narrow, theirs)) == ((404, False), (403, False))
    assert patch(narrow, ours) == (200, True)
    assert patch(both, theirs) == (200, True)


def test_a_label_of_another_app_counts_like_a_device(app, second, narrow):
    person = builders.make_person(app.workspace, "bob")
    builders.make_device(app, "his", person=person)
    label = Label.objects.create(app=second, name="vip")
    LabelMember.objects.create(label=label, person=person)

    assert patch(narrow, person) == (403, False)


@pytest.mark.parametrize(
    ("role", "is_wide", "status"),
    [
        (Membership.Role.COMPOSER, True, 403),
        (Membership.Role.ADMIN, False, 403),
        (Membership.Role.ADMIN, True, 200),
    ],
)
def test_who_is_logged_in_changes_people_as_an_admin_for_all_apps(app, role, is_wide, status):
    person = builders.make_person(app.workspace, "bob")
    builders.make_device(app, "his", person=person)
    caller = APIClient()
    place = None if is_wide else app
    caller.force_login(builders.make_member("mia", app.workspace, app=place, role=role))

    assert patch(caller, person) == (status, status == 200)


CHANGES = "user_id,email,opted_out\nann,new@example.org,yes\n"


def begin(script, app):
    """An import that a script has brought and let be checked."""
    address = f"/api/v1/imports/?source=CRM&app={app.slug}"
    one = script.generic("POST", address, CHANGES, "text/csv").json()["id"]
    script.post(f"/api/v1/imports/{one}/check/")
    drain_jobs()
    return f"/api/v1/imports/{one}/"


def test_a_key_of_one_app_imports_nothing_over_people_of_another(app, narrow, theirs):
    address = begin(narrow, app)

    checked = narrow.get(address).json()["counts"]
    narrow.post(f"{address}apply/")
    drain_jobs()

    theirs.refresh_from_db()
    assert (checked["conflicting"], checked["changed"]) == (1, 0)
    assert (theirs.email, theirs.opted_out_at) == ("ann@example.org", None)


def test_a_key_of_all_apps_does_with_the_scope_audience_alone(app, theirs):
    script = make_client(app.workspace, scopes=["read", "audience"])
    address = begin(script, app)

    script.post(f"{address}apply/")
    drain_jobs()

    theirs.refresh_from_db()
    assert (theirs.email, theirs.opted_out_at is None) == ("new@example.org", False)


def test_it_does_not_apply_what_a_key_of_all_apps_has_checked(client, app, narrow, theirs):
    address = begin(client, app)

    refused = narrow.post(f"{address}apply/")
    client.post(f"{address}apply/")
    drain_jobs()

    theirs.refresh_from_db()
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert theirs.email == "new@example.org"


def test_a_key_of_one_app_changes_no_scenario(client, narrow):
    body = {"name": "Both", "steps": [{"channel": "email", "sender": "shop@example.org"}]}
    made = client.post("/api/v1/scenarios/", body).json()
    address = f"/api/v1/scenarios/{made['id']}/"

    answers = [
        narrow.post("/api/v1/scenarios/", {**body, "is_default": True}),
        narrow.patch(address, {"is_default": True}),
        narrow.post(f"{address}archive/"),
        narrow.post(f"{address}restore/"),
        narrow.delete(address),
    ]

    assert [answer.status_code for answer in answers] == [403] * 5
    assert narrow.get("/api/v1/scenarios/").json()["results"] == [made]


def test_a_key_of_some_apps_sees_the_erasures_that_it_has_begun(app, second, theirs):
    builders.make_app(app.workspace, slug="third")
    both, other = (
        make_client(app.workspace, apps=[app, second], scopes=list(ApiKey.Scope)) for _ in range(2)
    )
    body = {"entries": [{"kind": "external_user_id", "value": "ann"}]}

    begun = both.post("/api/v1/erasures/", body)
    drain_jobs()
    address = f"/api/v1/jobs/{begun.json()['id']}/"

    assert begun.status_code == 202
    assert both.get(address).json()["counts"]["persons"] == 1
    assert [job["id"] for job in both.get("/api/v1/jobs/").json()["results"]] == [
        begun.json()["id"]
    ]
    assert other.get(address).status_code == 404
