"""A transfer's books taken apart, its course and its story: from counters and kept calls alone."""

from __future__ import annotations

from datetime import timedelta

import pytest

from campaigns.models import (
    Batch,
    Campaign,
    CampaignEvent,
    Correction,
    Counter,
    Exchange,
    Message,
    Part,
    SendMinute,
    Transfer,
)
from campaigns.models.packing import pack_cohorts, pack_ids
from campaigns.selectors.course import MOST, read_course
from campaigns.selectors.timeline import list_answers, list_moments
from campaigns.selectors.transfer_books import read_books
from tests import builders

pytestmark = pytest.mark.database


@pytest.fixture
def account(app):
    return builders.make_route(app, "android").account


@pytest.fixture
def transfer(app, account, now):
    """100 recipients: 60 sent, 5 failed on Android, 5 ids of nobody, 30 on iOS in the queue."""
    message = Message.objects.create(app=app, content={"body": "There"})
    campaign = Campaign.objects.create(
        workspace=app.workspace, app=app, name="One", message=message, audience={"all": True},
        status_since=now, created_at=now, created_by="owner",
    )  # fmt: skip
    transfer = Transfer.objects.create(
        app=app, group=app.groups.get(), campaign=campaign, status="sending", status_since=now,
        due_at=now, created_at=now, frozen_at=now, audience=100,
    )  # fmt: skip
    part = Part.objects.create(transfer=transfer, message=message, audience=100, resent=2)
    for platform, owner, outcome, reason, count in (
        ("android", account.pk, "sent", "", 60), ("android", account.pk, "failed", "token", 5),
        ("", 0, "skipped", "unknown_id", 5),
    ):  # fmt: skip
        Counter.objects.create(
            part=part, platform=platform, account_id=owner, outcome=outcome, reason=reason,
            count=count,
        )  # fmt: skip
    Batch.objects.create(
        part=part, transfer=transfer, app=app, platform="ios", count=30, due_at=now,
        recipients=pack_ids(range(30)), cohorts=pack_cohorts([1] * 30),
    )  # fmt: skip
    return transfer


def test_both_sides_of_the_equation_are_read_by_one_statement(
    transfer, account, django_assert_num_queries
):
    with django_assert_num_queries(2):
        books = read_books(transfer)

    assert books.counters.as_dict() == {
        "audience": 100, "sent": 60, "failed": 5, "skipped": 5, "expired": 0, "cancelled": 0,
        "unknown": 0, "pending": 30, "resent": 2,
    }  # fmt: skip
    assert books.is_good
    assert [(line.platform, line.account, line.total) for line in books.lines] == [
        ("", "", 5), ("android", account.name, 65),
    ]  # fmt: skip
    assert [(line.reason, line.count) for line in books.reasons] == [
        ("token", 5), ("unknown_id", 5),
    ]  # fmt: skip
    platforms = {key: counters for key, counters, _lines in books.list_platforms()}
    assert (platforms["ios"].pending, platforms["android"].audience) == (30, 65)


def test_who_stands_nowhere_or_twice_is_seen(transfer):
    Batch.objects.update(settled=10)
    lost = read_books(transfer)
    Batch.objects.update(settled=0)
    Counter.objects.filter(outcome="sent").update(count=61)
    twice = read_books(transfer)

    assert (lost.difference, lost.is_good) == (10, False)
    assert (twice.difference, twice.is_good) == (-1, False)


def test_what_has_ended_owes_nobody(transfer, now):
    transfer.finished_at = now

    assert not read_books(transfer).is_good


@pytest.mark.parametrize(
    ("minutes", "span"),
    [(1, 60), (59, 60), (100, 120), (700, 900), (3000, 3600), (90_000, 172_800)],
)
def test_a_course_of_any_length_has_few_pieces_and_loses_nobody(transfer, now, minutes, span):
    part = transfer.parts.get()
    listed = sorted({0, 1, minutes // 2, minutes - 1})
    SendMinute.objects.bulk_create(
        SendMinute(part=part, minute=now + timedelta(minutes=minute), count=60) for minute in listed
    )
    transfer.finished_at = now + timedelta(minutes=minutes)

    course = read_course(transfer, now=now + timedelta(days=100))

    assert course.span == span
    assert len(course.pieces) <= MOST + 1
    assert sum(piece.count for piece in course.pieces) == 60 * len(listed)


def test_a_course_that_has_not_begun_is_empty(transfer, now):
    assert read_course(transfer, now=now).pieces == ()


def test_the_story_is_told_from_the_launch_to_the_last_correction(transfer, account, now):
    later = [now + timedelta(minutes=minute) for minute in range(9)]
    CampaignEvent.objects.create(
        campaign=transfer.campaign, old="draft", new="sending", actor="ann", at=now
    )
    transfer.events.create(old="accepted", new="sending", actor="dispatch", at=later[1])
    for minute in (2, 2, 2, 8):
        Exchange.objects.create(
            account=account, transfer_id=transfer.pk, at=later[minute], method="POST", url="/",
            reason="throttled", status=429,
        )  # fmt: skip
    for _call in range(2):
        Correction.objects.create(
            part=transfer.parts.get(), old="unknown", new="sent", count=4, evidence="asked",
            actor="poll", at=later[4],
        )  # fmt: skip

    moments = list_moments(transfer)

    assert [(moment.kind, moment.count, moment.actor) for moment in moments] == [
        ("fault", 1, ""), ("correction", 8, "poll"), ("fault", 3, ""), ("transfer", 0, "dispatch"),
        ("frozen", 100, ""), ("begun", 0, ""), ("campaign", 0, "ann"),
    ]  # fmt: skip


def test_answers_are_the_last_ones_with_the_vendors_words(transfer, account, now):
    for number in range(25):
        Exchange.objects.create(
            account=account, transfer_id=transfer.pk, at=now, method="POST", url=f"/{number}",
            response="{}", status=200,
        )  # fmt: skip

    answers = list_answers(transfer)

    assert [answer.url for answer in answers[:2]] == ["/24", "/23"]
    assert len(answers) == 20
