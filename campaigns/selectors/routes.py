"""Which account serves which platform of an app, as far as it can be said before sending."""

from __future__ import annotations

from campaigns.models import Account, App, Route
from providers import registry


def find_first_routes(app: App) -> dict[str, Route]:
    """The route that is tried first, by platform; accounts are loaded.

    Accounts that were refused at their last check come after the others, as when sending.
    """
    routes = Route.objects.filter(app=app, account__is_enabled=True).select_related("account")
    usable = [route for route in routes.order_by("position", "pk") if _can_send(route)]
    first: dict[str, Route] = {}
    for route in sorted(usable, key=lambda route: route.account.health == Account.Health.BAD):
        first.setdefault(route.platform, route)
    return first


def _can_send(route: Route) -> bool:
    """Whether this installation speaks to that vendor, and the vendor to that platform."""
    try:
        dialect = registry.get(route.account.dialect)
    except registry.NoSuchDialect:
        return False
    return dialect.connect is not None and route.platform in dialect.platforms


def has_disabled_route(app: App, platform: str) -> bool:
    """Whether a route exists whose account somebody has switched off."""
    return Route.objects.filter(app=app, platform=platform, account__is_enabled=False).exists()
