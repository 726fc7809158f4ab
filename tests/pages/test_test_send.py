"""A test of a draft: to whom, what it is called, what counts it, and what refuses it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db.models import F
from django.urls import reverse

from campaigns.dispatch.engine import drain
from campaigns.models import (
    Account,
    Campaign,
    Counter,
    Device,
    Membership,
    TestGroup,
    Transfer,
)
from campaigns.selectors.dimensions import break_down
from campaigns.selectors.lines import sum_lines
from campaigns.selectors.questions import Dimension, Question
from campaigns.selectors.report_facts import make_span
from campaigns.services import campaigns
from providers import vault
from tests import builders
from tests.api.conftest import make_client
from tests.pages.test_autosave import post
from tests.pages.test_browser import leave, note_requests
from tests.pages.test_compose import typed
from tests.vendor_cases.conftest import simulator

__all__ = ["simulator", "typed"]


@pytest.fixture
def draft(client, app, owner, typed):
    """A saved draft of an app with a route, a person with two phones and one phone of nobody."""
    builders.make_route(app, "android")
    ann = builders.make_person(app.workspace, "ann")
    for number in range(2):
        builders.make_device(app, f"ann-{number}", person=ann)
    builders.make_device(app, "alone")
    client.force_login(owner)
    return Campaign.objects.get(pk=post(client, typed).json()["campaign"])


def send(client, draft, **asked):
    return client.post(reverse("test_send", args=[draft.pk]), asked)


@pytest.mark.parametrize(("term", "count"), [("ann", 2), ("alone", 1)])
def test_a_test_goes_to_whom_the_word_means_and_is_marked(client, draft, term, count):
    page = send(client, draft, test_term=term).content.decode()

    test = Campaign.objects.get(is_test=True)
    transfer = Transfer.objects.get()
    assert (transfer.is_test, transfer.campaign) == (True, test)
    assert len(test.audience["devices"]) == count
    assert reverse("test_result", args=[test.pk]) in page
    assert 'pa-chip-info ">Test<' in page
    draft.refresh_from_db()
    assert draft.status == Campaign.Status.DRAFT
    Transfer.objects.update(status=Transfer.Status.SENDING)
    for place in (reverse("home"), reverse("recipients", args=[transfer.pk])):
        assert 'pa-chip-info ">Test<' in client.get(place).content.decode()


def test_a_test_group_is_made_used_changed_and_forgotten(client, app, draft):
    made = client.post(
        reverse("new_test_group"), {"app": app.pk, "name": "Team", "testers": "ann\nalone"}
    )
    group = TestGroup.objects.get()
    page = send(client, draft, test_group=group.pk).content.decode()
    opened = client.get(reverse("test_group", args=[group.pk])).content.decode()
    client.post(reverse("test_group", args=[group.pk]), {"name": "Desk", "testers": "alone"})
    listed = client.get(reverse("test_groups")).content.decode()
    client.post(reverse("test_group_delete", args=[group.pk]))

    assert made.status_code == 302
    assert "0 of" in page
    assert len(Campaign.objects.get(is_test=True).audience["devices"]) == 3
    assert "ann" in opened
    assert "Desk" in listed
    assert not TestGroup.objects.exists()


def test_a_stranger_s_device_with_a_colleague_s_user_id_as_number_gets_no_test(client, app, draft):
    device = Device.objects.get(app=app, token="alone")
    colleague = builders.make_person(app.workspace, str(device.pk))
    own = builders.make_device(app, "colleague", person=colleague)

    send(client, draft, test_term=str(device.pk))

    assert Campaign.objects.get(is_test=True).audience["devices"] == [own.pk]


def test_a_group_that_is_saved_as_it_was_means_the_same(client, app, draft):
    device = Device.objects.get(app=app, token="alone")
    colleague = builders.make_person(app.workspace, str(device.pk))
    builders.make_device(app, "colleague", person=colleague)
    group = TestGroup.objects.create(app=app, name="Team", created_at=device.created_at)
    group.testers.create(device=device)
    address = reverse("test_group", args=[group.pk])

    written = client.get(address).context["form"]["testers"].value()
    client.post(address, {"name": "Team", "testers": written})

    assert written == f"device {device.pk}"
    assert list(group.testers.values_list("device", "person")) == [(device.pk, None)]


def test_a_line_that_may_mean_several_is_told_at_its_field(client, app, draft):
    shared = builders.make_person(app.workspace, "alone")
    builders.make_device(app, "shared", person=shared)

    answer = client.post(
        reverse("new_test_group"), {"app": app.pk, "name": "Team", "testers": "ann\nalone"}
    )
    sent = send(client, draft, test_term="alone").content.decode()

    page = answer.content.decode()
    assert answer.status_code == 422
    assert 'id="id_testers_error"' in page
    assert f"Write which, as in person {shared.pk}." in page
    assert f"Write which, as in person {shared.pk}." in sent
    assert not Campaign.objects.filter(is_test=True).exists()


@pytest.mark.parametrize(
    ("form", "field", "words"),
    [
        ({"name": "", "testers": "ann"}, "name", "Give it a name"),
        ({"name": "Team", "testers": ""}, "testers", "Choose at least one"),
        ({"name": "Team", "testers": "ann\nnobody"}, "testers", "Nobody in Shop has: nobody"),
    ],
)
def test_a_wrong_test_group_keeps_what_was_typed(client, app, draft, form, field, words):
    answer = client.post(reverse("new_test_group"), {"app": app.pk, **form})

    page = answer.content.decode()
    assert answer.status_code == 422
    assert f'id="id_{field}_error"' in page
    assert words in page
    assert form["testers"] in page
    assert not TestGroup.objects.exists()


def test_nobody_and_more_than_ten_are_refused_in_words(client, app, draft):
    crowd = builders.make_person(app.workspace, "crowd")
    for number in range(11):
        builders.make_device(app, f"crowd-{number}", person=crowd)

    pages = [
        send(client, draft, **asked).content.decode()
        for asked in ({}, {"test_term": "<b>nobody</b>"}, {"test_term": "crowd"})
    ]
    halves = [send(client, draft, test_term=half).content.decode() for half in ("ann*", "alon")]

    assert "Choose a test group" in pages[0]
    assert "&lt;b&gt;nobody" in pages[1]
    assert "at most 10 devices; this audience has 11" in pages[2]
    assert all("Nobody here has the id" in page for page in halves)
    assert not Transfer.objects.exists()


def test_after_so_many_tests_an_hour_the_next_one_waits(client, app, draft, monkeypatch):
    monkeypatch.setattr(campaigns, "MAX_TESTS", 2)
    device = Device.objects.filter(app=app).order_by("pk")[0]
    address = reverse("test_send", args=[draft.pk])
    script = make_client(app.workspace)
    body = {"audience": {"devices": [device.pk]}}

    pages = [client.post(address, {"test_term": device.token}) for _turn in range(3)]
    refused = script.post(f"/api/v1/campaigns/{draft.pk}/test/", body)
    Campaign.objects.filter(is_test=True).update(created_at=F("created_at") - timedelta(hours=1))
    again = script.post(f"/api/v1/campaigns/{draft.pk}/test/", body)

    words = [b"2 tests were sent within an hour" in page.content for page in pages]
    assert words == [False, False, True]
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_tests")
    assert "Wait 60 minutes" in refused.json()["message"]
    assert again.status_code == 201
    assert Campaign.objects.filter(is_test=True).count() == 3


@pytest.mark.django_db(transaction=True)
def test_a_test_is_in_no_total_and_marked_where_it_is_listed(client, app, draft, simulator):
    Account.objects.update(credentials=vault.encrypt({"api_key": "good"}))
    send(client, draft, test_term="ann")
    test = Campaign.objects.get(is_test=True)
    campaigns.launch_campaign(draft, actor="owner", now=datetime.now(UTC))

    drain()

    today = test.created_at.date()
    span = make_span([app.pk], (today - timedelta(days=13), today + timedelta(days=1)), UTC)
    lines = [break_down(Question(span, by, UTC)) for by in (Dimension.DAY, Dimension.TRANSFER)]
    sent = Counter.objects.filter(outcome="sent").values_list("part__transfer__campaign", "count")
    pages = [
        client.get(reverse(name, args=args)).content.decode()
        for name, args in [
            ("campaigns", []), ("campaign", [test.pk]),
            ("transfer", [Transfer.objects.get(campaign=test).pk]),
        ]
    ]  # fmt: skip
    assert dict(sent) == {test.pk: 2, draft.pk: 3}
    assert [sum_lines(some).outcomes for some in lines] == [{"sent": 3}, {"sent": 3}]
    assert all(">Test</span>" in page for page in pages)


def test_who_may_not_send_sends_no_test_and_sees_no_button(client, app, draft):
    client.force_login(
        builders.make_member("writer", app.workspace, app=app, role=Membership.Role.COMPOSER)
    )

    refused = send(client, draft, test_term="ann")
    page = client.get(reverse("edit", args=[draft.pk])).content.decode()

    assert refused.status_code == 403
    assert "data-pa-send-test" not in page


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_an_unsaved_message_is_saved_and_tested_with_one_click(staff, live_server, app):
    builders.make_route(app, "android")
    builders.make_device(app, "alone")
    under_way: set = set()
    note_requests(staff, under_way)
    staff.goto(f"{live_server.url}/campaigns/new/")
    staff.locator("#id_title").fill("<img src=x onerror=alert(1)>")
    staff.locator("#id_body").fill("Just typed")
    shown = staff.locator("[data-pa-phone-of=android] [data-pa-show=title]").inner_html()
    staff.locator("#pa-test-term").fill("alone")
    staff.get_by_role("button", name="Send a test").click()
    staff.locator("#pa-test-result").get_by_text("devices settled").wait_for()

    assert shown.startswith("&lt;img")
    assert Campaign.objects.get(is_test=True).message.content["body"] == "Just typed"
    staff.locator("#pa-test-result").evaluate("place => place.replaceChildren()")
    leave(staff, under_way)
