"""Flushes that nobody waits for, in a process that has many files open."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime

import pytest
from django.db import connection

from campaigns.dispatch.verify import check_books
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
