"""Who may do what, and the record of who did it: roles, API keys, group secrets, audit entries."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from hmac import compare_digest
from typing import Any, TypedDict, Unpack

from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.db.models import Model, Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.errors import Forbidden, Invalid, Refused
from campaigns.models import ApiKey, App, AppGroup, AuditEntry, Membership, Workspace
from campaigns.models.access import name_principal
from campaigns.models.prepared import Prepared, insert
from providers import registry
from providers.outcomes import RefusalKind

Role = Membership.Role
Scope = ApiKey.Scope

SUPERUSER = "superuser"  # stands where no role is enough
# Which roles hold what a role may do. Approving and sending are apart on purpose (four eyes).
HOLDERS: dict[str, frozenset[str]] = {
    Role.VIEWER: frozenset(Role),
    Role.COMPOSER: frozenset({Role.COMPOSER, Role.APPROVER, Role.SENDER, Role.ADMIN}),
    Role.APPROVER: frozenset({Role.APPROVER, Role.ADMIN}),
    Role.SENDER: frozenset({Role.SENDER, Role.ADMIN}),
    Role.ADMIN: frozenset({Role.ADMIN}),
    SUPERUSER: frozenset(),
}
# What a key may do instead of a role; a key never approves and never administers.
SCOPE_OF_ROLE = {Role.VIEWER: Scope.READ, Role.COMPOSER: Scope.COMPOSE, Role.SENDER: Scope.SEND}
DEFAULT_SCOPES = (Scope.READ, Scope.AUDIENCE, Scope.COMPOSE, Scope.SEND)
SCOPES_ADVICE = gettext_lazy(
    "No more than the script needs, so that a lost key does little harm. One that reads reports:"
    " Read. One that keeps devices: Change the audience. One that writes campaigns and starts them:"
    " Read, Compose and Send."
)
NO_SCOPE = gettext_lazy("Tick what the script may do; a key without a scope can do nothing.")
TOUCH_EVERY = timedelta(minutes=1)
_KEYS: Prepared[ApiKey] = Prepared(
    lambda public_id: ApiKey.objects.select_related("workspace").filter(
        app_group__isnull=True, public_id=public_id
    ),
    "public_id",
)


def name_actor(principal: Any) -> str:
    """How events and audit entries name a user or an ApiKey."""
    return name_principal(principal)


def record_audit(
    actor: str,
    verb: str,
    target: Model,
    *,
    workspace: Workspace | None,
    fields: Iterable[str] = (),
    now: datetime,
) -> AuditEntry:
    """Keep who did what to which row: its id and the names of fields, never a value."""
    return insert(
        AuditEntry(
            workspace=workspace,
            at=now,
            actor=actor,
            verb=verb,
            target_type=target._meta.model_name or "",
            target_id="" if target.pk is None else str(target.pk),
            fields=sorted(set(fields)),
        )
    )


def find_memberships(user: Any, place: App | Workspace | None) -> QuerySet[Any]:
    """A user's memberships that count for an app, for a whole workspace, or anywhere."""
    if isinstance(user, AnonymousUser) or not user.is_active:
        return Membership.objects.none()
    own = Membership.objects.filter(user=user)
    if isinstance(place, App):
        return own.filter(Q(app=place) | Q(app__isnull=True), workspace_id=place.workspace_id)
    if isinstance(place, Workspace):
        return own.filter(workspace=place, app__isnull=True)
    return own


def has_role(principal: Any, place: App | Workspace | None, role: str) -> bool:
    """Whether a user (or an ApiKey, by its scopes) may do what `role` does in that place.

    What belongs to a workspace is seen by any member of it and changed only by who has the
    role for all its apps. With None the role counts wherever it is held.
    """
    if isinstance(principal, ApiKey):
        return _key_has_role(principal, place, role)
    if principal.is_superuser and principal.is_active:
        return True
    held = find_memberships(principal, place)
    if isinstance(place, Workspace) and role == Role.VIEWER:
        held = find_memberships(principal, None).filter(workspace=place)
    return held.filter(role__in=HOLDERS[role]).exists()


def find_workspaces(user: Any, role: str) -> QuerySet[Workspace]:
    """Workspaces in which a user has the role for all apps."""
    if user.is_superuser and user.is_active:
        return Workspace.objects.all()
    wide = find_memberships(user, None).filter(app__isnull=True, role__in=HOLDERS[role])
    return Workspace.objects.filter(pk__in=wide.values("workspace_id"))


def find_apps(user: Any, role: str) -> QuerySet[App]:
    """Apps in which a user has the role."""
    if user.is_superuser and user.is_active:
        return App.objects.all()
    held = find_memberships(user, None).filter(role__in=HOLDERS[role])
    own = held.filter(app__isnull=False).values("app_id")
    wide = held.filter(app__isnull=True).values("workspace_id")
    return App.objects.filter(Q(pk__in=own) | Q(workspace_id__in=wide))


def _key_has_role(key: ApiKey, place: App | Workspace | None, role: str) -> bool:
    if role not in SCOPE_OF_ROLE or SCOPE_OF_ROLE[Role(role)] not in key.scopes:
        return False
    if isinstance(place, App):
        return App.objects.filter(key.reach(), pk=place.pk).exists()
    if place is None or role == Role.VIEWER:
        return place is None or place.pk == key.workspace_id
    return reaches_whole(key, place, SCOPE_OF_ROLE[Role(role)])


def reaches_whole(key: ApiKey, workspace: Workspace, scope: str) -> bool:
    """Whether a key may do what its scope says with all apps of that workspace."""
    return scope in key.scopes and key.workspace_id == workspace.pk and key.is_wide()


def require_role(principal: Any, place: App | Workspace | None, role: str) -> None:
    """Raise Forbidden unless `has_role`."""
    if not has_role(principal, place, role):
        name = place.name if place else _("any app")
        raise Forbidden(
            _("You need the role %(role)s in %(place)s for this. Ask an admin of the workspace.")
            % {"role": Role(role).label, "place": name}
        )


def require_scope(key: ApiKey, scope: str) -> None:
    """Raise Forbidden unless the key was given that scope."""
    if scope not in key.scopes:
        raise Forbidden(
            _("This key lacks the scope %(scope)s.") % {"scope": scope}, code="missing_scope"
        )


class KeyLimits(TypedDict, total=False):
    """What a key is good for: no apps = all of the workspace, no dialect = every door."""

    apps: Sequence[App]
    dialect: str
    scopes: Sequence[str]
    expires_at: datetime | None


def issue_key(
    workspace: Workspace, *, name: str, actor: str, now: datetime, **limits: Unpack[KeyLimits]
) -> tuple[ApiKey, str]:
    """Make a key; the text, `<public id>.<secret>`, is nowhere kept and cannot be shown again."""
    apps = limits.pop("apps", ())
    limits.setdefault("scopes", DEFAULT_SCOPES)
    _refuse_faults(_find_key_faults(workspace, name, apps, limits, now))
    secret = ApiKey.make_secret()
    with transaction.atomic():
        key = ApiKey.objects.create(
            workspace=workspace,
            name=name.strip(),
            public_id=ApiKey.make_public_id(),
            secret_hash=ApiKey.hash_secret(secret),
            dialect=limits.get("dialect", ""),
            scopes=[str(scope) for scope in limits["scopes"]],
            created_by=actor,
            expires_at=limits.get("expires_at"),
        )
        key.apps.set(apps)
        record_audit(actor, "issue", key, workspace=workspace, now=now)
    return key, f"{key.public_id}.{secret}"


def _refuse_faults(faults: dict[str, str]) -> None:
    if faults:
        raise Invalid(_("The key cannot be issued."), fields=faults)


def _find_key_faults(
    workspace: Workspace, name: str, apps: Sequence[App], limits: KeyLimits, now: datetime
) -> dict[str, str]:
    faults = {}
    scopes, dialect = limits["scopes"], limits.get("dialect")
    expires_at = limits.get("expires_at")
    if not name.strip():
        faults["name"] = _("Give the key a name that says who uses it.")
    if any(app.workspace_id != workspace.pk for app in apps):
        faults["apps"] = _("A key reaches only apps of its own workspace.")
    if dialect and dialect not in {known.key for known in registry.all_dialects()}:
        faults["dialect"] = _("Nobody speaks that dialect here.")
    if not scopes or set(scopes) - set(Scope):
        faults["scopes"] = _("Choose at least one of: %(known)s.") % {"known": ", ".join(Scope)}
    if expires_at is not None and expires_at <= now:
        faults["expires_at"] = _("Choose a time that is still to come.")
    return faults


def find_key(shown: str | tuple[str, str], *, now: datetime) -> ApiKey:
    """The key behind `<public id>.<secret>`, or behind the two as a pair.

    Raises Refused (UNAUTHENTICATED), with one sentence for whatever is wrong. Notes the use,
    at most once a minute.
    """
    public_id, secret = _split_text(shown) if isinstance(shown, str) else shown
    key = find_public(public_id)
    expected = key.secret_hash if key else ""
    is_right = compare_digest(ApiKey.hash_secret(secret), expected)
    if key is None or not is_right or not key.is_usable(now):
        raise Refused(
            _("The key is unknown, expired or revoked."),
            kind=RefusalKind.UNAUTHENTICATED,
            code="unauthenticated",
        )
    touch_key(key, now)
    return key


def find_public(public_id: str) -> ApiKey | None:
    """The key of that public id, usable or not; an app group's has a key and secret of its own."""
    # No database can be asked for a NUL.
    return None if "\0" in public_id else _KEYS.first(public_id=public_id)


def make_guest() -> ApiKey:
    """Who calls an open route: a key in no table, that reaches no app and no workspace.

    The scope is for what devices do about themselves; the app is found by what the call names.
    """
    return ApiKey(name="guest", scopes=[Scope.AUDIENCE])


def is_guest(key: ApiKey) -> bool:
    """Whether it is nobody's key."""
    return key.pk is None


def _split_text(text: str) -> tuple[str, str]:
    public_id, _dot, secret = text.partition(".")
    return public_id, secret


def touch_key(key: ApiKey, now: datetime) -> None:
    """Note that the key is used, at most once a minute."""
    if key.last_used_at is not None and now - key.last_used_at < TOUCH_EVERY:
        return
    stale = Q(last_used_at__isnull=True) | Q(last_used_at__lte=now - TOUCH_EVERY)
    ApiKey.objects.filter(stale, pk=key.pk).update(last_used_at=now)
    key.last_used_at = now


def revoke_key(key: ApiKey, *, actor: str, now: datetime) -> None:
    """Nobody can use the key from now on; revoking it again changes nothing."""
    with transaction.atomic():
        if ApiKey.objects.filter(pk=key.pk, revoked_at__isnull=True).update(revoked_at=now):
            record_audit(actor, "revoke", key, workspace=key.workspace, now=now)
            key.revoked_at = now


def make_group_key() -> str:
    """24 hex digits."""
    return secrets.token_hex(12)


def ensure_group_principal(app_group: AppGroup) -> ApiKey:
    """The key that stands for whoever shows the group's own key and secret: it reaches the member
    apps, may send to them and read what became of it, and has no secret of its own."""
    key, _is_new = ApiKey.objects.select_related("workspace").get_or_create(
        app_group=app_group,
        defaults={
            "workspace": app_group.workspace,
            "name": _("App group %(name)s") % {"name": app_group.name[:100]},
            "public_id": ApiKey.make_public_id(),
            "scopes": [Scope.READ, Scope.SEND],
            "created_by": "app group",
        },
    )
    return key


def regenerate_group_secret(app_group: AppGroup, *, actor: str, now: datetime) -> str:
    """Give an app group a new master secret, in place of the old one; it is not kept in clear.

    A group whose key was revoked can be used again, with the new secret.
    """
    secret = ApiKey.make_secret()
    with transaction.atomic():
        app_group.secret_hash = ApiKey.hash_secret(secret)
        app_group.save(update_fields=["secret_hash"])
        ApiKey.objects.filter(app_group=app_group).update(revoked_at=None)
        record_audit(actor, "regenerate_secret", app_group, workspace=app_group.workspace, now=now)
    return secret
