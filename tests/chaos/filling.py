"""Puts apps with devices and accounts, and launched campaigns if wanted, into a database.

`python -m tests.chaos.filling '[{"slug": "shop", ...}]'` prints what it made as one JSON line.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

import django

ACTOR = "chaos"
INSERT = 20_000


@dataclass(frozen=True, kw_only=True)
class Filling:
    """What is wanted. `options` are the account's, `campaign` what a campaign's body may say."""

    url: str  # of the simulator
    slug: str = "shop"
    dialect: str = "keyed"
    recipients: int = 0
    options: dict[str, Any] = field(default_factory=dict)
    limits: dict[str, Any] = field(default_factory=dict)
    campaign: dict[str, Any] | None = None


def fill(fillings: list[Filling]) -> list[dict[str, Any]]:
    """Make the apps, then launch their campaigns; gives what a test needs of each."""
    from campaigns.models import Workspace
    from campaigns.services.access import issue_key
    from tests import builders

    now = datetime.now(UTC)
    workspace = Workspace.objects.filter(slug="acme").first() or builders.make_workspace()
    made, keys = [], []
    for wanted in fillings:
        app = builders.make_app(workspace, slug=wanted.slug)
        make_account(app, wanted)
        make_devices(app, wanted.recipients, now)
        key, text = issue_key(workspace, name=wanted.slug, actor=ACTOR, now=now, apps=[app])
        keys.append(key)
        made.append({"app": app.pk, "authorization": f"Bearer {text}", "base_path": "/api/v1/"})
    for wanted, key, item in zip(fillings, keys, made, strict=True):
        if wanted.campaign is not None:
            item.update(launch(key, wanted, now))
    return made


def make_account(app: Any, wanted: Filling) -> None:
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
    Route.objects.create(app=app, platform="android", account=account)


def make_devices(app: Any, count: int, now: datetime) -> None:
    from campaigns.models import Device
    from campaigns.models.audience import hash64

    def make(number: int) -> Device:
        token = f"{app.slug}-{number:07d}"
        return Device(
            app=app, platform="android", token=token, token_hash=hash64(token),
            created_at=now, updated_at=now,
        )  # fmt: skip

    for start in range(0, count, INSERT):
        numbers = range(start, min(count, start + INSERT))
        Device.objects.bulk_create((make(number) for number in numbers), batch_size=1000)


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
