"""A wake is published after the commit or never, and nothing depends on it.

The short form rolls back 100 times; PUSHADMIN_CHAOS=full does it 1,000 times.
"""

from __future__ import annotations

import logging
import os
import random
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from celery import Celery
from django.conf import LazySettings
from django.db import transaction

from campaigns.dispatch import wakes
from campaigns.models import Transfer
from pushadmin import celery
from tests.brokers import Redis, running_redis
from tests.campaigns.dispatch.conftest import make_campaign, routed, start
from tests.installation import find_free_port

__all__ = ["make_campaign", "routed", "start"]

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]
ROLLBACKS = 1000 if os.environ.get("PUSHADMIN_CHAOS") == "full" else 100
QUEUE = "pushadmin"


class Refused(Exception):
    """What made somebody roll back."""


@pytest.fixture
def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    with running_redis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def publish_to(
    settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str], None]]:
    """Commits of this process announce themselves to the broker of that address."""
    apps = []

    def publish_to(url: str) -> None:
        apps.append(Celery("pushadmin", changes={**settings.CELERY, "broker_url": url}))
        monkeypatch.setattr(celery, "pump", apps[0].task(name="pushadmin.pump")(celery.pump.run))
        wakes.register_waker(celery.wake)

    yield publish_to
    wakes.remove_waker(celery.wake)
    apps[0].close()


def begin_and_refuse(start: Callable[..., Transfer], depth: int) -> None:
    """Start a campaign some savepoints deep, and roll all of it back."""
    with transaction.atomic():
        if depth:
            begin_and_refuse(start, depth - 1)
        start()
        raise Refused


def test_what_is_rolled_back_wakes_nobody(redis, publish_to, start, tell):
    chance = random.Random(7)
    publish_to(redis.url)

    for _ in range(ROLLBACKS):
        with pytest.raises(Refused):
            begin_and_refuse(start, chance.randrange(3))
    silent = redis.client.llen(QUEUE)
    start()

    tell(f"{ROLLBACKS} rollbacks: {silent} wakes; 1 commit: {redis.client.llen(QUEUE)}")

    assert silent == 0
    assert redis.client.llen(QUEUE) == 1
    assert Transfer.objects.count() == 1


@pytest.mark.parametrize("scheme", ["redis", "amqp"])
def test_a_broker_that_is_away_costs_a_line_and_no_commit(scheme, publish_to, start, caplog, tell):
    caplog.set_level(logging.WARNING)
    publish_to(f"{scheme}://127.0.0.1:{find_free_port()}/")

    begun = time.monotonic()
    start()
    seconds = time.monotonic() - begun

    tell(f"A commit without its {scheme} broker took {seconds:.2f} s")

    assert Transfer.objects.count() == 1
    assert [record.message[:24] for record in caplog.records] == ["The broker took no wake "]
