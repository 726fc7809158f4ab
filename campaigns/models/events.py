"""What vendors said before our own books had it."""

from __future__ import annotations

from django.db import models

from campaigns.models.accounts import Account


class WaitingEvent(models.Model):
    """A vendor's word about a call that is not written down yet, or a recipient who is not settled.

    `content` is the event as an object. It is tried again a few times, then dropped.
    """

    account = models.ForeignKey(Account, models.CASCADE, related_name="+")
    content = models.JSONField()
    tries = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField(db_index=True)
