"""A trace with many messages and devices: what is not told is counted and linked."""

from __future__ import annotations

import pytest
from django.urls import reverse

from campaigns.models import Attempt, Batch, Cohort, Delivery, Device, Part
from campaigns.models.packing import pack_cohorts, pack_ids
from tests import builders
from tests.pages.test_people import make_part

pytestmark = pytest.mark.database
MANY = 25
MOST_HTML = 300_000


@pytest.fixture
def sent(app, workspace, now):
    """A transfer of many parts to each of somebody's many devices, all sent."""
    ann = builders.make_person(workspace, "ann")
    devices = [builders.make_device(app, f"t{n}", person=ann).pk for n in range(MANY)]
    cohort = Cohort.objects.create(app=app, platform="android")
    first = make_part(app, now)
    more = [
        Part(transfer=first.transfer, message=first.message, number=number)
        for number in range(1, MANY)
    ]
    account = builders.make_route(app, "android").account
    for part in [first, *Part.objects.bulk_create(more)]:
        batch = Batch.objects.create(
            part=part, transfer=first.transfer, app=app, platform="android", due_at=now,
            recipients=pack_ids(devices), cohorts=pack_cohorts([cohort.pk] * MANY), count=MANY,
            settled=MANY, state="done", account=account,
        )  # fmt: skip
        call = Attempt.objects.create(
            batch=batch, account=account, first=0, last=MANY - 1, started_at=now,
            answered_at=now, outcome="accepted", words="ok" * 100,
        )  # fmt: skip
        Delivery.objects.bulk_create(
            Delivery(part=part, recipient=pk, at=now, cohort_id=cohort.pk, outcome="sent",
                     attempt_id=call.pk, account_id=account.pk)
            for pk in devices
        )  # fmt: skip
    return first.transfer


def test_a_page_of_many_devices_and_parts_is_small_and_leads_to_each(client, owner, sent):
    client.force_login(owner)
    address = reverse("trace", args=[sent.pk])

    page = client.get(address, {"who": "ann"}).content.decode()
    one = client.get(address, {"who": "ann", "part": "24"}).content.decode()

    assert len(page.encode()) < MOST_HTML
    assert page.count('class="pa-trace"') == 20
    assert f'data-pa-rest="{MANY * MANY - 20}"' in page
    assert "&amp;part=0" in page
    assert f'data-pa-rest="{MANY - 20}"' in one
    assert one.count("part 24") >= 20
    for odd in ("x", "-1", "99", "9" * 30):
        assert client.get(address, {"who": "ann", "part": odd}).status_code == 200


def read_on(client, address):
    """All pages of a trace in the API."""
    pages = []
    while address:
        pages.append(client.get(address).json())
        address = pages[-1]["next"]
    return pages


@pytest.mark.parametrize(("query", "counts"), [("", [20, 5]), ("&limit=10", [10, 10, 5])])
def test_a_script_reads_on_behind_the_first_recipients(client, owner, sent, query, counts):
    client.force_login(owner)

    pages = read_on(client, f"/api/v1/transfers/{sent.pk}/trace/?who=ann&part=7{query}")

    told = [(one["part"], one["id"]) for page in pages for one in page["recipients"]]
    left = [sum(one["count"] for one in page["rest"]) for page in pages]
    assert [len(page["recipients"]) for page in pages] == counts
    assert len(set(told)) == MANY
    assert left == [MANY - sum(counts[: number + 1]) for number in range(len(counts))]


def test_those_for_whom_a_part_was_come_first_and_the_others_behind(client, owner, sent):
    reached = Device.objects.order_by("pk").last()
    Delivery.objects.exclude(recipient=reached.pk, part__number__in=(1, 2)).delete()
    client.force_login(owner)

    first = client.get(f"/api/v1/transfers/{sent.pk}/trace/?who=ann").json()
    more = client.get(f"{first['next']}&limit=50").json()

    both = [first["recipients"], more["recipients"]]
    assert [[one["outcome"] for one in some].count("sent") for some in both] == [2, 0]
    assert [len(some) for some in both] == [20, 50]
    assert len({(one["part"], one["id"]) for some in both for one in some}) == 70


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=51", "limit=x", "after=", "after=1-2-3", "after=9-1-1-1"]
)
def test_a_place_or_limit_of_a_trace_that_is_none_is_refused(client, owner, app, now, query):
    transfer = make_part(app, now).transfer
    client.force_login(owner)

    answer = client.get(f"/api/v1/transfers/{transfer.pk}/trace/?who=ann&{query}")

    assert answer.status_code == 400
    assert [*answer.json()["fields"]] == [query.partition("=")[0]]
