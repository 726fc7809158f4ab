"""The model does what the engine does: both are led along the same random ways, step by step.

Workers of the engine are threads that run one at a time, each to the next place where a process
may stall: before the note of a call, before its first byte, before its answer is settled.
"""

from __future__ import annotations

import os
from collections import Counter as Tally
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random
from threading import Semaphore, Thread, get_ident
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import connection, connections

from campaigns.dispatch.engine import pump
from campaigns.dispatch.freeze import freeze_transfer
from campaigns.dispatch.plan import start_campaign
from campaigns.dispatch.verify import check_books
from campaigns.models import (
    Account,
    App,
    Attempt,
    Batch,
    Campaign,
    Delivery,
    Device,
    Part,
    Policy,
    Transfer,
)
from campaigns.selectors import routes
from campaigns.services.campaigns import cancel_campaign, pause_campaign, resume_campaign
from providers import registry, vault
from providers.commands import FetchStatus, SendPush, TransferState, TransferStatus
from providers.contract import Idempotency
from providers.outcomes import Failure, Outcome, Reason, Receipt
from tests import builders
from tests.campaigns.dispatch.boundaries import Died
from tests.campaigns.dispatch.model import Hand, Rules, State, Step, begin, is_final, list_steps

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
WORKERS, MISHAPS, STEPS = 2, 4, 40
WALKS = {"sqlite": 12, "postgresql": 6}
LONGER = 20 if os.environ.get("PUSHADMIN_CHAOS") == "full" else 1
WORK = ("claims 0", "begins", "is heard", "settles")
RULES = [
    *(Rules(vendor, poison=5) for vendor in ("key", "unique", "asked", "blind", "mute")),
    Rules("key", at_most_once=True, poison=5),
]
ABILITIES: dict[str, dict[str, Any]] = {
    "key": {"idempotency": Idempotency.KEY},
    "asked": {"idempotency": Idempotency.LOOKUP},
    "unique": {"idempotency": Idempotency.LOOKUP},
    "blind": {"idempotency": Idempotency.NONE, "blind_resend": True},
    "mute": {"idempotency": Idempotency.NONE},
}
FAILURES = {
    "turned down": Failure(Reason.VENDOR, "later", was_sent=False),
    "turned away": Failure(Reason.VENDOR, "never", is_permanent=True, was_sent=True),
    "lost": Failure(Reason.NO_ANSWER, "silence", was_sent=None),
    "refused": Failure(Reason.OURS, "another call", is_permanent=True, was_sent=True),
}


class Worker:
    """One turn of the engine in a thread that stands still at each gate."""

    def __init__(self, world: World) -> None:
        self.go, self.stopped = Semaphore(0), Semaphore(0)
        self.is_dead, self.word, self.arrives = False, "", False
        self.thread = Thread(target=self.run, args=[world])
        self.thread.start()

    def run(self, world: World) -> None:
        world.workers[get_ident()] = self
        try:
            self.go.acquire()
            pump("worker", clock=lambda: world.now)
        except Died:
            pass
        finally:
            connections.close_all()
            self.is_dead = True
            self.stopped.release()

    def stand(self) -> None:
        self.stopped.release()
        self.go.acquire()
        if self.is_dead:
            raise Died

    def step(self) -> None:
        self.go.release()
        assert self.stopped.acquire(timeout=60), "a worker never comes back"

    def die(self) -> None:
        self.is_dead = True
        self.step()
        self.thread.join()


@dataclass(slots=True)
class World:
    """The rows, the vendor at the edge of the machine, the clock, and whoever is at work."""

    rules: Rules
    now: datetime
    app: App
    transfer: Transfer
    recipients: list[int]
    workers: dict[int, Worker] = field(default_factory=dict)
    keys: dict[str, tuple[str, ...]] = field(default_factory=dict)
    taken: Tally[str] = field(default_factory=Tally)

    # The vendor's client, as the engine knows it.

    def write(self, push: SendPush) -> SendPush:
        self.workers[get_ident()].stand()
        return push

    def send(self, push: SendPush) -> Receipt:
        worker = self.workers[get_ident()]
        worker.stand()
        tokens = tuple(token for target in push.parts[0].targets for token in target.values)
        if worker.arrives:
            self.take(push.client_key, tokens)
        word = worker.word
        worker.stand()
        if word != "taken":
            raise replace_failure(FAILURES[word])
        return Receipt(push.client_key, Outcome.ACCEPTED)

    def take(self, key: str, tokens: tuple[str, ...]) -> None:
        if key not in self.keys or self.rules.vendor not in ("key", "unique"):
            self.keys[key] = tokens
            self.taken.update(tokens)

    def fetch_status(self, command: FetchStatus) -> TransferStatus | None:
        if command.client_key not in self.keys:
            return None
        return TransferStatus("1", "", "", TransferState.SENT, self.now)

    # What happens besides.

    def press(self, name: str) -> None:
        buttons = {"pause": pause_campaign, "resume": resume_campaign, "cancel": cancel_campaign}
        campaign = Campaign.objects.get(pk=self.transfer.campaign_id)
        buttons[name](campaign, actor="owner", now=self.now)

    def leave(self, member: int) -> None:
        gone = Device.TokenState.DISABLED
        Device.objects.filter(pk=self.recipients[member]).update(token_state=gone)

    def read(self) -> dict[str, Any]:
        """The part of the rows that the model speaks of."""
        batch = Batch.objects.get(transfer=self.transfer)
        outcomes = dict(
            Delivery.objects.filter(part_id=batch.part_id).values_list("recipient", "outcome")
        )
        calls = Attempt.objects.filter(batch=batch, answered_at__isnull=True)
        return {
            "outcomes": tuple(outcomes.get(pk, "") for pk in self.recipients),
            "state": batch.state,
            "attempts": batch.attempts,
            "open calls": calls.count(),
            "resent": Part.objects.get(pk=batch.part_id).resent,
            "taken": tuple(self.taken[f"t{number}"] for number in range(len(self.recipients))),
        }


def replace_failure(failure: Failure) -> Failure:
    """One of its own for each raise."""
    return Failure(
        failure.reason,
        failure.message,
        is_permanent=failure.is_permanent,
        was_sent=failure.was_sent,
    )


def read_model(state: State) -> dict[str, Any]:
    batch = state.batches[0]
    return {
        "outcomes": state.outcomes,
        "state": batch.state,
        "attempts": batch.attempts,
        "open calls": int(batch.call is not None),
        "resent": state.resent,
        "taken": state.taken,
    }


runs = count()


@contextmanager
def living(rules: Rules) -> Iterator[World]:
    """A world in which one batch of two recipients is ready to be claimed."""
    now, number = datetime.now(UTC), next(runs)
    app = builders.make_app(builders.make_workspace(f"w{number}"), f"a{number}")
    devices = [builders.make_device(app, f"t{place}").pk for place in range(2)]
    account = builders.make_route(app, "android").account
    account.credentials = vault.encrypt({"api_key": "good"})
    account.save()
    policy = Policy.AT_MOST_ONCE if rules.at_most_once else Policy.AT_LEAST_ONCE
    campaign = builders.make_campaign(app, now, policy=policy)
    start_campaign(campaign, actor="owner", now=now)
    freeze_transfer(campaign.transfers.get(), now=now)
    world = World(rules, now, app, campaign.transfers.get(), devices)
    dialect = replace(
        registry.get("sandbox"), connect=lambda _account: world, **ABILITIES[rules.vendor]
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(routes, "find_dialect", lambda _key: dialect)
        try:
            yield world
        finally:
            for worker in [worker for worker in world.workers.values() if not worker.is_dead]:
                worker.die()
            Transfer.objects.filter(pk=world.transfer.pk).update(finished_at=now)


def follow(
    world: World, hands: list[Worker | None], before: State, label: str, after: State
) -> State:
    """Let the same happen to the rows; gives the state in which the engine stands still again."""
    for place, hand in enumerate(after.hands):
        if hand != before.hands[place]:
            return move(world, hands, place, before, label, after)
    if label.startswith("the lease"):
        world.now += timedelta(seconds=django_settings.LEASE_SECONDS + 1)
    elif label.startswith("recipient"):
        world.leave(int(label.split()[1]))
    elif label.startswith("the account"):
        Account.objects.filter(routes__app=world.app).update(is_enabled=False)
    else:
        world.press(label)
    return after


def move(
    world: World, hands: list[Worker | None], place: int, before: State, label: str, after: State
) -> State:
    worker, hand = hands[place], after.hands[place]
    if label == "a worker dies":
        assert worker is not None
        worker.die()
    elif worker is None:
        if before.batches[0].state == "ready":
            world.now += timedelta(hours=2)  # past every wait
        worker = Worker(world)
        worker.step()
        after = plan_on(world.rules, after, place)
    else:
        listen(worker, hand, before, after)
        worker.step()
    hands[place] = worker if after.hands[place] is not None else None
    assert worker.is_dead == (after.hands[place] is None), label
    return after


def plan_on(rules: Rules, state: State, place: int) -> State:
    """A worker of the engine stands still no sooner than a call is written."""
    while (hand := state.hands[place]) is not None and hand.plan != "send":
        steps = [after for _label, after in list_steps(rules, state) if moved(state, after, place)]
        state = steps[0]
    return state


def moved(state: State, after: State, place: int) -> bool:
    return state.hands[place] != after.hands[place] and state.mishaps == after.mishaps


def listen(worker: Worker, hand: Hand | None, before: State, after: State) -> None:
    if hand is not None and hand.heard:
        worker.word = hand.heard
        arrives = (before.taken, before.keys) != (after.taken, after.keys)
        worker.arrives = arrives or hand.heard == "taken"


def choose(steps: list[Step], draw: Random) -> Step:
    """Workers work more often than anything befalls them."""
    weights = [4 if label.endswith(WORK) else 1 for label, _after in steps]
    return draw.choices(steps, weights)[0]


def walk(rules: Rules, draw: Random) -> list[str]:
    """Lead both along one way, to its end or for a while; gives the steps."""
    labels = []
    state = begin(((0, 1),), workers=WORKERS, mishaps=MISHAPS)
    hands: list[Worker | None] = [None] * WORKERS
    with living(rules) as world:
        while len(labels) < STEPS and not is_final(state):
            label, after = choose(list(list_steps(rules, state)), draw)
            labels.append(label)
            state = follow(world, hands, state, label, after)
            assert world.read() == read_model(state), labels
        faults = check_books(Transfer.objects.filter(pk=world.transfer.pk)).faults
        assert faults == [], labels
    return labels


@pytest.mark.values(6)
@pytest.mark.parametrize("rules", RULES, ids=str)
def test_the_engine_goes_where_the_model_goes(rules: Rules, capsys: Any) -> None:
    walks = [walk(rules, Random(seed)) for seed in range(LONGER * WALKS[connection.vendor])]

    steps = [label for labels in walks for label in labels]
    with capsys.disabled():
        print(f"\n{rules.vendor}: {len(walks)} walks, {len(steps)} steps, {len(set(steps))} kinds")
    assert len(set(steps)) > 12
