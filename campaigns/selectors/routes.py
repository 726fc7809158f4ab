"""Which account serves which platform of an app, as far as it can be said before sending."""

from __future__ import annotations

from campaigns.models import App, Route


def find_first_routes(app: App) -> dict[str, Route]:
    """The first route with an enabled account, by platform; accounts are loaded."""
    routes = Route.objects.filter(app=app, account__is_enabled=True).select_related("account")
    first: dict[str, Route] = {}
    for route in routes.order_by("position", "pk"):
        first.setdefault(route.platform, route)
    return first


def has_disabled_route(app: App, platform: str) -> bool:
    """Whether a route exists whose account somebody has switched off."""
    return Route.objects.filter(app=app, platform=platform, account__is_enabled=False).exists()
