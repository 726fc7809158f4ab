"""What Prometheus is told, and who else is told nothing."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from campaigns.dispatch import freeze
from campaigns.models import Batch, Transfer
from tests import builders
from tests.campaigns.dispatch.conftest import make_campaign, routed, start

__all__ = ["make_campaign", "routed", "start"]

pytestmark = [pytest.mark.database, pytest.mark.django_db]
TOKEN = "a-token-for-prometheus"


@pytest.fixture
def now():
    return timezone.now() - timedelta(seconds=90)


@pytest.fixture
def ask(client, settings):
    settings.METRICS_TOKEN = TOKEN

    def ask(authorization=f"Bearer {TOKEN}"):
        return client.get("/metrics", headers={"Authorization": authorization})

    return ask


def read_value(answer, line: str) -> float:
    found = [text for text in answer.content.decode().splitlines() if text.startswith(f"{line} ")]
    assert len(found) == 1, answer.content.decode()
    return float(found[0].rsplit(" ", 1)[1])


@pytest.mark.parametrize("authorization", ["", "Bearer wrong", TOKEN])
def test_without_the_token_there_is_no_such_page(ask, authorization):
    answer = ask(authorization)

    assert answer.status_code == 404


def test_without_a_setting_there_is_no_such_page_for_anybody(client, settings):
    settings.METRICS_TOKEN = ""

    answer = client.get("/metrics", headers={"Authorization": "Bearer "})

    assert answer.status_code == 404


def test_it_tells_what_waits_and_for_how_long(ask, start, app, now):
    builders.make_device(app, "one")
    builders.make_device(app, "two", platform="ios")
    freeze.freeze_transfer(start(), now=now)
    Batch.objects.filter(platform="ios").update(
        state="leased", lease_until=now + timedelta(seconds=60)
    )

    answer = ask()

    assert read_value(answer, 'pushadmin_transfers{status="sending"}') == 1
    assert read_value(answer, 'pushadmin_batches{state="ready"}') == 1
    assert read_value(answer, 'pushadmin_batches{state="leased"}') == 1
    assert read_value(answer, "pushadmin_recipients_owed") == 2
    assert 89 < read_value(answer, "pushadmin_oldest_due_seconds") < 600
    assert read_value(answer, "pushadmin_leases_expired") == 1
    assert read_value(answer, "pushadmin_accounts_unhealthy") == 0


def test_it_costs_the_same_few_queries_however_much_is_open(
    ask, start, app, now, django_assert_max_num_queries
):
    builders.make_device(app, "one")
    for _ in range(5):
        freeze.freeze_transfer(start(), now=now)

    with django_assert_max_num_queries(8):
        answer = ask()

    assert read_value(answer, 'pushadmin_batches{state="ready"}') == Transfer.objects.count() == 5
