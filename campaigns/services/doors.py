"""Doors: what we call an app in each dialect, and the secrets that we gave for it."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from campaigns.dispatch.receivers import check_receiver
from campaigns.errors import Invalid
from campaigns.models import ApiKey, App, Door, DoorName
from campaigns.models.access import visible_app_ids
from campaigns.models.prepared import Prepared, Reached
from campaigns.services.access import record_audit
from providers import vault
from providers.contract import Dialect
from providers.fields import FieldSpec, is_web_address
from providers.inbound import DoorApp

ACTOR = "door"
MAX_IDENTIFIER = 255
_DOORS: Prepared[Door] = Prepared(
    lambda app, dialect: Door.objects.select_related("app__workspace").filter(
        app=app, dialect=dialect
    ),
    "app",
    "dialect",
)


def _name(doors: QuerySet[Door], dialect: Any, identifier: Any) -> QuerySet[Door]:
    named = DoorName.objects.filter(dialect=dialect, value=identifier)
    return doors.filter(dialect=dialect, pk__in=named.values("door_id"))


def _load(doors: QuerySet[Door]) -> QuerySet[Door]:
    """Two of them at most, with all that is asked of a door."""
    return doors.select_related("app__workspace", "api_key__workspace").order_by("pk")[:2]


_NAMED: Reached[Door] = Reached(
    lambda key, dialect, identifier: _load(
        _name(Door.objects.filter(app__in=visible_app_ids(key)), dialect, identifier)
    ),
    "dialect",
    "identifier",
)
_OF_APP: Reached[Door] = Reached(
    lambda key, dialect, app: _load(
        Door.objects.filter(app__in=visible_app_ids(key), dialect=dialect, app_id=app)
    ),
    "dialect",
    "app",
)


def make_code() -> str:
    """32 random hex digits."""
    return secrets.token_hex(16)


def ensure_door(app: App, dialect: Dialect, now: datetime) -> Door:
    """The app's door for a dialect, made when it is first asked for.

    What it has is kept for ever; what a newer version of the dialect knows besides is added.
    """
    door, is_new = _DOORS.first(app=app.pk, dialect=dialect.key), False
    if door is None:
        door, is_new = Door.objects.select_related("app__workspace").get_or_create(
            app=app, dialect=dialect.key, defaults={"code": make_code()}
        )
    if _is_complete(door, dialect):
        return door
    fresh = _make_secrets(dialect)  # may take a while
    with transaction.atomic():
        door = Door.objects.select_for_update().get(pk=door.pk)
        _complete_door(door, dialect, fresh)
        if is_new:
            record_audit(ACTOR, "create", door, workspace=app.workspace, now=now)
    return door


def _is_complete(door: Door, dialect: Dialect) -> bool:
    if not door.slug:
        return False
    known = dialect.door_identifiers(_describe_door(door))
    if not known.keys() <= door.identifiers.keys():
        return False
    return not dialect.door_secrets or (set(dialect.door_secrets) <= open_secrets(door).keys())


def _make_secrets(dialect: Dialect) -> dict[str, str]:
    make = dialect.make_door_secret or make_code
    return {name: make() for name in dialect.door_secrets}


def _complete_door(door: Door, dialect: Dialect, fresh: Mapping[str, str]) -> None:
    door.slug = door.slug or _choose_slug(door)
    door.code = door.code or make_code()
    door.identifiers = {**dialect.door_identifiers(_describe_door(door)), **door.identifiers}
    if fresh:
        door.secrets = vault.encrypt({**fresh, **open_secrets(door)})
    door.save()
    names = {str(value) for value in door.identifiers.values()}
    DoorName.objects.bulk_create(
        [DoorName(door=door, dialect=dialect.key, value=name) for name in sorted(names)],
        ignore_conflicts=True,
    )


def _choose_slug(door: Door) -> str:
    """The app's slug, unless another app has had it before: identifiers outlive slugs."""
    app = door.app
    others = Door.objects.filter(app__workspace_id=app.workspace_id, slug=app.slug)
    is_taken = others.exclude(app=app).exists()
    return f"{app.slug}-{app.pk}" if is_taken else str(app.slug)


def _describe_door(door: Door) -> DoorApp:
    app = door.app
    return DoorApp(id=app.pk, slug=door.slug, workspace=app.workspace.slug, code=door.code)


def open_secrets(door: Door) -> Mapping[str, str]:
    """The door's secrets by name. Raises `VaultError`."""
    return vault.decrypt(door.secrets)


def open_options(door: Door, dialect: Dialect) -> Mapping[str, str]:
    """The door's secrets, to set some anew: none of those that were set if they cannot be read.

    Raises `VaultError` where there are others, which must not be lost.
    """
    try:
        return open_secrets(door)
    except vault.VaultError:
        if dialect.door_secrets:
            raise
        return {}


def set_options(
    door: Door, dialect: Dialect, values: Mapping[str, Any], *, actor: str, now: datetime
) -> Door:
    """Set some of a door's options; None takes one away. Raises Invalid by the option's name.

    A new address for callbacks is checked once it is kept; what that came to is noted.
    """
    specs = {spec.name: spec for spec in dialect.all_door_options}
    faults = {name: _("There is no such option.") for name in values.keys() - specs.keys()}
    for name in specs.keys() & values.keys():
        fault = None if values[name] is None else _find_fault(specs[name], values[name])
        if fault:
            faults[name] = fault
    if faults:
        raise Invalid(_("The door's options are wrong."), fields=faults)
    with transaction.atomic():
        door = Door.objects.select_for_update(of=("self",)).get(pk=door.pk)
        hidden = {name for name in values if specs[name].kind == "secret"}
        shown = {name: value for name, value in values.items() if name not in hidden}
        if hidden:
            fresh = {name: values[name] for name in hidden}
            door.secrets = vault.encrypt(_merge(open_options(door, dialect), fresh))
        door.options = _merge(door.options, shown)
        door.save(update_fields=["options", "secrets"])
        workspace = door.app.workspace
        record_audit(actor, "set", door, workspace=workspace, fields=sorted(values), now=now)
        if dialect.door_callback and values.get(dialect.door_callback.url):
            check = partial(check_receiver, door.app_id, dialect)
            transaction.on_commit(check, robust=True)
    return door


def _find_fault(spec: FieldSpec, value: Any) -> str | None:
    fault = spec.find_fault(value)
    if fault is not None or spec.kind != "url":
        return fault
    if not is_web_address(value):
        return _("Enter a whole address that begins with https://.")
    return _("An address may hold no login.") if "@" in urlsplit(value).netloc else None


def _merge(kept: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    merged = {**kept, **values}
    return {name: value for name, value in merged.items() if value is not None}


def find_option(app: App, dialect: Dialect, name: str) -> Any:
    """What is set for an option of the app's door, or what it is where nothing is."""
    return find_options(app, dialect)[name]


def find_options(app: App, dialect: Dialect) -> dict[str, Any]:
    """All options of the app's door by name, as `find_option` gives each; no secret is in them."""
    door = _DOORS.first(app=app.pk, dialect=dialect.key)
    kept = door.options if door else {}
    return {spec.name: kept.get(spec.name, spec.default) for spec in dialect.all_door_options}


def find_door(dialect: Dialect, identifier: str, key: ApiKey, *, now: datetime) -> Door | None:
    """The door that an identifier, or our app id, means among the apps that the key reaches.

    None for what means no door, or more than one.
    """
    door = _find_reached(dialect, identifier, key)
    if door is None and _make_missing(dialect, key, now):
        door = _find_reached(dialect, identifier, key)
    if door is None and identifier.isascii() and identifier.isdigit() and len(identifier) <= 18:
        door = _OF_APP.first(key, dialect=dialect.key, app=int(identifier))
    return door


def _find_reached(dialect: Dialect, identifier: str, key: ApiKey) -> Door | None:
    if not _may_name(identifier):
        return None
    found = _NAMED.list(key, dialect=dialect.key, identifier=identifier)
    return found[0] if len(found) == 1 else None


def find_open_door(dialect: Dialect, identifier: str) -> Door | None:
    """The door that an identifier means, whoever calls. None for none, or more than one."""
    return find_named(Door.objects.all(), dialect, identifier)


def find_named(doors: QuerySet[Door], dialect: Dialect, identifier: str) -> Door | None:
    """The one of `doors` that has this identifier."""
    return _choose_one(_name(doors, dialect.key, identifier)) if _may_name(identifier) else None


def _may_name(identifier: str) -> bool:
    return 0 < len(identifier) <= MAX_IDENTIFIER and "\0" not in identifier


def _choose_one(doors: QuerySet[Door]) -> Door | None:
    found = list(_load(doors))
    return found[0] if len(found) == 1 else None


def _make_missing(dialect: Dialect, key: ApiKey, now: datetime) -> int:
    """Make doors of apps that had none when their key was made; returns how many."""
    apps = App.objects.for_user(key).exclude(doors__dialect=dialect.key)
    missing: Iterable[App] = apps.select_related("workspace")
    return len([ensure_door(app, dialect, now) for app in missing])


def bind_door(door: Door, dialect: Dialect, key: ApiKey, *, actor: str, now: datetime) -> Door:
    """Let proofs by the door's secrets count for `key`, unless they count for a usable key already.

    Whoever was told the secrets with a key that is no longer good must not go on by them: a door
    that is bound anew gets others.
    """
    if not dialect.door_secrets:
        return door
    fresh = _make_secrets(dialect)
    with transaction.atomic():
        locked = Door.objects.select_for_update(of=("self",)).select_related("api_key")
        door = locked.get(pk=door.pk)
        if door.api_key is not None and door.api_key.is_usable(now):
            return door
        door.api_key = key
        door.secrets = vault.encrypt({**open_secrets(door), **fresh})
        door.save(update_fields=["api_key", "secrets"])
        record_audit(actor, "bind", door, workspace=key.workspace, fields=["secrets"], now=now)
    return door
