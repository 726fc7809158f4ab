"""What the native API shows and takes about campaigns, transfers, deliveries and reports."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from campaigns.api.step_shapes import CostShape, CountersShape, StepForecastShape, StepShape
from campaigns.models import Campaign, Occurrence, Policy, Transfer, WhenMissed, WhenPast
from campaigns.models.ledger import SETTLED_KEYS
from campaigns.models.recurrence import UNITS, WEEKDAYS
from campaigns.selectors.lost_callbacks import find_trouble
from campaigns.selectors.speed import read_speed
from campaigns.selectors.status import Counters, count_campaigns, count_transfers


class CountedList(serializers.ListSerializer[Any]):
    """Rows whose counters are read for all of them at once."""

    def to_representation(self, data: Any) -> Any:
        rows = list(data)
        child: Any = self.child
        child.counted = child.count_all([row.pk for row in rows])
        return super().to_representation(rows)


class CountedShape(serializers.ModelSerializer[Any]):
    """A row with its nine counters."""

    count_all: Any = staticmethod(count_campaigns)
    counted: dict[int, Counters] | None = None

    class Meta:
        model: Any = Campaign
        fields: Any = []
        list_serializer_class = CountedList

    counters = serializers.SerializerMethodField()

    def get_counters(self, row: Any) -> CountersShape:
        counted = self.counted if self.counted is not None else self.count_all([row.pk])
        return counted[row.pk].as_dict()  # type: ignore[return-value]  # its shape


class CampaignShape(CountedShape):
    app = serializers.SerializerMethodField()
    app_group = serializers.SerializerMethodField()
    group = serializers.SerializerMethodField()
    audience = serializers.JSONField(read_only=True)
    message = serializers.JSONField(source="message.content", read_only=True)
    recurrence = serializers.JSONField(read_only=True)
    scenario = serializers.CharField(source="scenario.key", read_only=True, default=None)
    transfers = serializers.SerializerMethodField()

    class Meta(CountedShape.Meta):
        model = Campaign
        fields = [
            "id", "name", "status", "counters", "app", "app_group", "group", "tag", "audience",
            "only_primary", "message", "send_at", "timezone", "when_past", "due_at",
            "recurrence", "when_missed", "grace", "expires_in", "rate", "ramp_up", "policy",
            "strict", "scenario",
            "is_test", "created_at", "created_by", "repeats",
            "transfers",
        ]  # fmt: skip

    def get_app(self, campaign: Campaign) -> str | None:
        return campaign.app.slug if campaign.app else None

    def get_app_group(self, campaign: Campaign) -> str | None:
        return campaign.app_group.slug if campaign.app_group else None

    def get_group(self, campaign: Campaign) -> str | None:
        return campaign.group.name if campaign.group else None

    def get_transfers(self, campaign: Campaign) -> list[int]:
        return sorted(transfer.pk for transfer in campaign.transfers.all())


class TextBody(serializers.Serializer[Any]):
    """What a message and each of its translations hold alike."""

    title = serializers.CharField(required=False)
    body = serializers.CharField(required=False)
    android = serializers.DictField(required=False)
    ios = serializers.DictField(required=False)
    web = serializers.DictField(required=False)
    in_app = serializers.DictField(required=False)
    sms = serializers.DictField(required=False)
    email = serializers.DictField(required=False)


class TranslationBody(TextBody):
    """What a message says in one language; a block holds those of its fields that people read."""

    buttons = serializers.ListField(child=serializers.CharField(), required=False)
    hmos = serializers.DictField(required=False)


class MessageBody(TextBody):
    link = serializers.CharField(required=False)
    image = serializers.CharField(required=False)
    buttons = serializers.ListField(child=serializers.DictField(), required=False)
    translations = serializers.DictField(child=TranslationBody(), required=False)
    extras = serializers.DictField(required=False)


class RuleBody(serializers.Serializer[Any]):
    unit = serializers.ChoiceField(list(UNITS))
    every = serializers.IntegerField(required=False)
    weekdays = serializers.ListField(child=serializers.ChoiceField(WEEKDAYS), required=False)
    day = serializers.JSONField(required=False)
    until = serializers.DateField(required=False)
    runs = serializers.IntegerField(required=False)


class CampaignBody(serializers.Serializer[Any]):
    """For the schema only: the service reads the body and names every fault at once."""

    name = serializers.CharField(required=False)
    app = serializers.CharField(required=False)
    app_group = serializers.CharField(required=False)
    group = serializers.CharField(required=False)
    tag = serializers.CharField(required=False)
    audience = serializers.JSONField()
    only_primary = serializers.BooleanField(required=False)
    message = MessageBody()
    send_at = serializers.CharField(required=False)
    timezone = serializers.CharField(required=False)
    recurrence = RuleBody(required=False)
    when_missed = serializers.ChoiceField(WhenMissed.choices, required=False)
    grace = serializers.IntegerField(required=False)
    when_past = serializers.ChoiceField(WhenPast.choices, required=False)
    expires_in = serializers.IntegerField(required=False)
    rate = serializers.IntegerField(required=False)
    ramp_up = serializers.IntegerField(required=False)
    policy = serializers.ChoiceField(Policy.choices, required=False)
    strict = serializers.BooleanField(required=False)
    scenario = serializers.CharField(required=False)


class RescheduleBody(serializers.Serializer[Any]):
    send_at = serializers.CharField()
    timezone = serializers.CharField(required=False)


class UpcomingShape(serializers.Serializer[Any]):
    due_at = serializers.DateTimeField()
    local = serializers.CharField()
    note = serializers.CharField()


class UpcomingList(serializers.Serializer[Any]):
    results = UpcomingShape(many=True)


class OccurrenceShape(serializers.ModelSerializer[Occurrence]):
    """A time of a series; its transfers and their counters are expected to be loaded."""

    transfers = serializers.SerializerMethodField()
    counters = serializers.SerializerMethodField()

    class Meta:
        model = Occurrence
        fields = ["id", "due_at", "state", "reason", "note", "transfers", "counters"]

    def get_transfers(self, occurrence: Occurrence) -> list[int]:
        return sorted(transfer.pk for transfer in occurrence.transfers.all())

    def get_counters(self, occurrence: Occurrence) -> CountersShape:
        counted = self.context["counted"]
        return counted[occurrence.pk].as_dict()


class RateBody(serializers.Serializer[Any]):
    """Recipients per second; null: no rate of its own."""

    rate = serializers.IntegerField(allow_null=True)


class TestBody(serializers.Serializer[Any]):
    audience = serializers.JSONField()


class ProblemShape(serializers.Serializer[Any]):
    code = serializers.CharField()
    field = serializers.CharField()
    sentence = serializers.CharField()
    is_blocking = serializers.BooleanField()
    subject = serializers.CharField()


class LossShape(serializers.Serializer[Any]):
    platform = serializers.CharField()
    account = serializers.CharField()
    field = serializers.CharField()
    fate = serializers.CharField()
    name = serializers.CharField()
    note = serializers.CharField()


class HourShape(serializers.Serializer[Any]):
    at = serializers.DateTimeField()
    recipients = serializers.IntegerField()
    zones = serializers.IntegerField()


class CheckShape(serializers.Serializer[Any]):
    """What launching would find: what stands against it, what the routes do to the message, and
    who gets it when, if it goes by recipients' own clocks. `steps` are those of its scenario and
    `cost` is null without one."""

    total = serializers.IntegerField()
    problems = ProblemShape(many=True)
    losses = LossShape(many=True)
    hours = HourShape(many=True)
    unknown_zones = serializers.IntegerField()
    steps = StepForecastShape(many=True)
    cost = CostShape(allow_null=True)


class CallbackShape(serializers.Serializer[Any]):
    """A script's callback that could not be made; `is_over`: it is tried no more."""

    words = serializers.CharField()
    tries = serializers.IntegerField()
    is_over = serializers.BooleanField()


class TransferShape(CountedShape):
    count_all = staticmethod(count_transfers)
    app = serializers.CharField(source="app.slug", read_only=True)
    group = serializers.CharField(source="group.name", read_only=True)
    faults = serializers.JSONField(read_only=True)
    reference = serializers.SerializerMethodField()
    callback = serializers.SerializerMethodField()

    @extend_schema_field(CallbackShape(allow_null=True))
    def get_callback(self, transfer: Transfer) -> Any:
        """What keeps us from telling the script; null if nothing does."""
        trouble = find_trouble(transfer)
        return CallbackShape(trouble).data if trouble else None

    def get_reference(self, transfer: Transfer) -> str:
        """What the call of a script was answered with: transfers of one call share it."""
        return transfer.submission.reference if transfer.submission else ""

    class Meta(CountedShape.Meta):
        model = Transfer
        fields = [
            "id", "app", "campaign", "occurrence", "name", "group", "tag", "status", "counters",
            "policy", "rate", "ramp_up", "due_at", "wall_clock", "unknown_zones", "expires_at",
            "is_test", "faults", "reference", "callback", "created_at", "finished_at",
        ]  # fmt: skip


class PlatformShape(serializers.Serializer[Any]):
    platform = serializers.CharField()
    counters = CountersShape()


class ErrorShape(serializers.Serializer[Any]):
    at = serializers.DateTimeField()
    account = serializers.CharField()
    reason = serializers.CharField()
    words = serializers.CharField()
    status = serializers.IntegerField(allow_null=True)


class FigureShape(serializers.Serializer[Any]):
    account = serializers.CharField()
    metric = serializers.CharField()
    value = serializers.IntegerField()
    as_of = serializers.DateTimeField()


class TransferHourShape(HourShape):
    changed = serializers.IntegerField()
    settled = serializers.IntegerField()


class HoldShape(serializers.Serializer[Any]):
    code = serializers.CharField()
    words = serializers.CharField()
    until = serializers.DateTimeField(allow_null=True)


class MinuteShape(serializers.Serializer[Any]):
    at = serializers.DateTimeField()
    rate = serializers.FloatField()


class SpeedShape(serializers.Serializer[Any]):
    """Recipients per second; `promised` is null where nothing bounds it."""

    promised = serializers.FloatField(allow_null=True)
    achieved = serializers.FloatField()
    minutes = MinuteShape(many=True)
    holds = HoldShape(many=True)


class TransferSpeedShape(serializers.Serializer[Any]):
    transfer = serializers.IntegerField()
    promised = serializers.FloatField(allow_null=True)
    achieved = serializers.FloatField()
    holds = HoldShape(many=True)


class CampaignDetailShape(CampaignShape):
    """One campaign, with how fast each of its transfers goes that has not ended.

    The context's `principal` bounds them: an app group has members that not everybody reaches.
    """

    speeds = serializers.SerializerMethodField()

    class Meta(CampaignShape.Meta):
        fields = [*CampaignShape.Meta.fields, "speeds"]

    @extend_schema_field(TransferSpeedShape(many=True))
    def get_speeds(self, campaign: Campaign) -> Any:
        seen = Transfer.objects.for_user(self.context["principal"])
        running = seen.filter(campaign=campaign, status__in=Transfer.RUNNING)
        now = timezone.now()
        speeds = [
            {"transfer": row.pk, **asdict(read_speed(row, now=now))}
            for row in running.select_related("app", "group").order_by("pk")
        ]
        return TransferSpeedShape(speeds, many=True).data


class RecallShape(serializers.Serializer[Any]):
    """How far one account has been asked to take a transfer back; `calls` by what came of them."""

    account = serializers.CharField()
    can_cancel = serializers.BooleanField()
    calls = serializers.DictField(child=serializers.IntegerField())
    taken = serializers.IntegerField()
    left = serializers.IntegerField()
    seconds = serializers.FloatField(allow_null=True)


class AppPartShape(serializers.Serializer[Any]):
    """One app of a call for several of a vendor's: the vendor's id for the push, or why not."""

    account = serializers.CharField()
    app = serializers.CharField()
    reference = serializers.CharField()
    words = serializers.CharField()


class ProgressShape(serializers.Serializer[Any]):
    """`receipts` are null where no account reports them; `seconds_left` when nobody can say.
    `paused_because` is empty unless the engine has paused it, `hours` are unless recipients' own
    clocks decide, `recalls` unless it was cancelled or asked back, `steps` unless it goes by a
    scenario."""

    platforms = PlatformShape(many=True)
    rate = serializers.FloatField()
    seconds_left = serializers.FloatField(allow_null=True)
    errors = ErrorShape(many=True)  # type: ignore[assignment]  # DRF's own name
    receipts = serializers.DictField(child=serializers.IntegerField(allow_null=True))
    vendor_figures = FigureShape(many=True)
    hours = TransferHourShape(many=True)
    next_hour = TransferHourShape(allow_null=True)
    speed = SpeedShape()
    paused_because = serializers.CharField()
    recalls = RecallShape(many=True)
    steps = StepShape(many=True)
    next_handover = serializers.DateTimeField(allow_null=True)
    app_parts = AppPartShape(many=True)


class DeliveryShape(serializers.Serializer[Any]):
    recipient = serializers.IntegerField()
    kind = serializers.ChoiceField(["device", "person"])
    part = serializers.IntegerField()
    step = serializers.IntegerField()
    channel = serializers.CharField()
    platform = serializers.CharField()
    outcome = serializers.ChoiceField(SETTLED_KEYS)
    reason = serializers.CharField()
    account = serializers.CharField()
    at = serializers.DateTimeField()


class ReportShape(serializers.Serializer[Any]):
    """Each row holds a cell `{"name", "id"}` per dimension and a number or null per metric."""

    rows = serializers.ListField(child=serializers.DictField())
    totals = serializers.DictField(child=serializers.FloatField(allow_null=True))
    total_rows = serializers.IntegerField()
    date_from = serializers.DateField()
    date_to = serializers.DateField()
