"""Numbers of home, of steps and of background reports lead to as many people too."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from campaigns.models import App, Counter, Job, Part, Transfer
from campaigns.pages.background import COUNTED_WORDS
from campaigns.pages.reports import SHARE_WORDS
from campaigns.services.job_work import drain_jobs
from tests import builders
from tests.pages import test_drill
from tests.pages.read_numbers import read_numbers
from tests.pages.test_drill import LINK
from tests.pages.test_report_links import (
    DAY,
    NOON,
    Follower,
    campaigns,
    make_devices,
    make_part,
    make_transfer,
    settle,
    viewer,
)

__all__ = ["campaigns", "viewer"]
pytestmark = pytest.mark.database
account, running = test_drill.account, test_drill.transfer


def count_in_background(client, field, **asked):
    """The numbers of the page of a job that is done."""
    query = "&".join(f"{name}={value}" for name, value in {**DAY, **asked}.items())
    begun = client.post(f"{reverse('start_report')}?{query}", {"field": field})
    drain_jobs()
    assert Job.objects.get().status == "done"
    return read_numbers(client.get(begun.url).content.decode())


@pytest.mark.parametrize("field", ["language", "country", "platform", "app_major", "send_hour"])
def test_a_background_report_leads_to_as_many_people(viewer, campaigns, field):
    numbers = count_in_background(viewer, field, app=campaigns.pk)
    Follower(viewer).check(numbers)

    of_outcomes = [number for number in numbers if number.head in ("Sent", "Failed", "Unknown")]
    assert of_outcomes
    assert all(number.link for number in of_outcomes)


@pytest.mark.parametrize("field", ["language", "send_hour"])
def test_of_one_transfer_what_came_back_leads_to_them_too(viewer, campaigns, field):
    long = Transfer.objects.get(name="Long")
    numbers = count_in_background(viewer, field, app=campaigns.pk, transfer=long.pk)
    Follower(viewer).check(numbers)

    assert {number.why for number in numbers if not number.link} == {SHARE_WORDS}
    assert {"Delivered", "Opened"} <= {number.head for number in numbers if number.link}


def test_what_is_read_as_it_is_now_says_that_no_list_holds_it(viewer, campaigns):
    numbers = count_in_background(viewer, "model", app=campaigns.pk)

    assert {number.why for number in numbers} == {COUNTED_WORDS, SHARE_WORDS}


def test_a_report_on_more_apps_than_one_sees_leads_nowhere(viewer, campaigns, client, workspace):
    count_in_background(viewer, "language")
    Job.objects.update(params={**Job.objects.get().params, "apps": [campaigns.pk, 999]})

    page = viewer.get(reverse("report_job", args=[Job.objects.get().pk])).content.decode()

    assert not any(number.link for number in read_numbers(page))


def test_by_hour_nobody_is_listed_for_skipped_which_has_ids_that_nobody_knows(viewer, campaigns):
    part = Transfer.objects.get(name="Strange").parts.get()
    settle(part, make_devices(campaigns, 1), "skipped", NOON, reason="no_token")

    numbers = count_in_background(viewer, "send_hour", app=campaigns.pk)
    [skipped] = [number for number in numbers if number.head == "Skipped"]

    assert (skipped.value, skipped.link) == (1, "")
    assert skipped.why


def test_a_report_on_the_clock_of_another_zone_than_now_leads_nowhere(viewer, campaigns):
    count_in_background(viewer, "language", app=campaigns.pk)
    App.objects.filter(pk=campaigns.pk).update(timezone="Asia/Tokyo")

    page = viewer.get(reverse("report_job", args=[Job.objects.get().pk])).content.decode()

    assert not any(number.link for number in read_numbers(page))


def test_the_steps_of_a_transfer_lead_to_as_many_people(viewer, campaigns):
    transfer = Transfer.objects.get(name="Steps")
    push, sms = transfer.parts.order_by("number")
    settle(push, make_devices(campaigns, 2), "unknown", transfer.created_at, reason="no_answer")
    Part.objects.filter(pk=push.pk).update(audience=6)
    Part.objects.filter(pk=sms.pk).update(audience=3)

    page = viewer.get(reverse("transfer", args=[transfer.pk]))
    table = page.content.decode().partition('id="pa-steps-title"')[2].partition("</section>")[0]
    numbers = read_numbers(table)
    Follower(viewer).check(numbers)

    assert [(number.head, number.value) for number in numbers] == [
        ("Planned", 6), ("Sent", 4), ("Handed on", 3), ("Planned", 3), ("Sent", 3),
        ("Delivered", 2),
    ]  # fmt: skip
    [other] = page.context["steps"][0].others
    assert (other.label, other.count, Follower(viewer).count(other.address, "")) == (
        "Unknown", 2, 2
    )  # fmt: skip


def test_what_runs_leads_from_home_to_as_many_people(viewer, running):
    page = viewer.get(reverse("running")).content.decode()
    follower = Follower(viewer)

    found = [
        (int(text.split()[0]), follower.count_pages(address.replace("&amp;", "&")))
        for address, text in LINK.findall(page)
    ]

    assert found == [(51, 51), (73, 73), (8, 8)]


def test_the_last_month_and_what_nobody_knows_lead_to_as_many_people(viewer, app):
    at = timezone.now() - timedelta(days=2)
    transfer = make_transfer(app, name="Lately")
    Transfer.objects.update(created_at=at, due_at=at, finished_at=at)
    part = make_part(transfer)
    settle(part, make_devices(app, 5), "sent", at)
    settle(part, make_devices(app, 2), "unknown", at, reason="no_answer")
    settle(part, make_devices(app, 1), "failed", at, reason="token")
    follower = Follower(viewer)

    month = read_numbers(viewer.get(reverse("home_month")).content.decode())
    follower.check(month)
    [unknown] = LINK.findall(viewer.get(reverse("home")).content.decode())

    assert [(number.head, number.value) for number in month] == [("Sent", 5), ("Failed", 1)] * 2
    assert unknown[1] == "2 recipients"
    assert follower.count(unknown[0], "") == Counter.objects.get(outcome="unknown").count


def test_two_campaigns_side_by_side_lead_to_as_many_people(viewer, app, campaigns, now):
    one, other = (builders.make_campaign(app, now) for _number in range(2))
    Transfer.objects.filter(name="Long").update(campaign=one, audience=18)
    Transfer.objects.filter(name="Steps").update(campaign=other, audience=7)

    page = viewer.get(reverse("compare"), {"a": one.pk, "b": other.pk}).content.decode()
    tables = page.partition('id="pa-compare-opens"')[0]
    numbers = read_numbers(tables.partition('id="pa-compare-title"')[2])
    Follower(viewer).check(numbers)

    of_all = [number for number in numbers if number.link and "platform" not in number.link]
    assert {number.value for number in of_all if "outcome=sent" in number.link} == {13, 7}
    assert {number.head[:1] for number in of_all} == {"#"}
    assert any("platform=android" in number.link for number in numbers)


def test_a_campaign_of_several_transfers_is_led_to_as_a_whole(viewer, app, campaigns, now):
    one, other = (builders.make_campaign(app, now) for _number in range(2))
    Transfer.objects.filter(name__in=["Long", "Strange"]).update(campaign=one)
    Transfer.objects.filter(name="Steps").update(campaign=other)

    page = viewer.get(reverse("compare"), {"a": one.pk, "b": other.pk})
    [sent] = [numbers for name, numbers, *_change in page.context["rows"] if name == "Sent"]

    assert sent[0].link == reverse("campaign", args=[one.pk])
    assert sent[1].link.startswith("/transfers/")
