"""A key that a gateway stops taking after it has taken pushes: a person is asked, and hardly
anybody is lost. Over HTTP/2, by the engine.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from campaigns.dispatch.engine import drain
from campaigns.dispatch.verify import check_books
from campaigns.models import Account, App, Counter, Device, Transfer
from campaigns.services.campaigns import resume_campaign
from providers.simulator import read_plan
from providers.simulator.gateways import GatewayServer
from providers.vendors.webpush.wire_auth import MOST_REFUSED
from tests.gateways import server
from tests.vendor_cases.accounts import GATEWAYS, name_taken
from tests.vendor_cases.gateway_apps import fill_app, start_transfer

__all__ = ["server"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
COUNT = 300
SEEN = datetime.now(UTC) - timedelta(days=1)
# How many a worker lets fail before it takes a refusal for everybody's. Who may name a service of
# his own, or make up what it refuses, is not believed at once.
MOST_LOST = {"webpush": MOST_REFUSED - 1}


def give(server: GatewayServer, *faults: str) -> None:
    server.simulator.follow(read_plan({"faults": faults, "seed": 7}))


def send(app: App) -> Transfer:
    transfer = start_transfer(app, datetime.now(UTC))
    drain()
    transfer.refresh_from_db()
    return transfer


def count_ends(transfer: Transfer) -> dict[str, int]:
    counters = Counter.objects.filter(part__transfer=transfer, count__gt=0)
    found: dict[str, int] = {}
    for outcome, reason, count in counters.values_list("outcome", "reason", "count"):
        name = f"{outcome} {reason}".strip()
        found[name] = found.get(name, 0) + count
    return found


@pytest.mark.parametrize("dialect", GATEWAYS, ids=lambda dialect: dialect.key)
def test_a_key_that_is_refused_later_pauses_the_campaign(app, server, dialect):
    fill_app(app, dialect, server.url, COUNT, SEEN)
    first = send(app)
    give(server, "error_403")

    second = send(app)

    lost = MOST_LOST.get(dialect.key, 0)
    ends, account = count_ends(second), Account.objects.get(name="Gateway")
    assert count_ends(first) == {"sent": COUNT}
    assert (second.status, account.health) == (Transfer.Status.PAUSED, Account.Health.BAD)
    assert ends == ({"failed not_addressable": lost} if lost else {})
    assert not Device.objects.exclude(token_state=Device.TokenState.ACTIVE).exists()

    give(server)
    resume_campaign(second.campaign, actor="owner", now=datetime.now(UTC))
    drain()

    assert count_ends(second)["sent"] == COUNT - lost
    assert check_books().faults == []


def test_one_browser_that_is_refused_stops_nobody(app, server):
    dialect = next(one for one in GATEWAYS if one.key == "webpush")
    fill_app(app, dialect, server.url, COUNT, SEEN)
    send(app)
    give(server, f"error_403:id={name_taken(dialect, server.url, 3)}")

    transfer = send(app)

    assert count_ends(transfer) == {"sent": COUNT - 1, "failed not_addressable": 1}
    assert Account.objects.get(name="Gateway").health != Account.Health.BAD
