"""What segments were, and which custom attributes have an index of their own."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from campaigns.models.apps import App
from campaigns.models.audience import Segment
from campaigns.models.scoping import ScopedQuerySet


class SegmentVersion(models.Model):
    """A segment's expression as it was saved once; the newest is what it is now."""

    segment = models.ForeignKey(Segment, models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    expression = models.JSONField(default=dict)
    saved_by = models.CharField(max_length=150, blank=True)  # empty: before versions were kept
    saved_at = models.DateTimeField()

    objects = ScopedQuerySet.as_manager()
    app_path = "segment__app"

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["segment", "number"], name="segment_version_once")
        ]


class PromotedAttribute(models.Model):
    """A custom attribute that an app wants an index for.

    The index itself is of the table, shared by all apps that want it, and made and dropped by a
    job: `ready` says that it is there.
    """

    class Owner(models.TextChoices):
        DEVICE = "device", _("Device")
        PERSON = "person", _("Person")

    app = models.ForeignKey(App, models.CASCADE, related_name="promoted_attributes")
    owner = models.CharField(max_length=8, choices=Owner)
    name = models.CharField(max_length=128)
    is_ready = models.BooleanField(default=False)
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=150)

    objects = ScopedQuerySet.as_manager()
    app_path = "app"

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["app", "owner", "name"], name="promoted_once"),
            models.CheckConstraint(
                condition=Q(owner__in=["device", "person"]), name="promoted_owner_known"
            ),
        ]
