"""Which role a person needs to see or change each kind of row: one table for every door."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

from django.db.models import Model
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from campaigns.models import App, Membership, Workspace
from campaigns.services.access import HOLDERS, SUPERUSER, has_role

Role = Membership.Role
NOBODY = ""
VERBS = ("view", "add", "change", "delete")


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """The role per verb. NOBODY: not by hand, whoever asks. SUPERUSER: no role is enough.

    `path` leads from a row to its place, as attributes; `in_app` says that a role in one app is
    enough for it. What belongs to a workspace is seen by any member, changed by who has the
    role for all its apps.
    """

    path: str
    in_app: bool = False
    view: str = Role.VIEWER
    add: str = NOBODY
    change: str = NOBODY
    delete: str = NOBODY

    def role_for(self, verb: str) -> str:
        """The role that this verb needs, SUPERUSER or NOBODY."""
        return str(getattr(self, verb))

    def is_wide(self, verb: str) -> bool:
        """Whether only a role for all apps of a workspace counts."""
        if self.role_for(verb) == Role.VIEWER:
            return False
        return not self.in_app or (verb == "add" and not self.path)


_IN_APP = Needs(path="app", in_app=True)
_COMPOSED = replace(_IN_APP, add=Role.COMPOSER, change=Role.COMPOSER)
_ADMINISTERED = Needs(path="workspace", add=Role.ADMIN, change=Role.ADMIN)
NEEDS: dict[str, Needs] = {
    "app": replace(_ADMINISTERED, path="", in_app=True),
    "group": _COMPOSED,
    "label": replace(_COMPOSED, delete=Role.COMPOSER),
    "segment": replace(_COMPOSED, delete=Role.COMPOSER),
    "testgroup": replace(_COMPOSED, delete=Role.COMPOSER),
    "messagetemplate": Needs(path="place", in_app=True, add=Role.COMPOSER, change=Role.COMPOSER),
    "device": _IN_APP,
    "route": replace(_IN_APP, add=Role.ADMIN, change=Role.ADMIN, delete=Role.ADMIN),
    "campaign": _COMPOSED,
    "transfer": replace(_IN_APP, change=Role.SENDER),
    "job": replace(_IN_APP, path="place"),
    "appgroup": _ADMINISTERED,
    "scenario": replace(_ADMINISTERED, delete=Role.ADMIN),
    "person": Needs(path="workspace", change=Role.ADMIN),
    "account": _ADMINISTERED,
    "exchange": Needs(path="account.workspace", view=Role.ADMIN),
    "outboxrow": Needs(path="submission.workspace", view=Role.ADMIN),
    "scriptschedule": Needs(path="workspace"),
    "scriptrecord": Needs(path="workspace"),
    "apikey": replace(_ADMINISTERED, view=Role.ADMIN),
    "membership": replace(_ADMINISTERED, view=Role.ADMIN, delete=Role.ADMIN),
    "auditentry": Needs(path="workspace", view=Role.ADMIN),
    "workspace": Needs(path="", add=SUPERUSER, change=Role.ADMIN),
    "user": Needs(path="", view=Role.ADMIN, add=SUPERUSER, change=SUPERUSER),
}


# What is no change of a row by hand.
VERB_NEEDS: dict[str, tuple[str | Promise, str]] = {
    "launch": (_("Launch, schedule, pause, resume, cancel, send again"), Role.SENDER),
    "approve": (_("Approve what others have written"), Role.APPROVER),
    "test": (_("Send a test to a few devices"), Role.SENDER),
    "bypass": (_("Launch without an approval, with a reason"), Role.ADMIN),
    "enable": (_("Let a token that was called dead be sent to again"), Role.SENDER),
    "suppress": (_("Suppress identifiers, and take them off the list"), Role.COMPOSER),
    "invite": (_("Invite people, and withdraw invitations"), Role.ADMIN),
}
# Verbs for which only a role for all apps of a workspace counts.
WIDE_VERBS = frozenset({"invite"})


def list_permissions(user: Any) -> set[str]:
    """Django's names of all that a user's memberships allow in one place or another."""
    held = list(Membership.objects.filter(user=user).values_list("role", "app_id"))
    anywhere = {role for role, _app in held}
    wide = {role for role, app_id in held if app_id is None}
    return set(_derive_names(anywhere, wide))


def _derive_names(anywhere: set[str], wide: set[str]) -> Iterator[str]:
    for model, needs in NEEDS.items():
        label = "auth" if model == "user" else "campaigns"
        for verb in VERBS:
            role = needs.role_for(verb)
            held = wide if needs.is_wide(verb) else anywhere
            if role and held & HOLDERS[role]:
                yield f"{label}.{verb}_{model}"


def find_place(row: Model) -> App | Workspace | None:
    """Where a row belongs; None for what belongs nowhere."""
    path = NEEDS[str(row._meta.model_name)].path
    place = reduce(getattr, path.split("."), row) if path else row
    return place if isinstance(place, App | Workspace) else None


def may(user: Any, verb: str, row: Model) -> bool:
    """Whether a user may view, change or delete this row. Not a substitute for `for_user`."""
    role = NEEDS[str(row._meta.model_name)].role_for(verb)
    return bool(role) and has_role(user, find_place(row), role)
