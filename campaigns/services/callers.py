"""Who calls through a dialect's door, and what of ours such a call may name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from campaigns.errors import NotFound
from campaigns.models import ApiKey, App, Group
from campaigns.services.access import name_actor
from providers.commands import Answer, Command
from providers.contract import Dialect

MAX_ID = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, in which dialect, how many installations the call has come through, and when."""

    key: ApiKey
    dialect: Dialect
    now: datetime
    hops: int = 0

    @property
    def actor(self) -> str:
        return name_actor(self.key)


# What a command needs of a key, and what does it: one entry per kind of command.
Acts = dict[type[Command], tuple[str, Callable[[Any, Caller], Answer]]]


def find_app(text: str, caller: Caller) -> App:
    """The app of that id, if the key reaches it; raises NotFound."""
    app: App | None = App.objects.for_user(caller.key).filter(pk=read_id(text)).first()
    if app is None:
        raise NotFound(_("There is no such app."))
    return app


def find_group(text: str, caller: Caller) -> Group:
    """The group of that id, if the key reaches its app; raises NotFound."""
    visible = Group.objects.for_user(caller.key).select_related("app__workspace")
    group: Group | None = visible.filter(pk=read_id(text)).first()
    if group is None:
        raise NotFound(_("There is no such group."))
    return group


def read_id(text: str) -> int:
    """A row's id from a caller's text; 0, which is nobody's, for what is no id."""
    is_id = text.isascii() and text.isdigit() and len(text) <= 19
    return int(text) if is_id and int(text) <= MAX_ID else 0
