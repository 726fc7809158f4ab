"""Which transfers a report in the background reads: those that can have sent in its days."""

from __future__ import annotations

from datetime import timedelta

import pytest

from campaigns.models import Cohort, Delivery
from tests import builders
from tests.campaigns.test_dimensions import count
from tests.campaigns.test_reports import NOON, make_part, make_transfer

pytestmark = pytest.mark.database
DAY = timedelta(days=1)
START = NOON - DAY  # of what `count` counts


@pytest.fixture
def send(app):
    """A transfer with one recipient who was sent to then."""
    cohort = Cohort.objects.create(app=app, platform="ios")

    def send(name, at, began, ended):
        transfer = make_transfer(app, name=name, audience=1, at=began, finished_at=ended)
        device = builders.make_device(app, name, model=name)
        Delivery.objects.create(
            part_id=make_part(transfer).pk, recipient=device.pk, at=at, cohort_id=cohort.pk,
            outcome="sent",
        )  # fmt: skip

    return send


def test_what_ended_before_these_days_is_not_read(app, send, now):
    for number in range(3):
        send(f"old {number}", START - 9 * DAY, START - 9 * DAY, START - 8 * DAY)
    send("new", NOON, NOON, NOON)

    job = count(app, "model", now)

    assert set(job.cursor["values"]) == {"new"}
    assert (job.done, job.total) == (1, 1)


@pytest.mark.parametrize(
    ("began", "ended"),
    [
        (START - 300 * DAY, NOON),
        (START - 300 * DAY, NOON + 300 * DAY),
        (START - 300 * DAY, None),
        (START - 300 * DAY, START - timedelta(seconds=5)),  # by the clock of another host
        (NOON, NOON + 300 * DAY),
    ],
)
def test_what_was_still_sent_in_these_days_is_counted_whenever_it_began(
    app, send, now, began, ended
):
    send("long", START, began, ended)

    assert set(count(app, "model", now).cursor["values"]) == {"long"}


def test_of_what_was_sent_before_and_in_these_days_these_are_counted(app, send, now):
    send("before", START - timedelta(seconds=1), START - DAY, NOON)
    send("in time", START, START - DAY, NOON)

    job = count(app, "model", now)

    assert (set(job.cursor["values"]), job.done) == ({"in time"}, 2)


def test_what_was_made_by_a_clock_that_is_ahead_is_counted(app, send, now):
    seconds = timedelta(seconds=5)
    send("ahead", NOON + DAY - seconds, NOON + DAY + seconds, None)

    assert set(count(app, "model", now).cursor["values"]) == {"ahead"}
