"""Labels over the native API: their life, members a few at a time, and in bulk as jobs."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from campaigns.api import shapes
from campaigns.api.base import ListedViewSet
from campaigns.api.erasure_views import write_lines
from campaigns.api.job_views import JobShape
from campaigns.api.listing import APP, ID, PAGE, listed, page_of
from campaigns.api.strict import StrictSerializer, Whole
from campaigns.api.suppression_views import EntryFields
from campaigns.errors import Invalid
from campaigns.models import Job, Label, Person, Segment
from campaigns.services import audience
from campaigns.services.labels import (
    BulkVerb,
    IdLines,
    archive_label,
    change_by_list,
    change_by_segment,
    restore_label,
)


class MembersBulkBody(StrictSerializer):
    """One of `segment`, its id, and `entries`, at most 10,000; a `kind` may also be `person`: our
    own number."""

    verb = serializers.ChoiceField(choices=[verb.value for verb in BulkVerb])
    segment = Whole(required=False, min_value=1)
    entries = serializers.ListField(
        child=EntryFields(), min_length=1, max_length=10_000, required=False
    )


@listed(shapes.LabelShape, APP)
class LabelViews(ListedViewSet):
    queryset = Label.objects.select_related("app__workspace")
    shown = shapes.LabelShape

    def get_serializer_class(self) -> Any:
        bodies = {
            "create": shapes.LabelBody,
            "partial_update": shapes.LabelChange,
            "change_in_bulk": MembersBulkBody,
        }
        return bodies.get(self.action or "", shapes.MembersBody)

    @extend_schema(request=shapes.LabelBody, responses={201: shapes.LabelShape})
    def create(self, request: Request) -> Response:
        body = self.read_body()
        app = self.find_app(body.pop("app", None))
        self.require(app)
        return Response(self.shown(audience.create_label(app, **body, **self.by)).data, status=201)

    @extend_schema(parameters=[ID], request=shapes.LabelChange, responses=shapes.LabelShape)
    def partial_update(self, request: Request, pk: str = "") -> Response:
        label = audience.update_label(self.find_row_to_change(), **self.read_body(), **self.by)
        return Response(self.shown(label).data)

    @extend_schema(parameters=[ID], responses={204: None})
    def destroy(self, request: Request, pk: str = "") -> Response:
        audience.delete_label(self.find_row_to_change(), **self.by)
        return Response(status=204)

    @extend_schema(parameters=[ID], request=None, responses=shapes.LabelShape)
    @action(detail=True, methods=["post"])
    def archive(self, request: Request, pk: str = "") -> Response:
        return Response(self.shown(archive_label(self.find_row_to_change(), **self.by)).data)

    @extend_schema(parameters=[ID], request=None, responses=shapes.LabelShape)
    @action(detail=True, methods=["post"])
    def restore(self, request: Request, pk: str = "") -> Response:
        return Response(self.shown(restore_label(self.find_row_to_change(), **self.by)).data)

    @extend_schema(
        parameters=[ID], request=shapes.MembersBody, responses=shapes.MembersChangedShape
    )
    @action(detail=True, methods=["post"], url_path="members/add")
    def add_members(self, request: Request, pk: str = "") -> Response:
        return self._change(audience.add_members)

    @extend_schema(
        parameters=[ID], request=shapes.MembersBody, responses=shapes.MembersChangedShape
    )
    @action(detail=True, methods=["post"], url_path="members/remove")
    def remove_members(self, request: Request, pk: str = "") -> Response:
        return self._change(audience.remove_members)

    def _change(self, verb: Any) -> Response:
        label = self.find_row_to_change()
        persons = self.read_body()["persons"]
        result = verb(label, persons, principal=self.request.user, **self.by)
        return Response(shapes.MembersChangedShape(result).data)

    @extend_schema(parameters=[ID], request=MembersBulkBody, responses={202: JobShape})
    @action(detail=True, methods=["post"], url_path="members/bulk")
    def change_in_bulk(self, request: Request, pk: str = "") -> Response:
        """Begin a job; ids that nobody has are its file `unknown`."""
        label, body = self.find_row_to_change(), self.read_body()
        if ("segment" in body) == ("entries" in body):
            words = _("Name a segment or entries: one of the two.")
            raise Invalid(words, fields={"segment": words})
        job = self._begin(label, BulkVerb(body["verb"]), body)
        return Response(JobShape(job).data, status=202)

    def _begin(self, label: Label, verb: BulkVerb, body: dict[str, Any]) -> Job:
        if "segment" in body:
            seen = Segment.objects.for_user(self.request.user)
            segment = seen.filter(pk=body["segment"], app=label.app_id).first()
            if segment is None:
                words = _("The label's app has no such segment.")
                raise Invalid(words, fields={"segment": words})
            return change_by_segment(label, verb, segment, **self.by)
        lines = IdLines(["\n".join(write_lines(body["entries"])).encode()])
        return change_by_list(label, verb, lines, principal=self.request.user, **self.by)

    @extend_schema(parameters=[ID, *PAGE], responses=page_of(shapes.PersonShape))
    @action(detail=True, methods=["get"])
    def members(self, request: Request, pk: str = "") -> Response:
        persons = Person.objects.for_user(request.user).filter(label_members__label=self.find_row())
        return self.answer_page(persons, shapes.PersonShape)

    paged = frozenset({"list", "members"})
