"""Who calls through a dialect's door, and what of ours such a call may name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from campaigns.errors import Invalid, NotFound
from campaigns.models import ApiKey, App, Door, Group
from campaigns.models.prepared import Prepared, Reached
from campaigns.selectors.row_ids import read_id
from campaigns.services.access import is_guest, name_actor
from campaigns.services.doors import ensure_door, find_door, find_open_door
from campaigns.services.quotas import use_guest_quota
from providers.commands import Answer, Command
from providers.contract import Dialect

_APPS: Reached[App] = Reached(
    lambda key: App.objects.for_user(key).select_related("workspace").order_by("pk")[:2]
)
_GROUPS: Reached[Group] = Reached(
    lambda key, group: (
        Group.objects.for_user(key).select_related("app__workspace").filter(pk=group)
    ),
    "group",
)
_FOLDERS: Prepared[Group] = Prepared(
    lambda app, name: Group.objects.filter(app=app, name=name), "app", "name"
)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, in which dialect, how many installations the call has come through, and when.

    The caller of an open route is a guest: its key reaches nothing but what `find_app` finds.
    """

    key: ApiKey
    dialect: Dialect
    now: datetime
    hops: int = 0

    @property
    def actor(self) -> str:
        return name_actor(self.key)


# What a command needs of a key ("": it shows what it needs itself), and what does it: one entry
# per kind of command.
Acts = dict[type[Command], tuple[str, Callable[[Any, Caller], Answer]]]


def find_app(text: str, caller: Caller) -> App:
    """The app that an identifier of its door, or its id, means, if the key reaches it; "" is the
    key's only app. A guest may name any app by an identifier. Raises NotFound, Invalid.
    """
    app: App = find_app_door(text, caller).app
    return app


def find_app_door(text: str, caller: Caller) -> Door:
    """The door of the app that `find_app` finds, with its options."""
    door = None
    if is_guest(caller.key):
        door = find_open_door(caller.dialect, text)
    elif text:
        door = find_door(caller.dialect, text, caller.key, now=caller.now)
    else:
        door = ensure_door(_find_only_app(caller), caller.dialect, caller.now)
    if door is None:
        raise NotFound(_("There is no such app."), code="no_app", subject=text)
    if is_guest(caller.key):
        use_guest_quota(door.app, now=caller.now)
    return door


def _find_only_app(caller: Caller) -> App:
    apps = _APPS.list(caller.key)
    if len(apps) != 1:
        raise Invalid(_("Name the app: this key is not for exactly one."))
    return apps[0]


def find_group(text: str, caller: Caller) -> Group:
    """The group of that id, if the key reaches its app; raises NotFound."""
    group = _GROUPS.first(caller.key, group=read_id(text))
    if group is None:
        raise NotFound(_("There is no such group."))
    return group


def find_folder(app: App, dialect: Dialect) -> tuple[Group, bool]:
    """The app's report group that is named after a dialect, and whether it was made just now."""
    group, is_new = _FOLDERS.first(app=app.pk, name=dialect.label), False
    if group is None:
        group, is_new = Group.objects.get_or_create(app=app, name=dialect.label)
    group.app = app  # with its workspace, which is not asked for again
    return group, is_new
