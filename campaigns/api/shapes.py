"""What the native API shows and takes about audiences, one serializer per shape."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from campaigns.api.strict import Flag, StrictSerializer, Text, Whole
from campaigns.models import App, Device, DeviceMark, Group, Label, Person, Segment
from campaigns.models.apps import MAX_SEND_RATE, MIN_SEND_RATE
from campaigns.services.device_rows import COLUMNS

Kind = DeviceMark.Kind


class AppShape(serializers.ModelSerializer[App]):
    app_id = serializers.IntegerField(source="pk", read_only=True)

    class Meta:
        model = App
        fields = [
            "id", "slug", "app_id", "name", "platforms", "timezone", "default_language",
            "send_rate",
        ]  # fmt: skip


class GroupShape(serializers.ModelSerializer[Group]):
    app = serializers.CharField(source="app.slug", read_only=True)
    is_archived = serializers.SerializerMethodField()

    class Meta:
        model = Group
        fields = ["id", "app", "name", "send_rate", "is_archived"]

    def get_is_archived(self, group: Group) -> bool:
        return group.archived_at is not None


class GroupBody(StrictSerializer):
    app = Text(required=False)
    name = Text(max_length=255)
    send_rate = Whole(required=False, min_value=MIN_SEND_RATE, max_value=MAX_SEND_RATE)


class GroupChange(StrictSerializer):
    name = Text(required=False, max_length=255)
    send_rate = Whole(required=False, min_value=MIN_SEND_RATE, max_value=MAX_SEND_RATE)


class LabelShape(serializers.ModelSerializer[Label]):
    app = serializers.CharField(source="app.slug", read_only=True)

    class Meta:
        model = Label
        fields = ["id", "app", "name", "description", "member_count", "archived_at"]


class LabelBody(StrictSerializer):
    app = Text(required=False)
    name = Text(max_length=128)
    description = Text(required=False, allow_blank=True, max_length=255)


class LabelChange(StrictSerializer):
    name = Text(required=False, max_length=128)
    description = Text(required=False, allow_blank=True, max_length=255)


class MembersBody(StrictSerializer):
    """External user ids, at most 20,000."""

    persons = serializers.ListField(child=Text(max_length=255), max_length=20_000, min_length=1)


class MembersChangedShape(serializers.Serializer[Any]):
    changed = serializers.IntegerField()
    member_count = serializers.IntegerField()
    unknown = serializers.ListField(child=serializers.CharField())
    erased = serializers.ListField(child=serializers.CharField())


class SegmentShape(serializers.ModelSerializer[Segment]):
    app = serializers.CharField(source="app.slug", read_only=True)

    class Meta:
        model = Segment
        fields = ["id", "app", "name", "description", "expression"]


class SegmentBody(StrictSerializer):
    app = Text(required=False)
    name = Text(max_length=128)
    description = Text(required=False, allow_blank=True, max_length=255)
    expression = serializers.JSONField()


class SegmentChange(StrictSerializer):
    name = Text(required=False, max_length=128)
    description = Text(required=False, allow_blank=True, max_length=255)
    expression = serializers.JSONField(required=False)


class CountShape(serializers.Serializer[Any]):
    """A headcount; with `is_estimated` all of its numbers are, with `is_split_estimated` alone the
    languages."""

    total = serializers.IntegerField()
    platforms = serializers.DictField(child=serializers.IntegerField())
    languages = serializers.DictField(child=serializers.IntegerField())
    is_estimated = serializers.BooleanField()
    is_split_estimated = serializers.BooleanField()
    margin = serializers.IntegerField()


class SegmentVersionShape(serializers.Serializer[Any]):
    """What a segment was once saved as; `saved_by` is empty where that was not kept yet."""

    number = serializers.IntegerField()
    expression = serializers.JSONField()
    saved_by = serializers.CharField()
    saved_at = serializers.DateTimeField()


class VariableShape(serializers.Serializer[Any]):
    """What a template may name: `count` of the `looked_at` devices have a value; `examples`
    are values that at least three people have."""

    name = serializers.CharField()
    kind = serializers.ChoiceField(choices=["text", "number", "flag", "time", "other"])
    count = serializers.IntegerField()
    looked_at = serializers.IntegerField()
    examples = serializers.ListField(child=serializers.CharField())


class UseShape(serializers.Serializer[Any]):
    """What uses it: a campaign or a transfer that is not over, or a segment."""

    kind = serializers.CharField()
    id = serializers.IntegerField(source="pk")
    name = serializers.CharField()
    status = serializers.CharField()


class ExplainedDeviceShape(serializers.Serializer[Any]):
    """The root of a tree; each of `terms` looks like it. A condition says `field`, `op`, `value`,
    `value_count` and `found` in place of `name` and `terms`, one of relative time its `instant`."""

    device = serializers.IntegerField()
    kind = serializers.CharField()
    path = serializers.CharField()
    is_met = serializers.BooleanField()
    name = serializers.CharField()
    terms = serializers.ListField(child=serializers.DictField())


class ExplainedShape(serializers.Serializer[Any]):
    segment = serializers.IntegerField()
    devices = ExplainedDeviceShape(many=True)


class PersonShape(serializers.ModelSerializer[Person]):
    opted_out = serializers.SerializerMethodField()

    class Meta:
        model = Person
        fields = [
            "id", "external_user_id", "email", "phone", "language", "country", "timezone",
            "attributes", "opted_out",
        ]  # fmt: skip

    def get_opted_out(self, person: Person) -> bool:
        return person.opted_out_at is not None


class PersonChange(StrictSerializer):
    email = Text(required=False, allow_blank=True, max_length=254)
    phone = Text(required=False, allow_blank=True, max_length=40)
    language = Text(required=False, allow_blank=True, max_length=16)
    country = Text(required=False, allow_blank=True, max_length=2)
    timezone = Text(required=False, allow_blank=True, max_length=64)
    attributes = serializers.DictField(required=False)
    opted_out = Flag(required=False)


class DeviceShape(serializers.ModelSerializer[Device]):
    """`ids` by kind; its identifiers, marks and person are expected to be loaded."""

    app = serializers.CharField(source="app.slug", read_only=True)
    ids = serializers.SerializerMethodField()
    external_user_id = serializers.SerializerMethodField()
    tags = serializers.SerializerMethodField()
    alias = serializers.SerializerMethodField()

    class Meta:
        model = Device
        fields = [
            "id", "app", "platform", "token", "ids", "external_user_id", "attributes",
            "token_state", "tags", "alias", *COLUMNS,
        ]  # fmt: skip

    def get_ids(self, device: Device) -> dict[str, str]:
        return {item.kind: item.value for item in device.identifiers.all()}

    def get_tags(self, device: Device) -> list[str]:
        return sorted(mark.name for mark in device.marks.all() if mark.kind == Kind.TAG)

    def get_alias(self, device: Device) -> str:
        return "".join(mark.name for mark in device.marks.all() if mark.kind == Kind.ALIAS)

    def get_external_user_id(self, device: Device) -> str:
        return device.person.external_user_id if device.person else ""


class DeviceBody(serializers.Serializer[Any]):
    platform = serializers.CharField()
    token = serializers.CharField(required=False)
    external_user_id = serializers.CharField(required=False)
    ids = serializers.DictField(child=serializers.CharField(), required=False)
    attributes = serializers.DictField(required=False)
    language = serializers.CharField(required=False)
    country = serializers.CharField(required=False)
    timezone = serializers.CharField(required=False)
    app_version = serializers.CharField(required=False)
    sdk_version = serializers.CharField(required=False)
    os_version = serializers.CharField(required=False)
    manufacturer = serializers.CharField(required=False)
    model = serializers.CharField(required=False)
    is_secure = serializers.BooleanField(required=False)
    notifications_enabled = serializers.BooleanField(required=False)
    is_primary = serializers.BooleanField(required=False)
    tags = serializers.ListField(child=serializers.CharField(), required=False)
    alias = serializers.CharField(required=False, allow_blank=True)


class BulkBody(serializers.Serializer[Any]):
    app = serializers.CharField(required=False)
    devices = DeviceBody(many=True)


class RejectedShape(serializers.Serializer[Any]):
    index = serializers.IntegerField()
    reason = serializers.CharField()


class RegisteredShape(serializers.Serializer[Any]):
    created = serializers.IntegerField()
    updated = serializers.IntegerField()
    rejected = RejectedShape(many=True)
