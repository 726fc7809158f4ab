"""What the native API says of a campaign's steps before it is sent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from campaigns.models import Account, Scenario
from providers import registry
from tests import builders

pytestmark = [pytest.mark.django_db, pytest.mark.database]
STEPS = [
    {"channel": "push", "sender": "", "wait": 3600, "price": "0.001"},
    {"channel": "email", "sender": "a@shop.example", "wait": 600, "price": "0.02"},
    {"channel": "sms", "sender": "41793026700", "wait": None, "price": "0.045"},
]
TEXTING = next(one.key for one in registry.all_dialects() if "sms" in one.channels)
MESSAGE = {"title": "Hi", "body": "There"}


@pytest.fixture
def people(app):
    """Ann has two phones, Bob no mail, Cy no token, Dee no device that is routed, Eve opted out;
    one device is nobody's."""
    for way, dialect in {"android": "sandbox", "email": "mailserver", "sms": TEXTING}.items():
        builders.make_route(app, way, dialect=dialect)
    rows = {
        "ann": (["a1", "a2"], {"email": "a@x.example", "phone": "49170"}),
        "bob": (["b1"], {"phone": "49171"}),
        "cy": ([""], {"email": "c@x.example"}),
        "eve": (["e1"], {"email": "e@x.example", "opted_out_at": datetime.now(UTC)}),
    }
    for name, (tokens, fields) in rows.items():
        person = builders.make_person(app.workspace, name, **fields)
        for token in tokens:
            state = {} if token else {"token_state": "missing"}
            builders.make_device(app, token, person=person, **state)
    dee = builders.make_person(app.workspace, "dee", email="d@x.example", phone="49172")
    builders.make_device(app, "d1", "web", person=dee)
    builders.make_device(app, "stray")


@pytest.fixture
def scenario(app):
    return Scenario.objects.create(workspace=app.workspace, name="Three", steps=STEPS)


@pytest.fixture
def check(client, scenario):
    """Write a campaign with the scenario; gives a function that asks what launching would find."""

    def check(**fields):
        body = {"audience": {"all": True}, "message": MESSAGE, "scenario": scenario.key, **fields}
        made = client.post("/api/v1/campaigns/", body).json()
        return client.get(f"/api/v1/campaigns/{made['id']}/check/").json()

    return check


def count_reads(asked):
    """Without what is kept for some seconds: whose key it is."""
    reads = [query["sql"] for query in asked.captured_queries if query["sql"][:6] == "SELECT"]
    return sum("apikey" not in sql for sql in reads)


def list_problems(answer):
    return {item["code"]: (item["field"], item["subject"]) for item in answer["problems"]}


def test_each_step_says_whom_it_reaches_and_what_it_costs_at_least_and_at_most(check, people):
    answer = check()

    shown = [
        [step[name] for name in ("channel", "people", "messages", "least", "cost_least")]
        + [step["cost_most"], step["accounts"], step["wait"]]
        for step in answer["steps"]
    ]
    assert shown == [
        ["push", 3, 4, 4, "0.004", "0.004", ["Sandbox"], 3600],
        ["email", 3, 3, 2, "0.04", "0.06", ["Mailserver"], 600],
        ["sms", 3, 3, 0, "0", "0.135", [TEXTING.title()], None],
    ]
    assert answer["cost"] == {"least": "0.044", "most": "0.199", "unpriced": []}


def test_a_step_without_a_price_is_in_no_sum(check, people, scenario):
    Scenario.objects.update(steps=[STEPS[0], {**STEPS[1], "price": "", "wait": None}])

    answer = check()

    assert answer["steps"][1]["cost_most"] is None
    assert answer["cost"] == {"least": "0.004", "most": "0.004", "unpriced": [2]}


def test_without_a_scenario_there_are_no_steps(check, people):
    answer = check(scenario=None)

    assert (answer["steps"], answer["cost"]) == ([], None)


def test_devices_of_a_platform_without_a_text_are_not_reached_by_the_push(check, people, app):
    builders.make_route(app, "ios")
    builders.make_device(app, "i1", "ios")

    answer = check(message={"android": MESSAGE})

    assert [step["messages"] for step in answer["steps"]] == [4, 3, 3]


def test_steps_cost_one_statement_however_many_there_are(app, check, client, people, scenario):
    first = check(scenario=None)
    plain = check()
    address = "/api/v1/campaigns/{}/check/"
    ids = [row["id"] for row in client.get("/api/v1/campaigns/").json()["results"]]
    with CaptureQueriesContext(connection) as none:
        client.get(address.format(min(ids)))
    with CaptureQueriesContext(connection) as three:
        client.get(address.format(max(ids)))
    Scenario.objects.update(steps=[*STEPS[:1], *STEPS[1:2] * 3, STEPS[2]])
    builders.make_device(app, "another")
    with CaptureQueriesContext(connection) as five:
        client.get(address.format(max(ids)))

    assert first["steps"] == []
    assert len(plain["steps"]) == 3
    assert count_reads(five) == count_reads(three) <= count_reads(none) + 14


def test_a_step_that_no_account_sends_is_told_with_where_to_mend_it(check, app, people, scenario):
    app.routes.filter(platform="sms").delete()
    Account.objects.filter(dialect="mailserver").update(is_enabled=False)

    answer = check()

    problems = [
        (item["code"], item["subject"], item["sentence"].partition(":")[0], item["is_blocking"])
        for item in answer["problems"]
        if item["subject"] and item["is_blocking"]
    ]
    assert problems == [
        ("account_disabled", f"app:{app.pk}", "Step 2", True),
        ("no_route", f"app:{app.pk}", "Step 3", True),
    ]


def test_an_account_that_was_refused_is_told(check, people):
    account = Account.objects.get(dialect=TEXTING)
    Account.objects.filter(pk=account.pk).update(health="bad", health_words="Wrong key.")

    told = list_problems(check())

    assert told["account_unhealthy"] == ("scenario", f"account:{account.pk}")


def test_a_step_that_reaches_nobody_is_told_and_does_not_block(check, people, app):
    app.workspace.persons.update(phone="")

    answer = check()

    [told] = [item for item in answer["problems"] if item["code"] == "nobody_reachable"]
    assert told["sentence"] == "Step 3: nobody in this audience has a phone number."
    assert (told["field"], told["is_blocking"]) == ("audience", False)


def test_a_step_without_a_text_blocks(check, people):
    answer = check(message={"android": MESSAGE, "sms": {"body": "Short"}})

    [told] = [item for item in answer["problems"] if item["code"] == "no_text"]
    assert told["field"] == "message.email.body"
    assert told["sentence"] == "Step 2 has no text. Write the common text, or one for E-mail."
    assert told["is_blocking"]


@pytest.mark.parametrize(
    ("wait", "code", "words"),
    [
        (0, "no_wait", "Step 1 does not wait, so nobody gets step 2."),
        (3600, "wait_too_long", "Step 2 begins after 1:00:00 at the earliest"),
        (3000, "wait_too_long", "Step 3 begins after 1:00:00 at the earliest"),
    ],
)
def test_a_wait_that_hands_nobody_on_blocks(check, people, scenario, wait, code, words):
    Scenario.objects.update(steps=[{**STEPS[0], "wait": wait}, *STEPS[1:]])

    answer = check(expires_in=3600)

    [told] = [item for item in answer["problems"] if item["code"] == code]
    assert told["sentence"].startswith(words)
    assert told["is_blocking"]
    assert (told["subject"] == f"scenario:{scenario.pk}") == (code == "no_wait")


def test_a_scenario_that_begins_with_a_push_no_more_blocks(client, check, people, scenario):
    check()
    campaign = client.get("/api/v1/campaigns/").json()["results"][0]["id"]
    client.patch(f"/api/v1/scenarios/{scenario.pk}/", {"steps": STEPS[1:]})

    answer = client.post(f"/api/v1/campaigns/{campaign}/launch/").json()

    assert answer["code"] == "scenario_changed"
    assert "scenario" in answer["fields"]


def test_a_scenario_that_was_changed_after_the_launch_is_told(client, people, scenario, check):
    check(send_at=f"{datetime.now(UTC) + timedelta(days=2):%Y-%m-%dT%H:%M}", timezone="UTC")
    address = f"/api/v1/campaigns/{client.get('/api/v1/campaigns/').json()['results'][0]['id']}/"
    launched = client.post(f"{address}launch/").json()
    client.patch(f"/api/v1/scenarios/{scenario.pk}/", {"name": "Else"})
    before = list_problems(client.get(f"{address}check/").json())
    client.patch(f"/api/v1/scenarios/{scenario.pk}/", {"steps": STEPS[:2]})
    after = list_problems(client.get(f"{address}check/").json())

    assert launched["status"] == "scheduled"
    assert "scenario_changed" not in before
    assert after["scenario_changed"] == ("scenario", f"scenario:{scenario.pk}")
