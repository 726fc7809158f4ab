"""Fills an empty database with a demo: two apps, an audience, sandbox routes, past transfers.

Everything but the secrets is the same on every machine.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth import get_user_model
from django.db import transaction
from django.utils.translation import gettext as _

from campaigns.models import Account, App, AppGroup, Group, Route, Workspace
from campaigns.models.apps import DEFAULT_GROUP
from campaigns.services.access import issue_key, make_group_key
from campaigns.services.demo_audience import fill_audience, fill_devices
from campaigns.services.demo_history import fill_history
from campaigns.services.groups import create_group
from providers import registry, vault
from providers.contract import Dialect

ACTOR = "demo"
ADMIN = "admin"
DEVICES = 5000
LAPSED_DEVICES = 300
PLATFORMS = ("android", "ios", "web")
GROUPS = (("Promotions", 2000), ("Order updates", 5000), ("News", 1000))
# How the sandbox treats the demo: quick, and most of what it takes is delivered.
BEHAVIOUR = {
    "latency_ms": 20, "delivered_percent": 92, "opened_percent": 14, "receipt_seconds": 45,
}  # fmt: skip
GOOD_KEY = "demo-key"
REFUSED_KEY = "refused"  # the sandbox answers it like a wrong key


@dataclass(frozen=True, slots=True)
class Demo:
    """What is told once: `password` is "" when the user was there before."""

    user: str
    password: str
    api_key: str


def fill_demo(*, now: datetime) -> Demo | None:
    """Fill a database without a workspace; None when there is one, and nothing is changed."""
    with transaction.atomic():
        if Workspace.objects.exists():
            return None
        admin, password = _make_admin()
        workspace = Workspace.objects.create(name="Demo", slug="demo")
        shop = _make_app(workspace, "Shoply", PLATFORMS, now)
        lapsed = _make_app(workspace, "Lapsed", PLATFORMS[:2], now)
        _make_routes(shop, lapsed)
        _make_app_group(workspace, shop, lapsed)
        fill_devices(shop, DEVICES, PLATFORMS, actor=ACTOR, now=now)
        fill_devices(lapsed, LAPSED_DEVICES, PLATFORMS[:2], actor=ACTOR, now=now)
        fill_audience(shop, admin, actor=ACTOR, now=now)
        fill_history(shop, admin, actor=ACTOR, now=now)
        # Good for the native API and every dialect, as far as this one app goes.
        _key, text = issue_key(workspace, name=_("Demo"), apps=[shop], actor=ACTOR, now=now)
    return Demo(user=admin.get_username(), password=password, api_key=text)


def _make_admin() -> tuple[Any, str]:
    users = get_user_model()
    known = users.objects.filter(username=ADMIN).first()
    if known is not None:
        return known, ""
    password = secrets.token_urlsafe(12)
    return users.objects.create_superuser(ADMIN, password=password), password


def _make_app(workspace: Workspace, name: str, platforms: tuple[str, ...], now: datetime) -> App:
    app = App.objects.create(
        workspace=workspace, name=name, slug=name.lower(), platforms=list(platforms)
    )
    Group.objects.create(app=app, name=DEFAULT_GROUP)
    for group, rate in GROUPS:
        create_group(app, name=group, send_rate=rate, actor=ACTOR, now=now)
    return app


def _make_routes(shop: App, lapsed: App) -> None:
    dialect = next(item for item in registry.all_dialects() if item.is_sandbox)
    good = _make_account(shop.workspace, dialect, "Sandbox", GOOD_KEY)
    refused = _make_account(shop.workspace, dialect, "Sandbox, lapsed contract", REFUSED_KEY)
    served = [(shop, platform, good) for platform in PLATFORMS]
    served += [(lapsed, "android", refused), (lapsed, "ios", good)]
    Route.objects.bulk_create(
        Route(app=app, platform=platform, account=account) for app, platform, account in served
    )


def _make_account(workspace: Workspace, dialect: Dialect, name: str, key: str) -> Account:
    known = {spec.name for spec in dialect.account_options}
    return Account.objects.create(
        workspace=workspace,
        name=name,
        dialect=dialect.key,
        credentials=vault.encrypt({spec.name: key for spec in dialect.credentials}),
        options={option: value for option, value in BEHAVIOUR.items() if option in known},
    )


def _make_app_group(workspace: Workspace, *apps: App) -> None:
    app_group = AppGroup.objects.create(
        workspace=workspace, name="Both apps", slug="both-apps", group_key=make_group_key()
    )
    app_group.apps.set(apps)
