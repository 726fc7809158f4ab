"""What the native API shows and takes about approvals, the pre-flight list and sending again."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from campaigns.api.campaign_shapes import ProblemShape
from campaigns.models import Approval
from campaigns.services.checks import Verdict


class NoteBody(serializers.Serializer[Any]):
    note = serializers.CharField(required=False)


class ApproveBody(NoteBody):
    """`version` is what `preflight/` said: what is signed is what was looked at."""

    version = serializers.CharField()


class ApprovalShape(serializers.ModelSerializer[Approval]):
    class Meta:
        model = Approval
        fields = [
            "id", "state", "digest", "asked_by", "asked_at", "decided_by", "decided_at", "note",
        ]  # fmt: skip


class ApprovalList(serializers.Serializer[Any]):
    results = ApprovalShape(many=True)


class CheckedShape(serializers.Serializer[Any]):
    """One check of the list; `problems` is empty for one that passed."""

    key = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    verdict = serializers.ChoiceField([verdict.value for verdict in Verdict])
    problems = ProblemShape(many=True)


class StandingShape(serializers.Serializer[Any]):
    """Whether an approval is `needed`, and whether the newest one `holds` for it as it is now."""

    needed = serializers.BooleanField()
    holds = serializers.BooleanField()
    newest = ApprovalShape(allow_null=True)


class PreflightForecastShape(serializers.Serializer[Any]):
    recipients = serializers.IntegerField()
    calls = serializers.IntegerField()
    seconds = serializers.FloatField()


class PreflightShape(serializers.Serializer[Any]):
    """Every check, passed ones too, the worst first; `version` is the digest of what was checked.

    `forecast` is null while the audience cannot be told.
    """

    version = serializers.CharField()
    is_ready = serializers.BooleanField()
    total = serializers.IntegerField()
    margin = serializers.IntegerField()
    platforms = serializers.DictField(child=serializers.IntegerField())
    languages = serializers.DictField(child=serializers.IntegerField())
    checks = CheckedShape(many=True)
    forecast = PreflightForecastShape(allow_null=True)
    approval = StandingShape()


class ResendBody(serializers.Serializer[Any]):
    outcomes = serializers.ListField(child=serializers.CharField())
    reasons = serializers.ListField(child=serializers.CharField(), required=False)
    without_receipt = serializers.CharField(required=False)


class ResendChoiceShape(serializers.Serializer[Any]):
    """Some recipients of a transfer, what to ask for to send to them again, and how many of them
    may then get it twice; not `is_exact`, there are at most so many; `is_forgotten`: nobody knows
    any more who they are."""

    key = serializers.CharField()
    asked = ResendBody()
    recipients = serializers.IntegerField()
    twice = serializers.IntegerField()
    is_exact = serializers.BooleanField()
    is_forgotten = serializers.BooleanField()


class ResendPreviewShape(serializers.Serializer[Any]):
    """`silent` were sent to by accounts that report no receipts; `hopeless` failed or were left out
    for a reason that another try does not mend."""

    choices = ResendChoiceShape(many=True)
    silent = serializers.IntegerField()
    hopeless = serializers.IntegerField()
