"""What scripts wait to be told: the outbox of callbacks."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from campaigns.models.scoping import ScopedQuerySet
from campaigns.models.transfer import Part, Submission


class OutboxRow(models.Model):
    """Recipients of a part of whom a script wants to be told: something has changed.

    `recipients` as in Batch; with a `count` of 0 any target of the part may have changed. What is
    told is found out when the call is made. Whoever makes it moves `due_at` behind it first, so
    that nobody else makes it meanwhile. A row that is told goes; one that nobody could be told of
    is kept with the last answer's `words`. `receipt` is of earlier versions.
    """

    submission = models.ForeignKey(Submission, models.CASCADE, related_name="outbox")
    part = models.ForeignKey(Part, models.CASCADE, related_name="outbox")
    receipt = models.CharField(max_length=12, blank=True, editable=False)
    recipients = models.BinaryField(editable=False)
    count = models.PositiveIntegerField(_("recipients"))
    created_at = models.DateTimeField(_("since"))
    due_at = models.DateTimeField(_("due"))
    tries = models.PositiveSmallIntegerField(_("tries"), default=0)
    given_up_at = models.DateTimeField(_("given up"), null=True)
    words = models.CharField(_("last answer"), max_length=500, blank=True)

    objects = ScopedQuerySet.as_manager()
    workspace_path = "submission__workspace"

    class Meta:
        verbose_name = _("callback")
        verbose_name_plural = _("callbacks")
        indexes = [
            models.Index(
                fields=["due_at"], condition=Q(given_up_at__isnull=True), name="outbox_due"
            ),
            models.Index(
                fields=["given_up_at"], condition=Q(given_up_at__isnull=False), name="outbox_lost"
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"
