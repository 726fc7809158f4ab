"""From our door out to a simulated vendor of the same dialect, by the real engine and a socket."""

from __future__ import annotations

import copy
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from campaigns.dispatch.engine import drain
from campaigns.dispatch.verify import check_books
from campaigns.models import Account, Attempt, Counter, Segment, Transfer
from providers import registry, vault
from providers.simulator import Simulator, read_plan
from tests import builders
from tests.fixtures.pushexpress import read_examples
from tests.vendor_cases.conftest import simulator

__all__ = ["simulator"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
DIALECT = registry.get("pushexpress")


@pytest.fixture
def routed(app: Any, simulator: Simulator, settings: Any) -> Any:
    """The app with five devices, served by the simulated vendor on each platform."""
    settings.OUTBOUND_ALLOW = [simulator.url]
    options = {"app_id": 1, "default_lang": "en"}
    for platform in DIALECT.platforms:
        builders.make_route(app, platform.value, "pushexpress", options=options)
    Account.objects.update(
        credentials=vault.encrypt({"api_key": "k"}),
        base_urls={"core": f"{simulator.url}/pushexpress"},
    )
    for number, country in enumerate(("DE", "DE", "DE", "FR", "")):
        platform = ("android", "ios", "web")[number % 3]
        builders.make_device(app, f"t{number}", platform, country=country)
    return app


def send(script: Any, app: Any, **filters: Any) -> Transfer:
    """Send through our door, and let its two minutes pass."""
    body = copy.deepcopy(read_examples()["instant"]["call"])
    body["filters"] = {"app_ids_include": [app.pk], **filters}
    answer = script.call("POST", "api/b/v2/send/instant", body)
    assert answer.status_code == 201
    Transfer.objects.update(due_at=datetime.now(UTC) - timedelta(seconds=1))
    drain()
    return Transfer.objects.get()


def count_outcomes() -> dict[str, int]:
    counts: dict[str, int] = {}
    for outcome, count in Counter.objects.values_list("outcome", "count"):
        counts[outcome] = counts.get(outcome, 0) + count
    return {outcome: count for outcome, count in counts.items() if count}


def test_what_came_in_goes_out_as_one_call_in_the_vendors_words(speak, routed, simulator):
    transfer = send(speak(DIALECT), routed, countries_include=["DE"])

    [taken] = simulator.vendor.memory.transfers.values()
    assert transfer.status == "sent"
    assert simulator.vendor.summarize()["accepted_calls"] == 1
    # The vendor is told of countries, and nobody is named.
    assert "country" in str(taken.audience)
    assert sum(count_outcomes().values()) == 3
    assert Attempt.objects.count() == 1
    assert check_books().faults == []


def test_what_was_not_answered_is_not_sent_again_and_unknown(speak, routed, simulator):
    simulator.follow(read_plan({"faults": ["accepted_answer_lost"], "seed": 7}))

    send(speak(DIALECT), routed)
    drain(clock=lambda: datetime.now(UTC) + timedelta(hours=1))

    assert count_outcomes() == {"unknown": 5}
    assert simulator.vendor.summarize()["accepted_calls"] == 1
    assert check_books().faults == []


def test_whom_the_vendors_filters_cannot_mean_is_refused_at_once(speak, routed, simulator):
    body = copy.deepcopy(read_examples()["instant"]["call"])
    audience = f"x_{make_segment(routed)}"
    body["filters"] = {"app_ids_include": [routed.pk], "audiences_exclude": [audience]}

    answer = speak(DIALECT).call("POST", "api/b/v2/send/instant", body)

    assert answer.status_code == 400
    assert answer.json()["error"].startswith("validation error: audience: ")
    assert not Transfer.objects.exists()
    assert simulator.vendor.summarize()["accepted_calls"] == 0


def make_segment(app: Any) -> int:
    expression = {"field": "device.model", "op": "eq", "value": "old"}
    return int(Segment.objects.create(app=app, name="Old", expression=expression).pk)
