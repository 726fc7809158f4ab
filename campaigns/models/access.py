"""Tenancy and access: workspaces, memberships, keys, idempotency, audit."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import models
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from campaigns.models.scoping import ScopedQuerySet

KEY_PREFIX = "key "  # no name of a user has a blank
MOST_KEPT = 500  # apps; more would make each statement a long one


class Workspace(models.Model):
    """The tenant: one organisation."""

    name = models.CharField(_("name"), max_length=120)
    slug = models.SlugField(_("slug"), unique=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    objects = ScopedQuerySet.as_manager()
    workspace_path = "pk"

    class Meta:
        verbose_name = _("workspace")
        verbose_name_plural = _("workspaces")

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """What one user may do in a workspace; app empty = in all its apps."""

    class Role(models.TextChoices):
        VIEWER = "viewer", _("Viewer")
        COMPOSER = "composer", _("Composer")
        APPROVER = "approver", _("Approver")
        SENDER = "sender", _("Sender")
        ADMIN = "admin", _("Admin")

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="memberships", verbose_name=_("user")
    )
    workspace = models.ForeignKey(
        Workspace, models.CASCADE, related_name="memberships", verbose_name=_("workspace")
    )
    app = models.ForeignKey(
        "campaigns.App",
        models.CASCADE,
        related_name="memberships",
        null=True,
        blank=True,
        verbose_name=_("app"),
        help_text=_("Empty: every app of the workspace."),
    )
    role = models.CharField(_("role"), max_length=10, choices=Role)

    objects = ScopedQuerySet.as_manager()
    workspace_path = "workspace"

    class Meta:
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")
        constraints = [
            models.UniqueConstraint(
                fields=["user", "workspace", "app"],
                condition=Q(app__isnull=False),
                name="membership_of_app_once",
            ),
            models.UniqueConstraint(
                fields=["user", "workspace"],
                condition=Q(app__isnull=True),
                name="membership_of_workspace_once",
            ),
            models.CheckConstraint(
                condition=Q(role__in=["viewer", "composer", "approver", "sender", "admin"]),
                name="membership_role_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.get_role_display()}"


def keep_reach(user: Any) -> None:
    """Find once which apps a user reaches, for whoever asks a dozen questions and changes nothing:
    built into each of them, the way there takes longer than the question."""
    if not user.is_superuser:
        found = visible_app_ids(user).values_list("pk", flat=True)[: MOST_KEPT + 1]
        ids = tuple(found)
        if len(ids) <= MOST_KEPT:
            user.reached_app_ids = ids


def visible_app_ids(principal: Any) -> QuerySet[Any]:
    """Ids of the apps that a user or an ApiKey reaches, as a subquery."""
    from campaigns.models.apps import App

    kept = getattr(principal, "reached_app_ids", None)
    if kept is not None:
        return App.objects.filter(pk__in=kept).values("pk")
    if isinstance(principal, ApiKey):
        return App.objects.filter(principal.reach()).values("pk")
    if principal is None or isinstance(principal, AnonymousUser) or not principal.is_active:
        return App.objects.none().values("pk")
    if principal.is_superuser:
        return App.objects.values("pk")
    own = Membership.objects.filter(user=principal)
    wide = own.filter(app__isnull=True).values("workspace_id")
    return App.objects.filter(
        Q(pk__in=own.filter(app__isnull=False).values("app_id")) | Q(workspace_id__in=wide)
    ).values("pk")


def name_principal(principal: Any) -> str:
    """How events, jobs and audit entries name a user or an ApiKey."""
    if isinstance(principal, ApiKey):
        return f"{KEY_PREFIX}{principal.public_id}" if principal.pk else "guest"
    return str(principal.get_username())


def visible_workspace_ids(principal: Any) -> QuerySet[Any]:
    """Ids of the workspaces that a user or an ApiKey belongs to, as a subquery."""
    if isinstance(principal, ApiKey):
        return Workspace.objects.filter(pk=principal.workspace_id).values("pk")
    if principal is None or isinstance(principal, AnonymousUser) or not principal.is_active:
        return Workspace.objects.none().values("pk")
    if principal.is_superuser:
        return Workspace.objects.values("pk")
    return Membership.objects.filter(user=principal).values("workspace_id")


def wide_workspace_ids(principal: Any) -> QuerySet[Any]:
    """Ids of the workspaces of which a user or an ApiKey reaches every app, as a subquery."""
    if isinstance(principal, ApiKey):
        own = Workspace.objects.filter(pk=principal.workspace_id)
        return (own if principal.is_wide() else own.none()).values("pk")
    wide = Membership.objects.filter(app__isnull=True)
    if principal is None or isinstance(principal, AnonymousUser) or not principal.is_active:
        return wide.none().values("workspace_id")
    return wide.filter(user=principal).values("workspace_id")


class ApiKey(models.Model):
    """A script's key: stored hashed, shown once, scoped to apps and maybe to one dialect.

    Its text is `<public_id>.<secret>`; dialects that want a pair take the two halves. One with an
    `app_group` stands for the group's own key and secret, and reaches its member apps.
    """

    class Scope(models.TextChoices):
        READ = "read", _("Read")
        AUDIENCE = "audience", _("Change the audience")
        COMPOSE = "compose", _("Compose")
        SEND = "send", _("Send")
        BYPASS_APPROVAL = "bypass_approval", _("Send without approval")
        PRIVACY = "privacy", _("Erase people and export what is held of them")

    workspace = models.ForeignKey(
        Workspace, models.CASCADE, related_name="api_keys", verbose_name=_("workspace")
    )
    name = models.CharField(_("name"), max_length=120)
    public_id = models.CharField(_("public id"), max_length=24, unique=True, editable=False)
    secret_hash = models.CharField(max_length=64, editable=False)
    apps = models.ManyToManyField(
        "campaigns.App",
        blank=True,
        related_name="api_keys",
        verbose_name=_("apps"),
        help_text=_("Empty: every app of the workspace."),
    )
    app_group = models.OneToOneField(
        "campaigns.AppGroup", models.CASCADE, related_name="api_key", null=True, editable=False
    )
    dialect = models.CharField(
        _("dialect"),
        max_length=40,
        blank=True,
        help_text=_("Empty: the native API and every dialect."),
    )
    scopes = models.JSONField(_("scopes"), default=list)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    created_by = models.CharField(_("created by"), max_length=150, blank=True, editable=False)
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True, editable=False)
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True, editable=False)

    objects = ScopedQuerySet.as_manager()
    workspace_path = "workspace"
    # What Django and DRF ask of whoever made a request.
    is_superuser = False
    is_active = True
    is_authenticated = True
    is_anonymous = False

    class Meta:
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")

    def __str__(self) -> str:
        return f"{self.name} ({self.public_id})"

    @staticmethod
    def make_public_id() -> str:
        """24 hex digits."""
        return secrets.token_hex(12)

    @staticmethod
    def make_secret() -> str:
        """40 hex digits: 160 random bits."""
        return secrets.token_hex(20)

    @staticmethod
    def hash_secret(secret: str) -> str:
        """SHA-256 in hex; the secret is random and long, so no slow hash is needed."""
        return hashlib.sha256(secret.encode()).hexdigest()

    def reach(self) -> Q:
        """Which apps the key reaches: its group's, those named, else all of its workspace."""
        own = Q(workspace_id=self.workspace_id)
        if self.app_group_id is not None:
            return own & Q(app_groups=self.app_group_id)
        named = self._named_apps()
        return own & (Q(pk__in=named.values("app_id")) | ~Q(models.Exists(named)))

    def is_wide(self) -> bool:
        """Whether it reaches every app of its workspace."""
        return self.app_group_id is None and not self._named_apps().exists()

    def _named_apps(self) -> QuerySet[Any]:
        # By the key's id: a guest's key is in no table and has no relation to ask.
        return type(self).apps.through.objects.filter(apikey_id=self.pk)

    def scope_words(self) -> str:
        """What it may do, as the form of a new key says it."""
        named = dict(self.Scope.choices)
        return ", ".join(str(named.get(scope, scope)) for scope in self.scopes)

    def is_usable(self, now: datetime) -> bool:
        """Neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


class KeyUse(models.Model):
    """How much of one of a dialect's quotas a key has used; kept by providers.pacing."""

    api_key = models.ForeignKey(ApiKey, models.CASCADE, related_name="uses")
    dialect = models.CharField(max_length=40)
    quota = models.CharField(max_length=40)
    level = models.FloatField()
    filled_at = models.DateTimeField()
    day = models.DateField()
    day_used = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["api_key", "dialect", "quota"], name="key_use_once")
        ]


class IdempotencyRecord(models.Model):
    """The answer that a door gave for a caller's own key; kept 24 hours."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="+")
    door = models.CharField(max_length=40)
    scope = models.CharField(max_length=120, blank=True)
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(default=0)
    answer = models.JSONField(default=dict)
    created_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "door", "scope", "key"], name="idempotency_key_once"
            )
        ]


class AuditEntry(models.Model):
    """Who changed what: ids and field names of personal fields, never their values."""

    workspace = models.ForeignKey(
        Workspace,
        models.CASCADE,
        related_name="audit_entries",
        null=True,
        verbose_name=_("workspace"),
    )
    at = models.DateTimeField(_("at"), db_index=True)
    actor = models.CharField(_("actor"), max_length=150)
    verb = models.CharField(_("verb"), max_length=60)
    target_type = models.CharField(_("kind"), max_length=60)
    target_id = models.CharField(_("id"), max_length=60, blank=True)
    fields = models.JSONField(_("fields"), default=list, blank=True)

    objects = ScopedQuerySet.as_manager()
    workspace_path = "workspace"

    class Meta:
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit log")
        indexes = [
            models.Index(fields=["target_type", "target_id"], name="audit_target"),
            # The log of a workspace, whole and by each of its filters, in the order it is shown in.
            models.Index(fields=["workspace", "at", "id"], name="audit_time"),
            models.Index(fields=["workspace", "actor", "at", "id"], name="audit_actor_time"),
            models.Index(fields=["workspace", "verb", "at", "id"], name="audit_verb_time"),
            models.Index(fields=["workspace", "target_type", "at", "id"], name="audit_kind_time"),
            models.Index(fields=["workspace", "target_id", "at", "id"], name="audit_number_time"),
        ]

    def __str__(self) -> str:
        return f"{self.verb} {self.target_type} {self.target_id}".strip()


class Installation(models.Model):
    """One row about this installation: its id, the schema, the keys it was set up with.

    `oldest_worker` is the oldest program version that may run on this database, `schema_version`
    the newest migration that it has had; `manage.py migrate` raises both.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    installation_id = models.CharField(max_length=32)
    schema_version = models.PositiveIntegerField(default=1)
    oldest_worker = models.PositiveIntegerField(default=1)
    key_fingerprints = models.JSONField(default=list)
    # A vault text: the key by which identifiers are sealed (campaigns.selectors.seals).
    seal_key = models.TextField(blank=True, default="", db_default="")

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="installation_is_one")]


def find_installation() -> Installation:
    """The one row, made when it is first asked for."""
    fresh = {"installation_id": secrets.token_hex(16)}
    installation, _is_new = Installation.objects.get_or_create(pk=1, defaults=fresh)
    return installation
