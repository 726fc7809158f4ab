"""Transactions that wait for each other in a ring: the database ends one, and nothing is lost."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from threading import Event, Thread

import pytest
from django.db import OperationalError, connection, connections, transaction
from psycopg.errors import AdminShutdown, DeadlockDetected

from campaigns.dispatch import quick_flush
from campaigns.dispatch.deadlocks import MOST_TRIES, redone_after_deadlock
from campaigns.models import Counter, SendMinute, Transfer
from tests.campaigns.dispatch.gateways import Gateway
from tests.campaigns.dispatch.phones import PHONES, count_resent, send

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
LONG = 20.0  # seconds
BLOCKED = "SELECT 1 FROM pg_stat_activity WHERE %s = ANY(pg_blocking_pids(pid))"


@pytest.fixture
def now() -> datetime:
    return datetime.now(UTC)


class Rival:
    """Another worker, which locks a minute and then, when somebody waits for that, its counter.

    It is patient: whom PostgreSQL ends is the other one. SQLite knows no rings, as there a
    transaction holds the whole database: the rival stays away.
    """

    def __init__(self) -> None:
        self.is_holding = Event()
        self.thread = Thread(target=self._run)
        self.rings = 0

    def cross(self) -> None:
        """Get in the way once, when there is a minute to be held."""
        if connection.vendor != "postgresql" or self.thread.ident is not None:
            return
        if SendMinute.objects.exists():
            self.thread.start()
            assert self.is_holding.wait(LONG)

    def _run(self) -> None:
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SET LOCAL deadlock_timeout = '60s'")
                list(SendMinute.objects.select_for_update())
                self.is_holding.set()
                self._wait_for_another()
                free = Counter.objects.select_for_update(skip_locked=True)
                self.rings += not free.exists()
                list(Counter.objects.select_for_update())
        finally:
            connections.close_all()

    def _wait_for_another(self) -> None:
        pause = Event()
        me = connection.connection.info.backend_pid
        for _look in range(int(LONG * 100)):
            if connection.connection.execute(BLOCKED, [me]).fetchone():
                return
            pause.wait(0.01)
        raise AssertionError("Nobody waits.")


@pytest.fixture
def rival(gateway: Gateway) -> Rival:
    rival = Rival()
    gateway.on_call = lambda _token: rival.cross()
    return rival


@pytest.mark.parametrize("is_quick", [True, False], ids=["in one statement", "step by step"])
def test_a_worker_whose_flush_is_ended_for_anothers_flushes_again(
    begin: Callable[..., Transfer],
    rival: Rival,
    now: datetime,
    monkeypatch: pytest.MonkeyPatch,
    is_quick: bool,
) -> None:
    if not is_quick:
        monkeypatch.setattr(quick_flush, "can_flush_quickly", lambda: False)
    transfer = begin()

    outcomes = send(transfer, now)

    rings = int(connection.vendor == "postgresql")
    assert (rival.rings, outcomes) == (rings, {"sent": PHONES})
    assert count_resent(transfer) == 0
    assert transfer.finished_at is not None


def test_only_deadlocks_are_tried_again_and_not_for_ever() -> None:
    tries: list[type[Exception]] = []

    @redone_after_deadlock
    def write(cause: type[Exception]) -> None:
        tries.append(cause)
        raise OperationalError from cause()

    with pytest.raises(OperationalError):
        write(DeadlockDetected)
    with pytest.raises(OperationalError):
        write(AdminShutdown)
    with pytest.raises(OperationalError), transaction.atomic():
        write(DeadlockDetected)

    assert tries == [*[DeadlockDetected] * MOST_TRIES, AdminShutdown, DeadlockDetected]
