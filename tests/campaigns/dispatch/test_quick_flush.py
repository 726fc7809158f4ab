"""Flushes that nobody waits for, in a process that has many files open."""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime
from types import FrameType

import pytest
from django.db import connection

from campaigns.dispatch.claim import Lease
from campaigns.dispatch.quick_flush import QuickFlush, can_flush_quickly
from campaigns.dispatch.settle import LeaseLost
from campaigns.dispatch.verify import check_books
from campaigns.dispatch.windows import Reach
from campaigns.models import Attempt, Batch
from tests.campaigns.dispatch.gateways import Gateway
from tests.campaigns.dispatch.phones import PHONES, Start, now, send

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


@pytest.mark.usefixtures("_patience")
def test_a_flush_that_is_longer_than_a_socket_takes_at_once_leaves_whole(now: datetime) -> None:
    if not can_flush_quickly():
        assert connection.vendor == "sqlite"  # which alone has no such statement
        return
    lease = Lease(Batch(pk=0, app_id=0, part_id=0, platform="android"), way=None)
    sent = [(number, 0) for number in range(400_000)]
    flush = QuickFlush(lease, Attempt(pk=0, account_id=0), sent, Reach(0, 0), now)

    with pytest.raises(LeaseLost):  # nobody's, but read to its end
        flush.finish()
