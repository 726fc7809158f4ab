"""Turns are shared: a large transfer keeps no small one of another app, or of its own, waiting."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from campaigns.dispatch import claim, engine, folds, freeze, turns
from campaigns.dispatch.engine import Clock, drain, pump
from campaigns.dispatch.plan import NewPart, NewTransfer, create_transfer
from campaigns.dispatch.queue import list_queue
from campaigns.dispatch.verify import check_books
from campaigns.models import (
    Account,
    App,
    Batch,
    Campaign,
    Counter,
    Device,
    Group,
    Message,
    Transfer,
)
from campaigns.models.audience import hash64
from campaigns.selectors import routes
from providers import registry, vault
from providers.simulator import Simulator
from tests import builders

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
CHUNK = 20  # devices that one turn of freezing takes
BATCH = 10  # recipients of one call
MANY, FEW = 600, 100
Make = Callable[..., Transfer]


@pytest.fixture
def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def clock(now: datetime) -> Clock:
    ticks = count()
    return lambda: now + timedelta(seconds=next(ticks) / 20)


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch, simulator: Simulator) -> None:
    """Every turn is a small one, so that many are needed."""
    dialect = registry.get("sandbox")
    dialect = replace(dialect, limits=replace(dialect.limits, batch_size=BATCH))
    monkeypatch.setattr(routes, "find_dialect", lambda key: dialect)
    monkeypatch.setattr(freeze, "CHUNK_DEVICES", CHUNK)


@pytest.fixture
def make_transfer(app: App, now: datetime) -> Make:
    def make_transfer(slug: str, size: int, **fields: Any) -> Transfer:
        """Due now, to everybody of an app that is made with so many devices."""
        owner = App.objects.filter(slug=slug).first()
        owner = owner or make_app(app, slug, size)
        message = Message.objects.create(app=owner, content={"title": "Hi", "body": "There"})
        campaign = Campaign.objects.create(
            workspace=app.workspace, app=owner, name=slug, message=message,
            audience=fields.pop("audience", {"all": True}), status=Campaign.Status.SENDING,
            status_since=now, created_at=now, created_by="owner",
        )  # fmt: skip
        group = Group.objects.get(app=owner)
        plan = NewTransfer(app=owner, group=group, parts=(NewPart(message),), campaign=campaign)
        transfer = create_transfer(plan, actor="owner", now=now)
        Transfer.objects.filter(pk=transfer.pk).update(**fields)
        return transfer

    return make_transfer


def make_app(sibling: App, slug: str, size: int) -> App:
    app = builders.make_app(sibling.workspace, slug)
    builders.make_route(app, "android")
    Account.objects.update(credentials=vault.encrypt({"api_key": "good"}))
    texts = [f"{slug}{number}" for number in range(size)]
    Device.objects.bulk_create(
        Device(app=app, platform="android", token=text, token_hash=hash64(text)) for text in texts
    )
    return app


def count_turns(transfer: Transfer, clock: Clock) -> int:
    """Turns of one worker until a transfer has ended."""
    for number in range(1, 1000):
        assert pump("worker", clock=clock)
        transfer.refresh_from_db()
        if transfer.finished_at is not None:
            return number
    raise AssertionError("it never ends")


def count_settled(transfer: Transfer) -> int:
    return sum(Counter.objects.filter(part__transfer=transfer).values_list("count", flat=True))


# Its own: freezing in chunks, the end of the freeze, a call per batch. The other has as many.
SHARE = 2 * (FEW // CHUNK + 1 + 1 + FEW // BATCH) + 2


def test_a_hundred_are_done_while_another_apps_many_are_being_frozen(
    make_transfer: Make, clock: Clock
) -> None:
    large = make_transfer("large", MANY)
    pump("worker", clock=clock)
    small = make_transfer("small", FEW)

    taken = count_turns(small, clock)

    large.refresh_from_db()
    assert taken <= SHARE
    assert large.frozen_at is None
    assert large.freeze_cursor["after"] > 0
    drain("worker", clock=clock)
    assert (count_settled(large), count_settled(small)) == (MANY, FEW)
    assert check_books().faults == []


def test_a_hundred_are_done_while_another_apps_many_are_being_sent(
    make_transfer: Make, clock: Clock
) -> None:
    large = make_transfer("large", MANY)
    while not count_settled(large):
        pump("worker", clock=clock)
    small = make_transfer("small", FEW)

    taken = count_turns(small, clock)

    assert taken <= SHARE
    assert 0 < count_settled(large) < MANY


def test_a_hundred_are_done_beside_the_many_of_their_own_app(
    make_transfer: Make, clock: Clock
) -> None:
    large = make_transfer("large", MANY)
    pump("worker", clock=clock)
    few = list(Device.objects.order_by("pk").values_list("pk", flat=True)[:FEW])
    small = make_transfer("large", FEW, audience={"devices": few})

    taken = count_turns(small, clock)

    large.refresh_from_db()
    assert taken <= 2 * SHARE
    assert large.finished_at is None


def test_what_is_urgent_goes_before_whoever_has_waited(make_transfer: Make, clock: Clock) -> None:
    large = make_transfer("large", MANY)
    urgent = make_transfer("small", FEW, priority=0)

    taken = count_turns(urgent, clock)

    large.refresh_from_db()
    assert taken <= SHARE // 2
    assert large.freeze_cursor == {}


def put_off(transfer: Transfer, until: datetime) -> None:
    """As a vendor does that has asked for it: every batch is tried again then."""
    freeze.freeze_transfer(transfer, now=transfer.due_at)
    Batch.objects.filter(transfer=transfer).update(due_at=until)


def test_who_waits_for_a_next_try_is_looked_at_once_and_then_when_it_is_due(
    make_transfer: Make, clock: Clock, now: datetime
) -> None:
    transfer = make_transfer("small", FEW)
    put_off(transfer, now + timedelta(hours=1))

    found = [pump("worker", clock=clock), engine.has_open(clock())]
    with CaptureQueriesContext(connection) as queries:
        pump("worker", clock=clock)
    drain("worker", clock=lambda: now + timedelta(hours=2))

    assert found == [False, False]
    assert not [query for query in queries if "campaigns_batch" in query["sql"]]
    assert count_settled(transfer) == FEW


def test_what_a_worker_holds_keeps_its_transfer_in_the_turns(
    make_transfer: Make, clock: Clock, now: datetime
) -> None:
    transfer = make_transfer("small", FEW)
    put_off(transfer, now + timedelta(hours=1))
    held = Batch.objects.filter(pk=Batch.objects.latest("pk").pk)
    held.update(state="leased", lease_until=now + timedelta(minutes=1))

    pump("worker", clock=clock)

    transfer.refresh_from_db()
    assert transfer.next_due_at is None


def test_many_who_have_to_wait_hide_nobody(
    make_transfer: Make, clock: Clock, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "ONCE", 1)
    held = {"by": "other", "until": (now + timedelta(hours=1)).isoformat()}
    for _number in range(3):
        make_transfer("large", BATCH, freeze_cursor=held)
    small = make_transfer("small", BATCH)

    drain("worker", clock=clock)

    assert count_settled(small) == BATCH


def test_those_who_wait_keep_nobody_from_ending(
    make_transfer: Make, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folds, "ONCE", 1)
    put_off(make_transfer("large", BATCH), now + timedelta(hours=1))
    nobody = make_transfer("small", 0)
    freeze.freeze_transfer(nobody, now=now)

    folds.fold_step(now)

    nobody.refresh_from_db()
    assert nobody.finished_at == now


def test_what_was_sent_long_ago_is_not_looked_through(make_transfer: Make, now: datetime) -> None:
    transfer = make_transfer("small", FEW)
    freeze.freeze_transfer(transfer, now=now)
    batch = Batch.objects.filter(transfer=transfer).latest("pk")
    Batch.objects.bulk_create(
        replace_batch(batch, state="done", settled=batch.count, is_folded=True)
        for _number in range(2_000)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")

    lost, ready = claim._list_claimable(transfer, now)
    plans = [rows[:1].explain() for rows in (lost, ready, list_queue(transfer))]

    assert "batch_queue" in plans[0] or "batch_in_flight" in plans[0]
    assert all("batch_queue" in plan for plan in plans[1:])


def replace_batch(batch: Batch, **fields: Any) -> Batch:
    twin = copy(batch)
    twin.pk = None
    for name, value in fields.items():
        setattr(twin, name, value)
    return twin


def test_who_cannot_be_served_now_is_passed_over(
    make_transfer: Make, clock: Clock, now: datetime
) -> None:
    held = make_transfer("large", MANY)
    Transfer.objects.update(
        freeze_cursor={"by": "other", "until": (now + timedelta(hours=1)).isoformat()}
    )
    small = make_transfer("small", FEW)

    taken = count_turns(small, clock)

    held.refresh_from_db()
    assert taken <= SHARE // 2
    assert held.freeze_cursor["by"] == "other"
