"""Devices that speak to us themselves, and what waits for them."""

from __future__ import annotations

from django.db import models

from campaigns.models.audience import Device
from campaigns.models.transfer import Part


class DeviceSession(models.Model):
    """A device that has registered itself: the hash of its secret, and when it last pulled.

    Who has pulled within ONLINE_SECONDS is online.
    """

    ONLINE_SECONDS = 60

    device = models.OneToOneField(Device, models.CASCADE, primary_key=True, related_name="session")
    secret_hash = models.CharField(max_length=64)
    created_at = models.DateTimeField()
    pulled_at = models.DateTimeField(null=True)


class InboxItem(models.Model):
    """A message that our own channel holds for a device until it pulls it or it expires.

    `batch_id` leads back to the books: what expires unseen is corrected there. `message` is what
    it says to this device (`write_message`), where it has variables.
    """

    device = models.ForeignKey(Device, models.CASCADE, related_name="inbox", db_index=False)
    part = models.ForeignKey(Part, models.CASCADE, related_name="+", db_index=False)
    batch_id = models.BigIntegerField()
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    pulled_at = models.DateTimeField(null=True)
    message = models.JSONField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["device", "part"], name="inbox_item_once")]
        indexes = [
            models.Index(
                fields=["expires_at"],
                condition=models.Q(pulled_at__isnull=True),
                name="inbox_unseen",
            ),
            models.Index(fields=["part"], name="inbox_part"),
            models.Index(
                fields=["part", "batch_id"],
                condition=models.Q(pulled_at__isnull=True),
                name="inbox_to_take_back",
            ),
        ]
