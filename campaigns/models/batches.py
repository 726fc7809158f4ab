"""The queue of a transfer: its batches, and the calls that were made for them."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from campaigns.models.accounts import Account
from campaigns.models.apps import App
from campaigns.models.audience import WAY_KEYS
from campaigns.models.transfer import Part, Transfer


class Batch(models.Model):
    """The queue: recipients of one part with one platform, text and due time.

    `recipients` and `cohorts` are packed by campaigns.models.packing, in the same order, sorted
    by recipient. Every write by a worker is fenced with `fence`, which each claim raises.
    `due_at` moves with every retry; `local_at` is when the recipients' own clocks reach the hour,
    null where that does not matter. Without an `expires_at` of its own the transfer's holds.

    `texts` are what was rendered for each recipient of a message with variables
    (dispatch.texts), until all are settled; null: nothing was, or nothing has to be.

    With `runs_at_vendor` the vendor goes on with its recipients to the later steps of a scenario.

    `form` says how its call names the recipients: each device, each person (all devices of one are
    in one batch), or nobody: all such batches of a part and an account are one call. Then they may
    have several platforms, of which `platform` is the first.
    """

    class State(models.TextChoices):
        READY = "ready", _("Ready")
        LEASED = "leased", _("Leased")
        DONE = "done", _("Done")

    class Form(models.TextChoices):
        DEVICE = "", _("Devices")
        PERSON = "person", _("Persons")
        AUDIENCE = "audience", _("Audience")

    part = models.ForeignKey(Part, models.CASCADE, related_name="batches")
    transfer = models.ForeignKey(Transfer, models.CASCADE, related_name="batches")
    app = models.ForeignKey(App, models.CASCADE, related_name="+")
    platform = models.CharField(max_length=8)
    language = models.CharField(max_length=16, blank=True)
    recipients = models.BinaryField()
    cohorts = models.BinaryField()
    count = models.PositiveIntegerField()
    settled = models.PositiveIntegerField(default=0)
    state = models.CharField(max_length=8, choices=State, default=State.READY)
    due_at = models.DateTimeField()
    local_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)
    lease_until = models.DateTimeField(null=True)
    form = models.CharField(max_length=8, choices=Form, blank=True, default="", db_default="")
    fence = models.BigIntegerField(default=0)
    attempts = models.PositiveSmallIntegerField(default=0)  # claims in a row that flushed nothing
    retries = models.PositiveSmallIntegerField(default=0)  # tries that a vendor turned down
    account = models.ForeignKey(Account, models.PROTECT, related_name="+", null=True)
    is_folded = models.BooleanField(default=False)
    runs_at_vendor = models.BooleanField(default=False, db_default=False)
    texts = models.BinaryField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["ready", "leased", "done"]), name="batch_state_known"
            ),
            models.CheckConstraint(condition=Q(platform__in=WAY_KEYS), name="batch_platform_known"),
            models.CheckConstraint(
                condition=Q(settled__lte=models.F("count")), name="batch_settled_at_most_count"
            ),
        ]
        indexes = [
            models.Index(
                fields=["transfer", "state", "due_at", "id"],
                condition=Q(is_folded=False),
                name="batch_queue",
            ),
            models.Index(fields=["account"], condition=Q(state="leased"), name="batch_in_flight"),
        ]


class Attempt(models.Model):
    """One vendor call for a batch: written before the call, closed after it.

    It covers the recipients at places `first` .. `last` (included) of the batch that had no
    Delivery when it began. Open (`answered_at` null) means that nobody knows yet. At `recall_at`
    the vendor is asked to take it back; `recalled` is what came of that, "" if nobody has asked.
    `parts` tells of a call for several apps of the vendor's what it came to in each
    (`outcomes.AppPart` as objects).

    Where each recipient has a call of its own (dispatch.fan_out) `last` moves on before these are
    written, and `doubts` are recipients, packed, whom one may have reached without an answer; null
    for any other call.
    """

    class Recall(models.TextChoices):
        ASKING = "asking", _("Being asked")
        ASKED = "asked", _("Asked")
        TAKEN = "taken", _("Taken back")
        LATE = "late", _("Too late")
        REFUSED = "refused", _("Refused")
        UNKNOWN = "unknown", _("Unknown")

    batch = models.ForeignKey(Batch, models.CASCADE, related_name="attempt_rows")
    account = models.ForeignKey(Account, models.PROTECT, related_name="+")
    key = models.CharField(max_length=64)
    first = models.PositiveIntegerField(default=0)
    last = models.PositiveIntegerField()
    started_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True)
    was_sent = models.BooleanField(null=True)
    outcome = models.CharField(max_length=10, blank=True)
    reason = models.CharField(max_length=20, blank=True)
    words = models.CharField(max_length=500, blank=True)
    reference = models.CharField(max_length=64, blank=True)
    poll_at = models.DateTimeField(null=True)  # when to ask the vendor about it again
    polled_state = models.CharField(max_length=12, blank=True)
    recall_at = models.DateTimeField(null=True)
    recalled = models.CharField(max_length=8, blank=True, default="", db_default="")
    parts = models.JSONField(null=True)
    doubts = models.BinaryField(null=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["batch"], condition=Q(answered_at__isnull=True), name="attempt_open"
            ),
            models.Index(
                fields=["poll_at"], condition=Q(poll_at__isnull=False), name="attempt_to_poll"
            ),
            models.Index(
                fields=["recall_at"],
                condition=Q(recall_at__isnull=False),
                name="attempt_to_recall",
            ),
            models.Index(
                fields=["account", "reference"],
                condition=~Q(reference=""),
                name="attempt_reference",
            ),
        ]
