"""Reports over the native API: every dimension of the pages, narrowing, and in the background."""

from __future__ import annotations

from datetime import timedelta

import pytest

from campaigns.models import ApiKey, Job
from campaigns.selectors.questions import Dimension
from campaigns.services.job_kinds import KINDS
from campaigns.services.job_work import drain_jobs
from campaigns.services.jobs import start_job
from tests import builders
from tests.api.conftest import make_client
from tests.campaigns.test_dimensions import books, mute, recipients, teller
from tests.campaigns.test_reports import NOON, receive

__all__ = ["books", "mute", "recipients", "teller"]
pytestmark = pytest.mark.database
DAYS = {"date_from": "2026-11-20", "date_to": "2026-11-20", "timezone": "UTC"}
LINES = "/api/v1/reports/lines/"
BACKGROUND = "/api/v1/reports/background/"
NOBODY = {"delivered": None, "shown": None, "opened": None}


def ask(client, **query):
    return client.get(LINES, {**DAYS, **query})


@pytest.mark.values(len(Dimension))
@pytest.mark.parametrize("by", list(Dimension))
def test_every_dimension_says_the_same_totals(client, books, by):
    report = ask(client, by=by.value).json()

    assert report["by"] == by
    assert report["totals"]["outcomes"] == {
        "sent": 13, "failed": 2, "skipped": 0, "expired": 0, "cancelled": 0, "unknown": 0,
    }  # fmt: skip
    assert sum(row["outcomes"]["sent"] for row in report["rows"]) == 13
    assert report["total_rows"] == len(report["rows"])


def test_what_came_back_and_what_vendors_count_stand_apart(client, books):
    general, news = ask(client).json()["rows"]

    assert (general["name"], general["open_rate"]) == ("General", 25.0)
    assert general["receipts"] == {"delivered": 6, "shown": None, "opened": 2}
    assert general["vendor"] == NOBODY
    assert (news["receipts"], news["open_rate"]) == (NOBODY, None)
    assert news["vendor"] == {"delivered": 4, "shown": None, "opened": None}


def test_a_source_that_does_not_know_a_dimension_is_null_and_never_0(client, books):
    by_reason = ask(client, by="reason").json()["totals"]
    by_language = ask(client, by="language").json()["totals"]
    by_hour = ask(client, by="hour").json()["totals"]

    assert (by_reason["receipts"], by_reason["vendor"]) == (NOBODY, NOBODY)
    assert (by_language["receipts"]["opened"], by_language["vendor"]) == (2, NOBODY)
    assert by_hour["receipts"]["opened"] == 2
    assert by_hour["vendor"] == NOBODY


def test_what_came_back_may_be_that_of_the_days_sends(client, books):
    night = {"date_from": "2026-11-21", "date_to": "2026-11-21"}
    receive(books[0].parts.get(), "opened", 1, at=NOON + timedelta(days=1))

    came = ask(client, **night).json()["totals"]["receipts"]["opened"]
    of_sends = ask(client, **night, of_sends="true").json()["totals"]["receipts"]["opened"]

    assert (came, of_sends) == (1, None)
    assert ask(client, of_sends="1").json()["fields"].keys() == {"of_sends"}


def test_keys_of_rows_narrow_the_next_question_down_to_a_reason(client, books):
    group = next(row for row in ask(client).json()["rows"] if row["name"] == "General")["key"]
    tag = ask(client, by="tag", group=group).json()["rows"]
    transfer = ask(client, by="transfer", group=group, tag=tag[0]["key"]).json()["rows"]
    reasons = ask(client, by="reason", transfer=transfer[0]["key"], platform="ios").json()

    assert [row["key"] for row in tag] == ["spring"]
    assert [row["key"] for row in transfer] == [str(books[0].pk)]
    assert [row["key"] for row in reasons["rows"]] == ["failed:"]
    assert reasons["totals"]["outcomes"]["failed"] == 2


def test_rows_come_in_pages_and_totals_are_of_all(client, books):
    page = ask(client, by="account", limit=1, offset=1).json()

    assert [row["name"] for row in page["rows"]] == ["Mute"]
    assert (page["total_rows"], page["totals"]["outcomes"]["sent"]) == (2, 13)


@pytest.mark.parametrize(
    "query",
    [{"by": "colour"}, {"group": "x"}, {"transfer": "1 OR 1=1"}, {"account": "9" * 40},
     {"timezone": "Mars"}, {"limit": "0"}, {"offset": "-1"}, {"tag": "x" * 256},
     {"app": "nowhere"}, {"colour": "red"}, {"date_to": "2026-11-19"},
     {"date_to": "2028-11-20"}],
)  # fmt: skip
def test_lines_that_are_asked_for_wrongly_name_the_parameter(client, app, query):
    refused = ask(client, **query)

    assert (refused.status_code, list(refused.json()["fields"])) == (400, list(query))


def test_a_key_of_another_app_or_workspace_reads_nothing_of_these_books(
    app, books, workspace, foreign
):
    other = builders.make_app(workspace, slug="other")
    narrow = make_client(workspace, apps=[other])

    for stranger in (narrow, foreign):
        report = ask(stranger, by="transfer", transfer=books[0].pk).json()
        assert (report["rows"], report["totals"]["outcomes"]["sent"]) == ([], 0)
        assert ask(stranger, app=app.slug).status_code == 400


def test_a_background_report_is_begun_watched_and_taken_by_a_reading_key(
    workspace, app, recipients
):
    client = make_client(workspace, scopes=["read"])
    body = {"field": "model", **{name: DAYS[name] for name in ("date_from", "date_to")}}

    begun = client.post(BACKGROUND, body)
    drain_jobs()
    job = client.get(f"/api/v1/jobs/{begun.json()['id']}/").json()
    file = client.get(f"/api/v1/jobs/{job['id']}/files/report/")

    assert (begun.status_code, begun.json()["status"]) == (201, "waiting")
    assert (job["kind"], job["status"], job["files"]) == ("report", "done", ["report"])
    lines = b"".join(file.streaming_content).decode().splitlines()
    assert lines[0] == "model,sent,failed,skipped,expired,cancelled,unknown,delivered,shown,opened"
    assert len(lines) > 1
    assert sum(int(number) for line in lines[1:] for number in line.split(",")[1:3]) == job["done"]


def test_a_reading_key_cancels_a_report_and_no_other_work(workspace, app, now):
    client = make_client(workspace, scopes=["read"])
    report = client.post(BACKGROUND, {"app": app.slug, "field": "language"}).json()["id"]
    kind = next(kind for kind in KINDS.values() if kind.scope == ApiKey.Scope.AUDIENCE)
    other = start_job(kind, app, {}, actor="ann", now=now)

    answers = [client.post(f"/api/v1/jobs/{pk}/cancel/") for pk in (report, other.pk)]

    assert [answer.status_code for answer in answers] == [200, 403]
    assert answers[0].json()["status"] == "cancelled"
    other.refresh_from_db()
    assert other.status == "waiting"


@pytest.mark.parametrize(
    ("body", "field"),
    [({}, "field"), ({"field": "password"}, "field"), ({"field": "device.custom."}, "field"),
     ({"field": "model", "app": "nowhere"}, "app"), ({"field": "model", "group": "7"}, "group"),
     ({"field": "model", "colour": 1}, "colour"),
     ({"field": "model", "date_from": "today", "date_to": "yesterday"}, "date_to")],
)  # fmt: skip
def test_a_background_report_that_is_none_is_refused_and_none_begins(client, app, body, field):
    refused = client.post(BACKGROUND, body)

    assert (refused.status_code, list(refused.json()["fields"])) == (400, [field])
    assert not Job.objects.exists()


def test_a_key_for_some_apps_of_several_names_one_of_them(workspace, app):
    others = [builders.make_app(workspace, slug=slug) for slug in ("second", "third")]
    client = make_client(workspace, apps=[app, others[0]])

    of_several = client.post(BACKGROUND, {"field": "model"})
    of_a_stranger = client.post(BACKGROUND, {"field": "model", "app": "third"})
    of_one = client.post(BACKGROUND, {"field": "model", "app": "second"})

    assert [of_several.status_code, of_a_stranger.status_code] == [400, 400]
    assert (of_one.status_code, of_one.json()["app"]) == (201, "second")
