"""The calendar: what it shows when and to whom, what comes together, what it costs."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.models import AppGroup, Campaign, Label, LabelMember, Transfer
from campaigns.models.recurrence import WEEKDAYS, Series
from campaigns.selectors.calendar import MAX_ENTRIES, MAX_SERIES, advance, read_timetable
from campaigns.selectors.collisions import find_collisions
from tests import builders
from tests.pages.test_pages import make_campaign

pytestmark = pytest.mark.database
START = datetime(2026, 12, 1, tzinfo=UTC)
END = datetime(2026, 12, 15, tzinfo=UTC)
NOW = datetime(2026, 12, 5, 12, tzinfo=UTC)


def plan(app, name, at, **fields):
    return make_campaign(
        app, name, **{"status": "scheduled", "due_at": at, "timezone": "UTC",
                      "audience": {"all": True}, **fields},
    )  # fmt: skip


def send(app, campaign, at, **fields):
    return Transfer.objects.create(
        app=app, group=app.groups.get(), campaign=campaign, status="sent", status_since=at,
        due_at=at, created_at=at, finished_at=at, **fields,
    )  # fmt: skip


def list_names(user, **asked):
    found = read_timetable(user, START, END, NOW, **asked)
    return [(entry.campaign.name, entry.status, f"{entry.at:%d %H:%M}") for entry in found.entries]


def test_what_was_sent_and_what_is_planned_stand_in_one_order(app, owner):
    send(app, make_campaign(app, "Sent"), NOW - timedelta(days=1))
    send(app, make_campaign(app, "Long ago"), START - timedelta(days=9))
    send(app, make_campaign(app, "A test"), NOW, is_test=True)
    plan(app, "Planned", NOW + timedelta(days=1))
    plan(app, "Later", END + timedelta(days=1))
    series = plan(
        app, "Digest", NOW + timedelta(hours=8), status="recurring", send_at="2026-11-01T20:00",
        recurrence={"unit": "week", "weekdays": ["sat", "tue"]},
    )  # fmt: skip
    series.occurrences.create(
        due_at=START + timedelta(hours=20), state="missed", reason="no_scheduler", settled_at=NOW
    )

    assert list_names(owner) == [
        ("Digest", "missed", "01 20:00"), ("Sent", "sent", "04 12:00"),
        ("Digest", "recurring", "05 20:00"), ("Planned", "scheduled", "06 12:00"),
        ("Digest", "recurring", "08 20:00"), ("Digest", "recurring", "12 20:00"),
    ]  # fmt: skip


def test_a_campaign_that_is_deleted_while_it_is_read_is_not_shown(app, owner):
    doomed = make_campaign(app, "Doomed")
    send(app, doomed, NOW)
    send(app, make_campaign(app, "Stays"), NOW)

    deletions = [doomed.delete]

    def delete(execute, sql, params, many, context):
        result = execute(sql, params, many, context)
        if deletions and 'FROM "campaigns_transfer"' in sql:
            deletions.pop()()
        return result

    with connection.execute_wrapper(delete):
        names = list_names(owner)

    assert [name for name, _status, _at in names] == ["Stays"]


def test_recipients_own_hours_are_a_band_and_an_app_group_is_one_entry(app, owner):
    other = builders.make_app(app.workspace, "cafe")
    group = AppGroup.objects.create(workspace=app.workspace, name="All", slug="a", group_key="k")
    group.apps.set([app, other])
    campaign = make_campaign(app, "Everywhere")
    campaign.app, campaign.app_group = None, group
    campaign.save()
    for each in (app, other):
        send(each, campaign, NOW, wall_clock="2026-12-07T09:00")

    [entry] = read_timetable(owner, START, END, NOW).entries
    [seen] = read_timetable(owner, START, END, NOW, app=other.pk).entries

    assert (entry.at, entry.until) == (
        datetime(2026, 12, 6, 19, tzinfo=UTC), datetime(2026, 12, 7, 21, tzinfo=UTC),
    )  # fmt: skip
    assert entry.apps == {app.pk, other.pk}
    assert seen.campaign.pk == campaign.pk


def test_starts_of_one_app_within_an_hour_come_together(app, owner):
    other = builders.make_app(app.workspace, "cafe")
    for name, place, minutes, audience in (
        ("First", app, 0, {"labels": ["VIP"]}), ("Second", app, 59, {"labels": ["News"]}),
        ("Third", app, 110, {"labels": ["News"]}), ("Elsewhere", other, 30, {"all": True}),
        ("Far", app, 300, {"all": True}),
    ):  # fmt: skip
        plan(place, name, NOW + timedelta(minutes=minutes), audience=audience)

    found = find_collisions(read_timetable(owner, START, END, NOW).entries)

    pairs = [
        (one.first.campaign.name, one.second.campaign.name, one.is_certain) for one in found.pairs
    ]
    assert pairs == [("First", "Second", False), ("Second", "Third", True)]


def test_starts_that_are_cut_are_told_however_many_apps_each_has(app, owner):
    apps = [app, builders.make_app(app.workspace, "cafe")]
    group = AppGroup.objects.create(workspace=app.workspace, name="All", slug="a", group_key="k")
    group.apps.set(apps)
    starts = MAX_ENTRIES // 2 + 1
    first = make_campaign(app, "First")
    Campaign.objects.bulk_create(
        Campaign(workspace=app.workspace, app_group=group, name="To both", message=first.message,
                 status_since=NOW, created_at=NOW, created_by="owner")
        for _number in range(starts)
    )  # fmt: skip
    at = {"status": "sent", "status_since": NOW, "due_at": NOW, "created_at": NOW}
    Transfer.objects.bulk_create(
        Transfer(app=each, group=each.groups.get(), campaign=campaign, **at)
        for campaign in Campaign.objects.filter(app_group=group) for each in apps
    )  # fmt: skip

    found = read_timetable(owner, START, END, NOW)
    Campaign.objects.filter(pk=Campaign.objects.order_by("pk").last().pk).delete()
    whole = read_timetable(owner, START, END, NOW)

    assert len(found.entries) < MAX_ENTRIES
    assert found.is_cut
    assert (len(whole.entries), whole.is_cut) == (starts - 1, False)


def test_series_that_are_cut_are_told(app, owner):
    series = plan(
        app, "Digest", NOW, status="recurring", send_at="2026-12-05T12:00",
        recurrence={"unit": "day", "runs": 1},
    )  # fmt: skip

    def repeat(count):
        rows = [Campaign.objects.get(pk=series.pk) for _number in range(count)]
        for row in rows:
            row.pk = None
        Campaign.objects.bulk_create(rows)
        return read_timetable(owner, START, END, NOW).is_cut

    assert [repeat(MAX_SERIES - 1), repeat(1)] == [False, True]


def test_who_gets_both_is_counted_when_somebody_asks(client, app, owner, stranger):
    people = [builders.make_person(app.workspace, f"p{number}") for number in range(3)]
    for person in people:
        builders.make_device(app, person.external_user_id, person=person)
    for name, some in (("VIP", people[:2]), ("News", people[1:])):
        label = Label.objects.create(app=app, name=name)
        LabelMember.objects.bulk_create(LabelMember(label=label, person=p) for p in some)
    first = plan(app, "First", NOW, audience={"labels": ["VIP"]})
    second = plan(app, "Second", NOW, audience={"labels": ["News"]})
    address = f"{reverse('campaign_overlap', args=[first.pk])}?other="
    client.force_login(owner)

    told = client.get(f"{address}{second.pk}").content.decode()
    nothing = client.get(f"{address}x")
    client.force_login(stranger)

    assert "Exactly 1 device of Shop is in both" in told
    assert nothing.status_code == 404
    assert client.get(f"{address}{second.pk}").status_code == 404


@pytest.mark.parametrize("view", ["month", "week", "list"])
def test_a_view_is_of_a_zone_and_leads_to_a_new_campaign_there(client, app, owner, view):
    day = (timezone.now() + timedelta(days=2)).date()
    at = datetime(day.year, day.month, day.day, 23, 30, tzinfo=UTC)
    plan(app, "Late", at)
    client.force_login(owner)
    asked = {"view": view, "on": day, "zone": "Asia/Tokyo", "app": app.pk}

    page = client.get(reverse("calendar"), asked)

    [shown] = [each for each in page.context["listed"] if each.rows]
    assert (shown.day, shown.rows[0].time) == (day + timedelta(days=1), "08:30")
    compose = client.get(shown.compose)
    assert compose.context["composition"].plan.initial["send_at"] == f"{shown.day}T09:00"
    assert compose.context["composition"].plan.initial["timezone"] == "Asia/Tokyo"


@pytest.mark.parametrize(
    "query",
    [
        "?on=x&view=year&zone=Mars/Base&app=9999",
        "?on=0001-01-01&view=week",
        "?on=9999-12-31",
        "?app=x",
    ],
)
def test_an_odd_address_is_a_calendar_all_the_same(client, app, owner, query):
    client.force_login(owner)

    assert client.get(reverse("calendar") + query).status_code == 200


@pytest.mark.parametrize("query", ["?send_at=2026-13-01T09:00", "?send_at=x&timezone=Mars"])
def test_a_time_that_is_none_is_no_wish(client, app, owner, query):
    client.force_login(owner)

    initial = client.get(reverse("compose") + query).context["composition"].plan.initial

    assert "send_at" not in initial


def test_nobody_sees_anothers_plans(client, app, owner, stranger):
    plan(app, "Secret", timezone.now() + timedelta(hours=1))

    pages = []
    for user in (owner, stranger):
        client.force_login(user)
        pages.append(client.get(reverse("calendar")).content.decode())

    assert ["Secret" in page for page in pages] == [True, False]


def test_a_calendar_asks_as_much_of_many_plans_as_of_few(client, app, owner):
    now = timezone.now()
    client.force_login(owner)

    def fill(count):
        for number in range(count):
            plan(app, f"Planned {number}", now + timedelta(minutes=number))
            send(app, make_campaign(app, f"Sent {number}"), now - timedelta(minutes=number))

    def ask():
        with CaptureQueriesContext(connection) as queries:
            page = client.get(reverse("calendar"))
        return len(queries), len(page.content)

    fill(10)
    few, _size = ask()
    fill(60)
    many, size = ask()

    assert many <= few < 45
    assert size < 250_000


def test_a_crowded_half_hour_names_three_and_counts_the_others(client, app, owner):
    first = timezone.now().replace(hour=12, minute=0) + timedelta(days=1)
    for number in range(60):
        plan(app, f"{number:02} of many campaigns with a long name", first, audience={"labels": []})
    client.force_login(owner)

    page = client.get(reverse("calendar"), {"view": "week", "on": first.date(), "zone": "UTC"})

    text = page.content.decode()
    assert len(page.content) < 150_000
    names = ", ".join(f"{number:02} of many campaigns with a long name" for number in (0, 1, 2))
    assert f"Within an hour of {names} and 56 more" in text
    assert text.count("pa-entry-clash") == 2 * 24  # in the grid and day by day
    assert "1750 more pairs" in text


@settings(max_examples=40)
@given(
    st.sampled_from(["day", "week", "month"]),
    st.integers(1, 5),
    st.sets(st.sampled_from(WEEKDAYS)),
    st.dates(date(2024, 1, 1), date(2025, 12, 31)),
    st.integers(0, 1500),
    st.sampled_from([None, date(2027, 3, 1)]),
)
def test_a_series_is_entered_late_at_the_same_times(unit, every, weekdays, first, days, until):
    own = tuple(sorted(weekdays)) if unit == "week" else ()
    series = Series(
        datetime(first.year, first.month, first.day, 9, 30), ZoneInfo("Europe/Berlin"), unit,
        every, own, None, until,
    )  # fmt: skip
    after = datetime(first.year, first.month, first.day, tzinfo=UTC) + timedelta(days=days)

    assert list(advance(series, after).list_upcoming(after, 6)) == list(
        series.list_upcoming(after, 6)
    )
