"""Campaigns, transfers, deliveries and reports over the native API."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from campaigns.dispatch.steer import pause_transfer
from campaigns.models import App, AppGroup, Campaign, Cohort, Delivery, Part, Transfer
from campaigns.services.campaigns import launch_campaign
from tests import builders
from tests.api.conftest import make_client

pytestmark = pytest.mark.database
BODY = {"name": "One", "audience": {"all": True}, "message": {"title": "Hi", "body": "There"}}
NUMBERS = {
    "audience", "sent", "failed", "skipped", "expired", "cancelled", "unknown", "pending", "resent",
}  # fmt: skip


@pytest.fixture
def served(app):
    for platform in ("android", "ios", "web"):
        builders.make_route(app, platform)
    for number in range(3):
        builders.make_device(app, f"token-{number}")
    return app


@pytest.fixture
def made(client, served):
    answer = client.post("/api/v1/campaigns/", BODY)
    assert answer.status_code == 201, answer.json()
    return answer.json()


@pytest.fixture
def transfer(made, client):
    launched = client.post(f"/api/v1/campaigns/{made['id']}/launch/").json()
    return Transfer.objects.get(pk=launched["transfers"][0])


def test_a_campaign_is_created_as_a_draft_with_its_counters(made):
    assert (made["status"], made["app"], made["audience"]) == ("draft", "shop", {"all": True})
    assert made["message"] == {"title": "Hi", "body": "There"}
    assert made["counters"] == dict.fromkeys(NUMBERS, 0)
    assert isinstance(made["id"], int)


def test_a_campaign_lives_its_life(client, made):
    address = f"/api/v1/campaigns/{made['id']}/"

    statuses = [
        client.post(f"{address}{verb}/").json()["status"]
        for verb in ("launch", "pause", "resume", "cancel")
    ]
    late = client.post(f"{address}launch/")

    assert statuses == ["sending", "paused", "sending", "cancelled"]
    assert late.status_code == 409
    assert client.get(address).json()["counters"].keys() == NUMBERS
    assert [
        row["id"] for row in client.get("/api/v1/campaigns/?status=cancelled").json()["results"]
    ]


def test_a_launch_is_done_once_for_one_idempotency_key(client, made):
    address = f"/api/v1/campaigns/{made['id']}/launch/"

    first = client.post(address, HTTP_IDEMPOTENCY_KEY="go")
    second = client.post(address, HTTP_IDEMPOTENCY_KEY="go")

    assert (first.status_code, second.status_code) == (200, 200)
    assert second.json() == first.json()
    assert Transfer.objects.count() == 1


def test_a_draft_is_changed_and_checked(client, made):
    address = f"/api/v1/campaigns/{made['id']}/"

    changed = client.patch(address, {"tag": "autumn", "send_at": "2099-01-01T09:00"})
    check = client.get(f"{address}check/")

    assert changed.status_code == 400
    assert "send_at" in changed.json()["fields"]
    assert client.patch(address, {"tag": "autumn"}).json()["tag"] == "autumn"
    assert check.json()["total"] == 3
    assert not any(problem["is_blocking"] for problem in check.json()["problems"])


def test_what_cannot_be_launched_says_why(client, app):
    made = client.post("/api/v1/campaigns/", {**BODY, "message": {}}).json()

    answer = client.post(f"/api/v1/campaigns/{made['id']}/launch/")

    assert answer.status_code == 409
    assert "audience" in answer.json()["fields"]


def test_a_test_goes_to_a_few_devices(client, made, served):
    device = served.devices.first()

    answer = client.post(
        f"/api/v1/campaigns/{made['id']}/test/", {"audience": {"devices": [device.pk]}}
    )

    assert (answer.status_code, answer.json()["is_test"]) == (201, True)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"audience": {"labels": ["nobody"]}}, "audience.labels"),
        ({"audience": {"all": True, "labels": ["a"]}}, "audience"),
        ({"colour": "red"}, "colour"),
        ({"rate": "fast"}, "rate"),
        ({"only_primary": 1}, "only_primary"),
        ({"message": {"android": {"priority": 3}}}, "message.android.priority"),
        ({"message": {"titel": "Hi"}}, "message.titel"),
        ({"app": "nowhere"}, "app"),
        ({"policy": "maybe"}, "policy"),
        ({"timezone": "Mars/Olympus", "send_at": "2030-01-01T09:00"}, "timezone"),
    ],
)
def test_every_wrong_value_is_named(client, served, body, field):
    answer = client.post("/api/v1/campaigns/", BODY | body)

    assert answer.status_code == 400
    assert field in answer.json()["fields"]
    assert not Campaign.objects.exists()


@pytest.mark.parametrize("body", [b"[]", b"5", b'"text"', b"null", b""])
def test_a_body_that_is_no_object_is_refused(client, made, body):
    addresses = ("/api/v1/campaigns/", f"/api/v1/campaigns/{made['id']}/test/")

    answers = [client.generic("POST", place, body, "application/json") for place in addresses]

    assert {answer.status_code for answer in answers} == {400}


def test_an_app_group_campaign_makes_a_transfer_per_app(client, served):
    second = builders.make_app(served.workspace, slug="second")
    builders.make_route(second, "android")
    builders.make_device(second, "elsewhere")
    app_group = AppGroup.objects.create(
        workspace=served.workspace, name="Both", slug="both", group_key="k" * 24
    )
    app_group.apps.set([served, second])
    made = client.post("/api/v1/campaigns/", {**BODY, "app_group": "both"}).json()

    launched = client.post(f"/api/v1/campaigns/{made['id']}/launch/").json()

    assert (launched["app"], launched["app_group"]) == (None, "both")
    assert len(launched["transfers"]) == 2


def test_approval_is_asked_for_unless_the_key_may_bypass_it(client, made, workspace):
    App.objects.update(needs_approval=True)
    address = f"/api/v1/campaigns/{made['id']}/launch/"
    strong = make_client(workspace, scopes=["read", "send", "bypass_approval"])

    refused, launched = client.post(address), strong.post(address)

    assert (refused.status_code, refused.json()["code"]) == (409, "approval_required")
    assert launched.status_code == 200


def test_sending_needs_its_own_scope_and_role(made, workspace, served):
    composer = make_client(workspace, scopes=["read", "compose"])
    address = f"/api/v1/campaigns/{made['id']}/"

    assert composer.post("/api/v1/campaigns/", BODY).status_code == 201
    assert composer.post(f"{address}launch/").status_code == 403
    assert composer.patch(address, {"tag": "x"}).status_code == 200


def test_a_person_composes_only_where_that_is_the_role(workspace, served):
    from rest_framework.test import APIClient

    second = builders.make_app(workspace, slug="second")
    person = builders.make_member("half", workspace, app=second, role="composer")
    person.memberships.create(workspace=workspace, app=served, role="viewer")
    browser = APIClient()
    browser.force_login(person)

    answers = [
        browser.post("/api/v1/campaigns/", {**BODY, "app": slug}, format="json").status_code
        for slug in ("shop", "second")
    ]

    assert answers == [403, 201]
    assert Campaign.objects.get().app == second


def test_a_stranger_finds_no_campaign_and_no_transfer(foreign, made, transfer):
    answers = [
        foreign.get(f"/api/v1/campaigns/{made['id']}/"),
        foreign.patch(f"/api/v1/campaigns/{made['id']}/", {"tag": "x"}),
        foreign.post(f"/api/v1/campaigns/{made['id']}/cancel/"),
        foreign.get(f"/api/v1/transfers/{transfer.pk}/"),
        foreign.get(f"/api/v1/transfers/{transfer.pk}/deliveries/"),
        foreign.post(f"/api/v1/transfers/{transfer.pk}/cancel/"),
    ]

    assert {answer.status_code for answer in answers} == {404}
    assert foreign.get("/api/v1/transfers/").json()["results"] == []


def test_a_script_is_told_why_the_engine_paused_a_transfer(client, transfer, now):
    pause_transfer(transfer, "The vendor refuses the key.", actor="dispatch", now=now)

    progress = client.get(f"/api/v1/transfers/{transfer.pk}/progress/").json()

    assert progress["paused_because"] == "The vendor refuses the key."


def test_a_transfer_shows_its_books_and_takes_verbs(client, transfer, made):
    address = f"/api/v1/transfers/{transfer.pk}/"

    shown = client.get(address).json()
    listed = client.get(f"/api/v1/transfers/?campaign={made['id']}").json()["results"]
    progress = client.get(f"{address}progress/").json()
    statuses = [
        client.post(f"{address}{verb}/").json()["status"] for verb in ("pause", "resume", "cancel")
    ]

    assert (shown["campaign"], shown["app"], shown["group"]) == (made["id"], "shop", "General")
    assert [row["id"] for row in listed] == [transfer.pk]
    assert shown["counters"].keys() == NUMBERS
    assert progress["seconds_left"] is None
    assert statuses[0] == "paused"
    assert statuses[2] == "cancelled"


@pytest.fixture
def settled(transfer):
    """Five recipients of two parts, three of them sent."""
    message = transfer.campaign.message
    parts = [
        Part.objects.get_or_create(transfer=transfer, number=number, defaults={"message": message})[
            0
        ]
        for number in (0, 1)
    ]
    cohorts = [
        Cohort.objects.create(app=transfer.app, platform=platform, language="xx")
        for platform in ("android", "ios")
    ]
    for number in range(5):
        Delivery.objects.create(
            part=parts[number % 2], recipient=100 + number, at=datetime(2026, 11, 20, tzinfo=UTC),
            cohort_id=cohorts[number % 2].pk, outcome="sent" if number < 3 else "failed",
            reason="" if number < 3 else "token",
        )  # fmt: skip
    return transfer


def test_deliveries_are_paged_by_part_and_recipient(client, settled):
    seen, address = [], f"/api/v1/transfers/{settled.pk}/deliveries/?limit=2"
    while address:
        page = client.get(address).json()
        seen += [(row["part"], row["recipient"]) for row in page["results"]]
        address = page["next"]

    assert seen == [(0, 100), (0, 102), (0, 104), (1, 101), (1, 103)]


def test_deliveries_are_filtered(client, settled):
    address = f"/api/v1/transfers/{settled.pk}/deliveries/"

    failed = client.get(f"{address}?outcome=failed&reason=token").json()["results"]
    ios = client.get(f"{address}?platform=ios&outcome=sent").json()["results"]

    assert [row["recipient"] for row in failed] == [104, 103]
    assert ios == [
        {"recipient": 101, "kind": "device", "part": 1, "step": 1, "channel": "push",
         "platform": "ios", "outcome": "sent", "reason": "", "account": "",
         "at": "2026-11-20T00:00:00Z"},
    ]  # fmt: skip


@pytest.mark.parametrize(
    "query", ["outcome=flying", "reason=because", "platform=beos", "after=x", "limit=0", "x=1"]
)
def test_a_filter_that_is_none_is_refused(client, transfer, query):
    answer = client.get(f"/api/v1/transfers/{transfer.pk}/deliveries/?{query}")

    assert answer.status_code == 400
    assert list(answer.json()["fields"]) == [query.partition("=")[0]]


def test_a_report_is_a_table_by_name(client, served):
    answer = client.get("/api/v1/reports/?by=group,tag&metrics=sent,opened&sort=-sent")

    assert answer.status_code == 200, answer.json()
    assert answer.json().keys() == {"rows", "totals", "total_rows", "date_from", "date_to"}
    assert answer.json()["totals"].keys() == {"sent", "opened"}


@pytest.mark.parametrize(
    "query",
    ["by=colour", "by=tag,tag", "metrics=likes", "sort=luck", "date_from=soon", "timezone=Mars",
     "limit=many", "offset=-1", "app=nowhere", "date_from=2026-12-31&date_to=2026-01-01"],
)  # fmt: skip
def test_a_report_that_is_none_is_refused(client, served, query):
    assert client.get(f"/api/v1/reports/?{query}").status_code == 400


def test_a_campaign_that_a_service_launched_is_shown_alike(client, made):
    campaign = Campaign.objects.get(pk=made["id"])
    launch_campaign(campaign, actor="owner", now=datetime.now(tz=UTC))

    assert client.get(f"/api/v1/campaigns/{made['id']}/").json()["status"] == "sending"


@pytest.mark.parametrize("verb", ["pause", "resume", "cancel"])
def test_a_verb_on_a_finished_transfer_is_a_conflict_in_words(client, transfer, verb):
    Transfer.objects.update(status="sent")

    refused = client.post(f"/api/v1/transfers/{transfer.pk}/{verb}/")

    assert (refused.status_code, refused.json()["code"]) == (409, "illegal_move")
    assert refused.json()["message"].endswith(".")
