"""What an operator sends: what, to whom, when, by which rules; with a guarded life."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models import Q, Value
from django.utils.translation import gettext_lazy as _

from campaigns.models.access import Workspace, visible_app_ids
from campaigns.models.apps import App, AppGroup, Group
from campaigns.models.message import Message
from campaigns.models.moves import Moving, StatusEvent
from campaigns.models.recurrence import Series, make_series
from campaigns.models.scoping import ScopedQuerySet

DEFAULT_GRACE = 900  # a restart or an update takes less


class Policy(models.TextChoices):
    """What happens to recipients whose call got no answer."""

    AT_LEAST_ONCE = "at_least_once", _("At least once")
    AT_MOST_ONCE = "at_most_once", _("At most once")


class WhenMissed(models.TextChoices):
    """What happens to a start that nobody made in time, because no scheduler was running."""

    RUN_LATE = "run_late", _("Send it late")
    SKIP = "skip", _("Leave it out")


class WhenPast(models.TextChoices):
    """What happens to recipients whose own clock is past the hour when sending begins."""

    TOMORROW = "tomorrow", _("At that hour of the next day")
    NOW = "now", _("At once")
    SKIP = "skip", _("Not at all")


class CampaignQuerySet(ScopedQuerySet):
    """A campaign is seen by whoever sees its app, or any member app of its app group."""

    def _visible_to(self, principal: Any) -> Q:
        apps = visible_app_ids(principal)
        members = AppGroup.apps.through.objects.filter(
            appgroup_id=models.OuterRef("app_group_id"), app_id__in=apps
        )
        return Q(app__in=apps) | Q(models.Exists(members))


class Campaign(Moving):
    """One send as an operator or a script planned it; one transfer per app comes of it.

    `send_at` is a wall clock text (`2026-11-20T09:00`) in `timezone`; `due_at` the instant that
    it means. With the zone `recipient` it is read on each recipient's own clock, and `due_at` is
    when the first zone on earth gets there. `audience` is the JSON of docs/api.md: exactly one key.

    With a `recurrence` (models/recurrence.py) it stays `recurring` from its launch to its last
    run, `send_at` is where the series begins, and `due_at` its next time, None after the last.
    A start more than `grace` seconds late follows `when_missed`.
    """

    class Status(models.TextChoices):
        DRAFT = "draft", _("Draft")
        IN_REVIEW = "in_review", _("In review")
        SCHEDULED = "scheduled", _("Scheduled")
        RECURRING = "recurring", _("Recurring")
        SENDING = "sending", _("Sending")
        PAUSED = "paused", _("Paused")
        SENT = "sent", _("Sent")
        CANCELLED = "cancelled", _("Cancelled")
        FAILED = "failed", _("Failed")

    MOVES: ClassVar[dict[str, set[str]]] = {
        Status.DRAFT: {
            Status.IN_REVIEW, Status.SCHEDULED, Status.RECURRING, Status.SENDING, Status.CANCELLED
        },
        Status.IN_REVIEW: {
            Status.DRAFT, Status.SCHEDULED, Status.RECURRING, Status.SENDING, Status.CANCELLED
        },
        Status.SCHEDULED: {Status.DRAFT, Status.SENDING, Status.CANCELLED, Status.FAILED},
        Status.RECURRING: {
            Status.DRAFT, Status.PAUSED, Status.SENT, Status.CANCELLED, Status.FAILED
        },
        Status.SENDING: {Status.PAUSED, Status.SENT, Status.CANCELLED, Status.FAILED},
        Status.PAUSED: {Status.SENDING, Status.RECURRING, Status.CANCELLED},
        Status.SENT: set(),
        Status.CANCELLED: set(),
        Status.FAILED: set(),
    }  # fmt: skip
    EDITABLE = frozenset({Status.DRAFT, Status.IN_REVIEW})
    WAITING = frozenset({Status.SCHEDULED, Status.RECURRING})
    RUNNING = frozenset({Status.SENDING, Status.RECURRING, Status.PAUSED})
    CANCELLABLE = EDITABLE | WAITING | RUNNING
    FINISHED = frozenset({Status.SENT, Status.CANCELLED, Status.FAILED})

    workspace = models.ForeignKey(
        Workspace, models.CASCADE, related_name="campaigns", verbose_name=_("workspace")
    )
    app = models.ForeignKey(
        App, models.CASCADE, related_name="campaigns", null=True, verbose_name=_("app")
    )
    app_group = models.ForeignKey(
        AppGroup,
        models.CASCADE,
        related_name="campaigns",
        null=True,
        blank=True,
        verbose_name=_("app group"),
    )
    group = models.ForeignKey(
        Group,
        models.PROTECT,
        related_name="campaigns",
        null=True,
        blank=True,
        verbose_name=_("group"),
    )
    name = models.CharField(_("name"), max_length=200)
    tag = models.CharField(_("tag"), max_length=255, blank=True)
    message = models.ForeignKey(Message, models.PROTECT, related_name="campaigns")
    scenario = models.ForeignKey(
        "campaigns.Scenario",
        models.PROTECT,
        related_name="campaigns",
        null=True,
        blank=True,
        verbose_name=_("scenario"),
    )
    audience = models.JSONField(_("audience"), default=dict)
    only_primary = models.BooleanField(_("primary devices only"), default=False)
    send_at = models.CharField(_("send at"), max_length=40, blank=True)
    timezone = models.CharField(_("time zone"), max_length=64, blank=True)
    when_past = models.CharField(
        _("when the hour is past"),
        max_length=10,
        choices=WhenPast,
        default=WhenPast.TOMORROW,
        db_default=WhenPast.TOMORROW.value,
    )
    due_at = models.DateTimeField(_("due"), null=True, blank=True)
    # When a launch from the browser that could still be undone begins; stale once it is over.
    cools_until = models.DateTimeField(null=True, blank=True, editable=False)
    recurrence = models.JSONField(_("recurrence"), null=True, blank=True)
    when_missed = models.CharField(
        _("when missed"),
        max_length=8,
        choices=WhenMissed,
        default=WhenMissed.RUN_LATE,
        db_default=WhenMissed.RUN_LATE,
    )
    grace = models.PositiveIntegerField(
        _("late after, s"), default=DEFAULT_GRACE, db_default=DEFAULT_GRACE
    )
    expires_in = models.PositiveIntegerField(_("expires after, s"), null=True, blank=True)
    rate = models.PositiveIntegerField(_("rate, per s"), null=True, blank=True)
    ramp_up = models.PositiveIntegerField(_("ramp-up, s"), null=True, blank=True)
    policy = models.CharField(
        _("policy"), max_length=16, choices=Policy, default=Policy.AT_LEAST_ONCE
    )
    strict = models.BooleanField(_("refuse a lossy route"), default=False)
    is_test = models.BooleanField(_("test"), default=False)
    status = models.CharField(_("status"), max_length=12, choices=Status, default=Status.DRAFT)
    repeats = models.ForeignKey(
        "campaigns.Transfer",
        models.SET_NULL,
        related_name="repeated_by",
        null=True,
        blank=True,
        editable=False,
        verbose_name=_("sends again"),
    )
    # How many of whom it sends to again may get it twice, or at most so many; null: nobody said.
    twice = models.PositiveIntegerField(null=True, editable=False)
    is_twice_bound = models.BooleanField(default=False, db_default=False, editable=False)
    status_since = models.DateTimeField(_("since"))
    created_at = models.DateTimeField(_("created"), db_index=True)
    created_by = models.CharField(_("created by"), max_length=150)
    # Whoever has written any of it since: none of them approves it.
    authors = models.JSONField(
        default=list, db_default=Value([], models.JSONField()), blank=True, editable=False
    )

    objects = CampaignQuerySet.as_manager()

    class Meta:
        verbose_name = _("campaign")
        verbose_name_plural = _("campaigns")
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    status__in=[
                        "draft",
                        "in_review",
                        "scheduled",
                        "recurring",
                        "sending",
                        "paused",
                        "sent",
                        "cancelled",
                        "failed",
                    ]
                ),
                name="campaign_status_known",
            ),
            models.CheckConstraint(
                condition=Q(app__isnull=False) ^ Q(app_group__isnull=False),
                name="campaign_app_or_group",
            ),
            models.CheckConstraint(
                condition=Q(policy__in=["at_least_once", "at_most_once"]),
                name="campaign_policy_known",
            ),
            models.CheckConstraint(
                condition=Q(when_missed__in=["run_late", "skip"]),
                name="campaign_when_missed_known",
            ),
            models.CheckConstraint(
                condition=Q(when_past__in=["tomorrow", "now", "skip"]),
                name="campaign_when_past_known",
            ),
        ]
        indexes = [models.Index(fields=["status", "due_at"], name="campaign_due")]

    def __str__(self) -> str:
        return self.name

    @property
    def is_cooling(self) -> bool:
        """Whether it was launched to go at once and can still be undone."""
        is_waiting = self.status == self.Status.SCHEDULED
        return is_waiting and self.cools_until is not None and self.due_at == self.cools_until

    @property
    def written_by(self) -> list[str]:
        """Everybody who has written any of it, as they are named in its history."""
        return list(dict.fromkeys([self.created_by, *self.authors]))

    @property
    def home_zone(self) -> str:
        """The time zone in which pages tell what became of it; an app group has none."""
        return self.app.timezone if self.app is not None else "UTC"

    @property
    def running_status(self) -> str:
        """What it is while it is under way and not paused."""
        return self.Status.RECURRING if self.recurrence else self.Status.SENDING

    @property
    def series(self) -> Series | None:
        """The times at which it comes again; None for a campaign that is sent once."""
        return (
            make_series(self.recurrence, self.send_at, self.timezone) if self.recurrence else None
        )


class CampaignEvent(StatusEvent):
    """One move of a campaign."""

    campaign = models.ForeignKey(Campaign, models.CASCADE, related_name="events")


class Occurrence(models.Model):
    """One time of a recurring campaign, settled once: the key is what two schedulers race for.

    A fired one has transfers, one per app. `reason` says why another has none, and `note` is a
    sentence where there is more to say.
    """

    class State(models.TextChoices):
        FIRED = "fired", _("Fired")
        MISSED = "missed", _("Missed")
        SKIPPED = "skipped", _("Skipped")

    class Reason(models.TextChoices):
        NONE = "", _("None")
        LATE = "late", _("Sent late: no scheduler was running at its time")
        NO_SCHEDULER = "no_scheduler", _("No scheduler was running at its time")
        STILL_RUNNING = "still_running", _("The run before it was still being sent")
        PAUSED = "paused", _("The campaign was paused")
        NOT_READY = "not_ready", _("Something stood against it")

    campaign = models.ForeignKey(Campaign, models.CASCADE, related_name="occurrences")
    due_at = models.DateTimeField(_("due"))
    state = models.CharField(max_length=8, choices=State)
    reason = models.CharField(max_length=16, choices=Reason, blank=True)
    note = models.CharField(max_length=500, blank=True)
    settled_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["campaign", "due_at"], name="occurrence_once"),
            models.CheckConstraint(
                condition=Q(state__in=["fired", "missed", "skipped"]),
                name="occurrence_state_known",
            ),
        ]
