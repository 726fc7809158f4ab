"""An app whose devices are all a gateway's, and campaigns to everybody."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from campaigns.dispatch.plan import start_campaign
from campaigns.models import Account, App, Device, Route, Transfer
from campaigns.models.audience import hash64
from providers import vault
from providers.contract import Dialect
from tests import builders
from tests.vendor_cases.accounts import load_own_data, make_account, make_device_token


def fill_app(
    app: App, dialect: Dialect, url: str, count: int, created_at: datetime
) -> list[Device]:
    """A route through the simulator's gateways at `url`, and devices by their numbers."""
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
    for token in (make_device_token(dialect, url, number) for number in range(count)):
        Device.objects.create(app=app, platform=platform, token=token, token_hash=hash64(token))
    Device.objects.update(created_at=created_at)
    return list(Device.objects.order_by("pk"))


def start_transfer(app: App, now: datetime, **fields: Any) -> Transfer:
    """A campaign to everybody, not yet frozen."""
    campaign = builders.make_campaign(app, now, **fields)
    start_campaign(campaign, actor="owner", now=now)
    return Transfer.objects.get(campaign=campaign)
