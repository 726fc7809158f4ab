"""Which tokens a gateway's answers switch off: exactly those that it calls dead, with its words,
unless the device came back since; and a person can undo it. Over HTTP/2, by the engine.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from campaigns.dispatch.engine import drain
from campaigns.dispatch.verify import check_books
from campaigns.models import App, Delivery, Device, Job, Transfer
from campaigns.services.job_work import drain_jobs
from providers.contract import Dialect
from providers.simulator import read_plan
from providers.simulator.gateways import GatewayServer
from tests.api.conftest import make_client
from tests.gateways import server
from tests.vendor_cases.accounts import GATEWAYS, load_own_data, name_taken
from tests.vendor_cases.gateway_apps import fill_app, start_transfer

__all__ = ["server"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
COUNT = 24
NOW = datetime.now(UTC)
SILENT_SINCE = NOW - timedelta(days=1)  # the simulator calls a token dead for an hour
# Who suffers what: each number is one device's.
GONE, GONE_AND_BACK = (3, 9), (5,)
OTHERS = {"error_500": 7, "recipient_refused": 11, "invalid_json": 13, "stream_reset": 17}


def suffer(server: GatewayServer, dialect: Dialect) -> None:
    def name(number: int) -> str:
        return name_taken(dialect, server.url, number)

    faults = load_own_data(dialect).get("gone", ["error_410"])
    dead = [*GONE, *GONE_AND_BACK]
    ways = [faults[place % len(faults)] for place in range(len(dead))]
    rules = [f"{fault}:id={name(n)}" for fault, n in zip(ways, dead, strict=True)]
    rules += [f"{fault}:id={name(n)}" for fault, n in OTHERS.items()]
    server.simulator.follow(read_plan({"faults": rules, "seed": 7}))


def send(app: App) -> Transfer:
    """A campaign to everybody, until nobody can do more at this hour."""
    transfer = start_transfer(app, datetime.now(UTC))
    drain()
    transfer.refresh_from_db()
    return transfer


def list_disabled() -> dict[int, str]:
    rows = Device.objects.filter(token_state=Device.TokenState.DISABLED)
    return dict(rows.values_list("pk", "token_evidence"))


@pytest.mark.parametrize("dialect", GATEWAYS, ids=lambda dialect: dialect.key)
def test_exactly_the_unregistered_are_switched_off_and_on_again(app, server, dialect):
    devices = fill_app(app, dialect, server.url, COUNT, SILENT_SINCE)
    back = [devices[number].pk for number in GONE_AND_BACK]
    Device.objects.filter(pk__in=back).update(token_shown_at=NOW)
    suffer(server, dialect)
    tells_since = load_own_data(dialect).get("tells_since", False)
    off = [*GONE, *(() if tells_since else GONE_AND_BACK)]

    first = send(app)

    disabled = list_disabled()
    failed = Delivery.objects.filter(part__transfer=first, outcome="failed", reason="token")
    assert sorted(disabled) == sorted(devices[number].pk for number in off)
    assert all(disabled.values())
    assert set(failed.values_list("recipient", flat=True)) == {
        devices[number].pk for number in (*GONE, *GONE_AND_BACK)
    }
    # A token is secret: the words that are kept of it do not name it.
    assert not any(devices[number].token in words for number in off for words in disabled.values())

    server.simulator.follow(read_plan({"faults": [], "seed": 7}))
    script = make_client(app.workspace)
    asked = {"since": SILENT_SINCE.isoformat(), "transfer": first.pk}
    begun = script.post("/api/v1/devices/enable/", asked, format="json")
    drain_jobs()

    assert begun.status_code == 202
    assert Job.objects.get().counts == {"enabled": len(off), "kept": 0}
    assert list_disabled() == {}

    again = send(app)

    sent = Delivery.objects.filter(part__transfer=again, outcome="sent")
    assert set(sent.values_list("recipient", flat=True)) == {device.pk for device in devices}

    # That a person has switched them on shows nobody that they are alive.
    suffer(server, dialect)
    send(app)

    assert sorted(list_disabled()) == sorted(disabled)
    assert check_books().faults == []
