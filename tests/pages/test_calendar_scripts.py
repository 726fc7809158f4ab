"""What scripts send without a campaign, in the calendar: named, folded, and beside campaigns."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from campaigns.models import App, Message, Part, Submission, TargetChunk, Transfer
from campaigns.models.packing import pack_texts
from campaigns.models.transfer import FEW
from campaigns.selectors.calendar import read_timetable
from campaigns.selectors.collisions import find_collisions
from campaigns.selectors.script_sends import MOST_SMALL
from campaigns.services.access import issue_key
from tests import builders
from tests.pages.test_calendar import END, NOW, START, plan

pytestmark = pytest.mark.database


@pytest.fixture
def key(app):
    key, _secret = issue_key(app.workspace, name="Shop backend", actor="ann", now=NOW)
    return key


def push(app, key, *times, audience=5_000, **fields):
    """Transfers of a script, one for each time."""
    call = Submission.objects.create(
        workspace=app.workspace, app=app, api_key=key, door="native", created_at=NOW
    )
    sent = {"status": "sent", "frozen_at": NOW, "finished_at": NOW, **fields}
    return Transfer.objects.bulk_create(
        Transfer(app=app, group=app.groups.get(), submission=call, status_since=at, due_at=at,
                 audience=audience, **{"created_at": at, **sent})
        for at in times
    )  # fmt: skip


def list_runs(user, **asked):
    found = read_timetable(user, START, END, NOW, **asked)
    return [
        (entry.campaign.name, entry.run.count, f"{entry.at:%d %H:%M}", f"{entry.ends:%d %H:%M}")
        for entry in found.entries if entry.run
    ]  # fmt: skip


def read_days(address):
    """The first and the last day of a report."""
    asked = parse_qs(urlsplit(address).query)
    return [*asked["date_from"], *asked["date_to"]]


def every(minutes, count, first=NOW):
    return [first + timedelta(minutes=minutes * number) for number in range(count)]


def test_a_script_is_named_by_its_key_and_its_send_has_a_page(client, app, key, owner, stranger):
    yesterday = timezone.now() - timedelta(days=1)
    at = yesterday.replace(hour=12)
    [transfer] = push(app, key, at)
    push(app, None, at - timedelta(hours=5), name="Night")
    pages = []
    for user in (owner, stranger):
        client.force_login(user)
        pages.append(client.get(reverse("calendar"), {"view": "list", "on": at.date()}))

    [shown, hidden] = [page.content.decode() for page in pages]

    assert f'href="{reverse("transfer", args=[transfer.pk])}"' in shown
    assert "1 send by Shop backend · 5,000 recipients" in shown
    assert "Night" in shown
    assert "1 send by the native API" in shown
    assert "Shop backend" not in hidden


def test_sends_in_a_row_are_one_line_of_each_key_and_app(app, key, owner):
    cafe = builders.make_app(app.workspace, "cafe")
    push(app, key, *every(50, 4))
    push(app, key, NOW + timedelta(hours=5))
    push(app, None, NOW + timedelta(hours=1))
    push(cafe, key, NOW)
    push(cafe, key, *every(1, 3), audience=FEW)
    push(app, key, NOW, is_test=True)

    assert sorted(list_runs(owner)) == [
        ("Shop backend", 1, "05 12:00", "05 12:00"),
        ("Shop backend", 1, "05 17:00", "05 17:00"),
        ("Shop backend", 4, "05 12:00", "05 14:30"),
        ("The native API", 1, "05 13:00", "05 13:00"),
    ]
    assert len(list_runs(owner, app=cafe.pk)) == 1


def test_each_day_of_the_zone_has_its_own_line(app, key, owner):
    push(app, key, *every(40, 12, NOW.replace(hour=9)))

    tokyo = list_runs(owner, zone=ZoneInfo("Asia/Tokyo"))

    assert [count for _name, count, *_times in list_runs(owner)] == [12]
    assert [(count, first) for _name, count, first, _last in tokyo] == [
        (9, "05 09:00"), (3, "05 15:00"),
    ]  # fmt: skip


def test_a_campaign_and_a_script_come_together_and_two_scripts_do_not(client, app, key, owner):
    at = (timezone.now() + timedelta(days=2)).replace(hour=10)
    push(app, key, at, at + timedelta(minutes=30))
    push(app, None, at)
    plan(app, "Sale", at + timedelta(minutes=80), audience={"labels": ["VIP"]})
    plan(app, "Later", at + timedelta(hours=4))
    client.force_login(owner)

    found = read_timetable(owner, at - timedelta(days=1), at + timedelta(days=1), NOW)
    pairs = find_collisions(found.entries).pairs
    page = client.get(reverse("calendar"), {"view": "week", "on": at.date()}).content.decode()

    assert [(one.first.campaign.name, one.second.campaign.name) for one in pairs] == [
        ("Shop backend", "Sale")
    ]
    assert "Within an hour of Shop backend" in page
    assert "Close together" in page
    assert "Only a count can tell" not in page
    assert "Whom the script sends to gets both" in page
    assert "Count them" not in page


def test_a_send_at_recipients_own_hours_is_a_band(app, key, owner):
    push(app, key, NOW, wall_clock="2026-12-07T09:00")

    assert [run[2:] for run in list_runs(owner)] == [("06 19:00", "07 21:00")]


def test_what_a_script_has_planned_is_shown_unless_it_names_a_few(app, key, owner):
    at = NOW + timedelta(days=2)
    waiting = {"audience": 0, "status": "accepted", "frozen_at": None, "finished_at": None}
    message = Message.objects.create(app=app, content={"title": "Hi"})
    for hours, named in ((0, FEW), (2, FEW + 1), (4, 40_000), (6, None)):
        [transfer] = push(app, key, at + timedelta(hours=hours), created_at=NOW, **waiting)
        described = [{"all": True}] if named is None else None
        part = Part.objects.create(transfer=transfer, message=message, audiences=described)
        ids = pack_texts([f"{number * 7919}" for number in range(named or 0)])
        TargetChunk.objects.create(part=part, number=0, kind="device", ids=ids)

    assert [first for _name, _count, first, _last in list_runs(owner)] == [
        "07 14:00", "07 16:00", "07 18:00",
    ]  # fmt: skip


def test_small_sends_are_a_number_that_leads_to_their_list(client, app, key, owner):
    client.force_login(owner)
    noon = datetime(2026, 9, 8, 12, tzinfo=UTC)
    push(app, key, *every(1, 3, noon), audience=FEW)
    push(app, key, *every(1, MOST_SMALL + 1, noon + timedelta(days=1)), audience=1)
    push(app, key, *every(1, 2, noon + timedelta(days=3)), audience=FEW + 1)

    page = client.get(reverse("calendar"), {"on": "2026-09-08", "zone": "UTC", "app": app.pk})

    days = {day.day.day: day for week in page.context["weeks"] for day in week if day.small}
    assert {number: day.small for number, day in days.items()} == {
        8: "3 small sends by scripts", 9: f"More than {MOST_SMALL} small sends by scripts",
    }  # fmt: skip
    assert "date_from=2026-09-08&date_to=2026-09-08&by=" in days[8].reported
    assert client.get(days[8].reported).status_code == 200
    assert "3 small sends by scripts" in page.content.decode()


@pytest.mark.parametrize(
    ("clocks", "at", "days"),
    [
        (("Asia/Tokyo", "America/New_York"), "2026-09-08T20:00", ["2026-09-08", "2026-09-08"]),
        (("America/New_York", "Asia/Tokyo"), "2026-09-08T20:00", ["2026-09-09", "2026-09-09"]),
        (("Asia/Tokyo", "UTC"), "2026-09-08T23:55", ["2026-09-08", "2026-09-09"]),
        # The books know hours of UTC: this one has begun on the day before.
        (("UTC", "Asia/Kolkata"), "2026-09-08T18:45", ["2026-09-08", "2026-09-08"]),
    ],
)
def test_sends_of_a_day_lead_to_a_report_that_has_them(client, app, owner, clocks, at, days):
    zone, place = clocks
    App.objects.update(timezone=place)
    push(app, None, *every(10, 2, datetime.fromisoformat(f"{at}+00:00")))
    push(app, None, datetime.fromisoformat(f"{at}+00:00"), audience=1)
    client.force_login(owner)

    page = client.get(reverse("calendar"), {"on": "2026-09-08", "zone": zone})

    drawn = [day for week in page.context["weeks"] for day in week]
    [own] = [read_days(row.address) for day in drawn for row in day.rows]
    [whole] = [read_days(day.reported) for day in drawn if day.small]
    assert own == days
    assert whole[0] <= days[0] <= days[1] <= whole[1]


def test_a_calendar_of_many_scripts_asks_as_much_as_one_of_few(client, app, key, owner):
    client.force_login(owner)
    first = timezone.now() - timedelta(days=3)

    def ask(count):
        push(app, key, *every(3, count, first))
        push(app, key, *every(1, count, first), audience=1)
        for number in range(count // 100):
            push(app, None, *every(61, 24, first), wall_clock=f"2026-09-0{number + 1}T09:00")
        with CaptureQueriesContext(connection) as queries:
            page = client.get(reverse("calendar"), {"view": "list", "on": first.date()})
        return len(queries), len(page.content)

    few, _size = ask(10)
    many, size = ask(800)

    assert many <= few < 50
    assert size < 150_000
