"""How often, and when, those of a batch are tried again: each for themselves."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from campaigns.dispatch import fan_out
from campaigns.dispatch.answers import MAX_RETRIES
from campaigns.dispatch.engine import pump
from campaigns.dispatch.freeze import freeze_transfer
from campaigns.dispatch.texts import Texts, find_texts
from campaigns.models import Attempt, Batch
from campaigns.models.packing import unpack_ids
from providers.outcomes import Outcome, Reason
from providers.recipients import TOKEN_KIND, Targets
from providers.templates import Slot
from tests.campaigns.dispatch.gateways import (
    REST,
    SILENCE,
    Answer,
    Calls,
    Gateway,
    make_clock,
    say,
)
from tests.campaigns.dispatch.phones import (
    CHUNK,
    PHONES,
    Start,
    count_outcomes,
    count_resent,
    name_phone,
    now,
    send,
)

__all__ = ["now"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
BUSY = say(reason=Reason.VENDOR, message="Internal error")
FAILS = say(Outcome.UNKNOWN, reason=Reason.VENDOR, message="Internal error")
LATER = say(reason=Reason.VENDOR, retry_after=900.0, message="Too often to this device")
SLOT = Slot("text", 100, "Hi {{ person.id }}")
SHORT = timedelta(microseconds=8)


def write_texts(said: dict[int, str]) -> bytes:
    places = {one: place for place, one in enumerate(said)}
    return Texts((SLOT,), [(text,) for text in said.values()], places).pack(said)


def read_said(batch: Batch) -> dict[int, str]:
    texts = find_texts(batch)
    assert texts is not None
    return {one: texts.choices[place][0] for one, place in texts.places.items()}


@pytest.fixture
def _short_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every pass ends before the batch does."""
    monkeypatch.setattr(fan_out, "TURN", SHORT)


@pytest.mark.usefixtures("_short_turns")
def test_who_has_to_wait_is_not_called_with_those_who_were_not_yet(
    gateway: Gateway, begin: Start, now: datetime
) -> None:
    gateway.wishes = {name_phone(0): [LATER]}
    transfer = begin()

    first = send(transfer, now)
    times = Tally(gateway.calls)
    second = send(transfer, now, hours=1)

    assert first == {"sent": PHONES - 1}
    assert times[name_phone(0)] == 1
    assert second == {"sent": PHONES}
    assert count_resent(transfer) == 0


@pytest.mark.usefixtures("_short_turns")
def test_others_are_set_apart_with_the_texts_that_were_rendered_for_them(
    gateway: Gateway, begin: Start, now: datetime
) -> None:
    gateway.wishes = {name_phone(0): [LATER]}
    transfer = begin()
    batch = Batch.objects.get(transfer=transfer)
    said = {one: f"Hi {one}" for one in unpack_ids(batch.recipients)}
    batch.texts = write_texts(said)
    batch.save()

    pump("worker", clock=make_clock(now, 0))

    waiting, others = Batch.objects.filter(transfer=transfer).order_by("pk")
    assert waiting.retries == 1
    assert waiting.due_at >= now + timedelta(seconds=900)
    assert others.retries == 0
    assert others.due_at < now + timedelta(seconds=60)
    members = [*unpack_ids(waiting.recipients), *unpack_ids(others.recipients)]
    assert sorted(members) == members
    assert len(members) == waiting.count + others.count == PHONES
    for one in (waiting, others):
        assert read_said(one) == {pk: said[pk] for pk in unpack_ids(one.recipients)}


@pytest.mark.usefixtures("_short_turns")
@pytest.mark.parametrize("answer", [lambda place: SILENCE, FAILS], ids=["silence", "a failure"])
def test_who_is_in_doubt_waits_alone_and_is_called_again_once(
    gateway: Gateway, begin: Start, now: datetime, answer: Callable[[int], Answer]
) -> None:
    gateway.wishes = {name_phone(0): [answer]}
    transfer = begin()

    pump("worker", clock=make_clock(now, 0))
    waiting, others = Batch.objects.filter(transfer=transfer).order_by("pk")
    ended = send(transfer, now, hours=1)

    assert waiting.count - waiting.settled == 1
    assert (waiting.retries, others.retries) == (1, 0)
    assert others.due_at < now + timedelta(seconds=1)
    assert ended == {"sent": PHONES}
    assert Tally(gateway.calls)[name_phone(0)] == 2
    assert gateway.summarize()["accepted_recipients"] == PHONES + 1
    assert count_resent(transfer) == 1


def test_whom_an_earlier_call_may_have_reached_is_never_set_apart(
    gateway: Gateway, begin: Start, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even where a pass ends before he was called again: nobody would count the repeat."""
    doubted = [name_phone(number) for number in range(0, PHONES, 2)]
    gateway.wishes = {name: [FAILS] for name in doubted} | {doubted[0]: [FAILS, FAILS]}
    transfer = begin()

    first = send(transfer, now)
    with monkeypatch.context() as soon:
        soon.setattr(fan_out, "TURN", SHORT)
        pump("worker", clock=make_clock(now, 1))
    settled = count_outcomes(transfer)["sent"]
    ended = send(transfer, now, hours=2)

    assert first == {"sent": PHONES // 2}
    assert PHONES // 2 < settled < PHONES
    assert ended == {"sent": PHONES}
    assert len(gateway.calls) - PHONES == len(doubted) + 1
    assert count_resent(transfer) >= len(doubted) + 1


@pytest.mark.usefixtures("_short_turns")
def test_tries_of_some_are_none_of_the_others(
    gateway: Gateway, begin: Start, now: datetime
) -> None:
    """In every pass somebody fails for a moment: nobody is given up who was called once or
    twice."""
    gateway.wishes = {name_phone(number): [BUSY] for number in range(0, PHONES, 4)}
    transfer = begin()

    for hour in range(PHONES):
        outcomes = send(transfer, now, hours=hour)
        if outcomes.total() == PHONES:
            break

    assert outcomes == {"sent": PHONES}
    assert max(Tally(gateway.calls).values()) == 2
    assert Attempt.objects.count() > 2 * MAX_RETRIES


def test_a_vendor_that_is_out_for_long_costs_only_those_who_were_called(
    gateway: Gateway, begin: Start, now: datetime
) -> None:
    gateway.usual = BUSY
    transfer = begin()

    for hour in range(MAX_RETRIES + 1):
        send(transfer, now, hours=2 * hour)
    lost = count_outcomes(transfer)
    gateway.usual = say(Outcome.ACCEPTED)
    ended = send(transfer, now, hours=2 * MAX_RETRIES + 3)

    assert 0 < lost["failed vendor"] <= 2 * CHUNK
    assert ended == {**lost, "sent": PHONES - lost["failed vendor"]}
    assert max(Tally(gateway.calls).values()) == MAX_RETRIES + 1


def rest(monkeypatch: pytest.MonkeyPatch, *numbers: int) -> None:
    """From now on these phones' addresses, and no others, have asked to wait."""
    monkeypatch.setattr(Calls, "resting", frozenset(map(name_phone, numbers)))


def test_who_is_not_called_as_an_address_rests_uses_up_no_try(
    gateway: Gateway, begin: Start, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    transfer = begin()
    tired = range(40, 60)
    rest(monkeypatch, *tired)

    first = send(transfer, now)
    due = Batch.objects.get(transfer=transfer).due_at
    for hour in range(1, MAX_RETRIES + 2):
        send(transfer, now, hours=hour)
    batch, waiting = Batch.objects.get(transfer=transfer), count_outcomes(transfer)
    rest(monkeypatch)
    ended = send(transfer, now, hours=MAX_RETRIES + 2)

    assert first == waiting == {"sent": PHONES - len(tired)}
    assert timedelta(seconds=REST) <= due - now < timedelta(seconds=REST + 60)
    assert batch.retries == 0
    assert "asked to wait" in Attempt.objects.filter(batch=batch).order_by("-pk")[1].words
    assert ended == {"sent": PHONES}
    assert set(Tally(gateway.calls).values()) == {1}


def test_addresses_that_rest_hold_up_nobody_elses_calls(
    gateway: Gateway, begin: Start, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many there are, and though they fill whole windows."""
    gateway.streams = CHUNK
    transfer = begin()
    rest(monkeypatch, *range(PHONES - 1))

    pump("worker", clock=make_clock(now, 0))

    assert gateway.calls == [name_phone(PHONES - 1)]
    assert count_outcomes(transfer) == {"sent": 1}


def test_who_rests_waits_apart_from_those_who_were_called_and_failed(
    gateway: Gateway, begin: Start, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway.wishes = {name_phone(70): [BUSY]}
    transfer = begin()
    rest(monkeypatch, 3, 90)

    pump("worker", clock=make_clock(now, 0))
    called, resting = Batch.objects.filter(transfer=transfer).order_by("pk")
    rest(monkeypatch)
    ended = send(transfer, now, hours=1)

    assert (called.retries, resting.retries) == (1, 0)
    assert called.due_at - now < timedelta(seconds=60)
    assert resting.due_at - now >= timedelta(seconds=REST)
    assert (called.count, resting.count) == (PHONES - 2, 2)
    assert ended == {"sent": PHONES}
    assert Tally(gateway.calls)[name_phone(70)] == 2


def test_who_rests_ends_with_the_others_when_a_scripts_account_is_refused(
    gateway: Gateway, submit: Start, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway.usual = say(reason=Reason.CREDENTIAL, message="Bad key")
    gateway.wishes = {name_phone(1): [say(Outcome.ACCEPTED)]}
    rest(monkeypatch, 0)
    transfer = submit(Targets(TOKEN_KIND, tuple(name_phone(number) for number in range(9))))
    freeze_transfer(transfer, now=now)

    pump("worker", clock=make_clock(now, 0))

    assert count_outcomes(transfer) == {"sent": 1, "failed credential": 8}
