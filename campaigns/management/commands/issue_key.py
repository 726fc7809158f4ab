"""Issue an API key for one app, for the native API or in a dialect's clothing."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from campaigns.models import ApiKey, App
from campaigns.services import access
from campaigns.services.doors import ensure_door
from providers import registry
from providers.contract import Dialect

NATIVE = "native"
ACTOR = "command line"


class Command(BaseCommand):
    help = "Issues a key; the last line of the output is JSON with what a script needs."

    def add_arguments(self, parser: ArgumentParser) -> None:
        dialects = [item.key for item in registry.all_dialects() if item.has_door]
        parser.add_argument("--app", required=True, help="the app's slug")
        parser.add_argument("--workspace", default="", help="if two workspaces have such an app")
        parser.add_argument("--dialect", default=NATIVE, choices=[NATIVE, *dialects])

    def handle(self, *, app: str, workspace: str, dialect: str, **options: Any) -> None:
        found = _find_app(app, workspace)
        key, text = access.issue_key(
            found.workspace,
            name=f"{dialect} key of {found.slug}",
            apps=[found],
            dialect="" if dialect == NATIVE else dialect,
            scopes=_choose_scopes(),
            actor=ACTOR,
            now=timezone.now(),
        )
        self.stdout.write(f"Key {key.public_id} of {found.name}; it is shown only once.")
        spoken = None if dialect == NATIVE else registry.get(dialect)
        self.stdout.write(json.dumps(describe_key(found, text, spoken)))


def _choose_scopes() -> list[str]:
    return [scope for scope in ApiKey.Scope.values if scope != ApiKey.Scope.BYPASS_APPROVAL]


def _find_app(slug: str, workspace: str) -> App:
    apps = App.objects.select_related("workspace").filter(slug=slug)
    if workspace:
        apps = apps.filter(workspace__slug=workspace)
    found: list[App] = list(apps[:2])
    if not found:
        raise CommandError(f"There is no app {slug}.")
    if len(found) > 1:
        raise CommandError(f"Several workspaces have an app {slug}; name one with --workspace.")
    return found[0]


def describe_key(app: App, text: str, dialect: Dialect | None) -> dict[str, Any]:
    """What a script needs: the header, the path in front of every call, and identifiers."""
    if dialect is None or dialect.write_authorization is None:
        return {"authorization": f"Bearer {text}", "base_path": "/api/v1/", "app_id": app.pk}
    return {
        "authorization": dialect.write_authorization(text),
        "base_path": f"/compat/{dialect.key}/",
        "app_id": app.pk,
        **ensure_door(app, dialect, timezone.now()).identifiers,
    }
