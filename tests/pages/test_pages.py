"""Home, the list of campaigns and reports, through Django's test client."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from urllib.parse import urlencode

import pytest
from django.urls import reverse

from campaigns.dispatch import steer
from campaigns.dispatch.plan import start_campaign
from campaigns.models import Campaign, Group, Message, Transfer
from campaigns.pages.downloads import stream_csv
from campaigns.services.cells import disarm, rearm
from tests import builders

PAGES = ["home", "campaigns", "reports", "report_csv", "running", "report_rows", "report_days"]


@pytest.fixture(autouse=True)
def plain_static(settings, tmp_path):
    settings.STATIC_ROOT = tmp_path
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }


def make_campaign(app, name="Autumn sale", **fields):
    at = datetime(2026, 11, 20, tzinfo=UTC)
    message = Message.objects.create(app=app, content={"title": "Hi", "body": "There"})
    return Campaign.objects.create(
        workspace=app.workspace, app=app, name=name, message=message, status_since=at,
        created_at=at, created_by="owner", **fields,
    )  # fmt: skip


@pytest.mark.parametrize("name", PAGES)
def test_every_page_opens_for_a_member(client, app, owner, name):
    client.force_login(owner)

    response = client.get(reverse(name))

    assert response.status_code == 200


@pytest.mark.parametrize("name", PAGES)
def test_every_page_asks_a_visitor_to_sign_in(client, db, name):
    response = client.get(reverse(name))

    assert response.status_code == 302
    assert response["Location"].startswith("/admin/login/")


def test_the_list_shows_campaigns_of_ones_own_apps_only(client, app, colleague, stranger):
    make_campaign(app)
    client.force_login(stranger)

    response = client.get(reverse("campaigns"))

    assert "Autumn sale" not in response.content.decode()
    assert "No campaign yet" in response.content.decode()


def test_filters_narrow_the_list(client, app, owner):
    make_campaign(app, "Autumn sale", tag="promo")
    make_campaign(app, "Order shipped", tag="orders")
    client.force_login(owner)

    page = client.get(reverse("campaigns"), {"tag": "orders", "app": app.pk}).content.decode()

    assert "Order shipped" in page
    assert "Autumn sale" not in page


def test_an_app_of_somebody_else_is_no_choice_of_a_report(client, app, stranger):
    client.force_login(stranger)

    response = client.get(reverse("reports"), {"app": app.pk})

    assert response.status_code == 200
    assert response.context["form"].errors.keys() >= {"app"}
    assert app.pk not in response.context["asked"].app_ids


def test_a_report_from_the_last_day_to_the_first_says_what_to_choose(client, app, owner):
    client.force_login(owner)
    days = {"date_from": "2026-11-20", "date_to": "2026-11-01"}

    page = client.get(reverse("reports"), days).content.decode()

    assert "Choose a day after the first" in page


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\tx", "\rx"])
def test_a_cell_that_looks_like_a_formula_is_disarmed(text):
    assert disarm(text) == "'" + text


@pytest.mark.parametrize("text", ["x;=1+1", "x\t@y", "x\n-1", 'x; "=1+1";y', "x;y\r+1"])
def test_no_cell_begins_as_a_formula_where_another_separator_is_usual(text):
    kept = disarm(text)

    starts = {part.lstrip(' "')[:1] for part in re.split(r"[;\t\r\n]", kept)}
    assert starts <= {"x", "y", "'"}
    assert rearm(kept) == text


def test_a_download_is_streamed_with_its_name():
    response = stream_csv(iter([["group", "sent"], ["=cmd", None]]), "report.csv")

    assert b"".join(response) == b"group,sent\r\n'=cmd,\r\n"
    assert 'filename="report.csv"' in response["Content-Disposition"]


def test_a_report_shows_who_was_not_sent_to_by_outcome(client, app, owner):
    client.force_login(owner)

    numbers = client.get(reverse("reports")).context["cards"]
    cards = {number.label: number.value for number in numbers}

    assert list(cards)[:6] == ["Sent", "Failed", "Skipped", "Expired", "Cancelled", "Unknown"]
    assert cards["Sent"] == cards["Failed"] == 0


def test_groups_of_several_apps_are_told_apart_by_their_apps(client, app, owner, now):
    for each in (app, builders.make_app(app.workspace, "cafe")):
        group = Group.objects.get(app=each)
        Transfer.objects.create(
            app=each, group=group, status="sent", status_since=now, due_at=now, created_at=now
        )
    client.force_login(owner)
    days = {"date_from": now.date(), "date_to": now.date()}

    both = client.get(reverse("reports"), days)
    one = client.get(reverse("reports"), days | {"app": app.pk})

    rows = [[row.name for row in page.context["rows"]] for page in (both, one)]
    assert sorted(rows[0]) == ["General · Cafe", "General · Shop"]
    assert rows[1] == ["General"]


def test_why_a_campaign_was_paused_stands_wherever_it_is_looked_for(client, app, owner, now):
    builders.make_route(app, "android")
    campaign = make_campaign(app, audience={"all": True})
    start_campaign(campaign, actor="owner", now=now)
    transfer = Transfer.objects.get()
    sentence = "The vendor refuses the message: mend it and resume."
    steer.pause_transfer(transfer, sentence, actor="dispatch", now=now)
    client.force_login(owner)
    places = [
        reverse("home"),
        reverse("transfer", args=[transfer.pk]),
        reverse("campaign", args=[campaign.pk]),
    ]

    pages = [client.get(place).content.decode() for place in places]

    assert [sentence in page for page in pages] == [True, True, True]


@pytest.mark.parametrize(
    ("referer", "back"),
    [
        ("http://testserver/campaigns/7/?a=1", "/campaigns/7/?a=1"),
        ("https://elsewhere.example/x", "/campaigns/7/launch/"),
        ("", "/campaigns/7/launch/"),
    ],
)
def test_who_is_signed_out_while_sending_comes_back_to_the_form(client, referer, back):
    answer = client.post("/campaigns/7/launch/", headers={"Referer": referer})

    assert answer.status_code == 302
    assert answer["Location"] == f"/admin/login/?{urlencode({'next': back}, safe='/')}"
