"""The pre-flight list: what makes each check of it speak, and what it says when all is well."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from campaigns.dispatch.plan import start_campaign
from campaigns.models import (
    Account,
    App,
    Campaign,
    Device,
    Group,
    Person,
    Route,
    Scenario,
    Throttle,
    Transfer,
)
from campaigns.services import campaigns
from campaigns.services.checks import KINDS, list_checks
from campaigns.services.preflight import find_problems
from campaigns.services.scenarios import ScenarioValues, create_scenario
from providers.pacing import find_day
from tests import builders

pytestmark = pytest.mark.database
ROOT = Path(__file__).resolve().parent.parent.parent
HELLO = {"title": "Hi", "body": "There"}
LATER = {"send_at": "2026-11-21T09:00", "timezone": "UTC"}


@pytest.fixture
def served(app):
    for platform in ("android", "ios"):
        builders.make_route(app, platform)
    for number in range(3):
        builders.make_device(app, f"token-{number}", language="en", timezone="UTC")
    return app


@pytest.fixture
def make(served, owner, now):
    def create(**body):
        whole = {"name": "One", "audience": {"all": True}, "message": HELLO} | body
        made = campaigns.create_campaign(owner, whole, actor="ann", now=now)
        return Campaign.objects.get(pk=made.pk)

    return create


def see(campaign, now, key):
    """What one check says."""
    checks = list_checks(find_problems(campaign, now=now))
    [check] = [check for check in checks if check.key == key]
    return check.verdict.value, " ".join(problem.sentence for problem in check.problems)


def send(campaign, now):
    start_campaign(campaign, actor="ann", now=now)
    return campaign


def limit_day(calls, used, now):
    Account.objects.update(limits={"requests_per_day": calls})
    Throttle.objects.create(
        account=Account.objects.get(), app_id=0, day=find_day(now, "UTC"), day_used=used
    )


def test_when_all_is_well_every_check_passes(make, now):
    checks = list_checks(find_problems(make(), now=now))

    assert [check.key for check in checks] == [*(kind.key for kind in KINDS), "other"]
    assert {check.verdict.value for check in checks} == {"passed"}


def test_what_no_check_knows_is_not_lost_and_the_worst_comes_first(make, now):
    checks = list_checks(find_problems(make(message={"title": "Hi"}, audience={"devices": [10**9]}),
                                       now=now))  # fmt: skip
    [invalid] = [check for check in list_checks(find_problems(
        Campaign(app=make().app, audience={}, message=make().message), now=now
    )) if check.key == "other"]  # fmt: skip

    assert [check.verdict.value for check in checks[:2]] == ["blocking", "blocking"]
    assert invalid.verdict.value == "blocking"


def test_every_check_listens_for_something_that_is_said():
    folders = [ROOT / "campaigns" / name for name in ("services", "selectors")]
    said = "".join(page.read_text() for folder in folders for page in folder.glob("*.py")
                   if page.name != "checks.py")  # fmt: skip

    silent = {code for kind in KINDS for code in kind.codes if f'"{code}"' not in said}

    assert silent == set()


def test_what_is_under_way_cannot_be_started(make, now):
    assert see(send(make(), now), now, "status")[0] == "blocking"


def test_an_approval_that_is_missing_blocks(make, now):
    App.objects.update(needs_approval=True)

    assert see(make(), now, "approval")[0] == "blocking"


def test_an_empty_audience_blocks(make, now):
    assert see(make(audience={"devices": [10**9]}), now, "audience")[0] == "blocking"


def test_who_opted_out_is_counted(make, served, now):
    person = Person.objects.create(workspace=served.workspace, opted_out_at=now)
    Device.objects.filter(token="token-1").update(person=person)

    assert see(make(), now, "left_out")[0] == "warning"


def test_an_audience_far_larger_than_the_last_ones_is_told(make, served, now):
    transfer = send(make(), now).transfers.get()
    transfer.parts.update(audience=40)
    for number in range(120):
        builders.make_device(served, f"more-{number}")

    verdict, words = see(make(), now + timedelta(hours=2), "unusual")
    transfer.parts.update(audience=41)
    usual = see(make(), now + timedelta(hours=2), "unusual")[0]

    assert (verdict, usual) == ("warning", "passed")
    assert "123 in Shop: the last 10 sends went to 40 at most." in words


def test_no_text_blocks_and_a_platform_without_one_is_told(make, now):
    assert see(make(message={"title": "Hi"}), now, "text")[0] == "blocking"


def test_languages_without_a_text_are_counted(make, served, now):
    Device.objects.filter(token__in=["token-1", "token-2"]).update(language="fr")
    both = HELLO | {"translations": {"de": {"title": "Hallo", "body": "Da"}}}

    verdict, words = see(make(message=both), now, "languages")

    assert verdict == "warning"
    assert words == "2 recipients in Shop read French and get the common text."
    assert see(make(), now, "languages")[0] == "passed"  # it is in one language on purpose


@pytest.mark.parametrize(
    ("address", "verdict"),
    [("https://shop.acme.com/a.png", "passed"), ("http://shop.acme.com/a.png", "warning"),
     ("https://example.com/a.png", "warning"), ("https://img.local/a.png", "warning"),
     ("https://intranet/a.png", "warning"), ("https://127.0.0.1/a.png", "warning")],
)  # fmt: skip
def test_an_address_that_leads_nowhere_is_told_without_calling_it(make, now, address, verdict):
    campaign = make(message=HELLO | {"android": {"image": address}})

    assert see(campaign, now, "links")[0] == verdict


@pytest.mark.parametrize(
    ("address", "verdict"),
    [("https://shop.acme.com/{{ person.email }}", "passed"),
     ("https://example.com/{{ person.email }}", "warning"),
     ("https://[shop/{{ person.email }}", "warning"),
     ("https://a\u2100.com/{{ person.email }}", "warning")],
)  # fmt: skip
def test_an_address_with_variables_leads_where_it_begins(make, now, address, verdict):
    campaign = make(message=HELLO | {"template": "liquid", "android": {"image": address}})

    assert see(campaign, now, "links")[0] == verdict


@pytest.mark.parametrize(
    ("message", "verdict"),
    [({"title": "Hi {{ person.custom.name }}"}, "warning"), ({"title": "{ } }} %}"}, "passed"),
     ({"buttons": [{"title": "{% if x %}"}]}, "warning"),
     ({"translations": {"de": {"body": "Da", "buttons": ["{{ x }}"]}}}, "warning"),
     ({"template": "liquid", "title": "{{ app.name }}"}, "passed")],
)  # fmt: skip
def test_variables_that_nothing_fills_in_are_told(make, now, message, verdict):
    assert see(make(message=HELLO | message), now, "variables")[0] == verdict


def test_ios_without_a_title_is_told(make, served, now):
    builders.make_device(served, "phone", "ios", language="en")

    assert see(make(message={"body": "There"}), now, "title")[0] == "warning"


def test_what_is_too_big_blocks(make, now):
    assert see(make(message={"title": "x" * 200, "body": "x" * 4000}), now, "size")[0] == "blocking"


def test_a_platform_without_a_route_is_told_and_blocks_if_it_is_all(make, served, now):
    builders.make_device(served, "browser", "web", language="en")
    some = see(make(), now, "routes")[0]
    Route.objects.all().delete()

    assert (some, see(make(), now, "routes")[0]) == ("warning", "blocking")


def test_an_account_that_was_refused_is_told_and_one_that_is_off_blocks(make, now):
    Account.objects.update(health="bad", health_words="Wrong key.")
    refused = see(make(), now, "accounts")
    Account.objects.update(is_enabled=False)

    assert refused[0] == "warning"
    assert "Wrong key." in refused[1]
    assert see(make(), now, "accounts")[0] == "blocking"


def test_what_a_route_loses_is_told_and_refused_if_that_is_wished(make, now):
    lossy = HELLO | {"extras": {"nobody": {"a": 1}}}

    assert see(make(message=lossy), now, "losses")[0] == "warning"
    assert see(make(message=lossy, strict=True), now, "losses")[0] == "blocking"


def test_a_time_that_has_passed_blocks(make, now):
    assert see(make(**LATER), now + timedelta(days=2), "schedule")[0] == "blocking"


def test_clocks_that_change_at_that_hour_are_told(make, now):
    spring = {"send_at": "2027-03-28T02:30", "timezone": "Europe/Berlin"}

    assert see(make(**spring), now, "clocks")[0] == "warning"


def test_zones_that_nobody_knows_are_counted(make, now):
    Device.objects.filter(token="token-1").update(timezone="")

    campaign = make(send_at="2026-11-25T09:00", timezone="recipient")

    assert see(campaign, now, "zones")[0] == "warning"


def test_what_expires_before_it_is_sent_is_told(make, now):
    assert see(make(rate=1, expires_in=1), now, "expiry")[0] == "warning"


def test_a_day_without_enough_calls_is_told(make, now):
    limit_day(10, 9, now)

    assert see(make(rate=1), now, "quota")[0] == "warning"


def test_calls_of_what_else_is_scheduled_that_day_count_too(make, now):
    limit_day(10, 5, now)
    alone = see(make(rate=1), now, "quota")[0]
    other = make(rate=1, send_at="2026-11-20T20:00", timezone="UTC")
    Campaign.objects.filter(pk=other.pk).update(status="scheduled")

    verdict, words = see(make(rate=1), now, "quota")
    next_day = see(make(rate=1, **LATER), now, "quota")[0]

    assert (alone, verdict, next_day) == ("passed", "warning", "passed")
    assert "It takes 3 calls of Sandbox and what else is scheduled that day 3; 5 are left" in words


def test_a_full_queue_blocks(make, served, now):
    group = Group.objects.get(app=served)
    Transfer.objects.bulk_create(
        Transfer(app=served, group=group, due_at=now, created_at=now, status_since=now)
        for _number in range(50)
    )

    assert see(make(), now, "queue")[0] == "blocking"


def test_an_archived_group_blocks(make, now):
    campaign = make()
    Group.objects.update(archived_at=now)

    assert see(Campaign.objects.get(pk=campaign.pk), now, "folder")[0] == "blocking"


def test_an_archived_scenario_blocks(make, workspace, now):
    steps = [{"channel": "push", "wait": 60}, {"channel": "sms"}]
    values = ScenarioValues("Ladder", steps)
    scenario = create_scenario(workspace, values, actor="ann", now=now)
    campaign = make(message=HELLO | {"sms": {"body": "Hi"}}, scenario=scenario.key)
    Scenario.objects.update(archived_at=now)

    assert see(Campaign.objects.get(pk=campaign.pk), now, "folder")[0] == "blocking"
