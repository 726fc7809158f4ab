"""Who let a campaign go: what was asked, what was signed, and what was sent without."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from campaigns.models.campaign import Campaign

DIGEST_LENGTH = 64


class Approval(models.Model):
    """One asking for a second person's word, and what became of it.

    `digest` is what was approved, or sent without (selectors/signing.py); nothing is signed while
    it is only asked. One that was bypassed was never asked.
    """

    class State(models.TextChoices):
        ASKED = "asked", _("Asked for")
        APPROVED = "approved", _("Approved")
        SENT_BACK = "sent_back", _("Sent back")
        VOID = "void", _("Void")
        BYPASSED = "bypassed", _("Bypassed")

    # What may still become something else; of each there is at most one of a campaign.
    OPEN = frozenset({State.ASKED, State.APPROVED})
    # What lets a campaign go as long as its digest holds.
    SIGNED = frozenset({State.APPROVED, State.BYPASSED})

    campaign = models.ForeignKey(Campaign, models.CASCADE, related_name="approvals")
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.ASKED)
    digest = models.CharField(max_length=DIGEST_LENGTH, blank=True)
    asked_by = models.CharField(_("asked by"), max_length=150)
    asked_at = models.DateTimeField(_("asked"))
    decided_by = models.CharField(_("decided by"), max_length=150, blank=True)
    decided_at = models.DateTimeField(_("decided"), null=True)
    note = models.CharField(_("note"), max_length=500, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["campaign"],
                condition=Q(state__in=["asked", "approved"]),
                name="approval_open_once",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["asked", "approved", "sent_back", "void", "bypassed"]),
                name="approval_state_known",
            ),
        ]
        indexes = [models.Index(fields=["state", "decided_at"], name="approval_decided")]
