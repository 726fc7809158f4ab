"""Batches are sent over real HTTP to the sandbox, and the books are true afterwards."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from campaigns.dispatch import freeze
from campaigns.dispatch.engine import Clock, drain, pump
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
    Rollup,
    Throttle,
    Transfer,
)
from campaigns.services import campaigns, transfers
from providers import vault
from providers.recipients import Targets
from providers.simulator import Simulator
from tests import builders

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
Start = Callable[..., Transfer]


@pytest.fixture
def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def account(routed: App, simulator: Simulator) -> Account:
    account = Account.objects.get()
    account.credentials = vault.encrypt({"api_key": "good"})
    account.save()
    return account


@pytest.fixture
def clock(now: datetime) -> Clock:
    """A clock that goes on by a twentieth of a second whenever it is read."""
    ticks = count()
    return lambda: now + timedelta(seconds=next(ticks) / 20)


def count_outcomes(transfer: Transfer) -> dict[str, int]:
    counters = Counter.objects.filter(part__transfer=transfer)
    return {counter.outcome: counter.count for counter in counters}


def add_devices(app: App, size: int, platform: str = "android") -> None:
    for number in range(size):
        builders.make_device(app, f"{platform}{number}", platform)


def test_a_campaign_reaches_everybody_once(
    account: Account, routed: App, start: Start, clock: Clock, simulator: Simulator
) -> None:
    add_devices(routed, 300)
    transfer = start()

    drain(clock=clock)

    transfer.refresh_from_db()
    assert transfer.status == Transfer.Status.SENT
    assert count_outcomes(transfer) == {"sent": 300}
    assert sum(Rollup.objects.values_list("count", flat=True)) == 300
    assert Campaign.objects.get().status == Campaign.Status.SENT
    summary = simulator.vendor.summarize()
    assert (summary["accepted_recipients"], summary["doubled_recipients"]) == (300, 0)
    assert check_books().faults == []


def test_dead_tokens_are_switched_off_and_nothing_else(
    account: Account, routed: App, start: Start, clock: Clock
) -> None:
    account.options = {"decay_percent": 100}
    account.save()
    add_devices(routed, 3)
    transfer = start()

    drain(clock=clock)

    assert Delivery.objects.filter(outcome="failed", reason="token").count() == 3
    assert Device.objects.filter(token_state="disabled").exclude(token_evidence="").count() == 3
    transfer.refresh_from_db()
    assert transfer.status == Transfer.Status.SENT


def test_refused_credentials_end_a_scripts_transfer_as_failed(
    account: Account, routed: App, submit: Start, clock: Clock
) -> None:
    account.options = {"is_refused": True}
    account.save()
    add_devices(routed, 3)
    transfer = submit(Targets("token", ("android0", "android1", "who")))

    drain(clock=clock)

    transfer.refresh_from_db()
    assert transfer.status == Transfer.Status.FAILED
    assert transfer.faults[0] | {"detail": ""} == {
        "kind": "credentials", "platform": "android", "detail": "",
    }  # fmt: skip
    assert count_outcomes(transfer) == {"failed": 2, "skipped": 1}
    account.refresh_from_db()
    assert account.health == Account.Health.BAD
    assert check_books().faults == []


def test_refused_credentials_pause_a_campaign_and_resuming_sends_the_rest(
    account: Account, routed: App, start: Start, clock: Clock, now: datetime
) -> None:
    account.options = {"is_refused": True}
    account.save()
    add_devices(routed, 3)
    transfer = start()
    drain(clock=clock)
    transfer.refresh_from_db()
    campaign = Campaign.objects.get()
    was = (transfer.status, campaign.status, Delivery.objects.count())
    Account.objects.update(options={})
    campaigns.resume_campaign(campaign, actor="owner", now=now)

    drain(clock=clock)

    assert was == ("paused", "paused", 0)
    assert count_outcomes(transfer) == {"sent": 3}


def test_a_message_that_the_vendor_refuses_pauses_and_harms_no_token(
    account: Account, routed: App, start: Start, clock: Clock
) -> None:
    account.options = {"payload_percent": 100}
    account.save()
    languages = [f"l{number}" for number in range(12)]
    for language in languages:
        builders.make_device(routed, language, language=language)
    texts = {language: {"title": "Hi", "body": language} for language in languages}
    transfer = start({"title": "Hi", "body": "There", "translations": texts})

    drain(clock=clock)

    transfer.refresh_from_db()
    failed = count_outcomes(transfer)["failed"]
    note = transfer.events.get(new="paused").note
    assert transfer.status == "paused"
    assert 0 < failed < len(languages)
    assert "refuses the message" in note
    assert not Device.objects.exclude(token_state="active").exists()


def test_a_busy_vendor_blocks_the_pair_and_the_batch_waits(
    account: Account, routed: App, start: Start, clock: Clock
) -> None:
    account.options = {"vendor_percent": 100}
    account.save()
    add_devices(routed, 3)
    start()

    drain(clock=clock)

    batch = Batch.objects.get()
    assert (batch.state, batch.settled) == ("ready", 0)
    assert batch.retries == Attempt.objects.filter(reason="vendor").count() > 0
    assert Exchange.objects.first().status == 503
    assert check_books().faults == []


def test_cancelling_settles_who_is_still_owed(
    account: Account, routed: App, start: Start, clock: Clock, now: datetime
) -> None:
    add_devices(routed, 5)
    transfer = start(rate=2)
    while not Delivery.objects.exists():
        pump("worker", clock=clock)
    transfer.refresh_from_db()

    transfers.cancel_transfer(transfer, actor="owner", now=now)
    drain(clock=clock)

    assert count_outcomes(transfer) == {"sent": 2, "cancelled": 3}
    assert check_books().faults == []


def test_what_is_late_expires(
    account: Account, routed: App, submit: Start, clock: Clock, now: datetime
) -> None:
    add_devices(routed, 2)
    transfer = submit(
        Targets("token", ("android0", "android1")), expires_at=now - timedelta(seconds=1)
    )

    drain(clock=clock)

    assert count_outcomes(transfer) == {"expired": 2}


def test_a_paused_transfer_is_not_claimed(
    account: Account, routed: App, start: Start, clock: Clock, now: datetime
) -> None:
    add_devices(routed, 2)
    transfer = start()
    freeze.freeze_transfer(transfer, now=now)
    transfers.pause_transfer(transfer, actor="owner", now=now)

    drain(clock=clock)

    assert Delivery.objects.count() == 0
    assert Batch.objects.get().state == "ready"


def test_nothing_is_claimed_while_the_account_is_blocked(
    account: Account, routed: App, start: Start, clock: Clock, now: datetime
) -> None:
    add_devices(routed, 2)
    Throttle.objects.create(
        account=account, app_id=routed.pk, blocked_until=now + timedelta(hours=1)
    )
    start()

    drain(clock=clock)

    assert Attempt.objects.count() == 0


def test_a_campaign_for_nobody_ends_sent(account: Account, start: Start, clock: Clock) -> None:
    transfer = start()

    drain(clock=clock)

    transfer.refresh_from_db()
    assert (transfer.status, transfer.audience) == (Transfer.Status.SENT, 0)
