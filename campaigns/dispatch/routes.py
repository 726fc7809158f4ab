"""Which accounts may serve a platform of an app, and how they can address a device."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from campaigns.models import Account, App, Route
from providers import registry
from providers.contract import Dialect
from providers.message_fields import Platform


@dataclass(frozen=True, slots=True)
class Way:
    """One route that can be used: an enabled account whose vendor we can call."""

    route: Route
    dialect: Dialect

    @property
    def account(self) -> Account:
        """The account at the vendor."""
        account: Account = self.route.account
        return account


@dataclass(frozen=True, slots=True)
class Reach:
    """How one way addresses devices of a platform: by token, by other ids in this order."""

    way: Way
    token_kind: str
    id_kinds: tuple[str, ...]


def find_dialect(key: str) -> Dialect | None:
    """The dialect of that key, if this installation has it."""
    try:
        return registry.get(key)
    except registry.NoSuchDialect:
        return None


def list_ways(app_id: int, platform: str) -> list[Way]:
    """Usable routes in their order; accounts that were refused stand last."""
    routes = Route.objects.filter(
        app_id=app_id, platform=platform, account__is_enabled=True
    ).select_related("account")
    ways = []
    for route in routes.order_by("position", "pk"):
        dialect = find_dialect(route.account.dialect)
        if dialect and dialect.connect and platform in dialect.platforms:
            ways.append(Way(route, dialect))
    return sorted(ways, key=lambda way: way.account.health == Account.Health.BAD)


def find_way_back(account: Account, app_id: int, platform: str) -> Way | None:
    """The way of a call that was made: to ask about it, even where nothing is sent any more."""
    routes = Route.objects.filter(app_id=app_id, platform=platform, account=account)
    route = routes.select_related("account").first()
    dialect = find_dialect(account.dialect)
    return Way(route, dialect) if route and dialect and dialect.connect else None


def find_reach(way: Way, platform: str) -> Reach:
    """The kinds of id by which this way takes devices of the platform."""
    kinds = [
        kind for kind in way.dialect.identifier_kinds if kind.platform in (None, Platform(platform))
    ]
    tokens = [kind.name for kind in kinds if kind.is_token]
    others = tuple(kind.name for kind in kinds if not kind.is_token)
    return Reach(way, tokens[0] if tokens else "", others)


def list_reaches(app: App) -> Mapping[str, Reach]:
    """By platform, how its first way addresses devices; a platform without a way is absent."""
    reaches = {}
    for platform in Platform:
        ways = list_ways(app.pk, platform.value)
        if ways:
            reaches[platform.value] = find_reach(ways[0], platform.value)
    return reaches
