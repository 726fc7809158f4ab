"""A script that waits for the outcome: a worker sends, the web thread only looks."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from campaigns.dispatch import engine
from campaigns.dispatch.verify import check_books
from campaigns.models import Account, Attempt, Device, Transfer
from campaigns.selectors.status import count_transfers
from campaigns.selectors.target_outcomes import Settlement, judge_targets
from campaigns.services import intake, intake_wait
from campaigns.services.callers import Caller
from providers import vault
from providers.commands import PushPart, SendPush
from providers.message import PushMessage
from providers.outcomes import Outcome, Reason, Refusal, RefusalKind, Result
from providers.recipients import PersonKind, Targets
from providers.simulator import read_plan
from tests import builders
from tests.compat.conftest import make_key
from tests.compat.small import make_dialect
from tests.vendor_cases.conftest import simulator

__all__ = ["simulator"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
MESSAGE = PushMessage(title="Hi", body="There")
PEOPLE = ("ann", "bo", "cy", "nobody")


def make_push(*values, kind=PersonKind.EXTERNAL_USER_ID, **fields):
    part = PushPart(MESSAGE, (Targets(kind, values),))
    return SendPush(parts=(part,), **{"wait": 20.0, **fields})


@pytest.fixture
def caller(app):
    return Caller(make_key(app)[0], make_dialect(), datetime.now(UTC))


@pytest.fixture
def people(app, simulator):
    """Ann has two devices, Bo one without a token that lives, Cy none."""
    builders.make_route(app, "android")
    Account.objects.update(credentials=vault.encrypt({"api_key": "good"}))
    ann, bo, _cy = (builders.make_person(app.workspace, name) for name in PEOPLE[:3])
    builders.make_device(app, "ann-1", person=ann)
    builders.make_device(app, "ann-2", person=ann)
    builders.make_device(app, "bo-1", person=bo)


class Hands:
    """Workers that work while somebody sleeps, at a time that his naps move on."""

    def __init__(self, monkeypatch, start):
        self.now = self.start = start
        self.naps = []
        self.are_idle = False
        self.is_locked = []
        monkeypatch.setattr(intake_wait, "sleep", self.sleep)
        monkeypatch.setattr(intake_wait, "monotonic", self.read_seconds)

    def read_seconds(self):
        return (self.now - self.start).total_seconds()

    def sleep(self, seconds):
        self.naps.append(seconds)
        self.is_locked.append(connection.in_atomic_block)
        self.now += timedelta(seconds=seconds)
        if not self.are_idle:
            engine.pump("worker", clock=lambda: self.now)


@pytest.fixture
def hands(monkeypatch, caller):
    return Hands(monkeypatch, caller.now)


def test_each_target_gets_its_outcome_by_its_place(people, caller, hands, simulator):
    simulator.follow(read_plan({"faults": ["unregistered:id=bo-1"], "seed": 7}))

    accepted = intake.execute(make_push(*PEOPLE), caller)

    ann, bo, cy, nobody = accepted.results
    assert ann == Result(0, Outcome.ACCEPTED)
    assert (bo.outcome, bo.reason, bo.retry_after) == (Outcome.FAILED, Reason.TOKEN, None)
    assert cy == Result(2, Outcome.FAILED, Reason.NO_TOKEN)
    assert nobody == Result(3, Outcome.FAILED, Reason.UNKNOWN_ID)
    assert hands.is_locked
    assert not any(hands.is_locked)


def test_a_person_is_reached_when_one_device_is(people, caller, hands, simulator):
    simulator.follow(read_plan({"faults": ["unregistered:id=ann-1"], "seed": 7}))

    accepted = intake.execute(make_push("ann"), caller)

    transfer = Transfer.objects.get()
    counters = count_transfers([transfer.pk])[transfer.pk]
    assert accepted.results == (Result(0, Outcome.ACCEPTED),)
    assert (counters.sent, counters.failed) == (1, 1)


def test_what_is_waited_for_is_sent_once_first_and_not_later(people, caller, hands):
    accepted = intake.execute(make_push("ann", expires_in=600), caller)

    transfer = Transfer.objects.get(pk=accepted.transfer)
    assert (transfer.policy, transfer.priority) == ("at_most_once", 0)
    assert transfer.expires_at == caller.now + timedelta(seconds=20)


def test_nobody_is_sent_to_after_the_deadline(people, caller, hands):
    hands.are_idle = True

    accepted = intake.execute(make_push("ann", wait=2.0), caller)
    engine.drain(clock=lambda: hands.now + timedelta(seconds=1))

    transfer = Transfer.objects.get()
    counters = count_transfers([transfer.pk])[transfer.pk]
    assert accepted.results == (Result(0, Outcome.UNKNOWN, Reason.NO_ANSWER),)
    assert sum(hands.naps) == pytest.approx(2.0)
    assert max(hands.naps) <= intake_wait.LONGEST_NAP
    assert (counters.expired, counters.sent, counters.pending) == (2, 0, 0)
    assert not Attempt.objects.exists()
    assert check_books().faults == []


def test_what_expired_while_somebody_waited_is_said_to_have(people, caller, hands):
    accepted = intake.execute(make_push("ann", expires_in=0), caller)

    assert accepted.results == (Result(0, Outcome.EXPIRED, Reason.TOO_LATE),)


def test_what_the_vendor_puts_off_until_after_the_deadline_expires(
    people, caller, hands, simulator
):
    simulator.follow(read_plan({"faults": ["recipient_later:id=ann-1"], "seed": 7}))
    Device.objects.get(token="ann-2").delete()

    results = intake.execute(make_push("ann", "bo", wait=3.0), caller).results

    assert results == (
        Result(0, Outcome.EXPIRED, Reason.TOO_LATE),
        Result(1, Outcome.ACCEPTED),
    )


def judge(*settlements, count=None):
    targets = Targets("token", ("t",))
    settled = dict(enumerate(settlements))
    found = [("t", device) for device in range(count or len(settlements))]
    return next(iter(judge_targets(targets, found, settled, app=None, first=0)))


def test_who_has_no_device_is_known_by_an_address_in_any_spelling(app):
    builders.make_person(app.workspace, "ann", email="Ann@X.example")
    targets = Targets("email", ("ANN@x.example", "bo@x.example"))

    results = judge_targets(targets, (), {}, app, first=0)

    assert [result.reason for result in results] == [Reason.NO_TOKEN, Reason.UNKNOWN_ID]


def test_a_lasting_reason_goes_before_what_another_try_may_mend():
    later = Settlement("failed", "vendor", "Come back.")
    never = Settlement("failed", "payload", "Too long.")
    expired = Settlement("expired", "too_late")

    assert judge(later, never) == Result(0, Outcome.FAILED, Reason.PAYLOAD, "Too long.")
    assert judge(expired, later) == Result(0, Outcome.FAILED, Reason.VENDOR, "Come back.", 1.0)
    assert judge(expired, expired) == Result(0, Outcome.EXPIRED, Reason.TOO_LATE)
    assert judge(expired, count=2) == Result(0, Outcome.UNKNOWN, Reason.NO_ANSWER)
    assert judge(never, Settlement("sent", "")) == Result(0, Outcome.ACCEPTED)


def test_the_same_call_again_is_answered_with_what_became_of_the_first(people, caller, hands):
    push = make_push("ann", client_key="k-1")

    first, second = intake.execute(push, caller), intake.execute(push, caller)

    assert first == second
    assert Transfer.objects.count() == 1


def test_at_most_half_of_the_threads_wait(people, caller, hands, settings):
    settings.WEB_THREADS = 4
    push = make_push("ann")

    with intake_wait.PLACES.hold(), intake_wait.PLACES.hold():
        with pytest.raises(Refusal) as refused:
            intake.execute(push, caller)
        patient = intake.execute(replace(push, wait=0.0), caller)
    waited = intake.execute(push, caller)

    assert refused.value.kind is RefusalKind.THROTTLED
    assert refused.value.retry_after == 1.0
    assert (patient.results, len(waited.results)) == ((), 1)


def test_a_caller_who_is_refused_leaves_his_place(people, caller, hands, settings):
    settings.WEB_THREADS = 2
    wrong = make_push("ann", tag="x" * 300)

    for _call in range(2):
        with pytest.raises(Refusal) as refused:
            intake.execute(wrong, caller)

    assert refused.value.kind is RefusalKind.INVALID
    assert intake_wait.PLACES.taken == 0


def test_ids_of_devices_are_answered_too(people, caller, hands):
    tokens = make_push("ann-1", "gone", "bo-1", kind="token")

    outcomes = [result.outcome for result in intake.execute(tokens, caller).results]

    assert outcomes == [Outcome.ACCEPTED, Outcome.FAILED, Outcome.ACCEPTED]
