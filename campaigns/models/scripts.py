"""What a script keeps with us through a dialect's door: pushes that it plans, things of its own."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from campaigns.models.access import ApiKey, Workspace, visible_app_ids, wide_workspace_ids
from campaigns.models.apps import App
from campaigns.models.campaign import Campaign
from campaigns.models.scoping import ScopedQuerySet
from campaigns.models.transfer import Transfer


class ScriptQuerySet(ScopedQuerySet):
    """What belongs to an app is seen by whoever sees that; the rest by its own key, and by whoever
    reaches every app of the workspace."""

    def _visible_to(self, principal: Any) -> Q:
        seen = Q(app__in=visible_app_ids(principal))
        wide = Q(app__isnull=True, workspace__in=wide_workspace_ids(principal))
        if isinstance(principal, ApiKey):
            return seen | wide | Q(app__isnull=True, api_key=principal)
        return seen | wide


class Kept(models.Model):
    """A row that a script made and names by its id; `body` is in its dialect's words."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="+")
    app = models.ForeignKey(App, models.CASCADE, related_name="+", null=True)
    api_key = models.ForeignKey(ApiKey, models.SET_NULL, related_name="+", null=True)
    dialect = models.CharField(max_length=40)
    body = models.JSONField(default=dict)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    objects = ScriptQuerySet.as_manager()

    class Meta:
        abstract = True


class ScriptSchedule(Kept):
    """A push that a script planned. `body` is what it wrote; what it planned is `planned`."""

    name = models.CharField(_("name"), max_length=255)
    is_enabled = models.BooleanField(_("enabled"), default=True)

    class Meta:
        verbose_name = _("script's schedule")
        verbose_name_plural = _("scripts' schedules")
        indexes = [models.Index(fields=["workspace", "dialect"], name="schedule_of_dialect")]

    def __str__(self) -> str:
        return self.name


class Planned(models.Model):
    """What a schedule has planned: a transfer that is due later, or a campaign that recurs."""

    schedule = models.ForeignKey(ScriptSchedule, models.CASCADE, related_name="planned")
    transfer = models.OneToOneField(Transfer, models.CASCADE, related_name="planned", null=True)
    campaign = models.OneToOneField(Campaign, models.CASCADE, related_name="planned", null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(transfer__isnull=False) ^ Q(campaign__isnull=False),
                name="planned_transfer_or_campaign",
            )
        ]


class ScriptRecord(Kept):
    """A thing that only a dialect knows, such as a prepared text; `kind` names its sort.

    `text` holds the body's texts in lower case, for searching. `schedule` is the one that it is
    bound to, at that `position`.
    """

    kind = models.CharField(max_length=40)
    text = models.TextField(blank=True)
    is_archived = models.BooleanField(default=False)
    schedule = models.ForeignKey(ScriptSchedule, models.SET_NULL, related_name="records", null=True)
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        verbose_name = _("script's record")
        verbose_name_plural = _("scripts' records")
        indexes = [
            models.Index(fields=["workspace", "dialect", "kind"], name="record_of_dialect"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"
