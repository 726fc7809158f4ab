"""Why one recipient got a transfer or not, as the API tells it."""

from __future__ import annotations

import re
from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.utils.urls import replace_query_param

from campaigns.api.paging import read_number
from campaigns.errors import Invalid
from campaigns.models import ApiKey, Membership, Transfer
from campaigns.selectors.identifiers import MAX_IDENTIFIER
from campaigns.selectors.trace import Trace, trace_transfer
from campaigns.selectors.trace_choice import MOST_TOLD, Key, Window
from campaigns.services.access import has_role

MAX_PART = 2**31 - 1
MAX_LIMIT = 50  # each of them takes as long as a page of other rows
CURSOR = re.compile(r"([0-2])-([0-9]{1,9})-([0-9]{1,10})-([0-9]{1,16})")


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
    only_begin = serializers.BooleanField()
    notes = serializers.ListField(child=serializers.CharField())
    recipients = TracedShape(many=True)
    rest = RestShape(many=True)
    next = serializers.SerializerMethodField()

    @extend_schema_field({"type": "string", "format": "uri", "nullable": True})
    def get_next(self, trace: Any) -> str | None:
        if trace.last is None:
            return None
        cursor = "-".join(map(str, trace.last))
        return replace_query_param(self.context["address"], "after", cursor)


def find_trace(request: Request, transfer: Transfer) -> Trace:
    """The trace of whom `who` names, of all parts or one, from the beginning or behind a place.
    Raises Invalid without a name, or for a limit or place that is none."""
    who = request.query_params.get("who", "").strip()
    if not who or len(who) > MAX_IDENTIFIER:
        sentence = _("Say who: any id of a person or a device, at most 4096 letters.")
        raise Invalid(sentence, fields={"who": sentence})
    user = request.user
    is_admin = not isinstance(user, ApiKey) and has_role(
        user, transfer.app.workspace, Membership.Role.ADMIN
    )
    asked: dict[str, Any] = {"part": read_part(request), "window": read_window(request)}
    return trace_transfer(transfer, who, user, may_see_calls=is_admin, **asked)


def read_part(request: Request) -> int | None:
    """The number of a part in the query, if there is one."""
    return read_number(request, "part", 0, 0, MAX_PART) if "part" in request.query_params else None


def read_window(request: Request) -> Window | None:
    """So many behind a place, if the query says either."""
    query = request.query_params
    if not {"limit", "after"} & query.keys():
        return None
    limit = read_number(request, "limit", MOST_TOLD, 1, MAX_LIMIT)
    return Window(limit, _read_place(query["after"]) if "after" in query else ())


def _read_place(text: str) -> Key:
    found = CURSOR.fullmatch(text)
    if found is None:
        sentence = _("Take the address of the next page from next.")
        raise Invalid(sentence, fields={"after": sentence})
    rank, turn, part, recipient = map(int, found.groups())
    return rank, turn, part, recipient
