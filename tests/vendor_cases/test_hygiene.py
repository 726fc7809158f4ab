"""Which tokens a gateway's answers switch off: exactly those that it calls dead, with its words,
unless the device came back since; and a person can undo it. Over HTTP/2, by the engine.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from campaigns.dispatch.engine import drain
from campaigns.dispatch.plan import start_campaign
from campaigns.dispatch.verify import check_books
from campaigns.models import Account, App, Campaign, Delivery, Device, Job, Message, Route, Transfer
from campaigns.models.audience import hash64
from campaigns.services.job_work import drain_jobs
from providers import registry, vault
from providers.contract import Dialect
from providers.simulator import Simulator, read_plan
from providers.simulator.gateways import GatewayServer
from tests.api.conftest import make_client
from tests.gateways import serving_gateways
from tests.vendor_cases.accounts import (
    GATEWAYS,
    load_own_data,
    make_account,
    make_device_token,
    name_taken,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
COUNT = 24
NOW = datetime.now(UTC)
SILENT_SINCE = NOW - timedelta(days=1)  # the simulator calls a token dead for an hour
# Who suffers what: each number is one device's.
GONE, GONE_AND_BACK = (3, 9), (5,)
OTHERS = {"error_500": 7, "recipient_refused": 11, "invalid_json": 13, "stream_reset": 17}


@pytest.fixture
def server(tmp_path: Any, settings: Any) -> Iterator[GatewayServer]:
    simulator = Simulator(registry.all_dialects(), tmp_path / "journal.jsonl")
    with serving_gateways(simulator, tmp_path, settings) as server:
        yield server
    simulator.close()


def fill(app: App, dialect: Dialect, url: str) -> list[Device]:
    """A route through the gateway and devices, of which some have shown themselves just now."""
    config, platform = make_account(dialect, url), min(dialect.platforms)
    account = Account.objects.create(
        workspace=app.workspace,
        name="Gateway",
        dialect=dialect.key,
        credentials=vault.encrypt(dict(config.credentials)),
        base_urls=dict(config.base_urls),
        options=load_own_data(dialect).get("account_options", {}),
    )
    Route.objects.create(app=app, platform=platform, account=account, options=dict(config.options))
    tokens = [make_device_token(dialect, url, number) for number in range(COUNT)]
    for number, token in enumerate(tokens):
        back = NOW if number in GONE_AND_BACK else None
        Device.objects.create(
            app=app, platform=platform, token=token, token_hash=hash64(token), last_seen_at=back
        )
    Device.objects.update(created_at=SILENT_SINCE)
    return list(Device.objects.order_by("pk"))


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
    campaign = Campaign.objects.create(
        workspace=app.workspace,
        app=app,
        name="Spring",
        message=Message.objects.create(app=app, content={"title": "Hi", "body": "There"}),
        audience={"all": True},
        status_since=NOW,
        created_at=NOW,
        created_by="owner",
    )
    start_campaign(campaign, actor="owner", now=datetime.now(UTC))
    drain()
    return Transfer.objects.get(campaign=campaign)


def list_disabled() -> dict[int, str]:
    rows = Device.objects.filter(token_state=Device.TokenState.DISABLED)
    return dict(rows.values_list("pk", "token_evidence"))


@pytest.mark.parametrize("dialect", GATEWAYS, ids=lambda dialect: dialect.key)
def test_exactly_the_unregistered_are_switched_off_and_on_again(app, server, dialect):
    devices = fill(app, dialect, server.url)
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
    assert check_books().faults == []
