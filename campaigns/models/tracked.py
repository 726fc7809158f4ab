"""Single targets of sends that a script follows by ids of its own, or by ours."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from campaigns.models.access import Workspace
from campaigns.models.scoping import ScopedQuerySet
from campaigns.models.transfer import Part, Submission


class TrackedTarget(models.Model):
    """One target of a tracked send: later reports name it by `answered`.

    `number` is its place among the targets of its push, an audience being one of them. `kind` and
    `value` are empty for an audience. `count` is how many devices it meant when it was taken, and
    `reported_at` when a report that tells everything once has told of it. `told` is what the
    submission's callback has told of it last (dispatch.callbacks), "" for nothing.
    """

    submission = models.ForeignKey(Submission, models.CASCADE, related_name="tracked_targets")
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="+")
    door = models.CharField(max_length=40)
    answered = models.CharField(max_length=200)
    part = models.ForeignKey(Part, models.CASCADE, related_name="tracked_targets")
    number = models.PositiveIntegerField()
    kind = models.CharField(max_length=40, blank=True)
    value = models.TextField(blank=True)
    count = models.PositiveIntegerField(default=0)
    reported_at = models.DateTimeField(null=True)
    told = models.CharField(max_length=12, blank=True, default="", db_default="", editable=False)

    objects = ScopedQuerySet.as_manager()
    workspace_path = "workspace"

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "door", "answered"], name="tracked_target_once"
            )
        ]
        indexes = [
            models.Index(
                fields=["workspace", "door", "id"],
                condition=Q(reported_at__isnull=True),
                name="tracked_target_untold",
            )
        ]
