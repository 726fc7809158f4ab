"""Traces of calls with many messages and of people with many devices: nothing true is left out."""

from __future__ import annotations

import pytest

from campaigns.dispatch import freeze
from campaigns.dispatch.plan import NewPart, NewTransfer, create_transfer
from campaigns.models import Device, Group, Message, Submission
from campaigns.selectors import trace
from campaigns.selectors.trace import trace_transfer
from providers.recipients import TOKEN_KIND, Targets
from tests import builders
from tests.builders import CONTENT

pytestmark = pytest.mark.database
MANY = 30


@pytest.fixture
def send_batch(routed, now):
    """A script's call of as many messages as lists of tokens; gives its transfer, frozen."""

    def send_batch(*tokens):
        submission = Submission.objects.create(
            workspace=routed.workspace, app=routed, door="sandbox", created_at=now
        )
        message = Message.objects.create(app=routed, content=CONTENT)
        plan = NewTransfer(
            app=routed, group=Group.objects.get(app=routed), submission=submission,
            parts=tuple(NewPart(message, (Targets(TOKEN_KIND, some),)) for some in tokens),
        )  # fmt: skip
        transfer = create_transfer(plan, actor="sandbox", now=now)
        freeze.freeze_transfer(transfer, now=now)
        transfer.refresh_from_db()
        return transfer

    return send_batch


@pytest.fixture
def hoarder(routed):
    """Somebody with many devices, by the numbers of their tokens."""
    person = builders.make_person(routed.workspace, "hoarder")
    for number in range(MANY):
        builders.make_device(routed, f"t{number}", person=person)
    return person


def list_told(told):
    return [(one.part.number, one.name, one.outcome) for one in told.recipients]


def list_rest(told):
    return [(one.outcome, one.count, one.parts, one.devices) for one in told.rest]


def test_the_message_that_was_for_them_is_told_wherever_it_stands(routed, send_batch, owner):
    builders.make_device(routed, "other")
    mine = builders.make_device(routed, "mine")
    transfer = send_batch(*[("other",)] * (MANY - 1), ("mine",))

    told = trace_transfer(transfer, f"device {mine.pk}", owner)

    assert list_told(told) == [(MANY - 1, str(mine), "pending")]
    assert list_rest(told) == [("", MANY - 1, tuple(range(20)), (mine.pk,))]
    assert told.rest[0].words == "It was not for them."
    assert told.rest[0].has_more_parts


def test_who_is_in_none_of_many_messages_is_told_why_once(routed, send_batch, owner):
    builders.make_device(routed, "other")
    mine = builders.make_device(routed, "mine")
    transfer = send_batch(*[("other",)] * MANY)

    told = trace_transfer(transfer, f"device {mine.pk}", owner)
    asked = trace_transfer(transfer, f"device {mine.pk}", owner, part=MANY - 1)
    wrong = trace_transfer(transfer, f"device {mine.pk}", owner, part=MANY)

    assert list_told(told) == [(0, str(mine), "")]
    assert list_rest(told) == [("", MANY - 1, tuple(range(1, 21)), (mine.pk,))]
    assert list_told(asked) == [(MANY - 1, str(mine), "")]
    assert (asked.notes, asked.rest) == ((), ())
    assert wrong.notes == ("The transfer has no part with this number.",)


def test_of_many_devices_those_that_got_it_are_told_first(send_batch, hoarder, owner):
    transfer = send_batch(("t25", "t28"))
    ids = dict(Device.objects.values_list("token", "pk"))

    told = trace_transfer(transfer, "hoarder", owner)

    outcomes = {one.pk: one.outcome for one in told.recipients}
    assert [pk for pk, outcome in outcomes.items() if outcome] == [ids["t25"], ids["t28"]]
    assert len(outcomes) == 20
    left = tuple(sorted(set(ids.values()) - set(outcomes)))
    assert list_rest(told) == [("", MANY - 20, (0,), left)]


def test_of_many_devices_and_messages_each_message_is_told_of(send_batch, hoarder, owner):
    tokens = tuple(f"t{number}" for number in range(MANY))
    transfer = send_batch(tokens, tokens, tokens[:1])

    told = trace_transfer(transfer, "hoarder", owner)

    numbers = [one.part.number for one in told.recipients]
    assert {number: numbers.count(number) for number in (0, 1, 2)} == {0: 10, 1: 9, 2: 1}
    assert {one.outcome for one in told.recipients} == {"pending"}
    assert [(one.outcome, one.count) for one in told.rest] == [("pending", 41), ("", 29)]


@pytest.mark.usefixtures("hoarder")
def test_more_devices_than_are_looked_at_are_said_to_be_there(send_batch, owner, monkeypatch):
    monkeypatch.setattr(trace, "MOST_DEVICES", 5)
    transfer = send_batch(("t1",))

    told = trace_transfer(transfer, "hoarder", owner)

    assert len(told.recipients) == 5
    words = "They have more than 5 devices; of the others ask by number: device 12."
    assert told.notes == (words,)


@pytest.mark.usefixtures("hoarder")
def test_what_is_too_long_to_read_is_counted(send_batch, owner, monkeypatch):
    monkeypatch.setattr(trace, "MOST_LETTERS", 100)
    transfer = send_batch(("t1", "t2", "t3"))

    told = trace_transfer(transfer, "hoarder", owner)

    assert len(told.recipients) == 1
    assert sum(one.count for one in told.rest) == MANY - 1
    assert [one.count for one in told.rest if one.outcome == "pending"] == [2]
