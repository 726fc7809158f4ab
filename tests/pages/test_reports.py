"""The pages of reports: every dimension, narrowing, drill-down, files, comparison, background."""

from __future__ import annotations

import io
import re
from datetime import date, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from openpyxl import load_workbook

from campaigns.models import App, Campaign, Counter, Job, Message, Transfer
from campaigns.pages.report_names import say_value
from campaigns.pages.report_question import DIMENSIONS
from campaigns.selectors.questions import NARROWING
from campaigns.services.job_work import drain_jobs
from tests import builders
from tests.campaigns.test_dimensions import books, mute, recipients, teller
from tests.campaigns.test_reports import NOON

__all__ = ["books", "mute", "recipients", "teller"]
pytestmark = pytest.mark.database
FETCHED = 'hx-get="/reports/days/'
DAYS = {"date_from": "2026-11-20", "date_to": "2026-11-20"}


@pytest.fixture
def viewer(client, app):
    client.force_login(builders.make_member("viewer", app.workspace, app=app, role="viewer"))
    return client


def get(client, name="reports", **query):
    return client.get(reverse(name), {**DAYS, **query})


def read_query(address):
    return parse_qs(urlsplit(address).query, keep_blank_values=True)


def read_cards(answer):
    return {card.label: card.value for card in answer.context["cards"]}


@pytest.mark.parametrize(
    ("zones", "query", "last"),
    [
        (("Pacific/Auckland", "UTC"), "", "2026-11-21"),
        (("UTC", "Pacific/Auckland"), "", "2026-11-20"),
        (("UTC", "Pacific/Auckland"), "?app={second}", "2026-11-21"),
        (("UTC", "Pacific/Auckland"), "?app={second}&by=nothing", "2026-11-21"),
        (("Pacific/Auckland", "UTC"), "?app=none", "2026-11-21"),
    ],
)
def test_a_report_ends_with_today_by_the_clock_that_its_days_are_cut_by(
    client, app, monkeypatch, zones, query, last
):
    """At noon in Greenwich the next day has begun in Auckland."""
    monkeypatch.setattr(timezone, "now", lambda: NOON)
    other = builders.make_app(app.workspace, "second", timezone=zones[1])
    App.objects.filter(pk=app.pk).update(timezone=zones[0])
    client.force_login(builders.make_member("chief", app.workspace, role="viewer"))

    answer = client.get(reverse("reports") + query.format(second=other.pk))

    form = answer.context["form"]
    assert str(form["date_to"].value()) == last
    assert (date.fromisoformat(last) - date.fromisoformat(form["date_from"].value())).days == 29


@pytest.mark.values(len(DIMENSIONS))
@pytest.mark.parametrize("by", [name.value for name, _label in DIMENSIONS])
def test_a_report_by_each_dimension_says_the_same_totals(viewer, books, by):
    answer = get(viewer, by=by)

    cards = read_cards(answer)
    assert (cards["Sent"], cards["Failed"]) == (13, 2)
    assert sum(row.numbers[0].value for row in answer.context["rows"]) == 13
    assert answer.context["form"].is_valid()


def test_only_other_numbers_that_are_nothing_may_be_left_out_where_there_is_no_room(viewer, books):
    row = get(viewer, by="reason").context["rows"][0]

    assert {number.label: (number.value, number.is_spare) for number in row.numbers} == {
        "Sent": (13, False), "Failed": (0, False), "Skipped": (0, True), "Expired": (0, True),
        "Cancelled": (0, True), "Unknown": (0, True),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("query", "is_kept", "share"),
    [
        ({"by": "group"}, True, "Open rate, %"),
        ({"by": "hour"}, True, "Of all opened, %"),
        ({"by": "hour", "language": "de"}, True, "Open rate, %"),
        ({"by": "send_hour"}, True, "Open rate, %"),
        ({"by": "language"}, True, "Open rate, %"),
        ({"by": "reason"}, False, ""),
        ({"by": "group", "reason": "sent:"}, False, ""),
    ],
)
def test_what_came_back_stands_only_where_it_is_kept(viewer, books, query, is_kept, share):
    answer = get(viewer, **query)

    columns = answer.context["columns"]
    heads = {"Delivered", "Shown", "Opened"}
    assert heads.isdisjoint(columns) is not is_kept
    assert {card.label for card in answer.context["cards"]}.isdisjoint(heads) is not is_kept
    assert ("outcomes alone are counted" in answer.content.decode()) is not is_kept
    assert [column for column in columns if "%" in column] == [share][: bool(share)]


def test_a_report_may_be_of_what_came_back_of_its_days_sends_and_leads_back(viewer, books):
    plain = get(viewer, by="group")

    of_sends = viewer.get(reverse("reports") + plain.context["of_sends"])

    [(name, value, back)] = of_sends.context["narrowed"]
    assert (name, value) == ("What came back", "of what was sent in these days")
    assert back == plain.context["query"]
    assert of_sends.context["of_sends"] == ""
    assert 'name="of_sends" value="1"' in of_sends.content.decode()
    assert "of_sends=1" in of_sends.context["rows"][0].query


def test_a_report_by_hour_leads_to_the_rates_of_what_was_sent_then(viewer, books):
    by_hour = get(viewer, by="hour", platform="android")

    by_sending = viewer.get(reverse("reports") + by_hour.context["by_sending"])

    assert by_sending.context["by_sending"] == ""
    rate = by_sending.context["columns"].index("Open rate, %")
    assert [(row.name, row.numbers[rate].value) for row in by_sending.context["rows"]] == [
        ("12:00", 25), ("15:00", None),
    ]  # fmt: skip


def test_the_plot_of_days_follows_a_report_by_day_and_is_left_out_by_hour(viewer, books):
    first, _second = books
    week = {"date_from": "2026-11-18", "date_to": "2026-11-20"}
    by_day, fetched = get(viewer, by="day", **week), get(viewer, "report_days", by="tag", **week)
    narrowed = get(viewer, by="day", group=first.group_id, **week)

    assert by_day.context["days"] == fetched.context["days"]
    assert by_day.context["chart"] == fetched.context["chart"]
    assert list_sent(by_day) == [("2026-11-18", 0), ("2026-11-19", 0), ("2026-11-20", 13)]
    assert [sent for _day, sent in list_sent(narrowed)] == [0, 0, 8]
    plots = {by: FETCHED in get(viewer, by=by).content.decode() for by in ("hour", "day", "tag")}
    assert plots == {"hour": False, "day": False, "tag": True}


def list_sent(answer):
    return [(str(day), numbers[0].value) for day, numbers in answer.context["days"]]


def test_an_address_keeps_what_the_report_is_narrowed_to(viewer, books):
    first, _second = books
    answer = get(viewer, by="platform", group=first.group_id)
    page = answer.content.decode()

    [chip] = answer.context["narrowed"]
    without = viewer.get(reverse("reports") + chip[2])

    assert chip[:2] == ("Group", "General")
    assert f'name="group" value="{first.group_id}"' in page
    assert read_cards(answer)["Sent"] == 8
    assert read_cards(without)["Sent"] == 13


def test_one_gets_from_any_number_to_its_recipients(viewer, books):
    first, _second = books
    top = get(viewer, by="platform").context["rows"]
    row = next(row for row in top if row.name == "iOS")

    below = viewer.get(row.numbers[1].link).context["rows"]
    link = below[0].numbers[1].link

    assert [line.transfer for line in below] == [str(first.pk)]
    assert link.startswith(reverse("recipients", args=[first.pk]))
    assert {"outcome=failed", "platform=ios"} <= set(link.partition("?")[2].split("&"))
    assert viewer.get(link).status_code == 200


@pytest.mark.parametrize("by", ["platform", "language", "account"])
def test_what_narrows_a_report_narrows_the_recipients_behind_its_numbers(viewer, books, by):
    sent = [row for row in get(viewer, by=by).context["rows"] if row.numbers[0].value]

    for row in sent:
        for line in viewer.get(row.numbers[0].link).context["rows"]:
            link = line.numbers[0].link
            assert read_query(link).get(by, [""]) == [read_query(row.numbers[0].link)[by][0] or "-"]
            assert viewer.get(link).status_code == 200
    assert sent


def test_values_have_names_for_people_and_short_words_in_files(viewer, books):
    names = {by: {row.name for row in get(viewer, by=by).context["rows"]}
             for by in ("platform", "reason")}  # fmt: skip
    [chip] = get(viewer, by="day", platform="ios").context["narrowed"]
    csv = b"".join(get(viewer, "report_csv", by="platform").streaming_content).decode()

    assert {"Android", "iOS"} <= names["platform"]
    assert (say_value("language", "de", "de"), say_value("channel", "push", "push")) == (
        "German", "Push",
    )  # fmt: skip
    assert {"Sent", "Failed"} <= names["reason"]
    assert say_value("reason", "failed:token", "failed:token") == "Failed · Dead token"
    assert chip[:2] == ("Platform", "iOS")
    assert "\nios," in csv


def test_groups_unfold_to_tags_and_transfers(viewer, books):
    first, _second = books
    page = get(viewer).content.decode()
    tags = re.findall(rf'hx-get="([^"]*group={first.group_id}[^"]*)"', page)

    below = viewer.get(tags[0].replace("&amp;", "&")).content.decode()
    deeper = re.findall(r'hx-get="([^"]+)"', below)
    last = viewer.get(deeper[0].replace("&amp;", "&")).content.decode()

    assert "spring" in below
    assert f"{first.pk} One" in last
    assert f'data-pa-parent="{first.group_id}/spring"' in last


def test_the_files_say_what_the_page_says(viewer, books):
    csv = b"".join(get(viewer, "report_csv", by="account").streaming_content).decode()
    book = load_workbook(io.BytesIO(b"".join(get(viewer, "report_xlsx").streaming_content)))
    rows = list(book.active.iter_rows(values_only=True))

    assert csv.splitlines()[1].startswith("Teller,8,2,0,0,0,0,6,,2,25.0,,,")
    assert csv.splitlines()[2].startswith("Mute,5,0,0,0,0,0,,,,,4,,")
    assert rows[0][:4] == ("Group", "Tag", "Transfer", "Sent")
    assert [row[:5] for row in rows[1:]] == [
        ("General", "spring", f"{books[0].pk} One", 8, 2),
        ("News", "sale", f"{books[1].pk} Two", 5, 0),
    ]


def test_a_workbook_takes_any_text(viewer, books):
    Transfer.objects.filter(pk=books[0].pk).update(tag="=cmd\x01\x0b", name="x" * 200)

    answer = get(viewer, "report_xlsx", by="tag")
    book = load_workbook(io.BytesIO(b"".join(answer.streaming_content)))

    assert "'=cmd" in [cell for row in book.active.iter_rows(values_only=True) for cell in row]


# A page of these says what is wrong, and shows what can be shown; a file of them is none.
SHOWN = {"by", "date_from", "app"}


@pytest.mark.parametrize(
    "query",
    [
        {"by": "password"},
        {"date_from": "never"},
        {"group": "x"},
        {"group": "9" * 40},
        {"tag": "a\0b"},
        {"account": "-1"},
        {"transfer": "1 OR 1=1"},
        {"app": "999999"},
        {"language": "x" * 300},
        {"app_version": "1.2"},
    ],
)
def test_a_question_that_makes_no_sense_is_no_500(viewer, books, query):
    for name in ("reports", "report_rows", "report_days", "report_csv", "report_xlsx"):
        answer = get(viewer, name, **query)
        is_file = name in ("report_csv", "report_xlsx")
        assert answer.status_code == (422 if is_file or not query.keys() & SHOWN else 200)


def test_no_name_of_ours_is_told_to_a_stranger(client, stranger, books, teller):
    client.force_login(stranger)
    first, _second = books
    named = {"group": first.group_id, "account": teller.pk, "transfer": first.pk}

    page = get(client, **named).content.decode()

    assert set(named) <= {name.value for name in NARROWING}
    for words in ("General", "Teller", "One"):
        assert f"{words} " not in page.partition("<main")[2]
    assert get(client, **named).context["rows"] == []


def make_campaigns(app, books):
    made = []
    for transfer in books:
        message = Message.objects.create(app=app, content={"body": "Hi"})
        campaign = Campaign.objects.create(
            workspace=app.workspace, app=app, name=f"C {transfer.name}", message=message,
            status="sent", status_since=NOON, created_at=NOON, created_by="ann",
        )  # fmt: skip
        Transfer.objects.filter(pk=transfer.pk).update(campaign=campaign)
        Counter.objects.create(part=transfer.parts.get(), platform="android", outcome="sent",
                               count=8)  # fmt: skip
        made.append(campaign)
    return made


def test_two_campaigns_are_laid_side_by_side(viewer, app, books, monkeypatch):
    monkeypatch.setattr(timezone, "now", lambda: NOON + timedelta(days=3))
    one, other = make_campaigns(app, books)

    page = viewer.get(reverse("compare"), {"a": one.pk, "b": other.pk})
    empty = viewer.get(reverse("compare"))

    rows = {row[0]: row[1:] for row in page.context["rows"]}
    values = {name: [number.value for number in both] for name, (both, *_change) in rows.items()}
    assert (values["Sent"], rows["Sent"][1]) == ([8, 8], 0.0)
    assert (values["Opened"], rows["Opened"][1]) == ([2, None], None)
    [(platform, numbers)] = page.context["platforms"]
    assert (platform, [number.value for number in numbers]) == ("android", [8, 25.0, 8, None])
    assert page.context["table"][-1] == (48, 25.0, None)
    assert page.context["chart"]["series"][0]["label"] == f"#{one.pk} C One"
    assert "Choose two campaigns" in empty.content.decode()


@pytest.mark.parametrize("values", [{"a": "x"}, {"a": "0", "b": "1"}, {"b": "9" * 30}])
def test_campaigns_that_are_none_are_refused_at_their_field(viewer, values):
    answer = viewer.get(reverse("compare"), values)

    assert answer.status_code == 422
    assert "_error" in answer.content.decode()


def test_another_workspaces_campaign_is_not_compared(client, stranger, app, books):
    one, other = make_campaigns(app, books)
    client.force_login(stranger)

    answer = client.get(reverse("compare"), {"a": one.pk, "b": other.pk})

    assert answer.status_code == 422
    assert "C One" not in answer.content.decode()


def test_what_the_background_does_not_narrow_by_is_said(viewer, books):
    words = "This report is narrowed by more; in the background it is not: Platform"

    narrowed = viewer.get(reverse("reports"), {"platform": "ios", "tag": "spring"})
    kept = viewer.get(reverse("reports"), {"tag": "spring"})

    assert f"{words}." in narrowed.content.decode()
    assert words[:30] not in kept.content.decode()


def test_anything_else_is_counted_in_the_background(viewer, app, recipients):
    address = reverse("start_report") + "?date_from=2026-11-19&date_to=2026-11-21"

    begun = viewer.post(address, {"field": "model"})
    waiting = viewer.get(begun.url)
    drain_jobs()
    done = viewer.get(begun.url).content.decode()
    polled = viewer.get(f"{begun.url}status/")
    book = viewer.get(begun.url.rstrip("/") + ".xlsx")
    file = viewer.get(reverse("job_file", args=[Job.objects.get().pk, "report"]))

    assert "Counting has begun" in waiting.content.decode()
    assert "Pixel" in done
    assert polled.status_code == 286
    sheet = load_workbook(io.BytesIO(b"".join(book.streaming_content))).active
    assert [row[0] for row in sheet.iter_rows(values_only=True)] == ["model", "Fold", "Pixel"]
    assert b"Pixel,1,1" in b"".join(file.streaming_content)


@pytest.mark.parametrize("values", [{"field": "password"}, {"custom": "drop table"}, {}])
def test_a_field_that_is_none_is_told_and_counts_nothing(viewer, app, values):
    answer = viewer.post(reverse("start_report"), values, follow=True)

    assert "field" in answer.content.decode()
    assert not Job.objects.exists()


def test_an_attribute_that_is_named_by_itself_is_told_how_to_be_written(viewer, app):
    person = builders.make_person(app.workspace, "ann", attributes={"plan": "pro"})
    builders.make_device(app, "one", person=person, attributes={"plan": "free"})

    answer = viewer.post(reverse("start_report"), {"custom": "plan"})

    assert "Write device.custom.plan or person.custom.plan." in answer.content.decode()
    assert not Job.objects.exists()


def test_a_report_in_the_background_says_what_it_is_of(viewer, app, books):
    group = books[0].group
    query = f"?date_from=2026-11-19&date_to=2026-11-21&tag=spring&group={group.pk}"
    begun = viewer.post(reverse("start_report") + query, {"field": "model"})

    page, listed = (
        viewer.get(address).content.decode() for address in (begun.url, reverse("jobs"))
    )

    words = "Model, as now, 19 Nov 2026 to 21 Nov 2026 · Shop · Group: General · Tag: spring"
    assert [words in shown for shown in (page, listed)] == [True, True]


def test_a_list_of_reports_in_the_background_costs_no_query_for_each(
    viewer, books, django_assert_max_num_queries
):
    address = reverse("start_report") + f"?group={books[0].group_id}"
    viewer.post(address, {"field": "model"})
    with CaptureQueriesContext(connection) as of_one:
        viewer.get(reverse("jobs"))
    most = len(of_one)
    for _time in range(3):
        viewer.post(address, {"field": "model"})

    with django_assert_max_num_queries(most):
        shown = viewer.get(reverse("jobs")).content.decode()

    assert shown.count("Group: General") == 4


def test_who_sees_some_apps_only_counts_one_of_them(viewer, app):
    other = builders.make_app(app.workspace, slug="other")
    viewer.force_login(user := builders.make_member("two", app.workspace, app=app, role="viewer"))
    user.memberships.create(workspace=app.workspace, app=other, role="viewer")

    answer = viewer.post(reverse("start_report"), {"field": "model"}, follow=True)
    alone = viewer.post(f"{reverse('start_report')}?app={app.pk}", {"field": "model"})

    assert "Choose one app" in answer.content.decode()
    assert viewer.get(alone.url).status_code == 200


def test_a_long_report_is_drawn_page_by_page_and_a_long_row_leads_to_the_rest(viewer, books):
    first, _second = books
    Transfer.objects.bulk_create(
        Transfer(
            campaign=first.campaign, app=first.app, group=first.group, tag="long",
            name=f"More {number}", created_at=first.created_at, status_since=first.created_at,
            due_at=first.due_at,
        )
        for number in range(60)
    )  # fmt: skip

    top = get(viewer, by="transfer")
    rest = viewer.get(reverse("reports") + top.context["more"])
    beyond = get(viewer, by="transfer", start="100")
    below = get(viewer, "report_rows", by="transfer", group=first.group_id, tag="long")
    more = re.findall(r'href="([^"]+start=50[^"]*)"', below.content.decode())

    assert (len(top.context["rows"]), top.context["left_out"]) == (50, 12)
    assert (len(rest.context["rows"]), rest.context["left_out"]) == (12, 0)
    assert "From the first" in beyond.content.decode()
    assert read_cards(rest) == read_cards(top)
    assert len(below.context["rows"]) == 50
    assert len(viewer.get(more[0].replace("&amp;", "&")).context["rows"]) == 10
