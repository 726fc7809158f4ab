"""What calls about apps do."""

from __future__ import annotations

from campaigns.models import ApiKey, App
from campaigns.services.callers import Acts, Caller, find_app
from campaigns.services.doors import ensure_door
from providers.audience_calls import AppRow, AppRows, ListApps

Scope = ApiKey.Scope


def _list_apps(command: ListApps, caller: Caller) -> AppRows:
    apps = App.objects.for_user(caller.key).select_related("workspace").order_by("pk")
    if command.app:
        apps = apps.filter(pk=find_app(command.app, caller).pk)
    return AppRows(tuple(_describe_app(app, caller) for app in apps))


def _describe_app(app: App, caller: Caller) -> AppRow:
    return AppRow(
        id=str(app.pk),
        name=app.name,
        slug=app.slug,
        identifiers=ensure_door(app, caller.dialect, caller.now).identifiers,
        platforms=tuple(app.platforms),
        icon_url=app.icon_url,
        created_at=app.created_at,
        groups=tuple(str(pk) for pk in app.app_groups.order_by("pk").values_list("pk", flat=True)),
    )


ACTS: Acts = {ListApps: (Scope.READ, _list_apps)}
