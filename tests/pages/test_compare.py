"""Two campaigns side by side: hours that are ahead, differences, and how the two are found."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from campaigns.models import Campaign, Transfer
from tests import builders
from tests.campaigns.test_dimensions import books, mute, recipients, teller
from tests.campaigns.test_reports import NOON, receive
from tests.pages.test_reports import make_campaigns

__all__ = ["books", "mute", "recipients", "teller"]
pytestmark = pytest.mark.database


@pytest.fixture
def viewer(client, app):
    client.force_login(builders.make_member("viewer", app.workspace, app=app, role="viewer"))
    return client


@pytest.fixture
def pair(app, books, teller):
    """The second began a day after the first; of both a share has opened in their first hour."""
    made = make_campaigns(app, books)
    Transfer.objects.filter(pk=books[0].pk).update(due_at=NOON)
    later = NOON + timedelta(days=1)
    Transfer.objects.filter(pk=books[1].pk).update(due_at=later)
    receive(books[1].parts.get(), "opened", 4, account_id=teller.pk, at=later)
    return made


def compare(viewer, a, b):
    return viewer.get(reverse("compare"), {"a": a, "b": b})


def test_rates_of_each_end_with_now(viewer, pair, monkeypatch):
    monkeypatch.setattr(timezone, "now", lambda: NOON + timedelta(hours=24, minutes=10))

    page = compare(viewer, pair[0].pk, pair[1].pk)

    one, other = (line["values"] for line in page.context["chart"]["series"])
    assert [len([rate for rate in line if rate is not None]) for line in (one, other)] == [25, 1]
    hours = [
        (hour, bool(one != ""), bool(other != "")) for hour, one, other in page.context["table"]
    ]
    assert hours == [
        (1, True, True), (2, True, False), (3, True, False), (6, True, False), (12, True, False),
        (24, True, False), (48, False, False),
    ]  # fmt: skip
    name = f"#{pair[0].pk} {pair[0]}"
    dash = f'<th scope="row">48</th><td class="pa-number" data-label="{name}">\N{EN DASH}</td>'
    assert dash in page.content.decode()


def test_every_number_says_of_which_campaign_it_is_where_there_are_no_columns(viewer, pair):
    page = compare(viewer, pair[0].pk, pair[1].pk)

    names = [f"#{campaign.pk} {campaign}" for campaign in pair]
    rows = page.context["rows"]
    assert {tuple(one.label for one in numbers) for _name, numbers, *_rest in rows} == {
        tuple(names)
    }
    assert not any(one.is_spare for _name, numbers, *_rest in rows for one in numbers)
    [(_platform, cells), *_more] = page.context["platforms"]
    assert [cell.label for cell in cells] == [
        f"{head} · #{campaign.pk}" for campaign in pair for head in ("Sent", "Open rate, %")
    ]
    assert page.content.decode().count('data-label="Difference"') == len(rows)
    assert page.content.decode().count('<table class="pa-table pa-table-cards') == 3


def test_rates_differ_by_percentage_points_and_counts_by_percent(viewer, pair, teller):
    receive(pair[1].transfers.get().parts.get(), "opened", 1, account_id=teller.pk)

    page = compare(viewer, pair[0].pk, pair[1].pk).content.decode()
    turned = compare(viewer, pair[1].pk, pair[0].pk).content.decode()

    assert "+150.0 %" in page
    assert "+37.5 percentage points" in page
    assert "\N{MINUS SIGN}37.5 percentage points" in turned


def test_what_has_started_is_offered_by_name_day_and_number(viewer, pair, app, now):
    draft = builders.make_campaign(app, now)
    Campaign.objects.filter(pk=pair[1].pk).update(is_test=True)

    page = viewer.get(reverse("compare"))

    assert page.context["offered"] == [f"C One · 20 Nov 2026 · #{pair[0].pk}"]
    assert f"#{draft.pk}" not in page.content.decode()


@pytest.mark.parametrize("term", ["{pk}", "#{pk}", "C One", "one", "C One · 20 Nov 2026 · #{pk}"])
def test_a_campaign_is_found_by_name_and_by_number(viewer, pair, term):
    page = compare(viewer, term.format(pk=pair[0].pk), pair[1].pk)

    assert page.context["pair"] == tuple(pair)
    assert page.context["form"]["a"].value() == f"C One · 20 Nov 2026 · #{pair[0].pk}"


def test_a_name_that_ends_like_a_number_is_a_name(viewer, pair):
    name = f"Deal #{pair[0].pk}"
    Campaign.objects.filter(pk=pair[1].pk).update(name=name)

    page = compare(viewer, pair[0].pk, name)

    assert page.context["pair"] == tuple(pair)


def test_a_name_of_several_is_asked_about(viewer, pair):
    Campaign.objects.update(name="Autumn")

    page = compare(viewer, "autumn", pair[1].pk)

    assert page.status_code == 422
    assert "Several campaigns are called so" in page.content.decode()


def test_a_report_of_just_two_leads_to_their_comparison(viewer, pair):
    days = {"date_from": "2026-11-20", "date_to": "2026-11-20", "by": "transfer"}

    two = viewer.get(reverse("reports"), days).context["compare"]
    one = viewer.get(reverse("reports"), {**days, "tag": "spring"}).context["compare"]

    assert two == f"{reverse('compare')}?a={pair[0].pk}&b={pair[1].pk}"
    assert one == reverse("compare")
