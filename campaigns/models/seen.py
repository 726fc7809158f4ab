"""On which days how many devices were there: counted as they are seen, since a device remembers
only the last time."""

from __future__ import annotations

from django.db import models

from campaigns.models.apps import App
from campaigns.models.audience import PLATFORMS


class SeenDay(models.Model):
    """How many devices of an app and a platform were seen on a day of the app's zone."""

    app = models.ForeignKey(App, models.CASCADE, related_name="+")
    day = models.DateField()
    platform = models.CharField(max_length=8, choices=PLATFORMS)
    count = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["app", "day", "platform"], name="seen_day_once")
        ]
