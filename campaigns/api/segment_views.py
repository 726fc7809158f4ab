"""Segments: saved expressions, whom they mean and why, what they were before and what uses them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from campaigns.api import explained, shapes
from campaigns.api.asked import choose_flag
from campaigns.api.base import ListedViewSet
from campaigns.api.listing import APP, ID, listed
from campaigns.api.paging import MAX_ID, read_number
from campaigns.errors import Invalid, NotFound
from campaigns.models import Device, Person, Segment
from campaigns.selectors.aliases import find_named
from campaigns.selectors.audience import Audience, AudienceKind, count_devices, sample_devices
from campaigns.selectors.explain import explain_audience
from campaigns.selectors.headcount import count_bounded
from campaigns.selectors.uses import list_segment_uses
from campaigns.services import audience
from campaigns.services.segment_versions import list_versions

EXACT = OpenApiParameter("exact", OpenApiTypes.BOOL, description="Count, however long it takes.")
WHO = [
    OpenApiParameter("device", OpenApiTypes.INT64, description="Our id of a device of the app."),
    OpenApiParameter("person", OpenApiTypes.STR, description="An external user id."),
]


@listed(shapes.SegmentShape, APP)
class SegmentViews(ListedViewSet):
    queryset = Segment.objects.select_related("app__workspace")
    shown = shapes.SegmentShape
    filters: ClassVar[Mapping[str, Sequence[str]]] = {
        "list": ("app",),
        "count": ("exact",),
        "explain": ("device", "person"),
    }

    def get_serializer_class(self) -> Any:
        return shapes.SegmentChange if self.action == "partial_update" else shapes.SegmentBody

    @extend_schema(request=shapes.SegmentBody, responses={201: shapes.SegmentShape})
    def create(self, request: Request) -> Response:
        body = self.read_body()
        app = self.find_app(body.pop("app", None))
        self.require(app)
        segment = audience.create_segment(app, **body, **self.by)
        return Response(self.shown(segment).data, status=201)

    @extend_schema(parameters=[ID], request=shapes.SegmentChange, responses=shapes.SegmentShape)
    def partial_update(self, request: Request, pk: str = "") -> Response:
        segment = audience.update_segment(self.find_row_to_change(), **self.by, **self.read_body())
        return Response(self.shown(segment).data)

    @extend_schema(parameters=[ID], responses={204: None})
    def destroy(self, request: Request, pk: str = "") -> Response:
        audience.delete_segment(self.find_row_to_change(), **self.by)
        return Response(status=204)

    @extend_schema(parameters=[ID, EXACT], responses=shapes.CountShape)
    @action(detail=True, methods=["get"])
    def count(self, request: Request, pk: str = "") -> Response:
        segment = self.find_row()
        count = count_devices if choose_flag(request, "exact") else count_bounded
        whole = {"is_estimated": False, "is_split_estimated": False, "margin": 0}
        counted = {**whole, **count(segment.app, _aim_at(segment))}
        return Response(shapes.CountShape(counted).data)

    @extend_schema(parameters=[ID], responses=shapes.SegmentVersionShape(many=True))
    @action(detail=True, methods=["get"], pagination_class=None)
    def versions(self, request: Request, pk: str = "") -> Response:
        versions = list_versions(self.find_row())
        return Response(shapes.SegmentVersionShape(versions, many=True).data)

    @extend_schema(parameters=[ID], responses=shapes.UseShape(many=True))
    @action(detail=True, methods=["get"], pagination_class=None)
    def uses(self, request: Request, pk: str = "") -> Response:
        return Response(shapes.UseShape(list_segment_uses(self.find_row()), many=True).data)

    @extend_schema(parameters=[ID], responses=shapes.DeviceShape(many=True))
    @action(detail=True, methods=["get"], pagination_class=None)
    def sample(self, request: Request, pk: str = "") -> Response:
        segment = self.find_row()
        devices = sample_devices(segment.app, _aim_at(segment))
        return Response(shapes.DeviceShape(devices, many=True).data)

    @extend_schema(parameters=[ID, *WHO], responses=shapes.ExplainedShape)
    @action(detail=True, methods=["get"])
    def explain(self, request: Request, pk: str = "") -> Response:
        segment = self.find_row()
        told = explain_audience(segment.app, _aim_at(segment), self._find_who(segment))
        devices = [{"device": one.device.pk, **explained.show(one.verdict)} for one in told]
        return Response({"segment": segment.pk, "devices": devices})

    def _find_who(self, segment: Segment) -> Device | Person:
        """Whom the query names: a device by our id or a person by external user id."""
        asked = self.request.query_params
        if len({"device", "person"} & asked.keys()) != 1:
            sentence = _("Name one device by its id, or one person by external user id.")
            raise Invalid(sentence, fields={"device": sentence})
        if "device" in asked:
            number = read_number(self.request, "device", 0, 1, MAX_ID - 1)
            who = Device.objects.for_user(self.request.user).filter(app=segment.app, pk=number)
        else:
            seen = Person.objects.for_user(self.request.user)
            who = seen.filter(pk__in=find_named([segment.app.workspace_id], asked["person"]))
        found: Device | Person | None = who.first()
        if found is None:
            raise NotFound(_("Nobody here has this id."))
        return found


def _aim_at(segment: Segment) -> Audience:
    return Audience(AudienceKind.SEGMENT, segment=segment.pk)
