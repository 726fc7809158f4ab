"""What scripts planned long ago is forgotten with what was bound to it, and nothing else is."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from campaigns.dispatch.prune import prune
from campaigns.models import ScriptRecord, ScriptSchedule, Transfer
from campaigns.services import intake
from campaigns.services.callers import Caller
from providers.commands import PushPart, SendPush
from providers.message import PushMessage
from providers.schedules import SaveRecord, SaveSchedule
from tests.compat.conftest import make_key
from tests.compat.planning import PLAIN, PLANNING, make_schedule

pytestmark = [pytest.mark.django_db, pytest.mark.database]
HOUR = timedelta(hours=1)
YEARS = timedelta(days=800)


def test_only_what_is_over_is_forgotten(app, now, settings):
    settings.KEEP_SCHEDULES_DAYS = 400
    planner = Caller(make_key(app)[0], PLANNING, now)
    plain = replace(planner, dialect=PLAIN)
    sent = intake.execute(make_schedule(now + HOUR, "One"), planner)
    far = intake.execute(make_schedule(now + HOUR, "Two"), planner)
    series = make_series(now)
    kept = intake.execute(series, plain)
    off = intake.execute(replace(series, is_enabled=False), plain)
    free = intake.execute(SaveRecord(kind="text", body={"text": "Free"}), planner)
    Transfer.objects.filter(planned__schedule=far.id).update(due_at=now + YEARS)

    early, late = prune(now + timedelta(days=399)), prune(now + YEARS)

    assert (early["schedules"], late["schedules"], late["records"]) == (0, 1, 1)
    left = {str(pk) for pk in ScriptSchedule.objects.values_list("pk", flat=True)}
    assert left == {far.id, kept.id, off.id}
    assert {str(pk) for pk in ScriptRecord.objects.values_list("pk", flat=True)} == {
        far.records[0].id, free.id,
    }  # fmt: skip
    assert sent.id not in left
    assert Transfer.objects.count() == 2


def make_series(now):
    parts = (PushPart(PushMessage(title="Hi", body="There")),)
    push = SendPush(parts=parts, wall_clock="2026-11-20T13:00")
    return SaveSchedule(
        name="Daily", push=push, body={"a": 1}, recurrence={"unit": "day"}, timezone="UTC"
    )
