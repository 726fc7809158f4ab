"""Campaigns over the whole way: from the queue through HTTP/2 to the simulated gateway and back
into the books."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from campaigns.dispatch.engine import pump
from campaigns.dispatch.freeze import freeze_transfer
from campaigns.dispatch.plan import start_campaign
from campaigns.dispatch.verify import check_books
from campaigns.models import Account, App, Campaign, Delivery, Device, Message, Route, Transfer
from campaigns.models.audience import hash64
from campaigns.selectors import routes
from providers import registry, vault
from providers.gateways import GatewayCall, GatewayReply, GatewaySend
from providers.outcomes import Refusal, RefusalKind
from providers.simulator import Simulator, read_plan
from providers.simulator.gateways import GatewayServer
from providers.vendors.apns import DIALECT
from providers.vendors.apns.wire_gateway import GATEWAY, REFUSED
from tests.gateways import make_certificates, serving_gateways
from tests.providers.apns.account import open_account

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
BATCH = 1000
PHONES = 40


@pytest.fixture
def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def server(tmp_path, settings) -> Iterator[GatewayServer]:
    simulator = Simulator(registry.all_dialects(), tmp_path / "journal.jsonl")
    with serving_gateways(simulator, tmp_path, settings) as server:
        yield server
    simulator.close()


@pytest.fixture
def shop(app: App, server: GatewayServer, monkeypatch: pytest.MonkeyPatch) -> App:
    """An app whose iPhones are reached through the simulated gateway."""
    small = replace(DIALECT, limits=replace(DIALECT.limits, batch_size=BATCH))
    monkeypatch.setattr(routes, "find_dialect", lambda key: small)
    own = open_account()
    account = Account.objects.create(
        workspace=app.workspace,
        name="Apple",
        dialect=DIALECT.key,
        credentials=vault.encrypt(own.credentials),
        base_urls={"gateway": f"{server.url}/{DIALECT.key}"},
    )
    Route.objects.create(app=app, platform="ios", account=account, options=own.options)
    return app


def add_phones(app: App, count: int, since: datetime, first: int = 0) -> None:
    tokens = [f"{number:064x}" for number in range(first + 1, first + count + 1)]
    devices = [
        Device(app=app, platform="ios", token=token, token_hash=hash64(token)) for token in tokens
    ]
    Device.objects.bulk_create(devices)
    Device.objects.filter(token__in=tokens).update(token_shown_at=since)


def send(app: App, now: datetime, content: dict | None = None) -> Transfer:
    """A campaign to everybody, until nobody can do more now."""
    message = Message.objects.create(app=app, content=content or {"title": "Hi", "body": "There"})
    campaign = Campaign.objects.create(
        workspace=app.workspace,
        app=app,
        name="Spring",
        message=message,
        audience={"all": True},
        status_since=now,
        created_at=now,
        created_by="owner",
    )
    start_campaign(campaign, actor="owner", now=now)
    transfer = Transfer.objects.get(campaign=campaign)
    freeze_transfer(transfer, now=now)
    while pump("worker", clock=make_clock(now)):
        pass
    transfer.refresh_from_db()
    assert check_books().faults == []
    return transfer


def make_clock(now: datetime) -> Callable[[], datetime]:
    started = datetime.now(UTC)
    return lambda: now + (datetime.now(UTC) - started)


def count_outcomes(transfer: Transfer) -> Tally[str]:
    rows = Delivery.objects.filter(part__transfer=transfer).values_list("outcome", "reason")
    return Tally(" ".join(filter(None, row)) for row in rows)


def count_disabled(app: App) -> int:
    return Device.objects.filter(app=app, token_state=Device.TokenState.DISABLED).count()


def refuse_everybody(reason: str) -> Callable[[GatewayCall], GatewaySend]:
    def read(call: GatewayCall) -> GatewaySend:
        raise Refusal(RefusalKind.INVALID, "No", code=reason)

    return read


def test_everybody_gets_it_once(shop, server, now):
    add_phones(shop, BATCH + PHONES, now - timedelta(hours=2))

    transfer = send(shop, now)

    summary = server.simulator.summarize()
    assert count_outcomes(transfer) == {"sent": BATCH + PHONES}
    assert (summary["distinct_recipients"], summary["doubled_recipients"]) == (BATCH + PHONES, 0)
    assert transfer.finished_at is not None


def test_a_token_is_switched_off_only_where_nobody_has_shown_it_since(shop, server, now):
    """The gateway says that all went an hour ago; the second half registered after that."""
    add_phones(shop, PHONES, now - timedelta(hours=2))
    add_phones(shop, PHONES, now - timedelta(minutes=30), first=PHONES)
    server.simulator.follow(read_plan({"faults": ["error_410"], "seed": 7}))

    transfer = send(shop, now)

    off = Device.objects.filter(app=shop, token_state=Device.TokenState.DISABLED)
    assert count_outcomes(transfer) == {"failed token": 2 * PHONES}
    assert {int(token, 16) for token in off.values_list("token", flat=True)} == set(
        range(1, PHONES + 1)
    )
    assert all(
        words.startswith("Unregistered: ") for words in off.values_list("token_evidence", flat=True)
    )


@pytest.mark.parametrize("reason", ["BadDeviceToken", "PayloadTooLarge"])
def test_a_broadcast_at_the_wrong_door_pauses_and_disables_nobody(shop, server, now, reason):
    add_phones(shop, BATCH + PHONES, now - timedelta(hours=2))
    server.simulator.gateways[DIALECT.key] = replace(GATEWAY, read=refuse_everybody(reason))

    transfer = send(shop, now)

    outcomes = count_outcomes(transfer)
    assert transfer.status == Transfer.Status.PAUSED
    assert set(outcomes) == {"failed payload"}
    assert outcomes.total() <= BATCH
    assert reason in transfer.events.get(new=Transfer.Status.PAUSED).note
    assert count_disabled(shop) == 0


def replace_key(key_id: str) -> Account:
    account = Account.objects.get(name="Apple")
    known = vault.decrypt(account.credentials)
    account.credentials = vault.encrypt({**known, "key_id": key_id})
    account.save()
    return account


def test_a_key_that_was_replaced_is_not_shown_on_the_connections_of_the_one_before(
    shop, server, now
):
    add_phones(shop, PHONES, now - timedelta(hours=2))
    send(shop, now)
    replace_key("NEWKEY1234")

    transfer = send(shop, now)

    assert count_outcomes(transfer) == {"sent": PHONES}


def test_a_key_that_is_refused_loses_nobody(shop, server, now):
    add_phones(shop, PHONES, now - timedelta(hours=2))
    account = replace_key(REFUSED)

    refused = send(shop, now)
    account.refresh_from_db()

    assert refused.status == Transfer.Status.PAUSED
    assert count_outcomes(refused) == {}
    assert (account.health, count_disabled(shop)) == (Account.Health.BAD, 0)
    assert account.health_words.startswith("InvalidProviderToken: ")


def test_a_certificate_sends_a_whole_campaign(shop, server, now):
    add_phones(shop, PHONES, now - timedelta(hours=2))
    certificate, key = make_certificates().sign_client("com.example.shop")
    shown = {"certificate": certificate.decode(), "certificate_key": key.decode()}
    Account.objects.update(credentials=vault.encrypt(shown))
    seen: list[tuple[str, bool]] = []

    def read(call: GatewayCall) -> GatewaySend | GatewayReply:
        seen.append((call.certificate, "authorization" in call.headers))
        return GATEWAY.read(call)

    server.simulator.gateways[DIALECT.key] = replace(GATEWAY, read=read)

    transfer = send(shop, now)

    summary = server.simulator.summarize()
    assert count_outcomes(transfer) == {"sent": PHONES}
    assert (summary["distinct_recipients"], summary["doubled_recipients"]) == (PHONES, 0)
    assert seen == [("com.example.shop", False)] * PHONES


def test_tokens_of_another_gateway_are_called_for_nobody(shop, server, now):
    add_phones(shop, PHONES, now - timedelta(hours=2))
    foreign = "cUr1yX:APA91bE-x_yTheTokenOfAnotherGateway"
    Device.objects.create(app=shop, platform="ios", token=foreign, token_hash=hash64(foreign))

    transfer = send(shop, now)

    assert count_outcomes(transfer) == {"sent": PHONES, "failed not_addressable": 1}
    assert count_disabled(shop) == 0
