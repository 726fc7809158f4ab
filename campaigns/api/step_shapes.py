"""What the native API shows of the steps of a scenario, before and after sending."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers


class DecimalText(serializers.CharField):
    """A decimal number as a text, such as 0.045: a float would round it."""

    def to_representation(self, value: Any) -> str:
        return f"{value.normalize():f}"


class CountersShape(serializers.Serializer[Any]):
    audience = serializers.IntegerField()
    sent = serializers.IntegerField()
    failed = serializers.IntegerField()
    skipped = serializers.IntegerField()
    expired = serializers.IntegerField()
    cancelled = serializers.IntegerField()
    unknown = serializers.IntegerField()
    pending = serializers.IntegerField()
    resent = serializers.IntegerField()


class StepForecastShape(serializers.Serializer[Any]):
    """Whom a step reaches: `people` have an address for it, `messages` go out at the most, and
    `least` if everybody answers whom an earlier step reaches. Costs are bounds, null without a
    price."""

    number = serializers.IntegerField()
    channel = serializers.CharField()
    sender = serializers.CharField()
    accounts = serializers.ListField(child=serializers.CharField())
    wait = serializers.IntegerField(allow_null=True)
    price = DecimalText(allow_null=True)
    people = serializers.IntegerField(source="reach.people")
    messages = serializers.IntegerField(source="reach.messages")
    least = serializers.IntegerField(source="reach.least")
    cost_least = DecimalText(allow_null=True)
    cost_most = DecimalText(allow_null=True)


class CostShape(serializers.Serializer[Any]):
    """Sums over the steps that have a price; `unpriced` are the numbers of the others."""

    least = DecimalText(source="cost_least")
    most = DecimalText(source="cost_most")
    unpriced = serializers.ListField(child=serializers.IntegerField())


class StepShape(serializers.Serializer[Any]):
    """How a step stands. Its counters are of devices for a push, else of persons; `handed_over` is
    how many persons came to the next step, null for the last; `cost` is of what was sent."""

    number = serializers.IntegerField()
    channel = serializers.CharField()
    sender = serializers.CharField()
    accounts = serializers.ListField(child=serializers.CharField())
    wait = serializers.IntegerField(allow_null=True)
    counters = CountersShape()
    delivered = serializers.IntegerField(allow_null=True)
    handed_over = serializers.IntegerField(allow_null=True)
    price = DecimalText(allow_null=True)
    cost = DecimalText(allow_null=True)
