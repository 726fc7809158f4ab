"""A turn costs its statements, whatever the size of the batch: they are counted, so that they do
not creep up again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from campaigns.dispatch.engine import pump
from campaigns.models import Account, App, Batch, Counter, Transfer
from campaigns.selectors import routes
from providers import registry, vault
from providers.simulator import Simulator
from tests import builders

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
BATCH = 10
# BEGIN and COMMIT of claim, call, settlement and roll-up; the other 35 look for a batch, ask what
# holds it back, take from that, leave out who is suppressed, address, and write the call, what
# became of it and its sums.
MOST = 43


@pytest.fixture
def halfway(
    routed: App,
    simulator: Simulator,
    start: Callable[..., Transfer],
    monkeypatch: pytest.MonkeyPatch,
) -> Transfer:
    """A transfer of five batches, of which two are done."""
    Account.objects.update(credentials=vault.encrypt({"api_key": "good"}))
    dialect = registry.get("sandbox")
    dialect = replace(dialect, limits=replace(dialect.limits, batch_size=BATCH))
    monkeypatch.setattr(routes, "find_dialect", lambda key: dialect)
    for number in range(5 * BATCH):
        builders.make_device(routed, f"android{number}", "android")
    transfer = start()
    while Batch.objects.filter(state=Batch.State.DONE).count() < 2:
        pump("worker")
    return transfer


def test_a_plain_turn_costs_few_statements(halfway: Transfer) -> None:
    with CaptureQueriesContext(connection) as asked:
        pump("worker")

    assert Counter.objects.get(part__transfer=halfway).count == 3 * BATCH
    assert len(asked) <= MOST, [query["sql"][:200] for query in asked]
