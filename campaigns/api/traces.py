"""Why one recipient got a transfer or not, as the API tells it."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.request import Request

from campaigns.api.paging import read_number
from campaigns.errors import Invalid
from campaigns.models import ApiKey, Membership, Transfer
from campaigns.selectors.identifiers import MAX_IDENTIFIER
from campaigns.selectors.trace import Trace, trace_transfer
from campaigns.services.access import has_role

MAX_PART = 2**31 - 1


class LineShape(serializers.Serializer[Any]):
    """One reason."""

    code = serializers.CharField()
    words = serializers.CharField()
    at = serializers.DateTimeField(allow_null=True)
    tone = serializers.CharField()
    details = serializers.ListField(child=serializers.CharField())


class TracedShape(serializers.Serializer[Any]):
    """One recipient of one part."""

    kind = serializers.CharField()
    id = serializers.IntegerField(source="pk")
    name = serializers.CharField()
    part = serializers.IntegerField(source="part.number")
    step = serializers.SerializerMethodField()
    channel = serializers.CharField(source="part.channel")
    outcome = serializers.CharField()
    words = serializers.CharField()
    lines = LineShape(many=True)

    def get_step(self, traced: Any) -> int:
        return int(traced.part.step) + 1


class SubjectShape(serializers.Serializer[Any]):
    """Somebody who may be meant; `who` is what to ask for exactly them."""

    who = serializers.CharField(source="term")
    name = serializers.CharField()


class RestShape(serializers.Serializer[Any]):
    """Recipients of parts of whom nothing else is told."""

    outcome = serializers.CharField()
    words = serializers.CharField()
    count = serializers.IntegerField()
    parts = serializers.ListField(child=serializers.IntegerField())
    devices = serializers.ListField(child=serializers.IntegerField())


class TraceShape(serializers.Serializer[Any]):
    """The whole answer."""

    who = serializers.CharField()
    subjects = SubjectShape(many=True)
    notes = serializers.ListField(child=serializers.CharField())
    recipients = TracedShape(many=True)
    rest = RestShape(many=True)


def find_trace(request: Request, transfer: Transfer) -> Trace:
    """The trace of whom `who` names, of all parts or one. Raises Invalid without a name."""
    who = request.query_params.get("who", "").strip()
    if not who or len(who) > MAX_IDENTIFIER:
        sentence = _("Say who: any id of a person or a device, at most 4096 letters.")
        raise Invalid(sentence, fields={"who": sentence})
    user = request.user
    is_admin = not isinstance(user, ApiKey) and has_role(
        user, transfer.app.workspace, Membership.Role.ADMIN
    )
    part = read_part(request)
    return trace_transfer(transfer, who, user, part=part, may_see_calls=is_admin)


def read_part(request: Request) -> int | None:
    """The number of a part in the query, if there is one."""
    return read_number(request, "part", 0, 0, MAX_PART) if "part" in request.query_params else None
