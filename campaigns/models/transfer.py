"""One execution for one app, and its parts."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from campaigns.models.access import ApiKey, Workspace
from campaigns.models.apps import App, AppGroup, Group
from campaigns.models.campaign import Campaign, Occurrence, Policy
from campaigns.models.message import Message
from campaigns.models.moves import Moving, StatusEvent
from campaigns.models.scoping import ScopedQuerySet

FEW = 10  # recipients; scripts send to so many all day long


class Submission(models.Model):
    """One accepted call from a script; the ids that we answered resolve through it.

    `fingerprint` tells the same call, sent again under its `client_key`, from another one.
    `callback` is where the script wants to be told (`commands.Callback` as an object), `***` for
    a login in its address; with `by_door` where the door's options say.
    """

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="submissions")
    app = models.ForeignKey(App, models.CASCADE, related_name="submissions", null=True)
    app_group = models.ForeignKey(AppGroup, models.CASCADE, related_name="submissions", null=True)
    campaign = models.ForeignKey(
        Campaign, models.CASCADE, related_name="submissions", null=True, blank=True
    )
    api_key = models.ForeignKey(ApiKey, models.SET_NULL, related_name="+", null=True)
    door = models.CharField(max_length=40)  # "native" or a dialect's key
    client_key = models.CharField(max_length=255, blank=True)
    fingerprint = models.CharField(max_length=64, blank=True)
    reference = models.CharField(max_length=64, blank=True, db_index=True)
    callback = models.JSONField(null=True, editable=False)
    created_at = models.DateTimeField()

    objects = ScopedQuerySet.as_manager()
    workspace_path = "workspace"

    class Meta:
        indexes = [
            models.Index(
                fields=["workspace", "client_key"],
                condition=~Q(client_key=""),
                name="submission_client_key",
            ),
        ]


class Transfer(Moving):
    """One execution for one app, with a frozen audience.

    Its id is the numeric id that dialects answer. `freeze_cursor` resumes the freeze after a
    crash; `audience` counts the recipients once `frozen_at` is set. `faults` are
    `commands.Fault` values as objects. `finished_at` is set when every recipient is settled and
    folded, which for a cancelled or failed one is a moment after its status has changed.
    `fault_base` is what vendors had answered when it was last resumed (dispatch.bursts): faults
    of before that time pause it no more.

    `place` is its place in a submission of several pushes. `kind` names a script's call in
    `Dialect.running_limits`.

    With a `wall_clock` (naive, `2026-11-20T09:00`) each recipient's own time zone says when it is
    due; `unknown_zones` counts those who have none and got the app's, `expires_at` is that of the
    last batch, and without a campaign `expires_in` seconds count from the hour. `hours` has by due
    time (ISO 8601) the number of `zones` and, as `changed`, of recipients whose clocks change right
    then. Before `next_due_at` nobody of it is due. While `inbox_recall_at` is set, what waits of it
    in inboxes is being taken back.
    """

    class Status(models.TextChoices):
        ACCEPTED = "accepted", _("Preparing")
        SENDING = "sending", _("Sending")
        PAUSED = "paused", _("Paused")
        SENT = "sent", _("Sent")
        CANCELLED = "cancelled", _("Cancelled")
        FAILED = "failed", _("Failed")

    MOVES: ClassVar[dict[str, set[str]]] = {
        Status.ACCEPTED: {Status.SENDING, Status.PAUSED, Status.CANCELLED, Status.FAILED},
        Status.SENDING: {Status.PAUSED, Status.SENT, Status.CANCELLED, Status.FAILED},
        Status.PAUSED: {Status.ACCEPTED, Status.SENDING, Status.CANCELLED, Status.FAILED},
        Status.SENT: set(),
        Status.CANCELLED: set(),
        Status.FAILED: set(),
    }
    RUNNING = frozenset({Status.ACCEPTED, Status.SENDING, Status.PAUSED})
    FINISHED = frozenset({Status.SENT, Status.CANCELLED, Status.FAILED})

    app = models.ForeignKey(App, models.CASCADE, related_name="transfers", verbose_name=_("app"))
    group = models.ForeignKey(
        Group, models.PROTECT, related_name="transfers", verbose_name=_("group")
    )
    tag = models.CharField(_("tag"), max_length=255, blank=True)
    name = models.CharField(_("name"), max_length=200, blank=True)
    campaign = models.ForeignKey(
        Campaign, models.CASCADE, related_name="transfers", null=True, blank=True
    )
    occurrence = models.ForeignKey(
        Occurrence, models.SET_NULL, related_name="transfers", null=True, blank=True
    )
    submission = models.ForeignKey(
        Submission, models.SET_NULL, related_name="transfers", null=True, blank=True
    )
    place = models.PositiveIntegerField(null=True, editable=False)
    kind = models.CharField(max_length=40, blank=True, default="", db_default="", editable=False)
    client_key = models.CharField(_("client's id"), max_length=255, blank=True)
    status = models.CharField(_("status"), max_length=12, choices=Status, default=Status.ACCEPTED)
    status_since = models.DateTimeField(_("since"))
    policy = models.CharField(max_length=16, choices=Policy, default=Policy.AT_LEAST_ONCE)
    priority = models.SmallIntegerField(default=5)  # 0 is served first
    rate = models.PositiveIntegerField(_("rate, per s"), null=True, blank=True)
    ramp_up = models.PositiveIntegerField(_("ramp-up, s"), null=True, blank=True)
    # What all limits together let go at most when that was last looked at; null: nothing bounds it.
    promised = models.FloatField(null=True, editable=False)
    due_at = models.DateTimeField(_("due"))
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    expires_in = models.PositiveIntegerField(null=True, editable=False)
    wall_clock = models.CharField(
        _("recipients' own time"), max_length=40, blank=True, default="", db_default=""
    )
    unknown_zones = models.PositiveIntegerField(_("unknown time zones"), default=0, db_default=0)
    hours = models.JSONField(null=True, blank=True, editable=False)
    next_due_at = models.DateTimeField(null=True, editable=False)
    is_test = models.BooleanField(_("test"), default=False)
    has_steps = models.BooleanField(default=False, db_default=False, editable=False)
    runs_at_vendor = models.BooleanField(default=False, db_default=False, editable=False)
    audience = models.PositiveIntegerField(_("audience"), default=0)
    freeze_cursor = models.JSONField(default=dict)
    frozen_at = models.DateTimeField(_("frozen"), null=True, blank=True)
    paced_until = models.DateTimeField(null=True, editable=False)  # of earlier versions
    faults = models.JSONField(_("faults"), default=list, blank=True)
    fault_base = models.JSONField(null=True, editable=False)
    served_at = models.DateTimeField(null=True, editable=False)  # a worker's last turn for it
    hops = models.PositiveSmallIntegerField(default=0)  # how many exchanges it came through
    created_at = models.DateTimeField(_("created"))
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)
    inbox_recall_at = models.DateTimeField(null=True, editable=False)

    objects = ScopedQuerySet.as_manager()
    app_path = "app"

    class Meta:
        verbose_name = _("transfer")
        verbose_name_plural = _("transfers")
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    status__in=["accepted", "sending", "paused", "sent", "cancelled", "failed"]
                ),
                name="transfer_status_known",
            ),
            models.CheckConstraint(
                condition=Q(policy__in=["at_least_once", "at_most_once"]),
                name="transfer_policy_known",
            ),
            models.UniqueConstraint(
                fields=["group", "client_key"],
                condition=~Q(client_key=""),
                name="transfer_client_key_once",
            ),
            models.UniqueConstraint(
                fields=["submission", "place"],
                condition=Q(place__isnull=False),
                name="transfer_place_once",
            ),
        ]
        indexes = [
            models.Index(fields=["app", "-created_at"], name="transfer_app_recent"),
            # Scripts make many, and a calendar names those to more than a few.
            models.Index(
                fields=["app", "due_at"],
                condition=Q(campaign__isnull=True, audience__gt=FEW),
                name="transfer_larger_scripted",
            ),
            models.Index(
                fields=["created_at"],
                condition=Q(campaign__isnull=False),
                name="transfer_calendar",
            ),
            models.Index(
                fields=["status", "due_at"],
                condition=Q(finished_at__isnull=True),
                name="transfer_open",
            ),
            # All that a report asks of those whom its hours lead to, but few of its rows.
            models.Index(
                fields=["finished_at", "app", "is_test", "created_at"], name="transfer_ended_of"
            ),
            models.Index(fields=["finished_at"], condition=Q(is_test=True), name="transfer_tests"),
            models.Index(
                fields=["inbox_recall_at"],
                condition=Q(inbox_recall_at__isnull=False),
                name="transfer_inbox_recall",
            ),
        ]

    def __str__(self) -> str:
        return self.name or f"#{self.pk}"

    @property
    def is_waited_for(self) -> bool:
        """Whether a caller waits for the outcome; it is served first and expires when he goes."""
        return self.priority == 0


class TransferEvent(StatusEvent):
    """One move of a transfer."""

    transfer = models.ForeignKey(Transfer, models.CASCADE, related_name="events")


class Part(models.Model):
    """One message in one transfer. `resent` counts recipients who may have got it twice.

    `audiences` are bodies as of Campaign.audience that must all hold, for a script's part that
    names no ids; null: the ids of its target chunks, or the campaign's audience.

    `declared` says, by the id of an account, to whom its vendor was told to send in words of its
    own (selectors.addressing): whom that reaches nobody can see.

    With `step` above 0 it is a later step of a scenario: persons come to it by handovers. `wait`
    is how many seconds it waits for a receipt before its recipients are handed on; null: never.
    `price` is what one message of it costs, as a decimal text, "" where nobody has said.
    """

    class Kind(models.TextChoices):
        DEVICE = "device", _("Device")
        PERSON = "person", _("Person")

    transfer = models.ForeignKey(Transfer, models.CASCADE, related_name="parts")
    number = models.PositiveIntegerField(default=0)
    kind = models.CharField(max_length=8, choices=Kind, default=Kind.DEVICE)
    message = models.ForeignKey(Message, models.PROTECT, related_name="parts")
    audiences = models.JSONField(null=True)
    only_primary = models.BooleanField(default=False, db_default=False)
    declared = models.JSONField(null=True)
    step = models.PositiveSmallIntegerField(default=0, db_default=0)
    channel = models.CharField(max_length=8, default="push", db_default="push")
    sender = models.CharField(max_length=80, blank=True, default="", db_default="")
    wait = models.PositiveIntegerField(null=True)
    price = models.CharField(max_length=16, blank=True, default="", db_default="")
    audience = models.PositiveIntegerField(default=0)
    resent = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["transfer", "number"], name="part_once"),
            models.CheckConstraint(
                condition=Q(kind__in=["device", "person"]), name="part_kind_known"
            ),
        ]


class TargetChunk(models.Model):
    """Ids that a script named for a part, until the freeze has resolved them.

    `ids` is zlib-compressed JSON: a list of texts of one `kind`.
    """

    part = models.ForeignKey(Part, models.CASCADE, related_name="target_chunks")
    number = models.PositiveIntegerField()
    kind = models.CharField(max_length=40)
    ids = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["part", "number"], name="target_chunk_once")]


class RejectedIds(models.Model):
    """Ids of a part that nobody knows; they count as skipped. `ids` as in TargetChunk."""

    part = models.ForeignKey(Part, models.CASCADE, related_name="rejected_ids")
    number = models.PositiveIntegerField()
    kind = models.CharField(max_length=40)
    count = models.PositiveIntegerField()
    ids = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["part", "number"], name="rejected_ids_once")]
