"""Puts apps with devices and accounts, and launched campaigns if wanted, into a database.

`python -m tests.chaos.filling '[{"slug": "shop", ...}]'` prints what it made as one JSON line.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import django

ACTOR = "chaos"
INSERT = 20_000


@dataclass(frozen=True, kw_only=True)
class Filling:
    """What is wanted. `options` are the account's, `campaign` what a campaign's body may say; the
    devices are numbered from `first` on. `shares` is the slug of an app whose account it has."""

    url: str  # of the simulator
    gateway_url: str = ""
    slug: str = "shop"
    dialect: str = "keyed"
    recipients: int = 0
    first: int = 0
    shares: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    credentials: dict[str, Any] = field(default_factory=dict)  # a gateway's, if they are not good
    limits: dict[str, Any] = field(default_factory=dict)
    campaign: dict[str, Any] | None = None


def fill(fillings: list[Filling]) -> list[dict[str, Any]]:
    """Make the apps, then launch their campaigns; gives what a test needs of each."""
    from campaigns.models import Workspace
    from campaigns.services.access import issue_key
    from providers import registry
    from tests import builders

    now = datetime.now(UTC)
    workspace = Workspace.objects.filter(slug="acme").first() or builders.make_workspace()
    made, keys = [], []
    for wanted in fillings:
        app = builders.make_app(workspace, slug=wanted.slug)
        dialect = registry.get(wanted.dialect)
        platform = min(dialect.platforms) if dialect.fans_out else "android"
        if wanted.shares:
            share_account(app, wanted.shares)
        else:
            (make_gateway_account if dialect.fans_out else make_account)(app, wanted, platform)
        make_devices(app, wanted, platform, now)
        key, text = issue_key(workspace, name=wanted.slug, actor=ACTOR, now=now, apps=[app])
        keys.append(key)
        made.append({"app": app.pk, "authorization": f"Bearer {text}", "base_path": "/api/v1/"})
    for wanted, key, item in zip(fillings, keys, made, strict=True):
        if wanted.campaign is not None:
            item.update(launch(key, wanted, now))
    return made


def make_account(app: Any, wanted: Filling, platform: str) -> None:
    from campaigns.models import Account, Route
    from providers import vault

    account = Account.objects.create(
        workspace=app.workspace,
        name=wanted.slug,
        dialect=wanted.dialect,
        credentials=vault.encrypt({"api_key": "good"}),
        base_urls={"api": f"{wanted.url}/{wanted.dialect}"},
        options=wanted.options,
        limits=wanted.limits,
    )
    Route.objects.create(app=app, platform=platform, account=account)


def make_gateway_account(app: Any, wanted: Filling, platform: str) -> None:
    from campaigns.models import Account, Route
    from providers import registry, vault
    from tests.vendor_cases import accounts

    dialect = registry.get(wanted.dialect)
    config = accounts.make_account(dialect, wanted.gateway_url)
    known = accounts.load_own_data(dialect).get("account_options", {})
    account = Account.objects.create(
        workspace=app.workspace,
        name=wanted.slug,
        dialect=wanted.dialect,
        credentials=vault.encrypt({**config.credentials, **wanted.credentials}),
        base_urls=config.base_urls,
        options={**known, **wanted.options},
        limits=wanted.limits,
    )
    Route.objects.create(app=app, platform=platform, account=account, options=config.options)


def share_account(app: Any, slug: str) -> None:
    from campaigns.models import Route

    route = Route.objects.get(app__slug=slug)
    route.pk, route.app = None, app
    route.save()


def make_token(wanted: Filling, number: int) -> str:
    """The token of a device; it begins with the app's name, unless a gateway wants another form."""
    from providers import registry
    from tests.vendor_cases.accounts import make_device_token

    dialect = registry.get(wanted.dialect)
    if dialect.fans_out:
        return make_device_token(dialect, wanted.gateway_url, number)
    return f"{wanted.slug}-{number:07d}"


def make_devices(app: Any, wanted: Filling, platform: str, now: datetime) -> None:
    from campaigns.models import Device
    from campaigns.models.audience import hash64

    def make(number: int) -> Device:
        token = make_token(wanted, number)
        return Device(
            app=app, platform=platform, token=token, token_hash=hash64(token), updated_at=now
        )  # fmt: skip

    end = wanted.first + wanted.recipients
    for start in range(wanted.first, end, INSERT):
        numbers = range(start, min(end, start + INSERT))
        Device.objects.bulk_create((make(number) for number in numbers), batch_size=1000)
    # What a gateway calls gone for an hour is switched off where nobody has shown it since.
    Device.objects.filter(app=app).update(created_at=now - timedelta(days=1))


def launch(key: Any, wanted: Filling, now: datetime) -> dict[str, Any]:
    from campaigns.models import Transfer
    from campaigns.services.campaigns import create_campaign, launch_campaign

    body = {
        "name": wanted.slug,
        "audience": {"all": True},
        "message": {"title": "Still here", "body": "Every one of you, once"},
        **(wanted.campaign or {}),
        "app": wanted.slug,
    }
    campaign = create_campaign(key, body, actor=ACTOR, now=now)
    launch_campaign(campaign, actor=ACTOR, now=now)
    return {"campaign": campaign.pk, "transfer": Transfer.objects.get(campaign=campaign).pk}


def write(fillings: Iterable[Filling]) -> str:
    return json.dumps([asdict(wanted) for wanted in fillings])


if __name__ == "__main__":
    django.setup()
    print(json.dumps(fill([Filling(**wanted) for wanted in json.loads(sys.argv[1])])))
