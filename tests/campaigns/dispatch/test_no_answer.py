"""The whole no-answer table: policy, what the vendor can do, who died, and whether it was taken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count, product
from typing import Any

import pytest
from django.db.models import Sum

from campaigns.dispatch import outbound
from campaigns.dispatch.engine import drain
from campaigns.dispatch.verify import check_books
from campaigns.models import (
    Account,
    App,
    Attempt,
    Batch,
    Correction,
    Counter,
    Device,
    Part,
    Policy,
    Route,
    Transfer,
)
from campaigns.selectors import routes
from providers import registry, vault
from providers.commands import FetchStatus, SendPush, TransferState, TransferStatus
from providers.contract import Idempotency
from providers.outbound import Request
from providers.recipients import Targets
from providers.simulator import Simulator
from providers.vendors.sandbox.outbound import Sandbox
from tests import builders

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
Start = Callable[..., Transfer]
Offer = Callable[[str], None]
Lose = Callable[[str, bool], None]
TOKENS = ("t0", "t1", "t2", "t3")
ABILITIES: dict[str, dict[str, Any]] = {
    "key": {"idempotency": Idempotency.KEY},
    "lookup": {"idempotency": Idempotency.LOOKUP, "can_report": True},
    "blind": {"idempotency": Idempotency.NONE, "blind_resend": True},
    "none": {"idempotency": Idempotency.NONE},
}
LEAST, MOST = Policy.AT_LEAST_ONCE.value, Policy.AT_MOST_ONCE.value
# policy, ability, was the first call taken -> outcome, calls taken in all, counted as resent
TABLE: dict[tuple[str, str, bool], tuple[str, int, int]] = {
    (LEAST, "key", True): ("sent", 1, 0),
    (LEAST, "key", False): ("sent", 1, 0),
    (LEAST, "lookup", True): ("sent", 1, 0),
    (LEAST, "lookup", False): ("sent", 1, 0),
    (LEAST, "blind", True): ("sent", 2, 4),
    (LEAST, "blind", False): ("sent", 1, 4),
    (LEAST, "none", True): ("unknown", 1, 0),
    (LEAST, "none", False): ("unknown", 0, 0),
    (MOST, "key", True): ("unknown", 1, 0),
    (MOST, "key", False): ("unknown", 0, 0),
    # Never sent again, and yet the vendor can tell, later, what became of it.
    (MOST, "lookup", True): ("unknown sent", 1, 0),
    (MOST, "lookup", False): ("unknown failed", 0, 0),
    (MOST, "blind", True): ("unknown", 1, 0),
    (MOST, "blind", False): ("unknown", 0, 0),
    (MOST, "none", True): ("unknown", 1, 0),
    (MOST, "none", False): ("unknown", 0, 0),
}
# On PostgreSQL a cell's call is lost by one death in the short form, the next one's by the other.
CELLS = [
    pytest.param(cell, death, marks=[] if turn % 4 in (0, 3) else pytest.mark.long)
    for turn, (cell, death) in enumerate(product(TABLE, ("worker", "network")))
]


class Died(BaseException):
    """The process is gone: nothing in the code may catch it."""


@pytest.fixture
def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def account(routed: App, simulator: Simulator) -> Account:
    account = Account.objects.get()
    account.credentials = vault.encrypt({"api_key": "good"})
    account.options = {"delivered_percent": 0}
    account.save()
    for token in TOKENS:
        builders.make_device(routed, token)
    return account


@pytest.fixture
def offer(monkeypatch: pytest.MonkeyPatch, simulator: Simulator) -> Offer:
    """Let the vendor be able to do other things about a lost answer."""

    class Asked(Sandbox):
        """A client that can be asked about a call by our own id."""

        def fetch_status(self, command: FetchStatus) -> TransferStatus | None:
            for known in simulator.vendor.transfers.values():
                if command.client_key in ("", known.client_key):
                    return TransferStatus(
                        transfer=str(known.id), group="", tag="", state=TransferState.SENT,
                        created_at=known.at,
                    )  # fmt: skip
            return None

        def fetch_totals(self, transfer: str, day: str) -> tuple[()]:
            return ()

    class Keyless(Sandbox):
        """A client of a vendor that knows no keys."""

        def write(self, push: SendPush) -> Request:
            return super().write(replace(push, client_key=""))

    def offer(ability: str) -> None:
        client = Asked if ability in ("key", "lookup") else Keyless
        dialect = replace(registry.get("sandbox"), connect=client, **ABILITIES[ability])
        monkeypatch.setattr(routes, "find_dialect", lambda key: dialect)

    return offer


@pytest.fixture
def lose(monkeypatch: pytest.MonkeyPatch, simulator: Simulator) -> Lose:
    """Lose the first call's answer: its worker dies, or the network."""
    return lambda death, is_taken: lose_first(monkeypatch, simulator, death, is_taken=is_taken)


def lose_first(
    monkeypatch: pytest.MonkeyPatch, simulator: Simulator, death: str, *, is_taken: bool
) -> None:
    owner: Any = outbound.Ready if death == "worker" else simulator
    name = "call" if death == "worker" else "answer"
    act, calls = getattr(owner, name), count(1)
    end: BaseException = Died() if death == "worker" else ConnectionAbortedError()

    def act_or_die(*args: Any) -> Any:
        is_send = death == "worker" or args[0] == "POST"
        is_first = is_send and next(calls) == 1
        if is_first and not is_taken:
            raise end
        reply = act(*args)
        if is_first:
            raise end
        return reply

    monkeypatch.setattr(owner, name, act_or_die)


def run(now: datetime, *hours: int) -> None:
    """Workers who come hours apart, and their clocks stand still: no wait is over before the next
    one comes, and every one then."""
    for hour in hours:
        try:
            drain(clock=lambda at=now + timedelta(hours=hour): at)
        except Died:
            continue


def count_outcomes() -> dict[str, int]:
    rows = Counter.objects.filter(count__gt=0).values_list("outcome").annotate(Sum("count"))
    return dict(rows)


def list_corrections() -> list[str]:
    rows = Correction.objects.exclude(evidence="").order_by("pk")
    return [f"{row.old} {row.new}" for row in rows if row.count == len(TOKENS)]


def test_the_table_has_every_cell() -> None:
    assert TABLE.keys() == set(product(Policy.values, ABILITIES, (True, False)))


@pytest.mark.some(16)
@pytest.mark.values(8)
@pytest.mark.usefixtures("account")
@pytest.mark.parametrize(("cell", "death"), CELLS)
def test_a_call_without_an_answer(
    cell: tuple[str, str, bool],
    death: str,
    start: Start,
    offer: Offer,
    lose: Lose,
    simulator: Simulator,
) -> None:
    policy, ability, is_taken = cell
    outcome, calls, resent = TABLE[cell]
    offer(ability)
    lose(death, is_taken)
    start(policy=policy)

    run(datetime.now(UTC), 0, 1, 2)

    first, _, last = outcome.partition(" ")
    assert count_outcomes() == {last or first: len(TOKENS)}
    assert list_corrections() == ([outcome] if last else [])
    assert simulator.vendor.summarize()["accepted_calls"] == calls
    assert Part.objects.get().resent == resent
    assert len(set(Attempt.objects.values_list("key", flat=True))) == 1
    assert check_books().faults == []


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize("policy", Policy.values)
@pytest.mark.parametrize("ability", ABILITIES)
def test_a_call_of_which_no_byte_was_written_is_made_again(
    policy: str, ability: str, start: Start, offer: Offer, settings: Any, now: datetime
) -> None:
    offer(ability)
    url, settings.SANDBOX_URL = settings.SANDBOX_URL, "http://127.0.0.1:1"
    start(policy=policy)
    run(now, 0)
    tried = list(Attempt.objects.values_list("was_sent", "reason"))
    settings.SANDBOX_URL = url

    run(now, 1)

    assert set(tried) == {(False, "vendor")}
    assert count_outcomes() == {"sent": len(TOKENS)}
    assert Part.objects.get().resent == 0


def add_second_account(first: Account) -> Account:
    """One more account for Android, behind the first."""
    app = App.objects.get()
    second = Account.objects.create(
        workspace=app.workspace, name="Second", dialect="sandbox", credentials=first.credentials
    )
    Route.objects.create(app=app, platform="android", account=second, position=9)
    return second


@pytest.mark.parametrize("cell", list(product(["key", "lookup", "blind"], ["worker", "network"])))
def test_what_may_have_been_sent_never_changes_its_account(
    cell: tuple[str, str], account: Account, start: Start, offer: Offer, lose: Lose, now: datetime
) -> None:
    ability, death = cell
    offer(ability)
    lose(death, False)
    add_second_account(account)
    start()
    run(now, 0)
    Account.objects.filter(pk=account.pk).update(health=Account.Health.BAD)

    run(now, 1)

    assert set(Attempt.objects.values_list("account_id", flat=True)) == {account.pk}
    assert count_outcomes() == {"sent": len(TOKENS)}


def test_what_was_certainly_not_sent_may_go_through_another_account(
    account: Account, start: Start, now: datetime
) -> None:
    second = add_second_account(account)
    Account.objects.filter(pk=account.pk).update(options={"is_refused": True})
    start()

    run(now, 0)

    used = list(Attempt.objects.order_by("pk").values_list("account_id", flat=True))
    assert used == [account.pk, second.pk]
    assert count_outcomes() == {"sent": len(TOKENS)}


@pytest.mark.parametrize("ability", ["key", "blind"])
def test_a_batch_with_an_open_call_is_never_split(
    account: Account,
    start: Start,
    offer: Offer,
    now: datetime,
    monkeypatch: pytest.MonkeyPatch,
    ability: str,
) -> None:
    def die(*args: Any) -> Any:
        raise Died

    offer(ability)
    monkeypatch.setattr(outbound.Ready, "call", die)
    start()

    run(now, *range(9))

    assert Batch.objects.get().count == len(TOKENS)
    assert Attempt.objects.count() == 5
    assert count_outcomes() == {"unknown": len(TOKENS)}
    assert check_books().faults == []


def test_a_repeat_that_is_refused_says_nothing_about_the_first(
    account: Account, submit: Start, lose: Lose, now: datetime
) -> None:
    lose("network", True)
    submit(Targets("token", TOKENS))
    run(now, 0)
    Account.objects.update(options={"is_refused": True})

    run(now, 1)

    assert count_outcomes() == {"unknown": len(TOKENS)}
    assert check_books().faults == []


def test_a_repeat_that_is_refused_pauses_a_campaign_and_its_batch_waits(
    account: Account, start: Start, lose: Lose, now: datetime
) -> None:
    lose("network", True)
    add_second_account(account)
    transfer = start()
    run(now, 0)
    Account.objects.filter(pk=account.pk).update(options={"is_refused": True})

    run(now, 1)

    transfer.refresh_from_db()
    assert transfer.status == "paused"
    assert Attempt.objects.count() == 2
    assert count_outcomes() == {}


def test_a_repeat_that_cannot_be_written_leaves_the_first_call_open(
    account: Account, start: Start, offer: Offer, lose: Lose, now: datetime
) -> None:
    offer("blind")
    lose("network", True)
    start()
    run(now, 0)
    Account.objects.update(credentials="not readable")
    run(now, 1)
    then = [Attempt.objects.count(), Part.objects.get().resent, count_outcomes()]
    Account.objects.update(credentials=account.credentials)

    run(now, 2)

    assert then == [1, 0, {}]
    assert count_outcomes() == {"sent": len(TOKENS)}
    assert Part.objects.get().resent == len(TOKENS)


def test_who_leaves_before_a_blind_repeat_is_unknown_and_the_others_are_resent(
    account: Account, start: Start, offer: Offer, lose: Lose, now: datetime
) -> None:
    offer("blind")
    lose("network", True)
    start()
    run(now, 0)
    Device.objects.filter(token="t1").update(token_state=Device.TokenState.DISABLED)

    run(now, 1)

    assert count_outcomes() == {"sent": 3, "unknown": 1}
    assert Part.objects.get().resent == 3


def test_a_repeat_with_a_key_is_the_very_same_call_though_time_has_passed(
    account: Account, start: Start, lose: Lose, simulator: Simulator, now: datetime
) -> None:
    lose("network", True)
    start(expires_in=6 * 3600)

    run(now, 0, 1)

    # A vendor holds the key against another body; a later time to live would have been one.
    assert count_outcomes() == {"sent": len(TOKENS)}
    assert simulator.vendor.summarize()["accepted_calls"] == 1
    assert simulator.vendor.summarize()["replayed_calls"] == 1


def test_who_dies_after_a_call_that_could_not_be_written_leaves_no_doubt(
    account: Account, start: Start, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    Account.objects.update(credentials="not readable")

    def die(*args: Any) -> Any:
        raise Died

    start(policy=Policy.AT_MOST_ONCE)
    with monkeypatch.context() as patch:
        patch.setattr("campaigns.dispatch.send.settle_reply", die)
        run(now, 0)
    Account.objects.update(credentials=account.credentials)

    run(now, 1)

    assert list(Attempt.objects.order_by("pk").values_list("was_sent", flat=True)) == [False, True]
    assert count_outcomes() == {"sent": len(TOKENS)}
