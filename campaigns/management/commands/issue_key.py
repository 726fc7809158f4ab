"""Issue an API key for one app, for the native API or in a dialect's clothing, or a new master
secret for an app group."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from campaigns.models import ApiKey, App, AppGroup
from campaigns.services import access
from campaigns.services.doors import bind_door, ensure_door, open_secrets
from providers import registry
from providers.contract import Dialect

NATIVE = "native"
ACTOR = "command line"


class Command(BaseCommand):
    help = "Issues a key; the last line of the output is JSON with what a script needs."

    def add_arguments(self, parser: ArgumentParser) -> None:
        dialects = [item.key for item in registry.all_dialects() if item.has_door]
        whose = parser.add_mutually_exclusive_group(required=True)
        whose.add_argument("--app", default="", help="the app's slug")
        whose.add_argument(
            "--app-group", default="", help="an app group's slug: gives it a new master secret"
        )
        parser.add_argument("--workspace", default="", help="if two workspaces have such a one")
        parser.add_argument("--dialect", default=NATIVE, choices=[NATIVE, *dialects])
        parser.add_argument(
            "--scope", action="append", default=[], choices=ApiKey.Scope.values,
            help="what not every script needs, as well; may be repeated",
        )  # fmt: skip

    def handle(
        self, *, app: str, app_group: str, workspace: str, dialect: str, **options: Any
    ) -> None:
        spoken = None if dialect == NATIVE else registry.get(dialect)
        more = options["scope"]
        if app_group:
            if more:
                raise CommandError("An app group's key has scopes of its own.")
            found = _find_one(AppGroup, app_group, workspace)
            told = _issue_group_secret(found, spoken)
        else:
            found = _find_one(App, app, workspace)
            told = _issue_key(found, spoken, more)
        self.stdout.write(f"A key of {found.name}; it is shown only once.")
        self.stdout.write(json.dumps(told))


def _find_one(model: Any, slug: str, workspace: str) -> Any:
    rows = model.objects.select_related("workspace").filter(slug=slug)
    if workspace:
        rows = rows.filter(workspace__slug=workspace)
    found = list(rows[:2])
    name = model._meta.verbose_name
    if not found:
        raise CommandError(f"There is no {name} {slug}.")
    if len(found) > 1:
        raise CommandError(f"Several workspaces have an {name} {slug}; name one with --workspace.")
    return found[0]


def _issue_key(app: App, dialect: Dialect | None, more: list[str]) -> dict[str, Any]:
    now = timezone.now()
    key, text = access.issue_key(
        app.workspace,
        name=f"{dialect.key if dialect else NATIVE} key of {app.slug}",
        apps=[app],
        dialect=dialect.key if dialect else "",
        scopes=[scope for scope in ApiKey.Scope.values if scope in {*access.DEFAULT_SCOPES, *more}],
        actor=ACTOR,
        now=now,
    )
    if dialect is None or dialect.write_authorization is None:
        return {"authorization": f"Bearer {text}", "base_path": "/api/v1/", "app_id": app.pk}
    door = bind_door(ensure_door(app, dialect, now), dialect, key, actor=ACTOR, now=now)
    kept = open_secrets(door)
    secrets = {name: kept[name] for name in dialect.door_secrets}
    identifiers = {name: str(value) for name, value in door.identifiers.items()}
    public_id, _dot, secret = text.partition(".")
    return {
        "authorization": dialect.write_authorization(text),
        "base_path": f"/compat/{dialect.key}/",
        "app_id": app.pk,
        **door.identifiers,
        **secrets,
        **dialect.describe_key({**identifiers, **secrets, "key": public_id, "secret": secret}),
    }


def _issue_group_secret(app_group: AppGroup, dialect: Dialect | None) -> dict[str, Any]:
    shown = {"group_key": app_group.group_key, "group_secret": ""}
    if dialect is None or "authorization" not in dialect.describe_key(shown):
        raise CommandError("App groups have a key and secret of their own in other dialects only.")
    shown["group_secret"] = access.regenerate_group_secret(
        app_group, actor=ACTOR, now=timezone.now()
    )
    return {**shown, "base_path": f"/compat/{dialect.key}/", **dialect.describe_key(shown)}
