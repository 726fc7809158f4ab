"""Somebody is asked to become a member."""

from __future__ import annotations

import secrets
from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from campaigns.models.access import ApiKey, Membership, Workspace
from campaigns.models.apps import App
from campaigns.models.scoping import ScopedQuerySet


class Invitation(models.Model):
    """A link that makes whoever opens it a member, once, until it expires or is withdrawn.

    Only a hash of the link's secret is kept. `app` empty means every app of the workspace.
    """

    workspace = models.ForeignKey(
        Workspace, models.CASCADE, related_name="invitations", verbose_name=_("workspace")
    )
    app = models.ForeignKey(
        App, models.CASCADE, related_name="+", null=True, blank=True, verbose_name=_("app")
    )
    role = models.CharField(_("role"), max_length=10, choices=Membership.Role)
    email = models.CharField(_("e-mail"), max_length=254, blank=True)
    secret_hash = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(_("created"))
    created_by = models.CharField(_("created by"), max_length=150)
    expires_at = models.DateTimeField(_("expires"))
    accepted_at = models.DateTimeField(_("accepted"), null=True)
    accepted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, related_name="+", null=True
    )
    withdrawn_at = models.DateTimeField(_("withdrawn"), null=True)

    objects = ScopedQuerySet.as_manager()
    workspace_path = "workspace"

    class Meta:
        verbose_name = _("invitation")
        verbose_name_plural = _("invitations")
        constraints = [
            models.CheckConstraint(
                condition=Q(role__in=["viewer", "composer", "approver", "sender", "admin"]),
                name="invitation_role_known",
            )
        ]

    def __str__(self) -> str:
        return self.email or f"#{self.pk}"

    @staticmethod
    def make_secret() -> str:
        """43 characters that fit an address: 256 random bits."""
        return secrets.token_urlsafe(32)

    @staticmethod
    def hash_secret(secret: str) -> str:
        """SHA-256 in hex; the secret is random and long, so no slow hash is needed."""
        return ApiKey.hash_secret(secret)

    def is_open(self, now: datetime) -> bool:
        """Neither accepted, withdrawn nor expired."""
        return self.accepted_at is None and self.withdrawn_at is None and now < self.expires_at
