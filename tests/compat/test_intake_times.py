"""When a script's push is sent, how fast, how many at once, and how it is called back."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from campaigns.dispatch import engine
from campaigns.dispatch.freeze import find_due, freeze_transfer
from campaigns.dispatch.verify import check_books
from campaigns.errors import Conflict, Invalid, NotFound
from campaigns.models import Batch, Submission, Transfer
from campaigns.selectors.status import count_transfers
from campaigns.services import intake
from campaigns.services.callers import Caller
from providers import registry
from providers.commands import PushPart, Recalled, RecallPush, SendPush
from providers.contract import Addressing
from providers.message import AndroidContent, PushMessage
from providers.outcomes import Refusal, RefusalKind
from providers.recipients import Audience, PersonKind, Targets
from tests import builders
from tests.compat.conftest import make_key
from tests.compat.small import make_dialect

pytestmark = [pytest.mark.django_db, pytest.mark.database]
EVERYONE = PushPart(PushMessage(title="Hi", body="There"), audience=Audience())
PUSH = SendPush(parts=(EVERYONE,))


@pytest.fixture
def caller(app, now):
    dialect = make_dialect(running_limits={"task": 3})
    return Caller(make_key(app)[0], dialect, now)


def take(push, caller):
    return Transfer.objects.get(pk=intake.execute(push, caller).transfer)


def test_a_push_waits_for_its_time_and_is_frozen_then(app, caller, now):
    later = now + timedelta(hours=2)

    transfer = take(replace(PUSH, due_at=later, expires_in=60), caller)

    waiting = Transfer.objects.filter(pk=transfer.pk)
    assert not waiting.filter(find_due(later - timedelta(seconds=1))).exists()
    assert waiting.filter(find_due(later)).exists()
    assert (transfer.due_at, transfer.expires_at) == (later, later + timedelta(seconds=60))


def test_who_comes_while_a_push_waits_gets_it_too(app, caller, now):
    builders.make_route(app, "android")
    builders.make_device(app, "early")
    transfer = take(replace(PUSH, due_at=now + timedelta(hours=2)), caller)
    builders.make_device(app, "late")

    freeze_transfer(transfer, now=now + timedelta(hours=2))

    assert transfer.audience == 2


def test_what_should_have_been_sent_before_is_sent_now(caller, now):
    transfer = take(replace(PUSH, due_at=now - timedelta(hours=2), expires_in=60), caller)

    assert (transfer.due_at, transfer.expires_at) == (now, now + timedelta(seconds=60))


def test_a_push_at_each_recipients_own_hour(app, caller):
    builders.make_route(app, "android")
    builders.make_device(app, "east", timezone="Asia/Tokyo")
    builders.make_device(app, "west", timezone="America/New_York")
    push = replace(PUSH, wall_clock="2099-11-20T09:00", expires_in=600)

    transfer = take(push, caller)
    freeze_transfer(transfer, now=transfer.due_at)

    batches = Batch.objects.filter(transfer=transfer).order_by("due_at")
    assert transfer.due_at.isoformat() == "2099-11-19T19:00:00+00:00"
    assert [batch.due_at.isoformat() for batch in batches] == [
        "2099-11-20T00:00:00+00:00", "2099-11-20T14:00:00+00:00",
    ]  # fmt: skip
    assert {batch.expires_at - batch.due_at for batch in batches} == {timedelta(seconds=600)}


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"wall_clock": "tomorrow"}, "wall_clock"),
        ({"wall_clock": "2099-11-20T09:00+01:00"}, "wall_clock"),
        ({"rate": 0}, "rate"),
        ({"rate": 100_001}, "rate"),
        ({"client_key": "k" * 256}, "client_key"),
        ({"tag": "a\0b"}, "tag"),
        ({"parts": (replace(EVERYONE, message=PushMessage(body="a\0b")),)}, "message"),
    ],
)
def test_values_that_nothing_can_be_done_with_are_refused(caller, fields, field):
    with pytest.raises(Invalid) as refused:
        intake.execute(replace(PUSH, **fields), caller)

    assert refused.value.field == field
    assert not Submission.objects.exists()


def test_a_text_that_only_looks_unstorable_is_taken(caller):
    message = PushMessage(body="\\u0000")

    transfer = take(replace(PUSH, parts=(replace(EVERYONE, message=message),), rate=7), caller)

    assert transfer.parts.get().message.read() == message
    assert transfer.rate == 7


@pytest.fixture
def task(caller):
    return replace(PUSH, kind="task")


def test_one_more_of_a_kind_than_may_run_is_refused(caller, task):
    running = [take(task, caller) for _call in range(3)]

    with pytest.raises(Refusal) as refused:
        intake.execute(task, caller)
    unbounded = take(PUSH, caller)
    running[0].move_to("cancelled", actor="owner", now=caller.now)
    next_one = take(task, caller)

    assert refused.value.kind is RefusalKind.BUSY
    assert {transfer.kind for transfer in running} == {next_one.kind} == {"task"}
    assert unbounded.kind == ""
    assert Submission.objects.count() == 5


def test_a_kind_is_bounded_in_each_app_alone(app, caller, task, now):
    other = builders.make_app(app.workspace, "other")
    second = replace(caller, key=make_key(other)[0])

    taken = [take(task, who) for who in (caller, second) for _call in range(3)]

    assert [transfer.app for transfer in taken] == [app] * 3 + [other] * 3


def test_what_is_due_later_counts_from_then(caller, task, now):
    later = now + timedelta(hours=1)
    waiting = [take(replace(task, due_at=later), caller) for _call in range(4)]
    running = [take(task, caller) for _call in range(3)]

    with pytest.raises(Refusal):
        intake.execute(task, replace(caller, now=later))

    assert len(waiting) + len(running) == 7


def test_a_push_is_called_back_before_its_time(app, caller, now):
    builders.make_route(app, "android")
    builders.make_device(app, "one")
    transfer = take(replace(PUSH, due_at=now + timedelta(hours=2)), caller)

    answer = intake.execute(RecallPush(str(transfer.pk)), caller)
    engine.drain(clock=lambda: now)

    transfer.refresh_from_db()
    counters = count_transfers([transfer.pk])[transfer.pk]
    assert answer == Recalled()
    assert (transfer.status, transfer.finished_at) == ("cancelled", now)
    assert (counters.audience, counters.cancelled, counters.sent) == (1, 1, 0)
    assert check_books().faults == []


def test_what_is_over_cannot_be_called_back(caller):
    transfer = take(PUSH, caller)
    intake.execute(RecallPush(str(transfer.pk)), caller)

    with pytest.raises(Conflict):
        intake.execute(RecallPush(str(transfer.pk)), caller)


def test_what_a_worker_moves_meanwhile_is_called_back_all_the_same(caller, monkeypatch):
    transfer = take(PUSH, caller)
    move, moved = Transfer.move_to, []

    def move_after_a_worker(row, new, **fields):
        if not moved:
            moved.append(Transfer.objects.filter(pk=row.pk).update(status="sending"))
        move(row, new, **fields)

    monkeypatch.setattr(Transfer, "move_to", move_after_a_worker)

    intake.execute(RecallPush(str(transfer.pk)), caller)

    transfer.refresh_from_db()
    assert (moved, transfer.status) == ([1], "cancelled")


@pytest.mark.parametrize("text", ["", "x", "99999", "-1"])
def test_nobody_calls_back_what_is_not_there(caller, text):
    with pytest.raises(NotFound):
        intake.execute(RecallPush(text), caller)


def test_nobody_calls_back_what_is_somebody_elses(app, caller):
    transfer = take(PUSH, caller)
    stranger = make_key(builders.make_app(builders.make_workspace("elsewhere")))[0]

    with pytest.raises(NotFound):
        intake.execute(RecallPush(str(transfer.pk)), replace(caller, key=stranger))

    transfer.refresh_from_db()
    assert transfer.status == "accepted"


@pytest.mark.parametrize(
    ("part", "field"),
    [
        (EVERYONE, "audience"),
        (PushPart(EVERYONE.message, (Targets(PersonKind.EMAIL, ("a@x.org",)),)), "targets"),
        (PushPart(EVERYONE.message, (Targets("token", ("t-1",)),)), "targets"),
    ],
)
def test_where_the_dialect_says_so_nobody_is_a_refusal(app, caller, part, field):
    strict = replace(caller, dialect=make_dialect(refuses_empty=True))
    push = SendPush(parts=(part,))

    with pytest.raises(NotFound) as refused:
        intake.execute(push, strict)
    lenient = take(push, caller)
    person = builders.make_person(app.workspace, email="a@x.org")
    builders.make_device(app, "t-1", person=person)
    reached = take(push, strict)

    assert (refused.value.field, refused.value.code) == (field, "nobody")
    assert lenient.pk != reached.pk


@pytest.fixture
def selecting(monkeypatch):
    """The route's vendor selects its recipients itself."""
    dialect = registry.get("sandbox")
    limits = replace(dialect.limits, addressing=frozenset({Addressing.EVERYONE}))
    everyone = replace(dialect, limits=limits)
    monkeypatch.setattr(
        registry, "get", lambda key: everyone if key == dialect.key else make_dialect(key)
    )


NAMED = SendPush(parts=(PushPart(EVERYONE.message, (Targets("token", ("t-1",)),)),))


def test_a_list_that_no_route_takes_is_refused_at_once(app, caller, selecting):
    builders.make_route(app, "android")

    with pytest.raises(Invalid) as refused:
        intake.execute(NAMED, caller)

    assert (refused.value.field, refused.value.code) == ("targets", "not_addressable")
    assert not Submission.objects.exists()


def test_a_dialect_that_judges_later_takes_the_list_and_the_transfer_fails(app, caller, selecting):
    builders.make_route(app, "android")
    late = replace(caller, dialect=make_dialect(judges_later=True))

    transfer = take(NAMED, late)
    freeze_transfer(transfer, now=caller.now)

    assert transfer.faults == [{"kind": "not_addressable", "platform": "android"}]
    assert transfer.status == "failed"


def test_a_list_is_taken_where_another_platform_only_selects(app, caller, selecting):
    builders.make_route(app, "ios")
    part = replace(NAMED.parts[0], message=PushMessage(android=AndroidContent(body="Hi")))

    assert take(replace(NAMED, parts=(part,)), caller).faults == []


def test_who_read_the_clock_before_the_others_is_refused_too(app, caller, now):
    task = replace(PUSH, kind="task")
    for number in range(3):
        take(replace(task, name=str(number)), replace(caller, now=now + timedelta(seconds=1)))

    with pytest.raises(Refusal) as refused:
        take(task, caller)

    assert refused.value.kind is RefusalKind.BUSY
