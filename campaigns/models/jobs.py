"""Long work in the background: imports, exports, erasures, reports; resumable piece by piece."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from campaigns.models.access import (
    Workspace,
    name_principal,
    visible_app_ids,
    visible_workspace_ids,
    wide_workspace_ids,
)
from campaigns.models.apps import App
from campaigns.models.moves import Moving, StatusEvent
from campaigns.models.scoping import ScopedQuerySet

OF_SOME_APPS = frozenset({"erase"})  # kinds that go over whatever apps the caller reaches


class JobQuerySet(ScopedQuerySet):
    """A job of an app is seen by its members; one of a workspace by members for all its apps.

    One that may be begun for some of its apps is seen by who has begun it, too.
    """

    def _visible_to(self, principal: Any) -> Q:
        seen = Q(app__in=visible_app_ids(principal))
        seen |= Q(app__isnull=True, workspace_id__in=wide_workspace_ids(principal))
        if principal is None:
            return seen
        begun = Q(kind__in=OF_SOME_APPS, created_by=name_principal(principal))
        return seen | begun & Q(workspace_id__in=visible_workspace_ids(principal))


class Job(Moving):
    """One piece of long work. `kind` is the key of a services.jobs.JobKind.

    `params` say what is wanted and never change; `cursor` says how far it is and is written in the
    transaction of the step that got there. `done` of `total` items (None: not known) are worked
    off, `counts` has figures for people by the kind's own words, `note` a sentence.

    `attempts` counts leases since the last step that ended; `lease_token` is of whoever works.
    """

    class Status(models.TextChoices):
        DRAFT = "draft", _("Not started")
        WAITING = "waiting", _("Waiting")
        RUNNING = "running", _("Running")
        DONE = "done", _("Done")
        FAILED = "failed", _("Failed")
        CANCELLED = "cancelled", _("Cancelled")

    MOVES: ClassVar[dict[str, set[str]]] = {
        Status.DRAFT: {Status.WAITING, Status.CANCELLED, Status.FAILED},
        Status.WAITING: {Status.RUNNING, Status.CANCELLED, Status.FAILED},
        Status.RUNNING: {Status.DONE, Status.CANCELLED, Status.FAILED},
        Status.DONE: set(),
        Status.FAILED: set(),
        Status.CANCELLED: set(),
    }
    OPEN = frozenset({Status.WAITING, Status.RUNNING})
    CANCELLABLE = frozenset({Status.DRAFT, *OPEN})
    FINISHED = frozenset({Status.DONE, Status.FAILED, Status.CANCELLED})

    workspace = models.ForeignKey(
        Workspace, models.CASCADE, related_name="jobs", verbose_name=_("workspace")
    )
    app = models.ForeignKey(
        App, models.CASCADE, related_name="jobs", null=True, blank=True, verbose_name=_("app")
    )
    kind = models.CharField(_("kind"), max_length=40)
    params = models.JSONField(default=dict)
    cursor = models.JSONField(default=dict)
    done = models.BigIntegerField(_("done"), default=0)
    total = models.BigIntegerField(_("of"), null=True)
    counts = models.JSONField(default=dict)
    note = models.CharField(max_length=500, blank=True)
    status = models.CharField(_("status"), max_length=12, choices=Status, default=Status.WAITING)
    status_since = models.DateTimeField(_("since"))
    lease_token = models.CharField(max_length=32, blank=True, editable=False)
    lease_by = models.CharField(max_length=120, blank=True, editable=False)
    lease_until = models.DateTimeField(null=True, editable=False)
    attempts = models.PositiveSmallIntegerField(default=0, editable=False)
    served_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(_("created"), db_index=True)
    created_by = models.CharField(_("created by"), max_length=150)
    finished_at = models.DateTimeField(_("finished"), null=True, db_index=True)

    objects = JobQuerySet.as_manager()

    class Meta:
        verbose_name = _("job")
        verbose_name_plural = _("jobs")
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    status__in=["draft", "waiting", "running", "done", "failed", "cancelled"]
                ),
                name="job_status_known",
            )
        ]
        indexes = [
            models.Index(
                fields=["served_at"],
                condition=Q(status__in=["waiting", "running"]),
                name="job_open",
            ),
            models.Index(fields=["workspace", "kind", "created_at"], name="job_kind"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} #{self.pk}"

    @property
    def place(self) -> App | Workspace:
        """Where a role is asked for."""
        return self.app or self.workspace

    @property
    def share(self) -> int | None:
        """How much is done, in percent; None where nobody knows."""
        if self.status == self.Status.DONE:
            return 100
        return min(99, self.done * 100 // self.total) if self.total else None


class JobEvent(StatusEvent):
    """One move of a job."""

    job = models.ForeignKey(Job, models.CASCADE, related_name="events")


class JobPiece(models.Model):
    """A piece of a file that a job reads or writes: in the database, so that any host can go on."""

    job = models.ForeignKey(Job, models.CASCADE, related_name="pieces")
    role = models.CharField(max_length=20)
    number = models.PositiveIntegerField()
    content = models.BinaryField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["job", "role", "number"], name="job_piece_once")
        ]
