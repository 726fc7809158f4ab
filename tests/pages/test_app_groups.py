"""App groups: planned in the browser and over the native API, and the whole of one call found."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse

from campaigns.dispatch.plan import start_due
from campaigns.models import AppGroup, Campaign, Membership, TestGroup, Transfer
from campaigns.services import access, intake
from campaigns.services.callers import Caller
from campaigns.services.campaigns import create_campaign
from providers.commands import PushPart, SendPush
from providers.message import PushMessage
from providers.recipients import Audience
from tests import builders
from tests.api.conftest import make_client
from tests.compat.small import make_dialect
from tests.pages.sending import send_typed, type_message

pytestmark = [pytest.mark.django_db, pytest.mark.database]
GROUP_KEY = "g" * 24


@pytest.fixture
def members(app):
    apps = [app, builders.make_app(app.workspace, "cafe")]
    for number, member in enumerate(apps):
        builders.make_route(member, "android")
        builders.make_device(member, f"token-{number}")
    group = AppGroup.objects.create(
        workspace=app.workspace, name="Both", slug="both", group_key=GROUP_KEY
    )
    group.apps.set(apps)
    return apps


@pytest.fixture
def tomorrow():
    return (datetime.now(UTC) + timedelta(days=1)).replace(microsecond=0)


def start_at(moment, members):
    campaign = Campaign.objects.get()
    before = (campaign.status, campaign.transfers.count())
    start_due(moment)
    return before, [transfer.app for transfer in campaign.transfers.order_by("app")] == members


def test_test_groups_of_one_name_are_told_apart_by_their_apps(client, owner, members, tomorrow):
    for member in members:
        TestGroup.objects.create(app=member, name="Team", created_at=tomorrow)
    client.force_login(owner)
    target = f"app_group:{AppGroup.objects.get().pk}"

    page = client.get(reverse("compose"), {"target": target}).content.decode()

    assert page.index(">Team · Cafe</option>") < page.index(">Team · Shop</option>")


def test_a_group_push_is_planned_over_the_native_api(app, members, tomorrow):
    body = {
        "app_group": "both", "audience": {"all": True}, "message": {"title": "Hi", "body": "There"},
        "send_at": tomorrow.isoformat(),
    }  # fmt: skip
    client = make_client(app.workspace)
    made = client.post("/api/v1/campaigns/", body).json()

    launched = client.post(f"/api/v1/campaigns/{made['id']}/launch/").json()

    assert (launched["status"], launched["app_group"]) == ("scheduled", "both")
    assert start_at(tomorrow, members) == (("scheduled", 0), True)


def test_a_group_push_is_planned_in_the_browser(client, owner, members, tomorrow):
    client.force_login(owner)
    typed = {
        "target": f"app_group:{AppGroup.objects.get().pk}", "audience_kind": "all",
        "ids_kind": "persons", "title": "Hi", "body": "There", "when": "later",
        "send_at": f"{tomorrow:%Y-%m-%dT%H:%M}", "timezone": "UTC", "expires_unit": "3600",
        "policy": "at_least_once",
    }  # fmt: skip

    send_typed(client, typed)

    assert start_at(tomorrow, members) == (("scheduled", 0), True)


@pytest.fixture
def answer(app, members, now):
    key, _text = access.issue_key(app.workspace, name="All", actor="owner", now=now)
    part = PushPart(PushMessage(title="Hi", body="There"), audience=Audience())
    push = SendPush(parts=(part,), app_group=GROUP_KEY, name="Spring")
    return intake.execute(push, Caller(key, make_dialect(), now))


@pytest.mark.parametrize("name", ["campaigns", "home"])
def test_pages_list_what_is_sent_to_a_group(client, owner, app, members, name):
    now = datetime.now(UTC)
    # Stopped before it has begun: on the home page that waits for somebody.
    campaign = builders.make_campaign(app, now, status="failed")
    Campaign.objects.update(app=None, app_group=AppGroup.objects.get())
    client.force_login(owner)

    answer = client.get(reverse(name))

    assert answer.status_code == 200
    assert reverse("campaign", args=[campaign.pk]) in answer.content.decode()


def test_the_transfers_of_one_call_are_found_by_its_reference(app, answer):
    client = make_client(app.workspace)
    taken = {entry.transfer for entry in answer.entries}

    rows = client.get(f"/api/v1/transfers/?reference={answer.reference}").json()["results"]
    none = client.get("/api/v1/transfers/?reference=nobody").json()["results"]

    assert {str(row["id"]) for row in rows} == taken
    assert {row["reference"] for row in rows} == {answer.reference}
    assert none == []


def test_a_transfers_page_links_the_others_of_its_call(client, owner, colleague, answer):
    own, other = (Transfer.objects.get(pk=entry.transfer) for entry in answer.entries)
    address = reverse("transfer", args=[own.pk])

    client.force_login(owner)
    page = client.get(address).content.decode()
    client.force_login(colleague)  # of the first app only
    narrow = client.get(address).content.decode()

    assert answer.reference in page
    assert reverse("transfer", args=[other.pk]) in page
    assert reverse("transfer", args=[other.pk]) not in narrow


def test_of_a_group_that_lost_its_apps_nothing_is_read_to_anybody(
    client, superuser, members, tomorrow
):
    message = {"template": "liquid", "title": "Hi", "body": "{{ person.custom.name }}"}
    body = {"name": "Spring", "app_group": "both", "audience": {"all": True}, "message": message}
    campaign = create_campaign(superuser, body, actor="ann", now=tomorrow)
    AppGroup.objects.get().apps.clear()
    client.force_login(superuser)

    assert client.get(reverse("campaign_review", args=[campaign.pk])).status_code == 200


def give_role(user, app, role):
    Membership.objects.create(user=user, workspace=app.workspace, app=app, role=role)


@pytest.fixture
def her_typed(client, members):
    """What she types who composes for the first app of the group and only looks at the second."""
    workspace, role = members[0].workspace, Membership.Role
    her = builders.make_member("her", workspace, app=members[0], role=role.COMPOSER)
    give_role(her, members[1], role.VIEWER)
    client.force_login(her)
    return type_message(members[0], target=f"app_group:{AppGroup.objects.get().pk}")


def list_offered(client):
    page = client.get(reverse("compose")).content.decode()
    return re.findall(r'value="(app(?:_group)?):', page)


@pytest.mark.parametrize(
    ("first", "second", "offered"),
    [
        ("composer", "", ["app"]),
        ("composer", "viewer", ["app"]),
        ("composer", "composer", ["app", "app", "app_group"]),
        ("sender", "admin", ["app", "app", "app_group"]),
    ],
)
def test_an_app_group_is_offered_to_who_writes_for_every_app_of_it(
    client, members, first, second, offered
):
    her = builders.make_member("her", members[0].workspace, app=members[0], role=first)
    if second:
        give_role(her, members[1], second)
    client.force_login(her)

    assert list_offered(client) == offered


def test_an_app_group_without_apps_is_offered_to_nobody(client, owner, members):
    AppGroup.objects.get().apps.clear()
    client.force_login(owner)

    assert list_offered(client) == ["app", "app"]


@pytest.mark.parametrize("are_left", [True, False])
def test_a_group_that_is_not_hers_is_a_fault_of_the_field_and_what_was_typed_stays(
    client, her_typed, are_left
):
    if not are_left:
        AppGroup.objects.get().apps.clear()

    refused = client.post(reverse("compose"), her_typed | {"action": "draft"})
    panel = client.post(reverse("check"), her_typed)
    kept = client.post(reverse("autosave"), her_typed)
    redrawn = client.post(reverse("compose"), her_typed | {"action": "redraw"})

    page = refused.content.decode()
    assert (refused.status_code, Campaign.objects.count()) == (422, 0)
    assert 'id="id_target_error"' in page
    assert her_typed["body"] in page
    assert "You may not write campaigns for this" in panel.content.decode()
    assert kept.json() == {"campaign": None, "parts": ["Campaign: App or app group"]}
    assert (redrawn.status_code, "You may not write" in redrawn.content.decode()) == (200, True)


def test_her_draft_stays_in_its_app_where_a_group_that_is_not_hers_is_posted(
    client, her_typed, members
):
    kept = client.post(reverse("autosave"), her_typed | {"target": f"app:{members[0].pk}"}).json()
    state = {"campaign": kept["campaign"], "version": kept["version"], "title": "Better"}

    told = client.post(reverse("autosave"), her_typed | state).json()

    campaign = Campaign.objects.get()
    assert told["parts"] == ["Campaign: App or app group"]
    assert (campaign.app, campaign.message.content["title"]) == (members[0], "Better")
