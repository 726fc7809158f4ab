"""Erasing people over the native API: who would be, the erasure itself, who may come back."""

from __future__ import annotations

from typing import Any, ClassVar

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from campaigns.api.base import NativeViewSet
from campaigns.api.job_views import JobShape
from campaigns.api.strict import Flag, StrictSerializer, Text
from campaigns.api.suppression_views import EntryFields
from campaigns.errors import Forbidden, Invalid
from campaigns.models import ApiKey, Job, Workspace
from campaigns.services.erase import is_wide, sift, start_erasure
from campaigns.services.erase_find import PERSON_NUMBER
from campaigns.services.tombstones import lift_tombstones


class ErasureBody(StrictSerializer):
    """At most 10,000 entries; `kind` may also be `person`: our own number."""

    entries = serializers.ListField(child=EntryFields(), min_length=1, max_length=10_000)
    dry_run = Flag(required=False)


class LiftBody(StrictSerializer):
    entries = serializers.ListField(child=EntryFields(), min_length=1, max_length=1_000)
    reason = Text(max_length=20)


class SiftedShape(serializers.Serializer[Any]):
    persons = serializers.IntegerField()
    devices = serializers.IntegerField()
    unknown = serializers.IntegerField()
    refused = serializers.IntegerField()


class LiftedShape(serializers.Serializer[Any]):
    lifted = serializers.IntegerField()


class ErasureViews(NativeViewSet):
    """Nothing is shown here: an erasure is a job."""

    queryset = Job.objects.none()
    change_scope: ClassVar[str] = ApiKey.Scope.PRIVACY

    def get_serializer_class(self) -> Any:
        return LiftBody if self.action == "lift" else ErasureBody

    @extend_schema(request=ErasureBody, responses={200: SiftedShape, 202: JobShape})
    def create(self, request: Request) -> Response:
        body = self.read_body()
        workspace, lines = self._find_workspace(), write_lines(body["entries"])
        if body.get("dry_run"):
            found = sift(request.user, workspace, lines, PERSON_NUMBER)
            answer = {
                "persons": len(found.persons), "devices": len(found.devices),
                "unknown": found.unknown, "refused": found.refused,
            }  # fmt: skip
            return Response(SiftedShape(answer).data)
        blocks = ["\n".join(lines).encode()]
        job = start_erasure(request.user, workspace, blocks, kind=PERSON_NUMBER, **self.by)
        return Response(JobShape(job).data, status=202)

    @extend_schema(request=LiftBody, responses=LiftedShape)
    @action(detail=False, methods=["post"])
    def lift(self, request: Request) -> Response:
        body, workspace = self.read_body(), self._find_workspace()
        if not is_wide(request.user, workspace):
            raise Forbidden(_("Only who may erase in all apps lets somebody come back."))
        named = [(row["kind"], row["value"]) for row in body["entries"]]
        lifted = lift_tombstones(workspace, named, reason=body["reason"], **self.by)
        return Response({"lifted": lifted})

    def _find_workspace(self) -> Workspace:
        found = list(Workspace.objects.for_user(self.request.user)[:2])
        if len(found) != 1:
            raise Invalid(_("You belong to several workspaces: use a key of one."))
        workspace: Workspace = found[0]
        return workspace


def write_lines(entries: list[dict[str, str]]) -> list[str]:
    """As a list of lines: each says its kind."""
    bad = [place for place, row in enumerate(entries) if not _fits_line(row["value"])]
    if bad:
        sentence = _("An identifier has no line break in it, and no blank at its ends.")
        raise Invalid(sentence, fields={f"entries[{bad[0]}].value": sentence})
    return [f"{row['kind']},{row['value']}" for row in entries]


def _fits_line(value: str) -> bool:
    """Whether it is read from a line as it was written: blanks at its ends would go."""
    return not {"\n", "\r"} & set(value) and value == value.strip()
