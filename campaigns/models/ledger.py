"""The books: settled outcomes, their counters, what came back, what vendors count.

audience = sent + failed + skipped + expired + cancelled + unknown + pending, always.
"""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from campaigns.models.accounts import Account
from campaigns.models.apps import App
from campaigns.models.transfer import Part


class Settled(models.TextChoices):
    """The six outcomes that a settled Delivery can have."""

    SENT = "sent", _("Sent")
    FAILED = "failed", _("Failed")
    SKIPPED = "skipped", _("Skipped")
    EXPIRED = "expired", _("Expired")
    CANCELLED = "cancelled", _("Cancelled")
    UNKNOWN = "unknown", _("Unknown")


SETTLED_KEYS = ["sent", "failed", "skipped", "expired", "cancelled", "unknown"]
# Corrections that a settled Delivery may get, each with its evidence.
CORRECTIONS = frozenset(
    {
        ("unknown", "sent"),
        ("unknown", "failed"),
        ("unknown", "expired"),
        ("sent", "failed"),
        ("sent", "expired"),
        ("sent", "cancelled"),
        ("unknown", "cancelled"),
    }
)


class Cohort(models.Model):
    """What a recipient was at send time, interned; app_major is the app's major version."""

    app = models.ForeignKey(App, models.CASCADE, related_name="+")
    platform = models.CharField(max_length=8)
    language = models.CharField(max_length=16, blank=True)
    country = models.CharField(max_length=2, blank=True)
    app_major = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["app", "platform", "language", "country", "app_major"], name="cohort_once"
            )
        ]


class Delivery(models.Model):
    """The settled outcome of one recipient of one part; appended, at most once.

    Ids are plain integers: nothing points here, and no row is worth a foreign key's cost.
    account_id and attempt_id are 0 where no vendor was called.
    """

    pk: Any = models.CompositePrimaryKey("part_id", "recipient")
    part = models.ForeignKey(
        Part, models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )
    recipient = models.BigIntegerField()
    attempt_id = models.BigIntegerField(default=0)
    at = models.DateTimeField()
    cohort_id = models.IntegerField()
    account_id = models.IntegerField(default=0)
    outcome = models.CharField(max_length=9, choices=Settled)
    reason = models.CharField(max_length=16, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(outcome__in=SETTLED_KEYS), name="delivery_outcome_known"
            )
        ]
        indexes = [
            models.Index(fields=["recipient"], name="delivery_recipient"),
            # Few are not sent to, and theirs are the rows that somebody looks for.
            models.Index(
                fields=["part", "outcome", "recipient"],
                condition=~Q(outcome="sent"),
                name="delivery_unsent",
            ),
        ]


class Correction(models.Model):
    """A guarded change of settled Deliveries, with its evidence."""

    part = models.ForeignKey(Part, models.CASCADE, related_name="corrections")
    attempt_id = models.BigIntegerField(default=0)
    recipient = models.BigIntegerField(null=True)  # None: every one of the attempt
    old = models.CharField(max_length=9)
    new = models.CharField(max_length=9)
    reason = models.CharField(max_length=16, blank=True)
    count = models.PositiveIntegerField()
    evidence = models.CharField(max_length=500)
    actor = models.CharField(max_length=150)
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["part", "-id"], name="correction_recent")]


class Counter(models.Model):
    """Outcomes of a part, moved in the transaction that settles them."""

    part = models.ForeignKey(Part, models.CASCADE, related_name="counters")
    platform = models.CharField(max_length=8, blank=True)
    account_id = models.IntegerField(default=0)
    outcome = models.CharField(max_length=9, choices=Settled)
    reason = models.CharField(max_length=16, blank=True)
    count = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["part", "platform", "account_id", "outcome", "reason"], name="counter_once"
            ),
            models.CheckConstraint(condition=Q(count__gte=0), name="counter_not_negative"),
            models.CheckConstraint(
                condition=Q(outcome__in=SETTLED_KEYS), name="counter_outcome_known"
            ),
        ]


class Rollup(models.Model):
    """What reports read: Deliveries folded by cohort and hour as batches close.

    cohort_id 0 holds recipients without a device (ids that nobody knows).
    """

    part = models.ForeignKey(Part, models.CASCADE, related_name="rollups")
    hour = models.DateTimeField()
    cohort_id = models.IntegerField(default=0)
    account_id = models.IntegerField(default=0)
    outcome = models.CharField(max_length=9, choices=Settled)
    reason = models.CharField(max_length=16, blank=True)
    count = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["part", "hour", "cohort_id", "account_id", "outcome", "reason"],
                name="rollup_once",
            ),
            models.CheckConstraint(condition=Q(count__gte=0), name="rollup_not_negative"),
        ]
        indexes = [
            # Reports read nothing else of a row.
            models.Index(
                fields=["hour", "outcome", "account_id", "part", "count"], name="rollup_hours"
            ),
            models.Index(
                fields=["cohort_id", "hour", "outcome", "account_id", "part", "count"],
                name="rollup_cohort",
            ),
        ]


class SendMinute(models.Model):
    """Recipients of a part that vendors took in one minute: how fast it really went."""

    part = models.ForeignKey(Part, models.CASCADE, related_name="send_minutes")
    minute = models.DateTimeField()
    count = models.BigIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["part", "minute"], name="send_minute_once")]


class ReceiptRow(models.Model):
    """Something came back from a recipient; appended, at most once per kind.

    cohort_id is that of the recipient's Delivery, and None until the receipt is counted by it: it
    may come before the call's own answer does.
    """

    pk: Any = models.CompositePrimaryKey("part_id", "recipient", "kind")
    part = models.ForeignKey(
        Part, models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )
    recipient = models.BigIntegerField()
    kind = models.CharField(max_length=12)
    at = models.DateTimeField()
    account_id = models.IntegerField(default=0)
    cohort_id = models.IntegerField(null=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["part", "recipient", "kind"],
                condition=Q(cohort_id__isnull=True),
                name="receipt_waiting",
            )
        ]


class ReceiptCount(models.Model):
    """Receipts folded by the hour in which they came, beside the equation and never in it."""

    part = models.ForeignKey(Part, models.CASCADE, related_name="receipt_counts")
    hour = models.DateTimeField()
    platform = models.CharField(max_length=8, blank=True)
    account_id = models.IntegerField(default=0)
    kind = models.CharField(max_length=12)
    count = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["part", "hour", "platform", "account_id", "kind"],
                name="receipt_count_once",
            )
        ]
        indexes = [models.Index(fields=["hour"], name="receipt_count_hour")]


class ReceiptRollup(models.Model):
    """The same receipts laid beside the roll-up: by the cohort of whom they came from, and by the
    hour in which he was settled. account_id is, as in ReceiptCount, the one that told of them.

    cohort_id 0 holds those of recipients without a device, or without an outcome of their own.
    """

    part = models.ForeignKey(Part, models.CASCADE, related_name="receipt_rollups")
    hour = models.DateTimeField()
    cohort_id = models.IntegerField(default=0)
    account_id = models.IntegerField(default=0)
    kind = models.CharField(max_length=12)
    count = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["part", "hour", "cohort_id", "account_id", "kind"],
                name="receipt_rollup_once",
            )
        ]
        indexes = [
            models.Index(
                fields=["hour", "kind", "account_id", "part", "count"], name="receipt_rollup_hours"
            ),
            models.Index(
                fields=["cohort_id", "hour", "kind", "account_id", "part", "count"],
                name="receipt_rollup_cohort",
            ),
        ]


class VendorCount(models.Model):
    """A total that a vendor reports: replaced, never summed into the equation."""

    part = models.ForeignKey(Part, models.CASCADE, related_name="vendor_counts")
    account = models.ForeignKey(Account, models.CASCADE, related_name="+")
    metric = models.CharField(max_length=20)
    value = models.BigIntegerField()
    as_of = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["part", "account", "metric"], name="vendor_count_once")
        ]
