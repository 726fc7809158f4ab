"""Reports that a key is given once, whatever is pending before them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.core.cache import cache

from campaigns.dispatch import books
from campaigns.dispatch.plan import DEVICE_KIND
from campaigns.models import Message, Part, Submission, ToldReport, TrackedTarget, Transfer
from campaigns.services import intake, intake_tracked
from campaigns.services.callers import Caller
from providers.reports import FetchOutcomes
from tests import builders
from tests.compat.conftest import make_key
from tests.compat.small import make_dialect

pytestmark = [pytest.mark.django_db, pytest.mark.database]
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.fixture
def caller(app):
    return Caller(make_key(app)[0], make_dialect(), NOW)


@pytest.fixture
def follow(caller, app):
    """Make a push to devices of these ids, each of them followed."""

    def make(*devices, channel="push", **fields):
        call = Submission.objects.create(
            workspace=app.workspace, app=app, door=caller.dialect.key, created_at=NOW
        )
        transfer = Transfer.objects.create(
            app=app, group=app.groups.get(), submission=call, status_since=NOW, due_at=NOW,
            created_at=NOW, **fields,
        )  # fmt: skip
        message = Message.objects.create(app=app, content={"body": "There"})
        part = Part.objects.create(transfer=transfer, message=message, channel=channel)
        TrackedTarget.objects.bulk_create(
            TrackedTarget(
                submission=call, workspace=app.workspace, door=call.door, part=part, number=number,
                answered=f"{part.pk}-{device}", kind=DEVICE_KIND, value=device, count=1,
            )
            for number, device in enumerate(devices)
        )  # fmt: skip
        return part

    return make


def settle(part, device):
    page = books.Page(part_id=part.pk, platform=device.platform, at=NOW)
    books.append_deliveries(page, books.Verdict("expired"), [(device.pk, 0)])


def pull(caller, limit=50):
    told = intake.execute(FetchOutcomes(is_once=True, channel="push", limit=limit), caller)
    return [row.value for row in told.rows]


@pytest.mark.parametrize("before", [{}, {"channel": "sms", "finished_at": NOW}])
def test_a_report_is_given_however_many_others_stand_before_it(caller, follow, before):
    follow(*(f"waits-{number}" for number in range(2_100)), **before)
    follow("gone", finished_at=NOW)

    assert [pull(caller), pull(caller)] == [["gone"], []]


def test_the_next_call_goes_on_behind_the_pending_and_comes_round(caller, app, follow, monkeypatch):
    monkeypatch.setattr(intake_tracked, "MOST_LOOKED_AT", 2)
    first, last = (builders.make_device(app, token) for token in ("first", "last"))
    part = follow(str(first.pk), "waits-1", "waits-2", str(last.pk))
    settle(part, last)

    behind = [pull(caller), pull(caller)]
    settle(part, first)
    round_again = [pull(caller), pull(caller), pull(caller)]

    assert behind == [[], [str(last.pk)]]
    assert round_again == [[str(first.pk)], [], []]


def test_who_has_lost_the_place_is_told_nothing_twice(caller, follow):
    follow("a", "b", "c", finished_at=NOW)

    first, second = pull(caller, 1), pull(caller, 1)
    cache.clear()
    third, fourth = pull(caller, 1), pull(caller, 1)

    assert [first, second, third, fourth] == [["a"], ["b"], ["c"], []]


def test_what_another_call_has_told_before_the_lock_is_not_told_again(caller, follow, monkeypatch):
    follow("a", "b", finished_at=NOW)
    look = intake_tracked._list_ring

    def be_late(*asked):
        targets = look(*asked)
        ToldReport.objects.create(target=targets[0], api_key=caller.key)
        return targets

    monkeypatch.setattr(intake_tracked, "_list_ring", be_late)

    assert pull(caller) == ["b"]
