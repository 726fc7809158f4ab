"""A campaign that goes by a scenario, on the operator's pages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from campaigns.models import (
    Account,
    App,
    Campaign,
    Cohort,
    Counter,
    Delivery,
    Device,
    Part,
    Person,
    Rollup,
    Scenario,
    Transfer,
)
from campaigns.templatetags.pa import time_words
from tests import builders
from tests.pages.sending import send_typed, type_message

pytestmark = [pytest.mark.django_db, pytest.mark.database]
STEPS = [
    {"channel": "push", "sender": "", "wait": 3600, "price": "0.001"},
    {"channel": "email", "sender": "", "wait": None, "price": "0.02"},
]
DAY = (datetime.now(UTC) + timedelta(days=3)).strftime("%Y-%m-%dT%H:%M")


@pytest.fixture
def typed(app):
    return type_message(app, action="draft")


@pytest.fixture
def scenario(workspace):
    return Scenario.objects.create(workspace=workspace, name="Push, then mail", steps=STEPS)


def test_a_draft_keeps_the_scenario_that_was_chosen(client, owner, typed, scenario):
    client.force_login(owner)
    builders.make_workspace("other").scenarios.create(name="Theirs", steps=STEPS)
    scenario.workspace.scenarios.create(name="Mail alone", steps=STEPS[1:])

    empty = client.get(reverse("compose")).content.decode()
    client.post(reverse("compose"), typed | {"scenario": scenario.key})
    campaign = Campaign.objects.get()
    edited = client.get(reverse("edit", args=[campaign.pk])).content.decode()
    copied = client.get(reverse("compose"), {"copy": campaign.pk}).content.decode()
    version = {"version": str(campaign.message_id)}
    client.post(reverse("edit", args=[campaign.pk]), typed | version)

    option = f'<option value="{scenario.key}"'
    assert [f"{option} selected" in page for page in (empty, edited, copied)] == [0, 1, 1]
    assert option in empty
    assert "Theirs" not in empty
    assert "Mail alone" not in empty
    assert campaign.scenario == scenario
    assert Campaign.objects.get().scenario is None


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"when": "repeat", "send_at": DAY}, "Send it once, or choose no scenario"),
        ({"when": "later", "send_at": DAY, "timezone": "recipient"}, "Choose one time zone for"),
    ],
)
def test_what_a_scenario_does_not_go_with_is_refused_at_its_field(
    client, owner, typed, scenario, more, words
):
    client.force_login(owner)

    page = client.post(reverse("compose"), typed | more | {"scenario": scenario.key})

    assert page.status_code == 422
    assert words in page.context["composition"].failover.errors["scenario"][0]
    assert 'id="id_scenario_error"' in page.content.decode()
    assert not Campaign.objects.exists()


def test_a_scenario_of_somebody_else_is_no_choice(client, owner, typed):
    foreign = builders.make_workspace("other").scenarios.create(name="Theirs", steps=STEPS)
    client.force_login(owner)

    page = client.post(reverse("compose"), typed | {"scenario": foreign.key})

    assert page.status_code == 422
    assert not Campaign.objects.exists()


@pytest.fixture
def people(app, scenario):
    """Ann has a phone and an address, Bob only an address."""
    builders.make_route(app, "android")
    builders.make_route(app, "email", dialect="mailserver")
    for name, state in {"ann": {}, "bob": {"token_state": "missing"}}.items():
        person = builders.make_person(app.workspace, name, email=f"{name}@x.example")
        builders.make_device(app, name, person=person, **state)


def test_the_panel_tells_the_steps_in_words_with_reach_and_cost(
    client, owner, typed, scenario, people
):
    client.force_login(owner)

    page = client.post(reverse("check"), typed | {"scenario": scenario.key}).content.decode()
    unfinished = typed | {"scenario": scenario.key, "audience_kind": "labels"}
    words = client.post(reverse("check"), unfinished).content.decode()
    none = client.post(reverse("check"), typed).content.decode()

    for text in (
        "1. Push", "Sandbox", "waits 1 hour for an answer", "0.001", "1 person",
        "2. E-mail", "Mailserver", "the last one", "2 people", "0.02 to 0.04", "0.021 to 0.041",
    ):  # fmt: skip
        assert text in page
    assert "waits 1 hour for an answer" in words
    assert "person" not in words.partition('id="pa-steps"')[2]
    assert "2. E-mail" not in none
    assert 'id="pa-steps" hx-swap-oob="true"></div>' in none


def test_what_stands_against_a_step_leads_to_where_it_is_mended(
    client, owner, colleague, typed, scenario, people
):
    app = App.objects.get()
    app.routes.filter(platform="email").delete()
    asked = typed | {"scenario": scenario.key, "when": "repeat", "send_at": DAY}
    client.force_login(owner)

    page = client.post(reverse("check"), asked).content.decode()
    client.force_login(colleague)
    plain = client.post(reverse("check"), asked).content.decode()

    address = reverse("admin:campaigns_app_change", args=[app.pk])
    assert "Step 2: no route of Shop sends E-mail." in page
    assert f'href="{address}"' in page
    assert 'href="#id_scenario"' in page
    assert "Send it once, or choose no scenario" in page
    assert "data-pa-blocked" in page
    assert "Step 2: no route of Shop sends E-mail." in plain


def test_nobody_sends_by_other_steps_than_those_that_were_shown(
    client, owner, typed, scenario, people
):
    client.force_login(owner)
    asked = typed | {"scenario": scenario.key, "scenario_shown": scenario.version}
    scenario.steps = [{**STEPS[0], "price": "5"}, STEPS[1]]
    scenario.save()

    refused = client.post(reverse("compose"), asked | {"action": "send"})
    drafted = client.post(reverse("compose"), asked)
    sent = send_typed(client, asked | {"scenario_shown": scenario.version})

    assert refused.status_code == 422
    assert "Push, then mail has just been changed." in refused.content.decode()
    assert (drafted.status_code, sent.status_code) == (302, 200)
    assert Campaign.objects.order_by("pk").last().status == Campaign.Status.SENDING


def test_a_problem_comes_to_the_page_of_the_draft_with_its_links(
    client, owner, app, typed, scenario, people
):
    client.force_login(owner)
    client.post(reverse("compose"), typed | {"scenario": scenario.key})
    campaign = Campaign.objects.get()
    account = app.routes.get(platform="email").account
    account.health, account.health_words = "bad", "Wrong password."
    account.save()

    page = client.get(reverse("campaign", args=[campaign.pk])).content.decode()
    problems = client.get(reverse("campaign_problems", args=[campaign.pk])).content.decode()

    assert "goes on by Push, then mail" in page
    assert reverse("campaign_problems", args=[campaign.pk]) in page
    assert "Wrong password." not in page
    assert "Step 2: Mailserver was refused when it was last checked: Wrong password." in problems
    assert reverse("admin:campaigns_account_change", args=[account.pk]) in problems
    assert reverse("edit", args=[campaign.pk]) + "#id_scenario" in problems


def test_steps_cost_the_panel_the_same_however_many_there_are(
    client, owner, typed, scenario, people
):
    client.force_login(owner)
    asked = typed | {"scenario": scenario.key}
    client.post(reverse("check"), asked)
    cache.clear()
    with CaptureQueriesContext(connection) as two:
        client.post(reverse("check"), asked)
    scenario.steps = [STEPS[0], *[{**STEPS[1], "wait": 60}] * 3, STEPS[1]]
    scenario.save()
    cache.clear()
    with CaptureQueriesContext(connection) as five:
        client.post(reverse("check"), asked)

    assert len(five) == len(two)


@pytest.fixture
def transfer(app, typed, scenario, people, owner, client):
    """Sent by its scenario: Ann got the push, and Bob, who has no token, the e-mail."""
    client.force_login(owner)
    send_typed(client, typed | {"scenario": scenario.key})
    transfer = Transfer.objects.get()
    now = transfer.created_at
    persons = {person.external_user_id: person.pk for person in Person.objects.all()}
    push, mail = transfer.parts.order_by("step")
    ann = Device.objects.get(person=persons["ann"]).pk
    rows = [(push, "android", ann, "sandbox"), (mail, "email", persons["bob"], "mailserver")]
    for part, platform, recipient, dialect in rows:
        account = Account.objects.get(dialect=dialect).pk
        cohort = Cohort.objects.create(app=app, platform=platform).pk
        made = {"account_id": account, "outcome": "sent"}
        Counter.objects.create(part=part, platform=platform, count=1, **made)
        Rollup.objects.create(part=part, hour=now, cohort_id=cohort, count=1, **made)
        Delivery.objects.create(part=part, recipient=recipient, at=now, cohort_id=cohort, **made)
    Part.objects.filter(pk=push.pk).update(audience=2)
    Part.objects.filter(pk=mail.pk).update(audience=1)
    # It cost what it cost, whatever the scenario says by now.
    Scenario.objects.update(steps=[{**STEPS[0], "price": "9"}, STEPS[1]])
    return transfer


def test_the_transfers_page_tells_its_steps_apart(client, transfer):
    page = client.get(reverse("transfer", args=[transfer.pk])).content.decode()
    status = client.get(reverse("transfer_status", args=[transfer.pk])).content.decode()
    answer = client.get(f"/api/v1/transfers/{transfer.pk}/progress/").json()

    for text in ("Step by step", "1. Push", "2 devices", "0.001", "2. E-mail", "1 person", "0.02"):
        assert text in page
        assert text in status
    assert [
        (one["number"], one["channel"], one["counters"]["audience"], one["counters"]["sent"])
        for one in answer["steps"]
    ] == [(1, "push", 2, 1), (2, "email", 1, 1)]
    assert [(one["handed_over"], one["cost"]) for one in answer["steps"]] == [
        (1, "0.001"),
        (None, "0.02"),
    ]


def test_a_step_that_nobody_has_reached_and_ids_of_nobody_are_told_in_words(client, transfer):
    mail = transfer.parts.get(step=1)
    Part.objects.filter(pk=mail.pk).update(sender="news@shop.example")
    reached = client.get(reverse("transfer", args=[transfer.pk])).content.decode()
    mail.counters.all().delete()
    Counter.objects.create(
        part=transfer.parts.get(step=0), outcome="skipped", reason="unknown_id", count=1
    )

    early = client.get(reverse("transfer_status", args=[transfer.pk])).content.decode()

    assert "as news@shop.example" in reached
    assert "news@shop.example" not in early
    assert ">Ids that nobody knows here<" in early
    assert ">unknown<" not in early


def test_recipients_and_reports_name_the_channel(client, transfer):
    address = reverse("recipients", args=[transfer.pk])
    everybody = client.get(address).content.decode()
    mailed = client.get(address, {"platform": "email"})
    lines = b"".join(client.get(reverse("recipients_csv", args=[transfer.pk])).streaming_content)
    api = f"/api/v1/transfers/{transfer.pk}/deliveries/?platform=email"
    listed = client.get(api).json()["results"]
    group = transfer.group_id
    rows = client.get(
        reverse("report_rows"), {"by": "transfer", "group": group, "tag": ""}
    ).content.decode()
    by_platform = client.get("/api/v1/reports/?by=platform&metrics=sent").json()["rows"]

    assert "1. Push" in everybody
    assert "2. E-mail" in everybody
    assert [row["channel"] for row in mailed.context["rows"]] == ["email"]
    assert [line.rsplit(",", 2)[1:] for line in lines.decode().splitlines()] == [
        ["step", "channel"],
        ["1", "push"],
        ["2", "email"],
    ]
    assert [(row["step"], row["channel"]) for row in listed] == [(2, "email")]
    assert "Push 1</a> ·" in rows
    assert "E-mail 1<" in rows
    assert {row["platform"]["name"] for row in by_platform} == {"android", "email"}


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(60, "1 minute"), (5400, "90 minutes"), (7200, "2 hours"), (61, "61 seconds")],
)
def test_a_wait_is_told_in_the_largest_unit_that_says_it_exactly(seconds, words):
    assert time_words(seconds) == words
