"""The list of campaigns: narrowed, sorted and paged by its address alone."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from campaigns.models import ApiKey, AppGroup, Campaign, Counter, Group, Part, Transfer
from tests import builders
from tests.pages.test_pages import make_campaign

pytestmark = pytest.mark.database
NOTHING = "\N{EN DASH}"
AT = datetime(2026, 11, 20, 7, 30, tzinfo=UTC)


def make_transfer(campaign, app, due_at=AT, **outcomes):
    """One of 100 recipients, so many of whom have each outcome."""
    transfer = Transfer.objects.create(
        app=app, group=Group.objects.get(app=app), campaign=campaign, status="sending",
        status_since=AT, due_at=due_at, created_at=AT,
    )  # fmt: skip
    part = Part.objects.create(transfer=transfer, message=campaign.message, audience=100)
    for outcome, count in outcomes.items():
        Counter.objects.create(part=part, platform="android", outcome=outcome, count=count)


def read_numbers(client):
    """By the name of a campaign what stands under *Sent* and *Failed*, bar and all."""
    rows = client.get(reverse("campaigns")).content.decode().split("<tr>")[2:]
    cells = re.compile(r'<td data-label="(?:Sent|Failed)"[^>]*>(.*?)</td>', re.DOTALL)
    return {
        re.search(r'class="pa-link" href="[^"]+">([^<]+)', row)[1]: [
            re.sub(r"<(?!progress|/progress)[^>]+>", "", cell) for cell in cells.findall(row)
        ]
        for row in rows
    }


def list_names(client, **query):
    page = client.get(reverse("campaigns"), query)
    return [campaign.name for campaign in page.context["shown"]]


def test_the_address_narrows_and_sorts(client, app, owner):
    make_campaign(app, "Beta", tag="t", due_at=datetime(2026, 12, 1, tzinfo=UTC))
    make_campaign(app, "Alpha", status="sent")
    make_campaign(app, "Gamma", due_at=datetime(2026, 11, 30, tzinfo=UTC))
    Campaign.objects.filter(name="Alpha").update(
        created_by="ann", created_at=datetime(2026, 10, 1, tzinfo=UTC)
    )
    client.force_login(owner)

    asked = [
        {}, {"sort": "oldest"}, {"sort": "name"}, {"sort": "-name"}, {"sort": "due"},
        {"sort": "nonsense", "search": "am"}, {"author": "ann"}, {"tag": "t"},
        {"date_from": "2026-11-01", "sort": "oldest"}, {"date_to": "2026-10-01"},
        {"status": "sent"}, {"date_from": "0001-01-01", "date_to": "9999-12-31", "search": "be"},
    ]  # fmt: skip

    assert [list_names(client, **query) for query in asked] == [
        ["Gamma", "Alpha", "Beta"], ["Beta", "Alpha", "Gamma"], ["Alpha", "Beta", "Gamma"],
        ["Gamma", "Beta", "Alpha"], ["Gamma", "Beta", "Alpha"], ["Gamma"], ["Alpha"], ["Beta"],
        ["Beta", "Gamma"], ["Alpha"], ["Alpha"], ["Beta"],
    ]  # fmt: skip


def list_groups(client):
    form = client.get(reverse("campaigns")).context["form"]
    return [words for _pk, words in form.fields["group"].choices][1:]


def test_groups_of_one_name_are_told_apart_by_their_apps_in_the_filter(client, app, owner):
    client.force_login(owner)

    one = list_groups(client)
    cafe = builders.make_app(app.workspace, "cafe")
    Group.objects.create(app=cafe, name="Autumn")
    several = list_groups(client)

    assert one == ["General"]
    assert several == ["Autumn · Cafe", "General · Cafe", "General · Shop"]


def test_pages_hold_everybody_once_and_nothing_is_counted(client, app, owner):
    for number in range(60):
        make_campaign(app, f"Campaign {number:02}")
    client.force_login(owner)

    with CaptureQueriesContext(connection) as queries:
        first = list_names(client, sort="oldest")
    rest = [list_names(client, sort="oldest", page=page) for page in (2, 3, 4)]

    assert [len(names) for names in (first, *rest)] == [25, 25, 10, 0]
    assert sorted(first + rest[0] + rest[1]) == [f"Campaign {number:02}" for number in range(60)]
    assert not [row for row in queries if "COUNT(" in row["sql"]]
    assert list_names(client, sort="oldest", page="x") == first


def test_what_was_sent_at_once_says_when_it_was_started(client, app, owner):
    at, later = (datetime(2026, 11, 20, hour, 30, tzinfo=UTC) for hour in (7, 8))
    started = make_campaign(app, "At once", status="sent")
    draft = make_campaign(app, "Draft")
    for due_at in (later, at):
        Transfer.objects.create(
            app=app, group=Group.objects.get(app=app), campaign=started, status="sent",
            status_since=at, due_at=due_at, created_at=at,
        )  # fmt: skip
    client.force_login(owner)

    page = client.get(reverse("campaigns"))

    assert page.context["starts"] == {started.pk: at}
    rows = page.content.decode().split("<tr>")
    told = {pk: row for row in rows for pk in (started.pk, draft.pk) if f"/{pk}/" in row}
    assert at.isoformat() in told[started.pk]
    assert '<td data-label="Starts">\N{EN DASH}</td>' in told[draft.pk]


def test_a_script_is_named_and_found_by_the_name_of_its_key(client, app, owner):
    key = ApiKey.objects.create(workspace=app.workspace, name="Shop backend", public_id="690f3744")
    foreign = builders.make_workspace("rival")
    ApiKey.objects.create(workspace=foreign, name="Theirs", public_id="aa")
    for name, author in (("Ours", f"key {key.public_id}"), ("Strange", "key aa")):
        made = make_campaign(app, name)
        Campaign.objects.filter(pk=made.pk).update(created_by=author)
    make_campaign(app, "By hand")
    client.force_login(owner)

    page = client.get(reverse("campaigns")).content.decode()

    assert '<p class="pa-small pa-muted">by Shop backend</p>' in page
    assert "Theirs" not in page
    assert list_names(client, author="Shop backend") == ["Ours"]
    assert list_names(client, author="key 690f3744") == ["Ours"]
    assert list_names(client, author="owner") == ["By hand"]


def test_the_list_says_how_many_were_sent_to_and_how_far_it_is(client, app, owner):
    make_transfer(make_campaign(app, "Over", status="sent"), app, sent=60, failed=5, skipped=35)
    running = make_campaign(app, "Running", status="sending")
    make_transfer(running, app, sent=20, failed=1)
    make_transfer(running, app, sent=30)
    for name, status in (("Draft", "draft"), ("Later", "scheduled"), ("Dropped", "cancelled")):
        make_campaign(app, name, status=status)
    client.force_login(owner)

    numbers = read_numbers(client)

    bar = numbers["Running"][0].partition("<progress")[2]
    assert 'value="25"' in bar
    assert 'aria-label="Progress of Running"' in bar
    assert {name: [cell.partition("<")[0] for cell in row] for name, row in numbers.items()} == {
        "Over": ["60 of 100", "5"], "Running": ["50 of 200", "1"],
        "Draft": ["not sent yet", NOTHING], "Later": ["not sent yet", NOTHING],
        "Dropped": [NOTHING, NOTHING],
    }  # fmt: skip
    assert "<progress" not in numbers["Over"][0]


def test_numbers_are_of_the_apps_that_one_sees(client, app, workspace):
    other = builders.make_app(workspace, "other")
    both = AppGroup.objects.create(workspace=workspace, name="Both")
    both.apps.set([app, other])
    campaign = make_campaign(app, "Both", status="sent")
    Campaign.objects.filter(pk=campaign.pk).update(app=None, app_group=both)
    make_transfer(campaign, app, sent=10)
    make_transfer(campaign, other, sent=90)
    shown = []

    for name, seen in (("wide", None), ("narrow", app)):
        client.force_login(builders.make_member(name, workspace, app=seen, role="viewer"))
        shown.append(read_numbers(client)["Both"][0].partition("<")[0])

    assert shown == ["100 of 200", "10 of 100"]


def test_numbers_cost_as_much_of_a_full_page_as_of_one_campaign(client, app, owner):
    client.force_login(owner)
    asked = []

    for count in (1, 24):
        for number in range(count):
            make_transfer(make_campaign(app, f"C {count}-{number}", status="sent"), app, sent=9)
        with CaptureQueriesContext(connection) as queries:
            page = client.get(reverse("campaigns"))
        asked.append([row["sql"] for row in queries])

    assert len(page.context["numbers"]) == 25
    assert len(asked[0]) == len(asked[1])
    assert not [sql for sql in asked[1] if "campaigns_delivery" in sql]


def test_the_list_is_sorted_by_the_starts_that_it_shows(client, app, owner):
    eight, nine, ten = (AT.replace(hour=hour) for hour in (8, 9, 10))
    make_campaign(app, "Draft")
    # The first zone on earth reads nine on its clock at seven in the evening of the day before.
    first_on_earth = nine - timedelta(hours=14)
    make_campaign(
        app, "Own nine", status="scheduled", timezone="recipient", send_at="2026-11-20T09:30",
        due_at=first_on_earth,
    )  # fmt: skip
    make_campaign(app, "At ten", status="scheduled", due_at=ten)
    at_once = make_campaign(app, "At once, at eight", status="sent")
    for due_at in (ten, eight):
        make_transfer(at_once, app, due_at)
    client.force_login(owner)

    rising, falling = (list_names(client, sort=sort) for sort in ("due", "-due"))

    assert rising == ["At once, at eight", "Own nine", "At ten", "Draft"]
    assert falling == ["At ten", "Own nine", "At once, at eight", "Draft"]
