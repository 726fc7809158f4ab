"""Which account serves which platform of an app: one answer, before sending and while sending."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from django.db.models import QuerySet

from campaigns.models import Account, App, Route
from campaigns.models.prepared import Prepared
from providers import registry
from providers.contract import Dialect, Idempotency, Limits
from providers.limits import apply_limits


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
    def options(self) -> dict[str, Any]:
        """What is set for the account, and for the route."""
        return {**self.account.options, **self.route.options}

    @property
    def idempotency(self) -> Idempotency:
        """What can be done about a call of this way when no answer came."""
        find = self.dialect.find_idempotency
        return self.dialect.idempotency if find is None else find(self.options)

    @property
    def prefers_audience(self) -> bool:
        """Whether the vendor is told whom a call means rather than given every recipient."""
        name = self.dialect.audience_option
        return self.dialect.prefers_audience or bool(name and self.account.options.get(name))

    @property
    def limits(self) -> Limits:
        """The vendor's limits, or what the account's own and the route allow where that is less."""
        limits = apply_limits(self.dialect.limits, self.account.limits)
        addressing = self.dialect.find_addressing(self.options)
        return limits if addressing is None else replace(limits, addressing=addressing)


def find_dialect(key: str) -> Dialect | None:
    """The dialect of that key, if this installation has it."""
    try:
        return registry.get(key)
    except registry.NoSuchDialect:
        return None


def _select_enabled(routes: QuerySet[Route]) -> QuerySet[Route]:
    enabled = routes.filter(account__is_enabled=True).select_related("account")
    return enabled.order_by("position", "pk")


# The SQL of what each call of a script asks is made once.
_ROUTES: Prepared[Route] = Prepared(
    lambda app: _select_enabled(Route.objects.filter(app=app)), "app"
)


def list_ways(app_id: int, platform: str) -> list[Way]:
    """Usable routes in their order; accounts that were refused stand last."""
    return _list_usable(Route.objects.filter(app_id=app_id, platform=platform))


def find_first_ways(app: App) -> dict[str, Way]:
    """The way that is tried first, by platform."""
    first: dict[str, Way] = {}
    for way in _choose_usable(_ROUTES.list(app=app.pk)):
        first.setdefault(way.route.platform, way)
    return first


def find_first_routes(app: App) -> dict[str, Route]:
    """The route that is tried first, by platform; accounts are loaded."""
    return {platform: way.route for platform, way in find_first_ways(app).items()}


def _list_usable(routes: QuerySet[Route]) -> list[Way]:
    return _choose_usable(_select_enabled(routes))


def _choose_usable(routes: Iterable[Route]) -> list[Way]:
    ways = []
    for route in routes:
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
