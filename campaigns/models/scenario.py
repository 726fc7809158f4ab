"""Failover: ordered steps over several channels, and who is handed from one to the next."""

from __future__ import annotations

import hashlib
import json
import secrets
from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from campaigns.models.access import Workspace
from campaigns.models.batches import Batch
from campaigns.models.scoping import ScopedQuerySet
from campaigns.models.transfer import Part, Transfer


def make_scenario_key() -> str:
    """32 upper-case hex digits, as the dialects that know scenarios name them."""
    return secrets.token_hex(16).upper()


class Scenario(models.Model):
    """Ordered steps: `[{"channel", "sender", "wait", "price"}]`.

    `wait` is how many seconds a step waits for a receipt before the next one begins; the last has
    none. `price` is what one message costs, as a decimal text, "" where nobody has said. `run_by`
    says who goes from one step to the next: we, or the vendor of all of them.
    """

    class RunBy(models.TextChoices):
        US = "us", _("We")
        VENDOR = "vendor", _("The vendor")

    workspace = models.ForeignKey(
        Workspace, models.CASCADE, related_name="scenarios", verbose_name=_("workspace")
    )
    name = models.CharField(_("name"), max_length=120)
    key = models.CharField(
        _("key"), max_length=32, unique=True, default=make_scenario_key, editable=False
    )
    steps = models.JSONField(_("steps"), default=list)
    run_by = models.CharField(
        _("run by"), max_length=6, choices=RunBy, default=RunBy.US, db_default=RunBy.US
    )
    is_default = models.BooleanField(_("default"), default=False)
    archived_at = models.DateTimeField(_("archived"), null=True, blank=True, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    objects = ScopedQuerySet.as_manager()
    workspace_path = "workspace"

    class Meta:
        verbose_name = _("scenario")
        verbose_name_plural = _("scenarios")
        constraints = [
            models.UniqueConstraint(
                fields=["workspace"], condition=Q(is_default=True), name="scenario_default_once"
            ),
            models.CheckConstraint(
                condition=Q(run_by__in=["us", "vendor"]), name="scenario_run_by_known"
            ),
        ]

    def __str__(self) -> str:
        return self.name or self.key

    @property
    def runs_at_vendor(self) -> bool:
        """Whether the vendor of all of its steps goes from one to the next."""
        return self.run_by == self.RunBy.VENDOR

    @property
    def begins_with_push(self) -> bool:
        """Whether a campaign can go by it."""
        return bool(self.steps) and self.steps[0]["channel"] == "push"

    @property
    def version(self) -> str:
        """What tells one state of its steps, and of who runs them, from the next."""
        text = json.dumps([self.steps, self.run_by], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


class Handover(models.Model):
    """Recipients who get the next step at `due_at` unless something has come back by then.

    They are those of a closed batch, or without one those whom the freeze has left out of a part;
    of these `after` is the last who has been looked at.
    """

    part = models.ForeignKey(Part, models.CASCADE, related_name="handovers")
    batch = models.OneToOneField(Batch, models.CASCADE, related_name="+", null=True)
    transfer = models.ForeignKey(Transfer, models.CASCADE, related_name="handovers")
    after = models.BigIntegerField(default=0)
    due_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["due_at"], condition=Q(done_at__isnull=True), name="handover_due"),
        ]


class StepMember(models.Model):
    """A person who was handed to a step; once, however many devices they have."""

    pk: Any = models.CompositePrimaryKey("part_id", "person_id")
    part = models.ForeignKey(Part, models.CASCADE, related_name="+", db_index=False)
    person_id = models.BigIntegerField()


class StepLead(models.Model):
    """A person of whom a vendor was told the addresses of later steps, in a part that it runs on.

    Told once, with `device_id`, however many devices they have and in whatever batches these are.
    """

    pk: Any = models.CompositePrimaryKey("part_id", "person_id")
    part = models.ForeignKey(Part, models.CASCADE, related_name="+", db_index=False)
    person_id = models.BigIntegerField()
    device_id = models.BigIntegerField()
