"""What staff set for an app's doors: fields of the app's form, drawn from each dialect."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from campaigns.models import App, Door
from campaigns.services.doors import ensure_door, open_options, set_options
from providers import registry
from providers.contract import Dialect
from providers.fields import FieldSpec
from providers.forms import build_fields

DOOR_CLASS = "staff-door"


def list_optional() -> Iterator[Dialect]:
    """Dialects that scripts may speak to us."""
    return (each for each in registry.all_dialects() if each.has_door)


def name_prefix(dialect: Dialect) -> str:
    """What the form fields of a dialect's door begin with."""
    return f"door__{dialect.key}__"


def name_door(dialect: Dialect) -> str:
    """What the app's page calls the door for scripts of that dialect."""
    return _("Door: %(vendor)s") % {"vendor": dialect.label}


def draw_options(app: App) -> dict[str, forms.Field]:
    """A form field for each option of each door, with what is set now."""
    fields: dict[str, forms.Field] = {}
    for dialect in list_optional():
        kept = Door.objects.filter(app=app, dialect=dialect.key).first()
        hidden = open_options(kept, dialect) if kept else {}
        drawn = build_fields(dialect.all_door_options, prefix=name_prefix(dialect), secrets=hidden)
        for spec in dialect.all_door_options:
            field = drawn[name_prefix(dialect) + spec.name]
            field.initial = (kept.options if kept else {}).get(spec.name, spec.default)
        if kept and dialect.door_callback and kept.options.get(dialect.door_callback.url):
            field = drawn[name_prefix(dialect) + dialect.door_callback.url]
            field.help_text = f"{field.help_text} {kept.check_words}".strip()
        fields |= drawn
    return fields


def list_fieldsets(app: App, *, may_change: bool) -> list[tuple[str, dict[str, Any]]]:
    """A group for each door, folded up: what scripts name the app by, and its options for who may
    change them."""
    return [
        (
            name_door(dialect),
            {
                "classes": ["collapse", DOOR_CLASS],
                "description": _describe(app, dialect),
                "fields": [name_prefix(dialect) + spec.name for spec in dialect.all_door_options]
                if may_change
                else [],
            },
        )
        for dialect in list_optional()
    ]


def _describe(app: App, dialect: Dialect) -> SafeString:
    """The address of the door, and the identifiers that scripts say there, a line for each."""
    named = ensure_door(app, dialect, timezone.now()).identifiers.items()
    lines = [f"/compat/{dialect.key}/", *(f"{name} = {value}" for name, value in named)]
    return format_html('<span class="staff-code staff-lines">{}</span>', "\n".join(lines))


def save_options(app: App, cleaned: Mapping[str, Any], *, actor: str, now: datetime) -> None:
    """Keep what a form has changed."""
    for dialect in list_optional():
        door = ensure_door(app, dialect, now)
        given = [
            (spec, cleaned.get(name_prefix(dialect) + spec.name))
            for spec in dialect.all_door_options
        ]
        changed = {spec.name: value for spec, value in given if _is_changed(spec, value, door)}
        if changed:
            set_options(door, dialect, changed, actor=actor, now=now)


def _is_changed(spec: FieldSpec, value: Any, door: Door) -> bool:
    """A secret that was left empty stays."""
    if spec.kind == "secret":
        return value is not None
    return bool(value != door.options.get(spec.name, spec.default))
