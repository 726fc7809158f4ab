"""What a device is marked with: any number of tags, and at most one alias."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from campaigns.models.apps import App
from campaigns.models.audience import Device
from campaigns.models.scoping import ScopedQuerySet

MAX_MARK = 128


class DeviceMark(models.Model):
    """One word that a device carries. Unlike a label it is the device's, not its person's."""

    class Kind(models.TextChoices):
        TAG = "tag", _("Tag")
        ALIAS = "alias", _("Alias")

    app = models.ForeignKey(App, models.CASCADE, related_name="+")
    device = models.ForeignKey(Device, models.CASCADE, related_name="marks")
    kind = models.CharField(_("kind"), max_length=8, choices=Kind)
    name = models.CharField(_("name"), max_length=MAX_MARK)

    objects = ScopedQuerySet.as_manager()
    app_path = "app"

    class Meta:
        verbose_name = _("device mark")
        verbose_name_plural = _("device marks")
        constraints = [
            models.UniqueConstraint(fields=["device", "kind", "name"], name="device_mark_once"),
            models.UniqueConstraint(
                fields=["device"], condition=Q(kind="alias"), name="device_alias_once"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["tag", "alias"]), name="device_mark_kind_known"
            ),
        ]
        indexes = [
            # With the device in it, who carries a name is read from the index alone.
            models.Index(fields=["app", "kind", "name", "device"], name="device_mark_name")
        ]

    def __str__(self) -> str:
        return self.name
