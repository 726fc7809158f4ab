"""A send at recipients' own hours, over real HTTP: who waits is pending, and the books balance."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from campaigns.dispatch import freeze, outbound
from campaigns.dispatch.engine import drain, pump
from campaigns.dispatch.verify import check_books
from campaigns.models import (
    Account,
    App,
    Attempt,
    Batch,
    Campaign,
    Counter,
    Delivery,
    Device,
    Exchange,
    Transfer,
)
from campaigns.selectors.status import progress
from campaigns.services import campaigns
from providers import vault
from providers.simulator import Simulator
from tests import builders

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
Make = Callable[..., Campaign]

FIRST = datetime(2026, 3, 27, 19, 0, tzinfo=UTC)  # 9 o'clock, 14 hours ahead of UTC
TOKYO = datetime(2026, 3, 28, 0, 0, tzinfo=UTC)
BERLIN = datetime(2026, 3, 28, 8, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


class Hands:
    """A clock that is set by hand, and goes on by a twentieth of a second whenever it is read."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def __call__(self) -> datetime:
        self.at += SECOND / 20
        return self.at


@pytest.fixture
def now() -> datetime:
    return FIRST - timedelta(days=1)


@pytest.fixture
def clock() -> Hands:
    return Hands(FIRST)


@pytest.fixture
def account(routed: App, simulator: Simulator) -> Account:
    account = Account.objects.get()
    account.credentials = vault.encrypt({"api_key": "good"})
    account.save()
    return account


@pytest.fixture
def local(schedule: Make, account: Account, routed: App) -> Callable[..., Campaign]:
    """A campaign for nine o'clock with three recipients in Tokyo and two in Berlin."""
    for number in range(3):
        builders.make_device(routed, f"tokyo{number}", timezone="Asia/Tokyo")
    for number in range(2):
        builders.make_device(routed, f"berlin{number}", "ios", timezone="Europe/Berlin")

    def plan(**fields: object) -> Campaign:
        whole = {"send_at": "2026-03-28T09:00", "timezone": "recipient", "due_at": FIRST}
        return schedule(**whole | fields)

    return plan


def count_outcomes() -> dict[str, int]:
    return {counter.outcome: counter.count for counter in Counter.objects.all()}


def turn(clock: Hands, at: datetime) -> Transfer:
    """Set the clock and work off whatever can be done then."""
    clock.at = at
    drain(clock=clock)
    assert check_books().faults == []
    return Transfer.objects.get()


def test_each_zone_is_sent_to_at_its_own_hour_and_the_rest_is_pending(
    local: Make, clock: Hands, simulator: Simulator
) -> None:
    campaign = local()

    seen = []
    for at in (FIRST - SECOND * 5, FIRST, TOKYO - SECOND * 5, TOKYO, BERLIN):
        clock.at = at
        drain(clock=clock)
        faults = check_books().faults
        accepted = simulator.vendor.summarize()["accepted_recipients"]
        seen.append((Transfer.objects.count(), accepted, faults))

    campaign.refresh_from_db()
    transfer = Transfer.objects.get()
    assert seen == [(0, 0, []), (1, 0, []), (1, 0, []), (1, 3, []), (1, 5, [])]
    assert (campaign.status, transfer.status) == ("sent", "sent")


def test_those_who_wait_for_their_hour_hide_nobody_from_the_workers(
    local: Make, make_campaign: Make, clock: Hands
) -> None:
    local()
    waiting = turn(clock, FIRST)
    other = make_campaign(audience={"devices": [Device.objects.earliest("pk").pk]})

    campaigns.launch_campaign(other, actor="owner", now=clock())
    drain(clock=clock)

    assert waiting.next_due_at == TOKYO
    assert other.transfers.get().status == Transfer.Status.SENT


def test_progress_says_what_is_waited_for(local: Make, clock: Hands) -> None:
    local()
    transfer = turn(clock, TOKYO)

    answer = progress(transfer, now=TOKYO + SECOND * 60)

    assert (answer.counters.audience, answer.counters.sent, answer.counters.pending) == (5, 3, 2)
    assert [(hour.at, hour.zones, hour.recipients, hour.settled) for hour in answer.hours] == [
        (TOKYO, 1, 3, 3),
        (BERLIN, 1, 2, 0),
    ]
    assert answer.next_hour is not None
    assert (answer.next_hour.at, answer.next_hour.pending) == (BERLIN, 2)
    assert answer.seconds_left == (BERLIN - TOKYO) / SECOND - 60


def test_cancelling_while_some_wait_settles_them_at_once(local: Make, clock: Hands) -> None:
    campaign = local()
    turn(clock, TOKYO)
    campaign.refresh_from_db()

    campaigns.cancel_campaign(campaign, actor="owner", now=clock())
    transfer = turn(clock, TOKYO + SECOND * 60)

    assert count_outcomes() == {"sent": 3, "cancelled": 2}
    assert transfer.finished_at is not None


def test_pausing_while_some_wait_holds_their_hour(local: Make, clock: Hands) -> None:
    campaign = local()
    turn(clock, TOKYO - SECOND * 60)
    campaign.refresh_from_db()

    campaigns.pause_campaign(campaign, actor="owner", now=clock())
    turn(clock, TOKYO)
    held = count_outcomes()
    campaign.refresh_from_db()
    campaigns.resume_campaign(campaign, actor="owner", now=clock())
    turn(clock, TOKYO + SECOND * 60)

    assert held == {}
    assert count_outcomes() == {"sent": 3}


def test_each_hour_expires_by_itself_and_nothing_is_sent_after_it(
    local: Make, clock: Hands, simulator: Simulator
) -> None:
    local(expires_in=600)
    turn(clock, FIRST)

    transfer = turn(clock, TOKYO + SECOND * 600)
    then = (count_outcomes(), transfer.status)
    turn(clock, BERLIN)

    assert then == ({"expired": 3}, "sending")
    assert count_outcomes() == {"expired": 3, "sent": 2}
    assert simulator.vendor.summarize()["accepted_recipients"] == 2


def test_a_vendor_is_told_how_much_of_the_hour_is_left(local: Make, clock: Hands) -> None:
    local(expires_in=600)
    turn(clock, FIRST)

    turn(clock, TOKYO + SECOND * 500)

    [exchange] = Exchange.objects.filter(request__contains="expires_in")
    assert 90 <= json.loads(exchange.request)["expires_in"] <= 100


def test_a_call_that_was_made_ready_too_slowly_is_not_made(
    local: Make, clock: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    local(expires_in=600)
    turn(clock, FIRST)
    find_hop = outbound.find_hop

    def take_long(transfer: Transfer) -> tuple[str, int]:
        clock.at = max(clock.at, TOKYO + SECOND * 600)
        return find_hop(transfer)

    monkeypatch.setattr(outbound, "find_hop", take_long)

    turn(clock, TOKYO + SECOND * 590)

    assert count_outcomes() == {"expired": 3}
    assert not Attempt.objects.exists()


def test_a_retry_waits_no_longer_than_its_own_hour_lasts(
    local: Make, account: Account, clock: Hands
) -> None:
    local(expires_in=600)
    Account.objects.update(options={"vendor_percent": 100})
    turn(clock, TOKYO)
    waiting = Batch.objects.get(local_at=TOKYO)

    for minutes in range(1, 11):
        turn(clock, TOKYO + SECOND * 60 * minutes)

    tokyo = Batch.objects.get(local_at=TOKYO)
    assert (waiting.state, waiting.settled) == ("ready", 0)
    assert TOKYO < waiting.due_at <= TOKYO + SECOND * 600
    assert (tokyo.state, count_outcomes()) == ("done", {"expired": 3})


def test_who_opts_out_while_waiting_gets_nothing(local: Make, routed: App, clock: Hands) -> None:
    ann = builders.make_person(routed.workspace)
    device = builders.make_device(routed, "hers", person=ann, timezone="Asia/Tokyo")
    local()
    turn(clock, FIRST)
    ann.opted_out_at = FIRST + SECOND
    ann.save()

    turn(clock, TOKYO)

    hers = Delivery.objects.get(recipient=device.pk)
    assert (hers.outcome, hers.reason) == ("skipped", "opted_out")
    assert Delivery.objects.filter(outcome="sent").count() == 3


def test_a_scheduler_that_was_dead_over_an_hour_puts_only_that_hour_off(
    local: Make, clock: Hands
) -> None:
    local(when_missed="skip")

    transfer = turn(clock, TOKYO + timedelta(hours=2))

    assert transfer.status == Transfer.Status.SENDING
    assert list(Batch.objects.order_by("local_at").values_list("local_at", "count")) == [
        (BERLIN, 2),
        (TOKYO + timedelta(days=1), 3),
    ]


def test_a_freeze_that_dies_halfway_keeps_its_hours_whole(
    local: Make, clock: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(freeze, "CHUNK_DEVICES", 2)
    local()
    clock.at = FIRST
    # The scheduler starts it; the worker freezes one chunk and is heard of no more.
    drain_one_turn(clock)

    transfer = turn(clock, FIRST + timedelta(hours=6))

    assert transfer.hours == {
        TOKYO.isoformat(): {"zones": 1, "changed": 0},
        BERLIN.isoformat(): {"zones": 1, "changed": 0},
    }
    assert list(Batch.objects.order_by("pk").values_list("local_at", "count", "settled")) == [
        (TOKYO, 3, 3),
        (BERLIN, 2, 0),
    ]


def drain_one_turn(clock: Hands) -> None:
    campaigns.plan.start_due(clock())
    assert pump("dead", clock=clock)
    assert Batch.objects.exists()
    assert Transfer.objects.get().frozen_at is None
