"""Reports over pushes and texts: a device and a person of one number are two."""

from __future__ import annotations

from datetime import timedelta

import pytest

from campaigns.models import Counter, Part
from campaigns.services.job_work import drain_jobs
from campaigns.services.repeats import list_unknown_parts, may_repeat
from campaigns.services.report_jobs import Wanted, start_report
from providers.reports import Metric, ReportField
from tests import builders
from tests.campaigns.test_reports import NOON, ask, deliver, make_part, make_transfer, settle

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def make_text(transfer, number: int = 1) -> Part:
    part = make_part(transfer, number)
    Part.objects.filter(pk=part.pk).update(kind=Part.Kind.PERSON, channel="sms", step=number)
    part.refresh_from_db()
    return part


def test_users_are_devices_and_persons(app):
    """Two devices, one of them of two pushes, and one person of two texts."""
    transfer = make_transfer(app)
    for number, (make, recipients) in enumerate(
        [(make_part, [5, 6]), (make_part, [5]), (make_text, [5]), (make_text, [5])]
    ):
        part = make(transfer, number)
        deliver(part, settle(part, len(recipients)), recipients)

    whole = ask(app, Metric.USERS)
    by_transfer = ask(app, Metric.USERS, dimensions=(ReportField.TRANSFER,))

    assert whole.totals == by_transfer.totals == (3,)
    assert [row.metrics for row in by_transfer.rows] == [(3,)]


@pytest.mark.parametrize(
    ("field", "pushed", "texted"),
    [
        ("model", "Fold", ""),
        ("device.custom.plan", "free", ""),
        ("person.custom.plan", "", "gold"),
    ],
)
def test_a_person_has_nothing_of_a_devices(app, now, field, pushed, texted):
    attributes = {"plan": "gold", "model": "Pixel", "device.custom.plan": "silver"}
    builders.make_person(app.workspace, "ann", pk=5, attributes=attributes)
    builders.make_device(app, "of-bob", pk=5, model="Fold", attributes={"plan": "free"})
    transfer = make_transfer(app)
    for part in (make_part(transfer), make_text(transfer)):
        deliver(part, settle(part, 1), [5])
    day = timedelta(days=1)

    job = start_report(app, Wanted((app,), field, NOON - day, NOON + day, {}), actor="ann", now=now)
    drain_jobs()

    job.refresh_from_db()
    assert job.status == "done"
    assert sorted(job.cursor["values"]) == sorted({pushed, texted})


def count_unknown(part: Part) -> None:
    Counter.objects.create(part=part, platform="android", outcome="unknown", count=1)


def test_only_pushes_are_sent_again_to_the_unknown(app):
    transfer = make_transfer(app, finished_at=NOON)
    count_unknown(make_text(transfer))
    of_text = (list_unknown_parts(transfer), may_repeat(transfer))
    push = make_part(transfer, 2)
    count_unknown(push)

    assert of_text == ([], False)
    assert (list_unknown_parts(transfer), may_repeat(transfer)) == ([push], True)
