"""Flushes that nobody waits for, in a process that has many files open."""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime
from threading import Event, Thread
from types import FrameType
from typing import Any

import pytest
from django.db import OperationalError, connection, connections, transaction

from campaigns.dispatch.claim import Lease
from campaigns.dispatch.quick_flush import QuickFlush
from campaigns.dispatch.settle import LeaseLost
from campaigns.dispatch.verify import check_books
from campaigns.dispatch.windows import Reach
from campaigns.models import Attempt, Batch, Counter, SendMinute
from tests.campaigns.dispatch.gateways import Gateway
from tests.campaigns.dispatch.phones import CHUNK, PHONES, Start, count_resent, now, send

__all__ = ["now"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
SELECTABLE = 1024  # the numbers of files that `select` takes end before it


@pytest.fixture
def _many_files() -> Iterator[None]:
    """All files that are opened now have numbers that `select` does not take."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (2 * SELECTABLE, hard))
    connection.close()
    with ExitStack() as files:
        for _number in range(SELECTABLE):
            files.enter_context(open(os.devnull))
        yield
    connection.close()
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("_many_files")
def test_a_flush_is_read_over_a_connection_of_a_high_number(
    gateway: Gateway, begin: Start, now: datetime
) -> None:
    transfer = begin()

    outcomes = send(transfer, now)

    assert outcomes == {"sent": PHONES}
    assert len(gateway.calls) == PHONES
    assert check_books().faults == []


@pytest.fixture
def _patience() -> Iterator[None]:
    """Whoever waits for ever, waits for a minute."""

    def give_up(_number: int, _frame: FrameType | None) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.postgres
@pytest.mark.usefixtures("_patience")
def test_a_flush_that_is_longer_than_a_socket_takes_at_once_leaves_whole(now: datetime) -> None:
    lease = Lease(Batch(pk=0, app_id=0, part_id=0, platform="android"), way=None)
    sent = [(number, 0) for number in range(400_000)]
    flush = QuickFlush(lease, Attempt(pk=0, account_id=0), sent, Reach(0, 0), now)

    with pytest.raises(LeaseLost):  # nobody's, but read to its end
        flush.finish()


class Holder:
    """Somebody who holds what a flush has to write, as a database does that has come to a halt."""

    def __init__(self) -> None:
        self.is_holding, self.may_end = Event(), Event()
        self.thread = Thread(target=self._run, daemon=True)

    def hold(self) -> None:
        """Once, from the moment at which there is something to be held."""
        if self.thread.ident is None and SendMinute.objects.exists():
            self.thread.start()
            assert self.is_holding.wait(20)

    def _run(self) -> None:
        try:
            with transaction.atomic():
                list(Counter.objects.select_for_update())
                self.is_holding.set()
                self.may_end.wait()
        finally:
            connections.close_all()

    def let_go(self) -> None:
        self.may_end.set()
        if self.thread.ident is not None:
            self.thread.join()


@pytest.fixture
def holder(gateway: Gateway) -> Iterator[Holder]:
    holder = Holder()
    gateway.on_call = lambda _token: holder.hold()
    yield holder
    holder.let_go()


@pytest.mark.postgres
@pytest.mark.usefixtures("_patience")
def test_a_database_that_says_nothing_holds_nobody_for_longer_than_a_lease(
    gateway: Gateway, holder: Holder, begin: Start, now: datetime, settings: Any
) -> None:
    settings.LEASE_SECONDS = 1
    transfer = begin()

    with pytest.raises(OperationalError, match="not answered a flush"):
        send(transfer, now)
    made = len(gateway.calls)
    holder.let_go()
    outcomes = send(transfer, now, hours=1)

    assert made < PHONES
    assert outcomes == {"sent": PHONES}
    # Whom that window held may have been called: they are called once more, and counted.
    assert len(gateway.calls) - PHONES <= count_resent(transfer) <= 2 * CHUNK
