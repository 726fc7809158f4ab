"""Whose key opens a door, and whose does not: at every route of every dialect."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rest_framework.test import RequestsClient

from campaigns.models import ApiKey, App, Transfer
from campaigns.services import access
from campaigns.services.doors import ensure_door
from providers import http, registry
from providers.commands import CreateGroup
from providers.contract import Dialect
from providers.outbound import AccountConfig
from providers.outcomes import Failure, Outcome
from tests import builders
from tests.compat.conftest import BY_LISTS, OPEN, make_key
from tests.compat.test_door import assert_shape, fill
from tests.vendor_cases.accounts import make_account
from tests.vendor_cases.strategies import make_push

pytestmark = pytest.mark.django_db
Header = str | None
for_each = pytest.mark.parametrize("dialect", OPEN, ids=lambda dialect: dialect.key)


def show_nothing(app: App, dialect: Dialect) -> Header:
    return None


def show_garbage(app: App, dialect: Dialect) -> Header:
    return "\u00ff nothing"


def show_unknown(app: App, dialect: Dialect) -> Header:
    return write_header(dialect, "nobody.secret")


def show_wrong_secret(app: App, dialect: Dialect) -> Header:
    public_id, _dot, _secret = make_key(app)[1].partition(".")
    return write_header(dialect, f"{public_id}.{'x' * 32}")


def show_expired(app: App, dialect: Dialect) -> Header:
    key, text = make_key(app)
    ApiKey.objects.filter(pk=key.pk).update(expires_at=datetime.now(UTC) - timedelta(seconds=1))
    return write_header(dialect, text)


def show_revoked(app: App, dialect: Dialect) -> Header:
    key, text = make_key(app)
    access.revoke_key(key, actor="owner", now=datetime.now(UTC) - timedelta(seconds=1))
    return write_header(dialect, text)


def show_other(app: App, dialect: Dialect) -> Header:
    [other, *_more] = [item.key for item in registry.all_dialects() if item.key != dialect.key]
    return write_header(dialect, make_key(app, other)[1])


def write_header(dialect: Dialect, text: str) -> str:
    assert dialect.write_authorization
    return dialect.write_authorization(text)


CASES: dict[Callable[[App, Dialect], Header], str] = {
    show_nothing: "unauthenticated",
    show_garbage: "unauthenticated",
    show_unknown: "unauthenticated",
    show_wrong_secret: "unauthenticated",
    show_expired: "unauthenticated",
    show_revoked: "unauthenticated",
    show_other: "forbidden",
}


@for_each
@pytest.mark.parametrize(("show", "kind"), CASES.items(), ids=[case.__name__ for case in CASES])
def test_every_route_refuses_it_as_the_vendor_would(client, app, dialect, show, kind):
    names = ensure_door(app, dialect, datetime.now(UTC)).identifiers
    shown = show(app, dialect)
    headers = {} if shown is None else {"Authorization": shown}
    routes = [route for route in dialect.routes if not route.is_open]

    for route in routes:
        path = fill("/".join(str(names.get(piece[1:-1], piece)) for piece in route.path.split("/")))
        answer = client.generic(route.method, f"/compat/{dialect.key}/{path}", headers=headers)
        assert_shape(dialect, answer, kind, route)

    assert routes
    assert not Transfer.objects.exists()


@pytest.mark.database
@pytest.mark.parametrize("dialect", BY_LISTS, ids=lambda dialect: dialect.key)
def test_a_key_of_another_workspace_sends_nothing_to_our_app(app, dialect):
    stranger = builders.make_app(builders.make_workspace("strangers"), "strange")
    ours = ensure_door(app, dialect, datetime.now(UTC))
    with RequestsClient() as session, http.using_session(session):
        client = connect(dialect, make_key(stranger)[1], ours.identifiers)
        is_refused = send(client, dialect)

    # Where the key alone says which app is meant, it is the stranger's own.
    assert is_refused or Transfer.objects.get().app == stranger
    assert not Transfer.objects.filter(app=app).exists()
    assert not app.groups.exclude(name="General").exists()


def connect(dialect: Dialect, text: str, identifiers: Any) -> Any:
    config = make_account(dialect, "http://testserver/compat")
    public_id, _dot, secret = text.partition(".")
    shown = dialect.describe_key({"key": public_id, "secret": secret})
    assert dialect.connect
    return dialect.connect(
        AccountConfig(
            public_id="acc-1",
            credentials={**dict.fromkeys(config.credentials, text), **shown},
            base_urls=config.base_urls,
            options={**config.options, **identifiers},
        )
    )


def send(client: Any, dialect: Dialect) -> bool:
    """Whether the call, or each recipient of it, was refused."""
    app = str(client.account.options.get("app_id", ""))
    try:
        group = client.ensure_group(CreateGroup(app, "News")) if dialect.has_groups else ""
        receipt = client.send(client.write(make_push(dialect, group=group)))
    except Failure:
        return True
    return bool(receipt.results) and all(
        result.outcome is Outcome.FAILED for result in receipt.results
    )
