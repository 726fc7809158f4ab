"""One execution for one app: its parts, its queue of batches, its calls."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from campaigns.models.access import ApiKey, Workspace
from campaigns.models.accounts import Account
from campaigns.models.apps import App, AppGroup, Group
from campaigns.models.audience import WAY_KEYS
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
            models.Index(fields=["finished_at"], name="transfer_ended"),
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
