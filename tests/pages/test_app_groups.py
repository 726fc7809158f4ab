"""App groups: planned in the browser and over the native API, and the whole of one call found."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse

from campaigns.dispatch.plan import start_due
from campaigns.models import AppGroup, Campaign, TestGroup, Transfer
from campaigns.services import access, intake
from campaigns.services.callers import Caller
from campaigns.services.campaigns import create_campaign
from providers.commands import PushPart, SendPush
from providers.message import PushMessage
from providers.recipients import Audience
from tests import builders
from tests.api.conftest import make_client
from tests.compat.small import make_dialect
from tests.pages.sending import send_typed

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
