"""The pre-flight check of what comes near a campaign: what it sees, counts, and leaves out."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from campaigns.models import AppGroup, Campaign, Device, Transfer
from campaigns.services.preflight import find_problems
from tests import builders
from tests.campaigns.test_checks import make, see, send, served

__all__ = ["make", "served"]  # fixtures

pytestmark = pytest.mark.database


def plan(make, when="", status="scheduled", **body):
    """A campaign that waits for its time."""
    at = when if isinstance(when, str) else f"{when:%Y-%m-%dT%H:%M}"
    campaign = make(**{"send_at": at, "timezone": "UTC", **body})
    Campaign.objects.filter(pk=campaign.pk).update(status=status)
    return campaign


@pytest.mark.parametrize("minutes", [-59, 59])
def test_a_campaign_to_the_same_people_within_the_hour_is_told(make, now, minutes):
    when = now.replace(day=21) + timedelta(minutes=minutes)
    other = make(name="Other", send_at=f"{when:%Y-%m-%dT%H:%M}", timezone="UTC")
    Campaign.objects.filter(pk=other.pk).update(status="scheduled")
    campaign = make(send_at="2026-11-21T12:00", timezone="UTC")

    verdict, words = see(campaign, now, "overlap")
    [problem] = find_problems(campaign, now=now)

    assert verdict == "warning"
    assert "3 recipients of it get “Other” within the same hour." in words
    assert problem.subject == f"campaign:{other.pk}"


def test_who_gets_nothing_of_it_is_not_counted_among_those_who_get_both(make, served, now):
    send(make(name="Other"), now)
    first, second = served.devices.order_by("pk")[:2]
    Device.objects.filter(pk=first.pk).update(token_state=Device.TokenState.DISABLED)
    person = builders.make_person(served.workspace, opted_out_at=now)
    Device.objects.filter(pk=second.pk).update(person=person)

    words = see(make(), now, "overlap")[1]

    assert words == "1 recipient of it gets “Other” within the same hour."


def test_a_campaign_of_the_last_hour_is_told_and_an_older_one_is_not(make, now):
    send(make(name="Other"), now)

    soon = see(make(), now, "overlap")
    Transfer.objects.update(created_at=now - timedelta(hours=2))
    on = see(make(), now, "overlap")
    Transfer.objects.update(finished_at=now)
    later = see(make(), now, "overlap")

    assert (soon[0], on[0], later[0]) == ("warning", "warning", "passed")
    assert "“Other” within the same hour" in soon[1]
    assert "3 recipients of it are meant by “Other” too, which is still being sent." in on[1]


def test_what_is_scheduled_does_not_crowd_out_what_was_sent_and_what_still_runs(make, now):
    for number in range(8):
        when = now + timedelta(minutes=59 - number)
        other = make(name=f"Later {number}", send_at=f"{when:%Y-%m-%dT%H:%M}", timezone="UTC")
        Campaign.objects.filter(pk=other.pk).update(status="scheduled")
    for name, ago in (("Long", 300), ("New", 2), ("Longer", 360), ("Newest", 1)):
        transfers = send(make(name=name), now).transfers
        transfers.update(created_at=now - timedelta(minutes=ago))
    campaign = make()

    verdict, words = see(campaign, now, "overlap")
    own = Campaign.objects.get(name="Later 7")

    assert verdict == "warning"
    assert re.findall("“(.*?)”", words) == ["Later 7", "Newest", "Long", "Later 6", "New"]
    assert "“Later 7”" not in see(own, own.due_at, "overlap")[1]


def test_a_campaign_to_others_is_no_overlap(make, served, now):
    first, second = (device.pk for device in served.devices.order_by("pk")[:2])
    send(make(audience={"devices": [first]}), now)

    assert see(make(audience={"devices": [second]}), now, "overlap")[0] == "passed"
    assert see(make(audience={"devices": [first, second]}), now, "overlap")[1].startswith("1 ")


def send_to_others(make, app, now, count):
    """Newer sends than any other, each to somebody whom no other means."""
    for number in range(count):
        device = builders.make_device(app, f"other-{number}")
        send(make(name=f"Small {number}", audience={"devices": [device.pk]}), now)


def list_own():
    return list(Device.objects.filter(token__startswith="token-").values_list("pk", flat=True))


def test_sends_to_others_do_not_crowd_out_one_to_the_same_people(make, served, now):
    send(make(name="Big"), now)
    Transfer.objects.update(created_at=now - timedelta(minutes=50))
    send_to_others(make, served, now, 7)

    verdict, words = see(make(audience={"devices": list_own()}), now, "overlap")

    assert (verdict, words) == ("warning", "3 recipients of it get “Big” within the same hour.")


def test_what_was_not_compared_is_told(make, served, now):
    phones = {"expression": {"field": "device.platform", "op": "eq", "value": "ios"}}
    send_to_others(make, served, now, 12)

    verdict, words = see(make(audience=phones), now, "overlap")
    Transfer.objects.update(created_at=now - timedelta(hours=3), finished_at=now)
    for number in range(12):
        plan(make, now + timedelta(minutes=number + 1), name=f"Later {number}")
    dear = see(make(audience=phones), now, "overlap")
    shared = see(make(), now, "overlap")

    assert (verdict, words) == ("passed", "")
    assert dear == ("warning", "2 more sends come near it and were not compared.")
    assert shared[1].endswith("7 more sends come near it and were not compared.")


def test_more_than_the_calendar_reads_is_told(make, served, now):
    campaign = plan(make, now + timedelta(minutes=9), audience={"devices": [10**9]})
    rows = [Campaign.objects.get(pk=campaign.pk) for _number in range(500)]
    for row in rows:
        row.pk = None
    Campaign.objects.bulk_create(rows)

    words = see(make(), now, "overlap")[1]

    assert words == "More sends come near it than are compared."


def test_a_campaign_at_recipients_own_hours_is_met_as_long_as_it_lasts(make, now):
    local = plan(make, "2026-11-22T09:00", name="Local", timezone="recipient")
    fixed = {"send_at": "2026-11-22T20:30", "timezone": "UTC"}

    verdict, words = see(make(**fixed), now, "overlap")
    other_way = see(Campaign.objects.get(pk=local.pk), now, "overlap")
    plan(make, "2026-11-22T20:30", name="Fixed")
    both = see(Campaign.objects.get(pk=local.pk), now, "overlap")
    after = see(make(send_at="2026-11-22T22:30", timezone="UTC"), now, "overlap")[1]

    assert verdict == "warning"
    assert words == (
        "3 recipients of it are meant by “Local” too; on each one's own clock both may come "
        "within an hour."
    )
    assert other_way[0] == "passed"
    assert "“Fixed” too; on each one's own clock" in both[1]
    assert "Local" not in after


def test_one_at_own_hours_that_is_over_is_not_met(make, now):
    local = make(name="Local", send_at="2026-11-22T09:00", timezone="recipient")
    send(local, local.due_at)
    campaign = make(send_at="2026-11-22T12:00", timezone="UTC")

    on = see(campaign, local.due_at, "overlap")[0]
    Transfer.objects.update(finished_at=local.due_at, status="sent")

    assert (on, see(campaign, local.due_at, "overlap")[0]) == ("warning", "passed")


def test_every_time_of_a_series_is_met(make, now):
    plan(make, "2026-11-21T09:00", "recurring", name="Daily", recurrence={"unit": "day"})

    near, far = (
        see(make(send_at=f"2026-11-24T{hour}:10", timezone="UTC"), now, "overlap")
        for hour in ("09", "11")
    )

    assert near == ("warning", "3 recipients of it get “Daily” within the same hour.")
    assert far[0] == "passed"


def test_a_series_meets_others_at_any_of_its_times(make, now):
    plan(make, "2026-11-24T09:30", name="Once")
    plan(make, "2026-11-24T11:30", name="Elsewhen")

    words = see(
        make(send_at="2026-11-21T09:00", timezone="UTC", recurrence={"unit": "day"}), now, "overlap"
    )[1]

    assert words == "3 recipients of it get “Once” within the same hour."


def test_a_campaign_to_an_app_group_is_met_by_one_of_its_apps(make, served, workspace, now):
    group = AppGroup.objects.create(workspace=workspace, name="All", slug="a", group_key="k")
    group.apps.add(served)
    other = plan(make, now + timedelta(minutes=9), name="To all")
    Campaign.objects.filter(pk=other.pk).update(app=None, app_group=group)

    assert "“To all”" in see(make(), now, "overlap")[1]
