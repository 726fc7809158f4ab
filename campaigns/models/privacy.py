"""Who must not be sent to, and who must not come back: identifiers as keyed hashes only.

A `seal` is what campaigns.selectors.seals makes of a kind and a value: nobody who lacks the key of
this installation can tell whose it is, or try values out.
"""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from campaigns.models.access import Workspace, visible_app_ids, visible_workspace_ids
from campaigns.models.apps import App
from campaigns.models.scoping import ScopedQuerySet

SEAL_LENGTH = 32


class SuppressionQuerySet(ScopedQuerySet):
    """An entry for one app is seen by whoever sees that; one for all apps by every member."""

    def _visible_to(self, principal: Any) -> Q:
        wide = Q(app__isnull=True, workspace__in=visible_workspace_ids(principal))
        return wide | Q(app__in=visible_app_ids(principal))


class Suppression(models.Model):
    """An identifier to which nothing is sent; checked right before each call.

    That of a person holds for all devices and addresses, that of a device for the device. `app`
    None: in every app of the workspace. `channel` "": on every channel. `until` None: for ever.
    `person_id` and `device_id` are whom it meant when it was added: they serve to count, and
    decide nothing.
    """

    class Reason(models.TextChoices):
        COMPLAINT = "complaint", _("Complaint")
        BOUNCED = "bounced", _("Bounced")
        LEGAL = "legal", _("Legal")
        BY_HAND = "by_hand", _("By hand")
        OPTED_OUT = "opted_out", _("Opted out")

    class Channel(models.TextChoices):
        ANY = "", _("Every channel")
        PUSH = "push", _("Push")
        SMS = "sms", _("SMS")
        EMAIL = "email", _("E-mail")

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="suppressions")
    app = models.ForeignKey(
        App,
        models.CASCADE,
        related_name="suppressions",
        null=True,
        blank=True,
        verbose_name=_("app"),
    )
    channel = models.CharField(_("channel"), max_length=8, choices=Channel, blank=True, default="")
    kind = models.CharField(_("kind"), max_length=40)
    seal = models.CharField(max_length=SEAL_LENGTH, editable=False)
    masked = models.CharField(_("identifier"), max_length=80, blank=True)
    reason = models.CharField(_("reason"), max_length=12, choices=Reason)
    source = models.CharField(_("source"), max_length=80, blank=True)
    until = models.DateTimeField(_("until"), null=True, blank=True)
    person_id = models.BigIntegerField(null=True, editable=False)
    device_id = models.BigIntegerField(null=True, editable=False)
    created_at = models.DateTimeField(_("added"))
    created_by = models.CharField(_("added by"), max_length=150)

    objects = SuppressionQuerySet.as_manager()

    class Meta:
        verbose_name = _("suppression")
        verbose_name_plural = _("suppressions")
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "seal", "channel"],
                condition=Q(app__isnull=True),
                name="suppression_once",
            ),
            models.UniqueConstraint(
                fields=["workspace", "seal", "channel", "app"],
                condition=Q(app__isnull=False),
                name="suppression_of_app_once",
            ),
            models.CheckConstraint(
                condition=Q(reason__in=["complaint", "bounced", "legal", "by_hand", "opted_out"]),
                name="suppression_reason_known",
            ),
            models.CheckConstraint(
                condition=Q(channel__in=["", "push", "sms", "email"]),
                name="suppression_channel_known",
            ),
        ]
        indexes = [
            models.Index(fields=["workspace", "seal"], name="suppression_seal"),
            models.Index(
                fields=["workspace", "person_id"],
                condition=Q(person_id__isnull=False),
                name="suppression_person",
            ),
            models.Index(
                fields=["workspace", "device_id"],
                condition=Q(device_id__isnull=False),
                name="suppression_device",
            ),
            models.Index(
                fields=["until"], condition=Q(until__isnull=False), name="suppression_ends"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.masked}"


class SuppressionCount(models.Model):
    """How many entries of a kind a workspace has, moved with them: what an engine asks first."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="+", db_index=False)
    kind = models.CharField(max_length=40)
    count = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "kind"], name="suppression_count_once"),
            models.CheckConstraint(condition=Q(count__gte=0), name="suppression_count_positive"),
        ]


class Tombstone(models.Model):
    """An identifier of somebody who was erased: nothing may bring it back.

    `person` is the number that the books still know, the same for all identifiers of one person.
    """

    workspace = models.ForeignKey(
        Workspace, models.CASCADE, related_name="tombstones", verbose_name=_("workspace")
    )
    kind = models.CharField(_("kind"), max_length=40)
    seal = models.CharField(max_length=SEAL_LENGTH, editable=False)
    person = models.BigIntegerField(_("person"))
    erased_at = models.DateTimeField(_("erased"))

    objects = ScopedQuerySet.as_manager()
    workspace_path = "workspace"

    class Meta:
        verbose_name = _("tombstone")
        verbose_name_plural = _("tombstones")
        constraints = [
            models.UniqueConstraint(fields=["workspace", "seal"], name="tombstone_once"),
        ]
        indexes = [
            models.Index(fields=["workspace", "person"], name="tombstone_person"),
            models.Index(fields=["workspace", "erased_at"], name="tombstone_recent"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} #{self.person}"
