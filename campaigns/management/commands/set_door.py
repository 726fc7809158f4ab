"""Set options of an app's door, such as whether it refuses a lossy route."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from campaigns.errors import Invalid
from campaigns.models import App
from campaigns.services.doors import ensure_door, set_options
from providers import registry

ACTOR = "command line"


class Command(BaseCommand):
    help = "Sets options of an app's door; the output is JSON with all that are set but secrets."

    def add_arguments(self, parser: ArgumentParser) -> None:
        dialects = [item.key for item in registry.all_dialects() if item.has_door]
        parser.add_argument("--app", required=True, help="the app's slug")
        parser.add_argument("--workspace", default="", help="if two workspaces have such an app")
        parser.add_argument("--dialect", required=True, choices=dialects)
        parser.add_argument(
            "options", nargs="*", metavar="name=value", help="a JSON value or a text; null unsets"
        )

    def handle(self, *, app: str, workspace: str, dialect: str, **values: Any) -> None:
        now = timezone.now()
        spoken = registry.get(dialect)
        chosen = dict(_read_option(text) for text in values["options"])
        door = ensure_door(_find_app(app, workspace), spoken, now)
        if chosen:
            try:
                door = set_options(door, spoken, chosen, actor=ACTOR, now=now)
            except Invalid as error:
                words = " ".join(f"{name}: {fault}" for name, fault in error.fields.items())
                raise CommandError(words) from error
            door.refresh_from_db()
            if door.check_words:
                self.stderr.write(door.check_words)
        self.stdout.write(json.dumps(door.options))


def _find_app(slug: str, workspace: str) -> App:
    apps = App.objects.select_related("workspace").filter(slug=slug)
    found = list(apps.filter(workspace__slug=workspace) if workspace else apps)
    if len(found) != 1:
        count = "no" if not found else "more than one"
        raise CommandError(f"There is {count} app {slug}.")
    return found[0]


def _read_option(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise CommandError(f"Write name=value, not {text}.")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value
