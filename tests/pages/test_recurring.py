"""Recurring campaigns in the browser's pages: written, looked at, moved, stopped."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse

from campaigns.dispatch import plan, runs
from campaigns.models import Campaign, Cohort, Group, Rollup
from campaigns.pages.repeat_form import describe_rule
from tests import builders
from tests.pages.sending import press_send, send_typed

DAY = timedelta(days=1)
# No change of the clocks within the times that are looked at, in UTC.
FIRST = (datetime.now(UTC) + 7 * DAY).replace(hour=9, minute=0, second=0, microsecond=0)


@pytest.fixture
def typed(app):
    builders.make_route(app, "android")
    builders.make_device(app, "one")
    return {
        "target": f"app:{app.pk}", "audience_kind": "all", "ids_kind": "persons",
        "title": "Your week", "body": "What is new.", "group": "General", "name": "Digest",
        "when": "repeat", "send_at": f"{FIRST:%Y-%m-%dT%H:%M}", "timezone": "UTC",
        "repeat_every": "1", "repeat_unit": "day", "repeat_end": "never", "expires_unit": "3600",
        "policy": "at_least_once", "when_missed": "skip", "grace_minutes": "30",
    }  # fmt: skip


@pytest.fixture
def series(client, owner, typed):
    client.force_login(owner)
    send_typed(client, typed)
    return Campaign.objects.get()


def look(client, series, name="campaign"):
    return client.get(reverse(name, args=[series.pk])).content.decode()


def press(client, series, verb, **values):
    address = reverse("change_campaign", args=[series.pk, verb])
    return client.post(address, values, follow=True).content.decode()


def test_what_is_typed_becomes_a_series(series):
    assert series.status == "recurring"
    assert series.recurrence == {"unit": "day", "every": 1}
    assert (series.due_at, series.when_missed, series.grace) == (FIRST, "skip", 1800)


@pytest.mark.parametrize(
    ("more", "rule"),
    [
        (
            {"repeat_unit": "week", "repeat_every": "2", "repeat_weekdays": ["mon", "thu"]},
            {"unit": "week", "every": 2, "weekdays": ["mon", "thu"]},
        ),
        ({"repeat_unit": "week"}, {"unit": "week", "every": 1}),
        (
            {"repeat_unit": "month", "repeat_day": "last", "repeat_weekdays": ["mon"]},
            {"unit": "month", "every": 1, "day": "last"},
        ),
        (
            {"repeat_unit": "month", "repeat_day": "31", "repeat_end": "runs", "repeat_runs": "4"},
            {"unit": "month", "every": 1, "day": 31, "runs": 4},
        ),
        (
            {"repeat_end": "until", "repeat_until": f"{FIRST + 60 * DAY:%Y-%m-%d}"},
            {"unit": "day", "every": 1, "until": f"{FIRST + 60 * DAY:%Y-%m-%d}"},
        ),
    ],
)
def test_a_rule_is_kept_and_shown_again_as_it_was_typed(client, owner, typed, more, rule):
    client.force_login(owner)
    client.post(reverse("compose"), typed | more | {"action": "draft"})
    draft = Campaign.objects.get()

    form = client.get(reverse("edit", args=[draft.pk])).context["composition"].repeat

    assert draft.recurrence == rule
    shown = {name: form[name].value() for name in form.fields}
    assert {name: str(shown[name]) for name in more if name != "repeat_weekdays"} == {
        name: text for name, text in more.items() if name != "repeat_weekdays"
    }
    assert (shown["repeat_weekdays"] or []) == rule.get("weekdays", [])


@pytest.mark.parametrize(
    ("more", "name", "sentence"),
    [
        ({"send_at": ""}, "send_at", "Choose the date and time"),
        ({"repeat_every": "0"}, "repeat_every", "greater than or equal to 1"),
        ({"repeat_unit": "week", "repeat_every": "60"}, "repeat_every", "from 1 to 52"),
        ({"repeat_end": "until"}, "repeat_until", "Choose the last day."),
        ({"repeat_end": "runs"}, "repeat_runs", "Say how many times."),
        ({"grace_minutes": "721"}, "grace_minutes", "less than or equal to 720"),
        ({"when_missed": "burst"}, "when_missed", "Select a valid choice"),
        ({"policy": "maybe"}, "policy", "Select a valid choice"),
        ({"timezone": "recipient"}, "timezone", "goes by one time zone"),
        (
            {"repeat_end": "until", "repeat_until": "2020-01-01"}, "repeat_unit",
            "No day fits this rule",
        ),
    ],
)  # fmt: skip
def test_a_wrong_rule_says_which_field_and_how_to_mend_it(
    client, owner, typed, more, name, sentence
):
    client.force_login(owner)

    response = client.post(reverse("compose"), typed | more)

    page = response.content.decode()
    assert response.status_code == 422
    assert sentence in page
    assert f'id="id_{name}_error"' in page


def test_the_panel_shows_the_first_five_times(client, owner, typed):
    client.force_login(owner)

    panel = client.post(reverse("check"), typed).content.decode()

    assert [f"{FIRST + number * DAY:%Y-%m-%dT09:00}" in panel for number in range(6)] == [
        True, True, True, True, True, False,
    ]  # fmt: skip
    assert "The first times" in panel


def test_the_hint_about_its_first_run_stands_with_the_rule(client, owner, app):
    client.force_login(owner)

    page = client.get(reverse("compose")).content.decode()

    once, _mark, rule = page.partition('data-pa-when="when=repeat"')
    assert "first run" not in once
    assert "those of its first run" in rule
    assert "Of what comes again" not in page


def test_a_rule_that_is_wrong_is_a_problem_of_the_panel(client, owner, typed):
    client.force_login(owner)

    panel = client.post(
        reverse("check"), typed | {"repeat_unit": "week", "repeat_every": "60"}
    ).content.decode()

    assert "from 1 to 52" in panel
    assert "#id_repeat_every" in panel


def test_the_page_lists_runs_what_was_missed_and_what_comes(client, series):
    runs.run_due(FIRST + DAY)
    transfer = series.transfers.get()

    page = look(client, series)

    assert "No scheduler was running at its time" in page
    assert reverse("transfer", args=[transfer.pk]) in page
    assert "Every day" in page
    assert f"{FIRST + 2 * DAY:%Y-%m-%dT09:00}" in page


def test_the_page_of_a_series_costs_the_same_for_any_number_of_runs(
    client, series, django_assert_max_num_queries
):
    for number in range(30):
        runs.run_due(FIRST + number * DAY)
        series.transfers.update(finished_at=FIRST)

    with django_assert_max_num_queries(30):
        page = look(client, series, "campaign_status")

    assert "30 times so far" in page
    assert page.count("<tr>") == 21


def test_a_series_is_moved_by_its_page(client, series):
    later = f"{FIRST + 3 * DAY:%Y-%m-%dT18:30}"
    assert 'id="pa-reschedule"' in look(client, series)

    page = press(client, series, "reschedule", send_at=later, timezone="Europe/Lisbon")

    series.refresh_from_db()
    assert "It has a new time." in page
    assert (series.send_at, series.timezone) == (later, "Europe/Lisbon")


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"send_at": "", "timezone": "UTC"}, "Say when."),
        ({"send_at": "2020-01-01T09:00", "timezone": "UTC"}, "has passed already"),
        ({"send_at": "soon", "timezone": "UTC"}, "Write the time as"),
    ],
)
def test_a_time_that_cannot_be_is_told_and_nothing_moves(client, series, values, sentence):
    page = press(client, series, "reschedule", **values)

    assert sentence in page
    assert "at once" not in page
    assert Campaign.objects.get().due_at == FIRST


def test_a_series_is_paused_resumed_and_taken_back_by_its_page(client, series):
    seen = []
    for verb in ("pause", "resume", "unschedule"):
        press(client, series, verb)
        seen.append(Campaign.objects.get().status)

    assert seen == ["paused", "recurring", "draft"]


@pytest.mark.parametrize("verb", ["start", "pause", "resume", "cancel", "unschedule"])
def test_a_verb_that_comes_too_late_is_told_in_words(client, series, verb):
    Campaign.objects.update(status="sent")

    response = client.post(reverse("change_campaign", args=[series.pk, verb]), follow=True)

    assert response.status_code == 200
    assert [message.level_tag for message in response.context["messages"]] == ["error"]
    assert Campaign.objects.get().status == "sent"


@pytest.mark.parametrize("verb", ["pause", "resume", "cancel"])
def test_a_verb_on_a_finished_transfer_is_told_in_words(client, series, verb):
    runs.run_due(FIRST)
    series.transfers.update(status="sent")
    address = reverse("change_transfer", args=[series.transfers.get().pk, verb])

    response = client.post(address, follow=True)

    assert response.status_code == 200
    assert [message.level_tag for message in response.context["messages"]] == ["error"]


def test_a_composer_cannot_move_what_waits(client, series, colleague):
    client.force_login(colleague)

    response = client.post(reverse("reschedule", args=[series.pk]), {"send_at": "x"})

    assert response.status_code == 403
    assert 'id="pa-reschedule"' not in look(client, series)


def test_a_series_of_somebody_else_is_not_there(client, series, stranger):
    client.force_login(stranger)

    response = client.post(reverse("reschedule", args=[series.pk]), {"send_at": "x"})

    assert response.status_code == 404


def test_home_and_the_list_show_what_comes_next(client, series):
    home = client.get(reverse("home")).content.decode()
    listed = client.get(reverse("campaigns")).content.decode()

    assert home.count(reverse("campaign", args=[series.pk])) == 1
    assert f"{FIRST:%Y-%m-%dT09:00}" in listed


def test_home_says_what_was_missed_and_what_waits_for_a_person(client, series):
    runs.run_due(FIRST + DAY)
    missed = client.get(reverse("home")).content.decode()
    Group.objects.update(archived_at=FIRST)
    series.transfers.update(finished_at=FIRST)
    runs.run_due(FIRST + 2 * DAY)

    stopped = client.get(reverse("home")).content.decode()

    assert "No scheduler was running at its time" in missed
    assert "The group General is archived" in stopped


def test_home_says_that_a_start_was_left_out(client, series):
    Campaign.objects.update(
        status="scheduled", recurrence=None, due_at=datetime.now(UTC) - DAY, when_missed="skip"
    )
    plan.start_due(datetime.now(UTC))

    home = client.get(reverse("home")).content.decode()

    assert Campaign.objects.get().status == "failed"
    assert "No scheduler was running at its time." in home


def test_reports_name_the_runs_of_a_series_by_their_time(client, series):
    runs.run_due(FIRST)
    transfer = series.transfers.get()
    cohort = Cohort.objects.create(app=series.app, platform="android")
    Rollup.objects.create(
        part=transfer.parts.get(), hour=FIRST, cohort_id=cohort.pk, outcome="sent", count=7,
        account_id=0,
    )  # fmt: skip
    asked = {"by": "transfer", "group": str(transfer.group_id), "tag": ""}
    day = FIRST.date().isoformat()

    page = client.get(
        reverse("report_rows"), {**asked, "date_from": day, "date_to": day}
    ).content.decode()

    assert f"{transfer.pk} Digest {FIRST:%Y-%m-%d} 09:00" in page


def test_the_second_who_saves_a_draft_is_told_and_overwrites_nothing(client, owner, typed):
    client.force_login(owner)
    client.post(reverse("compose"), typed | {"action": "draft"})
    draft = Campaign.objects.get()
    version = client.get(reverse("edit", args=[draft.pk])).context["composition"].version
    address = reverse("edit", args=[draft.pk])

    body = typed | {"action": "draft", "version": version}
    first = client.post(address, body | {"name": "First"})
    second = client.post(address, body | {"name": "Second"})

    assert (first.status_code, second.status_code) == (302, 422)
    assert "Somebody else has just changed this" in second.content.decode()
    assert Campaign.objects.get().name == "First"


def test_what_could_not_be_sent_is_mended_and_sent(client, owner, typed):
    client.force_login(owner)
    client.post(reverse("compose"), typed | {"body": "", "action": "send"})
    draft = Campaign.objects.get()
    refused = press_send(client, draft.pk)

    edit = {"version": str(draft.message_id), "action": "send"}
    client.post(reverse("edit", args=[draft.pk]), typed | edit)
    sent = press_send(client, draft.pk)

    assert (refused.status_code, sent.status_code) == (422, 200)
    assert Campaign.objects.get().status == "recurring"


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"unit": "day"}, "Every day"),
        ({"unit": "day", "every": 3, "runs": 1}, "Every 3 days, once"),
        ({"unit": "week", "every": 2, "weekdays": ["thu", "mon"], "runs": 9},
         "Every 2 weeks on Monday, Thursday, 9 times"),
        ({"unit": "month", "day": "last"}, "Every month on the last day"),
        ({"unit": "month", "day": 31, "until": "2027-06-30"},
         "Every month on day 31, until 30 Jun 2027"),
    ],
)  # fmt: skip
def test_a_rule_is_said_in_words(rule, words):
    assert describe_rule(rule) == words
