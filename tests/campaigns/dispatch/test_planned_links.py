"""Who was planned for an hour of their own clock: its numbers lead to them, settled or not."""

from __future__ import annotations

import pytest
from django.urls import reverse

from campaigns.models import Device
from campaigns.selectors import planned_recipients
from campaigns.selectors.recipient_pages import Wanted
from tests import builders
from tests.campaigns.dispatch.test_local_sends import (
    BERLIN,
    FIRST,
    TOKYO,
    account,
    clock,
    local,
    now,
    turn,
)
from tests.pages.read_numbers import read_numbers
from tests.pages.test_drill import list_people
from tests.pages.test_report_links import Follower, viewer

__all__ = ["account", "clock", "local", "now", "viewer"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]


@pytest.fixture
def transfer(local, clock, routed):
    """Three android devices and one iOS one of Tokyo were sent to, two of Berlin wait."""
    builders.make_device(routed, "tokyo-ios", "ios", timezone="Asia/Tokyo")
    local()
    return turn(clock, TOKYO)


def find_hours(client, transfer):
    """Links of the table by their numbers, in its order."""
    page = client.get(reverse("transfer", args=[transfer.pk])).content.decode()
    return [number for number in read_numbers(page) if "planned_at=" in number.link]


def ask(client, transfer, start, **wanted):
    asked = {"planned_at": start.isoformat(), **wanted}
    return client.get(reverse("recipients", args=[transfer.pk]), asked)


def list_tokens(page):
    ids = [row["recipient"] for row in page.context["rows"]]
    return sorted(Device.objects.filter(pk__in=ids).values_list("token", flat=True))


def test_numbers_of_an_hour_lead_to_as_many_people(transfer, viewer):
    follower, hours = Follower(viewer), find_hours(viewer, transfer)

    follower.check(hours)

    assert [number.value for number in hours] == [4, 4, 2]
    assert follower.untold == []


def test_they_are_those_of_that_hour_pending_or_not(transfer, viewer):
    berlin = ask(viewer, transfer, BERLIN, outcome="everybody")

    assert list_tokens(berlin) == ["berlin0", "berlin1"]
    assert {row["outcome"] for row in berlin.context["rows"]} == {"pending"}
    assert list_tokens(ask(viewer, transfer, TOKYO)) == ["tokyo-ios", "tokyo0", "tokyo1", "tokyo2"]
    assert list_tokens(ask(viewer, transfer, BERLIN)) == []


def test_they_are_narrowed_and_searched_like_others(transfer, viewer):
    assert list_tokens(ask(viewer, transfer, TOKYO, platform="ios")) == ["tokyo-ios"]
    assert list_tokens(ask(viewer, transfer, TOKYO, outcome="failed")) == []
    assert list_tokens(ask(viewer, transfer, TOKYO, search="tokyo1")) == ["tokyo1"]
    assert list_tokens(ask(viewer, transfer, BERLIN, search="tokyo1")) == []
    assert list_tokens(ask(viewer, transfer, BERLIN, search="berlin1", outcome="everybody")) == [
        "berlin1"
    ]


def test_pages_of_them_go_on_where_the_last_one_ended(transfer):
    wanted, found, after = Wanted(planned_at=TOKYO), [], ""
    while after or not found:
        page = planned_recipients.read_planned(transfer, wanted, after, 3)
        found.append([row.recipient for row in page.rows])
        after = page.after

    assert [len(rows) for rows in found] == [3, 1]
    assert len({recipient for rows in found for recipient in rows}) == 4


def test_a_page_looks_into_a_bounded_number_of_batches(transfer, viewer, monkeypatch):
    monkeypatch.setattr(planned_recipients, "BUDGET", 1)
    link = find_hours(viewer, transfer)[1].link

    first = viewer.get(link)

    assert first.context["is_cut"]
    assert len(set(list_people(viewer, link))) == 4


def test_an_hour_that_it_does_not_have_is_refused_at_its_field(transfer, viewer):
    for start in ("2026-03-28T05:00:00+00:00", "9999-12-31T23:59:59-14:00", "x", "\0"):
        page = viewer.get(reverse("recipients", args=[transfer.pk]), {"planned_at": start})

        assert page.status_code == 422
        assert "planned_at" in page.context["form"].errors


def test_a_send_at_one_instant_has_no_such_filter(transfer, viewer):
    transfer.wall_clock = ""
    transfer.save()

    page = viewer.get(reverse("recipients", args=[transfer.pk]))

    assert "planned_at" not in page.context["form"].fields
    assert FIRST.isoformat() not in page.content.decode()
