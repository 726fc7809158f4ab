"""Faults that a person must set right pause a campaign after one batch, and say what to do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest

from campaigns.dispatch import settle
from campaigns.dispatch.addresses import address_members, list_owed
from campaigns.dispatch.answers import settle_reply
from campaigns.dispatch.claim import claim_batch
from campaigns.dispatch.engine import Clock, drain, pump
from campaigns.dispatch.freeze import freeze_transfer
from campaigns.dispatch.outbound import Reply
from campaigns.dispatch.verify import check_books
from campaigns.models import Account, App, Batch, Campaign, Counter, Device, Transfer
from campaigns.models.audience import hash64
from campaigns.services import campaigns, transfers
from providers import vault
from providers.outcomes import Failure, Reason
from providers.recipients import Targets
from providers.simulator import Simulator

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
Start = Callable[..., Transfer]
BATCH = 250  # what the sandbox takes in one call
WORDS = "The image is not reachable."


@pytest.fixture
def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def account(routed: App, simulator: Simulator) -> Account:
    account = Account.objects.get()
    account.credentials = vault.encrypt({"api_key": "good"})
    account.save()
    Device.objects.bulk_create(
        Device(app=routed, platform="android", token=f"t{n}", token_hash=hash64(f"t{n}"))
        for n in range(4 * BATCH)
    )
    return account


def make_clock(now: datetime, hours: int = 0) -> Clock:
    ticks = count()
    return lambda: now + timedelta(hours=hours, seconds=next(ticks) / 20)


def answer_with(
    monkeypatch: pytest.MonkeyPatch, simulator: Simulator, reason: Reason, share: float
) -> None:
    """The vendor accepts calls and names a share of their recipients as failed."""
    honest = simulator.answer
    named = [
        {"index": index, "outcome": "failed", "reason": reason.value, "message": WORDS}
        for index in range(int(BATCH * share))
    ]

    def answer(method: str, *rest: Any) -> Any:
        reply = honest(method, *rest)
        if method != "POST":
            return reply
        faults = {"exceptions": named, "accepted": BATCH - len(named)}
        return replace(reply, body={**reply.body, **faults})

    monkeypatch.setattr(simulator, "answer", answer)


def count_outcomes(transfer: Transfer) -> dict[str, int]:
    rows = Counter.objects.filter(part__transfer=transfer, count__gt=0)
    return {row.outcome: row.count for row in rows}


def read_pause(transfer: Transfer) -> str:
    return transfer.events.filter(new="paused").latest("pk").note


def behave(account: Account, **options: Any) -> None:
    account.options = options
    account.save()


def test_a_refused_message_costs_one_batch_and_not_everybody(
    account: Account, start: Start, now: datetime
) -> None:
    behave(account, payload_percent=100)
    transfer = start()

    drain(clock=make_clock(now))

    transfer.refresh_from_db()
    note = read_pause(transfer)
    assert (transfer.status, Campaign.objects.get().status) == ("paused", "paused")
    assert count_outcomes(transfer) == {"failed": BATCH}
    assert "100 %" in note
    assert "malformed" in note
    assert "resume" in note
    assert not Device.objects.exclude(token_state="active").exists()
    assert check_books().faults == []


@pytest.mark.parametrize("reason", [Reason.PAYLOAD, Reason.CREDENTIAL])
def test_recipients_who_are_refused_one_by_one_count_the_same(
    account: Account,
    start: Start,
    now: datetime,
    simulator: Simulator,
    monkeypatch: pytest.MonkeyPatch,
    reason: Reason,
) -> None:
    answer_with(monkeypatch, simulator, reason, 0.5)
    transfer = start()

    drain(clock=make_clock(now))

    transfer.refresh_from_db()
    account.refresh_from_db()
    assert transfer.status == "paused"
    assert count_outcomes(transfer) == {"failed": BATCH // 2, "sent": BATCH // 2}
    assert WORDS.rstrip(".") in read_pause(transfer)
    assert (account.health == Account.Health.BAD) == (reason is Reason.CREDENTIAL)
    assert (account.health_words == WORDS) == (reason is Reason.CREDENTIAL)
    assert not Device.objects.exclude(token_state="active").exists()


def test_a_share_that_the_setting_allows_pauses_nothing(
    account: Account,
    start: Start,
    now: datetime,
    simulator: Simulator,
    monkeypatch: pytest.MonkeyPatch,
    settings: Any,
) -> None:
    answer_with(monkeypatch, simulator, Reason.PAYLOAD, 0.5)
    settings.PAUSE_PERCENT = 50
    transfer = start()

    drain(clock=make_clock(now))

    transfer.refresh_from_db()
    assert transfer.status == "sent"
    assert count_outcomes(transfer) == {"failed": 2 * BATCH, "sent": 2 * BATCH}


def test_dead_tokens_pause_nothing(account: Account, start: Start, now: datetime) -> None:
    behave(account, decay_percent=100)
    transfer = start()

    drain(clock=make_clock(now))

    transfer.refresh_from_db()
    assert transfer.status == "sent"
    assert count_outcomes(transfer) == {"failed": 4 * BATCH}


def test_one_platform_that_is_refused_is_not_hidden_by_another(
    account: Account, start: Start, now: datetime, settings: Any
) -> None:
    settings.PAUSE_PERCENT = 50
    some = list(Device.objects.order_by("pk").values_list("pk", flat=True)[: BATCH + 50])
    Device.objects.filter(pk__in=some).update(platform="ios")
    transfer = start()
    freeze_transfer(transfer, now=now)
    Batch.objects.filter(platform="ios").update(due_at=now + timedelta(hours=1))
    drain(clock=make_clock(now))
    behave(account, payload_percent=100)

    drain(clock=make_clock(now, 1))

    transfer.refresh_from_db()
    assert transfer.status == "paused"
    assert count_outcomes(transfer) == {"sent": 3 * BATCH - 50, "failed": BATCH}
    assert "100 % of its answers for iOS" in read_pause(transfer)


def test_what_is_resumed_is_judged_by_what_comes_then(
    account: Account,
    start: Start,
    now: datetime,
    simulator: Simulator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    behave(account, payload_percent=100)
    transfer = start()
    drain(clock=make_clock(now))
    behave(account, payload_percent=0)
    answer_with(monkeypatch, simulator, Reason.PAYLOAD, 0.1)
    later = now + timedelta(hours=1)
    campaigns.resume_campaign(Campaign.objects.get(), actor="owner", now=later)

    drain(clock=make_clock(now, 1))

    transfer.refresh_from_db()
    assert transfer.status == "sent"
    assert transfer.events.filter(new="paused").count() == 1
    assert count_outcomes(transfer) == {"sent": 675, "failed": BATCH + 75}


def test_what_is_still_wrong_after_resuming_pauses_again_after_one_batch(
    account: Account, start: Start, now: datetime
) -> None:
    behave(account, payload_percent=100)
    transfer = start()
    drain(clock=make_clock(now))
    later = now + timedelta(hours=1)
    campaigns.resume_campaign(Campaign.objects.get(), actor="owner", now=later)

    drain(clock=make_clock(now, 1))

    transfer.refresh_from_db()
    assert transfer.status == "paused"
    assert count_outcomes(transfer) == {"failed": 2 * BATCH}


def settle_late_fault(transfer: Transfer, fault: Failure, now: datetime) -> None:
    """A call that was on its way while somebody paused and resumed comes back with a fault."""
    freeze_transfer(transfer, now=now)
    lease = claim_batch(transfer, now)
    assert lease is not None
    assert lease.way is not None
    addressed = address_members(lease.batch, lease.way, list_owed(lease.batch), now)
    attempt = settle.begin_attempt(lease, settle.Call("k", {}), now)
    assert attempt is not None
    later = now + timedelta(seconds=5)
    transfers.pause_transfer(transfer, actor="owner", now=later)
    transfers.resume_transfer(transfer, actor="owner", now=later)
    settle_reply(lease, attempt, addressed, Reply(fault), later + timedelta(seconds=1))


@pytest.mark.parametrize("reason", [Reason.PAYLOAD, Reason.CREDENTIAL])
def test_a_call_from_before_the_resume_does_not_pause_again(
    account: Account, start: Start, now: datetime, reason: Reason
) -> None:
    transfer = start()

    settle_late_fault(transfer, Failure(reason, WORDS, is_permanent=True, was_sent=True), now)

    transfer.refresh_from_db()
    account.refresh_from_db()
    assert transfer.status == "sending"
    assert (account.health == Account.Health.BAD) == (reason is Reason.CREDENTIAL)


def test_a_repeat_that_is_refused_after_resuming_pauses_again(
    account: Account, start: Start, now: datetime
) -> None:
    transfer = start()
    settle_late_fault(transfer, Failure(Reason.VENDOR, "No answer.", was_sent=None), now)
    behave(account, is_refused=True)
    clock = make_clock(now, 1)

    turns = [pump("worker", clock=clock) for _turn in range(3)]

    transfer.refresh_from_db()
    assert turns == [True, False, False]
    assert transfer.status == "paused"
    assert "refuses the credentials" in read_pause(transfer)


def test_a_campaign_of_one_batch_ends_failed_with_the_vendors_words(
    account: Account, start: Start, now: datetime
) -> None:
    Device.objects.filter(token_hash=hash64("t0")).update(platform="ios")
    behave(account, payload_percent=100)
    transfer = start({"title": "Hi", "body": "There"}, audience={"devices": list_ios()})

    drain(clock=make_clock(now))

    transfer.refresh_from_db()
    assert transfer.status == "failed"
    assert "malformed" in transfer.faults[0]["detail"]


def list_ios() -> list[int]:
    return list(Device.objects.filter(platform="ios").values_list("pk", flat=True))


def test_a_scripts_transfer_goes_on_to_its_end(
    account: Account, submit: Start, now: datetime
) -> None:
    behave(account, payload_percent=100)
    tokens = tuple(f"t{number}" for number in range(2 * BATCH))
    transfer = submit(Targets("token", tokens))

    drain(clock=make_clock(now))

    transfer.refresh_from_db()
    assert transfer.status == "failed"
    assert count_outcomes(transfer) == {"failed": 2 * BATCH}
