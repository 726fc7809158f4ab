"""The pre-flight check of what comes near a campaign, with what scripts send without one."""

from __future__ import annotations

from datetime import timedelta

import pytest

from campaigns.models import Delivery, Device, Message, Part, Submission, TargetChunk, Transfer
from campaigns.models.packing import pack_texts
from campaigns.models.transfer import FEW
from campaigns.pages.fixes import tell_problems
from campaigns.services.access import issue_key
from campaigns.services.preflight import find_problems
from tests import builders
from tests.campaigns.test_checks import make, see, served

__all__ = ["make", "served"]  # fixtures

pytestmark = pytest.mark.database
TOLD = "3 recipients of it get “Shop backend” within the same hour."


@pytest.fixture
def push(served, now):
    """A transfer of a script to devices, to an audience, or to ids that nobody has looked up."""
    key, _secret = issue_key(served.workspace, name="Shop backend", actor="ann", now=now)
    call = Submission.objects.create(
        workspace=served.workspace, app=served, api_key=key, door="native", created_at=now
    )
    message = Message.objects.create(app=served, content={"title": "Hi"})

    def create(due_at, audiences=None, ids=(), kind="device", **fields):
        sent = {"status": "sent", "frozen_at": now, "audience": 5_000, **fields}
        transfer = Transfer.objects.create(
            app=served, group=served.groups.get(), submission=call, status_since=now,
            created_at=now, due_at=due_at, **sent,
        )  # fmt: skip
        part = Part.objects.create(transfer=transfer, message=message, audiences=audiences)
        if ids:
            named = pack_texts([str(pk) for pk in ids])
            TargetChunk.objects.create(part=part, number=0, kind=kind, ids=named)
        return transfer

    return create


def list_own():
    return list(Device.objects.values_list("pk", flat=True))


@pytest.mark.parametrize("minutes", [-59, -1, 59])
def test_a_push_of_a_script_to_the_same_people_is_told(make, push, owner, now, minutes):
    later = now + timedelta(hours=2)
    transfer = push(later + timedelta(minutes=minutes), ids=list_own(), finished_at=now)
    campaign = make(send_at=f"{later:%Y-%m-%dT%H:%M}", timezone="UTC")

    verdict, words = see(campaign, now, "overlap")
    [told] = tell_problems(find_problems(campaign, now=now), owner)

    assert (verdict, words) == ("warning", TOLD)
    assert told.address == f"/transfers/{transfer.pk}/"


def test_an_audience_that_a_script_described_is_compared(make, push, served, now):
    push(now, audiences=[{"all": True}, {"expression": {
        "field": "device.platform", "op": "eq", "value": "android"}}])  # fmt: skip
    builders.make_device(served, "phone", "ios")

    assert see(make(), now, "overlap") == ("warning", TOLD)


def test_who_was_sent_to_is_known_when_the_ids_are_gone(make, push, now):
    part = push(now).parts.get()
    for pk in list_own()[:2]:
        Delivery.objects.create(part=part, recipient=pk, at=now, cohort_id=0, outcome="sent")

    assert see(make(), now, "overlap")[1].startswith("2 recipients of it get “Shop backend”")


@pytest.mark.parametrize(
    "fields",
    [{"audience": FEW}, {"is_test": True}, {"status": "cancelled"}, {"ids": (10**9, 10**9 + 1)}],
)
def test_small_cancelled_and_test_sends_and_those_to_others_pass(make, push, now, fields):
    push(now, **{"ids": list_own(), **fields})

    assert see(make(), now, "overlap")[0] == "passed"


def test_a_push_of_long_ago_is_told_while_it_is_still_being_sent(make, push, now):
    transfer = push(now - timedelta(hours=5), ids=list_own(), status="sending")

    on = see(make(), now, "overlap")
    Transfer.objects.filter(pk=transfer.pk).update(finished_at=now)

    assert on[1] == (
        "3 recipients of it are meant by “Shop backend” too, which is still being sent."
    )
    assert see(make(), now, "overlap")[0] == "passed"


def test_what_a_script_has_planned_is_compared_or_told_to_be_unknown(make, push, now):
    waiting = {"status": "accepted", "frozen_at": None, "audience": 0}
    push(now + timedelta(minutes=30), audiences=[{"all": True}], **waiting)
    push(now + timedelta(minutes=31), ids=range(500, 520), kind="token", **waiting)
    push(now + timedelta(minutes=32), ids=range(500, 502), kind="token", **waiting)
    push(now + timedelta(hours=3), audiences=[{"all": True}], **waiting)

    words = see(make(), now, "overlap")[1]

    assert words == f"{TOLD} 1 more send comes near it and was not compared."


def test_a_band_of_a_script_is_met_until_it_is_over(make, push, now):
    transfer = push(
        now - timedelta(hours=20), ids=list_own(), wall_clock="2026-11-20T06:00", finished_at=now
    )

    on = see(make(), now, "overlap")[1]
    Transfer.objects.filter(pk=transfer.pk).update(finished_at=now - timedelta(hours=9))

    assert "“Shop backend” too; on each one's own clock" in on
    assert see(make(), now, "overlap")[0] == "passed"
