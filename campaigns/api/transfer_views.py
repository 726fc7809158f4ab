"""Transfers with their verbs and their deliveries."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from django.db.models import Q, QuerySet
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from campaigns.api import approval_shapes
from campaigns.api import campaign_shapes as shapes
from campaigns.api.asked import choose, may_bypass, read_rate, refuse_others
from campaigns.api.base import ListedViewSet
from campaigns.api.campaign_views import CampaignViews
from campaigns.api.deliveries import list_deliveries
from campaigns.api.listing import APP, ID, PAGE, STATUS, listed, page_of
from campaigns.api.paging import MAX_ID, read_number
from campaigns.api.traces import TraceShape, find_trace
from campaigns.models import ApiKey, Transfer
from campaigns.models.ledger import SETTLED_KEYS
from campaigns.selectors.status import progress
from campaigns.services import rates, repeats, resends, transfers

Verb = Callable[..., Any]


@listed(
    shapes.TransferShape, APP, STATUS, OpenApiParameter("campaign", OpenApiTypes.INT64),
    OpenApiParameter("reference", OpenApiTypes.STR),
)  # fmt: skip
class TransferViews(ListedViewSet):
    queryset = Transfer.objects.select_related("app__workspace", "group", "submission")
    shown = shapes.TransferShape
    serializer_class = shapes.TransferShape
    change_scope = ApiKey.Scope.SEND
    scopes: ClassVar[Mapping[str, str]] = {"resend": ApiKey.Scope.COMPOSE}
    paged = frozenset({"list", "deliveries", "trace"})
    filters: ClassVar[Mapping[str, Sequence[str]]] = {
        "list": ("app", "status", "campaign", "reference"),
        "deliveries": ("outcome", "reason", "platform"),
        "trace": ("who", "part"),
    }

    def list(self, request: Request) -> Response:
        rows: QuerySet[Any] = self.filter_app(self.get_queryset())
        status = choose(request, "status", Transfer.Status.values)
        campaign = read_number(request, "campaign", 0, 1, MAX_ID)
        reference = request.query_params.get("reference", "")
        chosen = Q(status=status) if status else Q()
        chosen &= Q(campaign_id=campaign) if campaign else Q()
        chosen &= Q(submission__reference=reference) if reference else Q()
        return self.answer_page(rows.filter(chosen), self.shown)

    @extend_schema(parameters=[ID], responses=shapes.ProgressShape)
    @action(detail=True, methods=["get"])
    def progress(self, request: Request, pk: str = "") -> Response:
        return Response(shapes.ProgressShape(progress(self.find_row(), now=self.now)).data)

    @extend_schema(
        parameters=[
            ID,
            PAGE[0],
            OpenApiParameter("after", OpenApiTypes.STR, description="From `next`."),
            OpenApiParameter("outcome", OpenApiTypes.STR, enum=SETTLED_KEYS),
            OpenApiParameter("reason", OpenApiTypes.STR),
            OpenApiParameter("platform", OpenApiTypes.STR),
        ],
        responses=page_of(shapes.DeliveryShape),
    )
    @action(detail=True, methods=["get"])
    def deliveries(self, request: Request, pk: str = "") -> Response:
        rows, following = list_deliveries(request, self.find_row())
        return Response({"results": shapes.DeliveryShape(rows, many=True).data, "next": following})

    @extend_schema(
        parameters=[
            ID,
            OpenApiParameter("who", OpenApiTypes.STR, required=True),
            OpenApiParameter("part", OpenApiTypes.INT),
            OpenApiParameter("limit", OpenApiTypes.INT, description="1 to 50, default 20."),
            OpenApiParameter("after", OpenApiTypes.STR, description="From `next`."),
        ],
        responses=TraceShape,
    )
    @action(detail=True, methods=["get"], pagination_class=None)
    def trace(self, request: Request, pk: str = "") -> Response:
        context = {"address": request.build_absolute_uri()}
        return Response(TraceShape(find_trace(request, self.find_row()), context=context).data)

    @extend_schema(parameters=[ID], request=None, responses=shapes.TransferShape)
    @action(detail=True, methods=["post"])
    def pause(self, request: Request, pk: str = "") -> Response:
        return self._act(transfers.pause_transfer)

    @extend_schema(parameters=[ID], request=None, responses=shapes.TransferShape)
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, pk: str = "") -> Response:
        return self._act(transfers.resume_transfer)

    @extend_schema(parameters=[ID], request=None, responses=shapes.TransferShape)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str = "") -> Response:
        return self._act(transfers.cancel_transfer)

    @extend_schema(parameters=[ID], request=None, responses={201: shapes.CampaignShape})
    @action(detail=True, methods=["post"])
    def retry(self, request: Request, pk: str = "") -> Response:
        bypass = may_bypass(request)
        transfer = self.find_row_to_change()
        campaign = repeats.repeat_unknown(transfer, may_bypass_approval=bypass, **self.by)
        fresh = CampaignViews.queryset.get(pk=campaign.pk)
        return Response(shapes.CampaignShape(fresh).data, status=201)

    @extend_schema(methods=["get"], parameters=[ID], responses=approval_shapes.ResendPreviewShape)
    @extend_schema(
        methods=["post"], parameters=[ID], request=approval_shapes.ResendBody,
        responses={201: shapes.CampaignShape},
    )  # fmt: skip
    @action(detail=True, methods=["get", "post"])
    def resend(self, request: Request, pk: str = "") -> Response:
        if request.method == "GET":
            preview = resends.preview_resend(self.find_row(), now=timezone.now())
            return Response(approval_shapes.ResendPreviewShape(preview).data)
        body = request.data if isinstance(request.data, dict) else {}
        refuse_others(body, {"outcomes", "reasons", "without_receipt"})
        campaign = resends.plan_resend(self.find_row_to_change(), dict(body), **self.by)
        fresh = CampaignViews.queryset.get(pk=campaign.pk)
        return Response(shapes.CampaignShape(fresh).data, status=201)

    @extend_schema(parameters=[ID], request=shapes.RateBody, responses=shapes.TransferShape)
    @action(detail=True, methods=["post"])
    def rate(self, request: Request, pk: str = "") -> Response:
        transfer = self.find_row_to_change()
        changed = rates.change_transfer_rate(transfer, read_rate(request), **self.by)
        return Response(self.shown(changed).data)

    def _act(self, verb: Verb) -> Response:
        return Response(self.shown(verb(self.find_row_to_change(), **self.by)).data)
