"""Single targets of sends that a script follows by ids of its own, or by ours."""

from __future__ import annotations

from django.db import models

from campaigns.models.access import ApiKey, Workspace
from campaigns.models.scoping import ScopedQuerySet
from campaigns.models.transfer import Part, Submission


class TrackedTarget(models.Model):
    """One target of a tracked send: later reports name it by `answered`.

    `number` is its place among the targets of its push, an audience being one of them. `kind` and
    `value` are empty for an audience. `count` is how many devices it meant when it was taken.
    `told` is what the submission's callback has told of it last (dispatch.callbacks), "" for
    nothing.
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
            models.Index(fields=["workspace", "door", "id"], name="tracked_target_order"),
        ]


class ToldReport(models.Model):
    """A report that is told only once has told a key of a target."""

    target = models.ForeignKey(
        TrackedTarget, models.CASCADE, related_name="told_reports", db_index=False
    )
    api_key = models.ForeignKey(ApiKey, models.CASCADE, related_name="+", db_index=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["target", "api_key"], name="told_report_once")
        ]
