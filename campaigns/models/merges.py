"""Persons who turned out to be one: what became of the second one, until it is taken back."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from campaigns.models.access import Workspace
from campaigns.models.audience import Person
from campaigns.models.scoping import ScopedQuerySet


class PersonMerge(models.Model):
    """`gone_id` was merged into `kept_id`; `person` is who has them now.

    Until it is taken back, whoever names the gone one by `external_user_id` means `person`.
    `values` are the gone one's columns as they were, `moved` the ids of what went over:
    `{"devices": [], "labels": [], "filled": {column: what the kept one had}}`.
    """

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="+")
    person = models.ForeignKey(Person, models.CASCADE, related_name="merges")
    kept_id = models.BigIntegerField()
    gone_id = models.BigIntegerField()
    external_user_id = models.CharField(_("external user id"), max_length=255, blank=True)
    values = models.JSONField(default=dict)
    moved = models.JSONField(default=dict)
    at = models.DateTimeField()
    actor = models.CharField(max_length=150)
    undone_at = models.DateTimeField(null=True)
    undone_by = models.CharField(max_length=150, blank=True)

    objects = ScopedQuerySet.as_manager()
    workspace_path = "workspace"

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "external_user_id"],
                condition=Q(undone_at__isnull=True) & ~Q(external_user_id=""),
                name="person_merge_alias_once",
            ),
            models.UniqueConstraint(
                fields=["gone_id"],
                condition=Q(undone_at__isnull=True),
                name="person_merge_gone_once",
            ),
        ]
