"""Vendors that call us, as the simulator plays them over a socket: good calls, calls made twice, in
another order, late or never, and calls of somebody who only pretends to be the vendor.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from campaigns.dispatch.engine import drain
from campaigns.dispatch.plan import start_campaign
from campaigns.dispatch.verify import check_books
from campaigns.models import (
    Account,
    App,
    Delivery,
    Device,
    DeviceIdentifier,
    ReceiptCount,
    ReceiptRow,
)
from campaigns.models.audience import hash64
from providers import registry, vault
from providers.contract import Dialect
from providers.simulator import Behaviour, Simulator
from providers.simulator.hooks import Quirk, find_hook
from tests import builders
from tests.vendor_cases.accounts import make_account
from tests.vendor_cases.conftest import simulator

__all__ = ["simulator"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
PEOPLE = 6
CALLING = [dialect for dialect in registry.all_dialects() if find_hook(dialect)]
SECRETS = {"callback_secret": "s3cret"}


@pytest.fixture
def send(app: App, simulator: Simulator, settings: Any, live_server: Any) -> Any:
    """Send through a vendor that delivers everything and tells us so; gives our hook's address."""
    settings.OUTBOUND_ALLOW = [simulator.url, live_server.url]
    settings.PUBLIC_URL = live_server.url
    simulator.behaviour = Behaviour(delivered_percent=100, opened_percent=50, receipt_seconds=0)

    def send(dialect: Dialect) -> str:
        now = datetime.now(UTC)
        config = make_account(dialect, simulator.url, **SECRETS)
        builders.make_route(app, "android", dialect.key, options=config.options)
        account = Account.objects.get()
        account.credentials = vault.encrypt(config.credentials)
        account.base_urls = config.base_urls
        account.options = {"wants_reports": True}
        account.save()
        for number in range(PEOPLE):
            add_device(app, dialect, f"d{number}")
        campaign = builders.make_campaign(app, now)
        start_campaign(campaign, actor="owner", now=now)
        drain()
        hook = find_hook(dialect)
        where = f"{live_server.url}/hooks/{account.public_id}/{hook.path}"
        return where if hook.write_check else ""  # else each send has told it

    return send


def add_device(app: App, dialect: Dialect, token: str) -> None:
    device = builders.make_device(app, token)
    DeviceIdentifier.objects.bulk_create(
        DeviceIdentifier(
            app=app, device=device, kind=kind.name, value=token, value_hash=hash64(token)
        )
        for kind in dialect.identifier_kinds
        if not kind.is_token
    )


def tell_whom(simulator: Simulator, dialect: Dialect, url: str, *quirks: Quirk) -> Any:
    wish = {"dialect": dialect.key, "url": url, "credentials": SECRETS, "quirks": quirks}
    answer = requests.put(f"{simulator.url}/_hooks", json=wish, timeout=5)
    return answer.json()


def poll(hours: int) -> None:
    """What the vendor tells when it is asked, hours later."""
    for hour in range(1, hours + 1):
        drain(clock=lambda hour=hour: datetime.now(UTC) + timedelta(hours=hour))


def count_receipts() -> int:
    """How many there are; each is counted once."""
    rows = ReceiptRow.objects.count()
    assert sum(ReceiptCount.objects.values_list("count", flat=True)) == rows
    assert set(Delivery.objects.values_list("outcome", flat=True)) == {"sent"}
    assert check_books().faults == []
    return rows


@pytest.mark.parametrize("dialect", CALLING, ids=lambda dialect: dialect.key)
def test_calls_and_polls_together_count_once_however_the_vendor_calls(dialect, send, simulator):
    url = send(dialect)

    first = tell_whom(simulator, dialect, url, Quirk.LOST, Quirk.FORGED, Quirk.LATE)
    early = simulator.hooks.call_due()
    late = simulator.hooks.call_due()
    lost = count_receipts()
    simulator.hooks.told.clear()
    tell_whom(simulator, dialect, url, Quirk.TWICE, Quirk.REORDERED, Quirk.FORGED)
    twice = simulator.hooks.call_due()
    whole = count_receipts()
    poll(2)

    assert first == {"is_good": True}
    assert early == []
    assert sorted(set(late)) == [200, 401]
    assert late.count(401) > late.count(200)
    assert twice.count(200) == twice.count(401) > 0
    assert whole > PEOPLE
    assert lost < whole == count_receipts()
    assert not Device.objects.exclude(token_state=Device.TokenState.ACTIVE).exists()


def test_a_vendor_that_calls_nobody_and_a_wish_that_is_none_are_refused(simulator):
    quiet = next(one for one in registry.all_dialects() if one.routes and not find_hook(one))

    answers = [
        requests.put(f"{simulator.url}/_hooks", json=wish, timeout=5)
        for wish in (
            {"dialect": quiet.key},
            {"dialect": CALLING[0].key, "quirks": ["rude"]},
            {"dialect": CALLING[0].key, "url": 5},
            [],
        )
    ]

    assert [answer.status_code for answer in answers] == [400] * 4
    assert all(answer.json()["error"] for answer in answers)
