"""Builders of rows for tests: each makes one valid thing, with only what matters named."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.contrib.auth import get_user_model

from campaigns.models import (
    Account,
    App,
    Campaign,
    Device,
    Group,
    Membership,
    Message,
    Person,
    Route,
    Workspace,
)
from campaigns.models.audience import hash64

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
CONTENT = {"title": "Hi", "body": "There"}


def make_workspace(slug: str = "acme") -> Workspace:
    return Workspace.objects.create(name=slug.title(), slug=slug)


def make_app(workspace: Workspace, slug: str = "shop", **fields: Any) -> App:
    app = App.objects.create(
        workspace=workspace,
        name=slug.title(),
        slug=slug,
        platforms=["android", "ios", "web"],
        **fields,
    )
    Group.objects.create(app=app, name="General")
    return app


def make_campaign(
    app: App, now: datetime, content: dict[str, Any] = CONTENT, **fields: Any
) -> Campaign:
    """A draft, to everybody unless the fields say otherwise."""
    return Campaign.objects.create(
        workspace=app.workspace,
        app=app,
        name="Spring",
        message=Message.objects.create(app=app, content=content),
        audience=fields.pop("audience", {"all": True}),
        status_since=now,
        created_at=now,
        created_by="owner",
        **fields,
    )


def make_member(
    name: str, workspace: Workspace, *, role: str, app: App | None = None, password: str = "pw"
) -> Any:
    user = get_user_model().objects.create_user(name, password=password, is_staff=True)
    Membership.objects.create(user=user, workspace=workspace, app=app, role=role)
    return user


def make_person(workspace: Workspace, external_user_id: str = "ann", **fields: Any) -> Person:
    return Person.objects.create(workspace=workspace, external_user_id=external_user_id, **fields)


def make_device(app: App, token: str, platform: str = "android", **fields: Any) -> Device:
    return Device.objects.create(
        app=app, platform=platform, token=token, token_hash=hash64(token), **fields
    )


def make_route(app: App, platform: str, dialect: str = "sandbox", **fields: Any) -> Route:
    """A route through an account of that dialect, made if the workspace has none."""
    account, _is_new = Account.objects.get_or_create(
        workspace=app.workspace, name=dialect.title(), defaults={"dialect": dialect}
    )
    return Route.objects.create(app=app, platform=platform, account=account, **fields)
