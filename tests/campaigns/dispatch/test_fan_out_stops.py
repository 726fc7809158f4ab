"""What stops a fan-out that is under way: a person, a worker's end, others' turns, time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import pytest

from campaigns.dispatch import fan_out
from campaigns.dispatch.engine import pump
from campaigns.dispatch.rests import LOOK
from campaigns.models import (
    Account,
    AddressRest,
    Allowance,
    App,
    Attempt,
    Batch,
    Campaign,
    Transfer,
)
from campaigns.services import campaigns
from providers.outcomes import Reason
from tests.campaigns.dispatch.gateways import (
    ACCEPTED,
    REST,
    STREAMS,
    Calls,
    Gateway,
    make_clock,
    say,
)
from tests.campaigns.dispatch.phones import CHUNK, PHONES, Start, name_phone, now, send

__all__ = ["now"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]


def test_a_pause_lets_at_most_what_is_written_out_and_the_rest_goes_later(
    gateway: Gateway, begin: Start, now: datetime
) -> None:
    transfer = begin()

    def pause(token: str) -> None:
        if len(gateway.calls) == 30:
            campaign = Campaign.objects.get()
            campaigns.pause_campaign(campaign, actor="owner", now=now)

    gateway.on_call = pause
    first = send(transfer, now)
    paused = len(gateway.calls)
    campaigns.resume_campaign(Campaign.objects.get(), actor="owner", now=now)
    second = send(transfer, now, hours=1)

    assert 30 <= paused <= 30 + CHUNK
    assert first == {"sent": paused}
    assert second == {"sent": PHONES}
    assert len(gateway.calls) == PHONES


def test_a_cancelled_transfer_settles_the_rest(
    gateway: Gateway, begin: Start, now: datetime
) -> None:
    transfer = begin()

    def cancel(token: str) -> None:
        if len(gateway.calls) == 30:
            campaigns.cancel_campaign(Campaign.objects.get(), actor="owner", now=now)

    gateway.on_call = cancel
    outcomes = send(transfer, now)

    sent = len(gateway.calls)
    assert sent <= 30 + CHUNK
    assert outcomes == {"sent": sent, "cancelled cancelled": PHONES - sent}


def test_a_worker_that_shall_stop_settles_what_is_in_flight_and_gives_the_rest_back(
    gateway: Gateway, begin: Start, now: datetime
) -> None:
    transfer = begin()

    pump("worker", clock=make_clock(now), should_stop=lambda: len(gateway.calls) >= 10)

    batch = Batch.objects.get(transfer=transfer)
    assert (batch.state, batch.settled) == (Batch.State.READY, len(gateway.calls))
    assert len(gateway.calls) <= 12
    assert not Attempt.objects.filter(answered_at__isnull=True).exists()
    assert send(transfer, now, hours=1) == {"sent": PHONES}
    assert len(gateway.calls) == PHONES


def test_a_batch_that_takes_long_is_given_back_so_that_others_have_a_turn(
    gateway: Gateway, begin: Start, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fan_out, "TURN", timedelta(microseconds=40))
    App.objects.update(send_rate=1000)
    transfer = begin()

    pump("worker", clock=make_clock(now))

    batch = Batch.objects.get(transfer=transfer)
    assert (batch.state, batch.settled) == (Batch.State.READY, len(gateway.calls))
    assert 0 < len(gateway.calls) < PHONES
    assert Allowance.objects.get(scope="app").taken == len(gateway.calls)
    assert send(transfer, now, hours=1) == {"sent": PHONES}
    assert len(gateway.calls) == PHONES


def test_what_expires_on_the_way_is_not_sent(gateway: Gateway, begin: Start, now: datetime) -> None:
    transfer = begin()

    def expire(token: str) -> None:
        Transfer.objects.filter(pk=transfer.pk).update(expires_at=now)

    gateway.on_call = expire
    Transfer.objects.filter(pk=transfer.pk).update(expires_at=now + timedelta(microseconds=40))
    outcomes = send(transfer, now)

    assert outcomes["expired too_late"] == PHONES - len(gateway.calls) > 0
    assert outcomes["sent"] == len(gateway.calls) > 0


@pytest.fixture
def narrow(gateway: Gateway) -> Gateway:
    """It takes one call at a time; nine others wait until they are admitted."""
    gateway.streams, gateway.places = 10, 1
    return gateway


def test_who_waits_for_a_place_is_not_called_once_a_worker_shall_stop(
    narrow: Gateway, begin: Start, now: datetime
) -> None:
    transfer = begin()

    pump("worker", clock=make_clock(now), should_stop=lambda: narrow.answered >= 5)

    assert len(narrow.calls) == 5
    narrow.places = 10
    assert send(transfer, now, hours=1) == {"sent": PHONES}
    assert len(narrow.calls) == PHONES


def test_who_waits_for_a_place_is_not_called_after_a_standstill(
    narrow: Gateway, begin: Start, now: datetime
) -> None:
    transfer, clock = begin(), make_clock(now)

    def stand_still() -> datetime:
        return clock() + (narrow.answered == 5) * fan_out.TURN

    pump("worker", clock=stand_still)

    assert len(narrow.calls) == 5
    assert send(transfer, now, hours=1) == {"sent": PHONES}
    assert len(narrow.calls) == PHONES


def test_who_waits_for_a_place_is_not_called_once_the_vendor_asks_for_time(
    narrow: Gateway, begin: Start, now: datetime
) -> None:
    narrow.wishes = {name_phone(4): [say(reason=Reason.THROTTLED, retry_after=60)]}
    transfer = begin()

    pump("worker", clock=make_clock(now))

    assert len(narrow.calls) == 5
    assert send(transfer, now, hours=1) == {"sent": PHONES}
    assert len(narrow.calls) == PHONES + 1


def test_who_waits_for_a_place_is_not_called_once_its_address_asks_for_time(
    narrow: Gateway, begin: Start, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def rest(token: str) -> None:
        if len(narrow.calls) == 5:
            monkeypatch.setattr(Calls, "resting", frozenset(map(name_phone, range(PHONES))))

    narrow.on_call = rest
    transfer = begin()

    pump("worker", clock=make_clock(now))

    assert len(narrow.calls) == 5
    narrow.on_call = None
    monkeypatch.setattr(Calls, "resting", frozenset())
    assert send(transfer, now, hours=1) == {"sent": PHONES}
    assert len(narrow.calls) == PHONES


class Shared:
    """What services ask, as the double's client knows it: one word of others is heard by all."""

    def take_told(self) -> dict[str, float]:
        return {}

    def put_back(self, told: Mapping[str, float]) -> None: ...

    def learn(self, rests: Mapping[str, float]) -> None:
        if rests:
            Calls.resting = frozenset(map(name_phone, range(PHONES)))


def test_who_is_in_the_middle_of_a_batch_learns_within_a_second_what_others_were_asked_for(
    gateway: Gateway, begin: Start, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Calls, "rests", Shared())
    monkeypatch.setattr(Calls, "resting", frozenset())
    transfer, clock = begin(), make_clock(now)

    def tell(token: str) -> None:
        if len(gateway.calls) == 30:
            until = now + timedelta(seconds=REST)
            AddressRest.objects.create(account=Account.objects.get(), address="one", until=until)

    gateway.on_call = tell
    pump("worker", clock=lambda: clock() + (len(gateway.calls) >= 30) * LOOK)

    assert 30 <= len(gateway.calls) <= 30 + CHUNK
    Calls.resting = frozenset()
    AddressRest.objects.all().delete()
    assert send(transfer, now, hours=1) == {"sent": PHONES}
    assert len(gateway.calls) == PHONES


def test_an_account_that_has_just_waited_is_asked_by_as_many_calls_as_go_at_once(
    gateway: Gateway, begin: Start, now: datetime
) -> None:
    transfer = begin()
    gateway.usual = say(reason=Reason.THROTTLED, retry_after=1)
    pump("worker", clock=lambda: now)
    pump("worker", clock=lambda: now + timedelta(seconds=3))
    asked = sorted(Batch.objects.values_list("count", flat=True))
    gateway.usual = ACCEPTED

    outcomes = send(transfer, now, hours=1)

    assert asked == [STREAMS, PHONES - STREAMS]
    assert outcomes == {"sent": PHONES}
    assert Batch.objects.count() == 2  # it has been well for long
