"""Which account serves which platform of an app: one answer, before sending and while sending."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import QuerySet

from campaigns.models import Account, App, Route
from providers import registry
from providers.contract import Dialect, Limits
from providers.limits import narrow_limits


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

    @property
    def limits(self) -> Limits:
        """The vendor's limits, or what the account's own allow where that is less."""
        return narrow_limits(self.dialect.limits, self.account.limits)


def find_dialect(key: str) -> Dialect | None:
    """The dialect of that key, if this installation has it."""
    try:
        return registry.get(key)
    except registry.NoSuchDialect:
        return None


def list_ways(app_id: int, platform: str) -> list[Way]:
    """Usable routes in their order; accounts that were refused stand last."""
    return _list_usable(Route.objects.filter(app_id=app_id, platform=platform))


def find_first_ways(app: App) -> dict[str, Way]:
    """The way that is tried first, by platform."""
    first: dict[str, Way] = {}
    for way in _list_usable(Route.objects.filter(app=app)):
        first.setdefault(way.route.platform, way)
    return first


def find_first_routes(app: App) -> dict[str, Route]:
    """The route that is tried first, by platform; accounts are loaded."""
    return {platform: way.route for platform, way in find_first_ways(app).items()}


def _list_usable(routes: QuerySet[Route]) -> list[Way]:
    enabled = routes.filter(account__is_enabled=True).select_related("account")
    ways = []
    for route in enabled.order_by("position", "pk"):
        dialect = find_dialect(route.account.dialect)
        served = {*dialect.platforms, *dialect.channels} if dialect and dialect.connect else ()
        if dialect and route.platform in served:
            ways.append(Way(route, dialect))
    return sorted(ways, key=lambda way: way.account.health == Account.Health.BAD)


def find_way_back(account: Account, app_id: int, platform: str) -> Way | None:
    """The way of a call that was made: to ask about it, even where nothing is sent any more."""
    routes = Route.objects.filter(app_id=app_id, platform=platform, account=account)
    route = routes.select_related("account").first()
    dialect = find_dialect(account.dialect)
    return Way(route, dialect) if route and dialect and dialect.connect else None


def has_disabled_route(app: App, platform: str) -> bool:
    """Whether a route exists whose account somebody has switched off."""
    return Route.objects.filter(app=app, platform=platform, account__is_enabled=False).exists()
