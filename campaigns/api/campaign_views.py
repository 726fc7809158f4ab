"""Campaigns with their verbs, transfers with their deliveries, and reports."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar
from zoneinfo import available_timezones

from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from campaigns.api import approval_shapes
from campaigns.api import campaign_shapes as shapes
from campaigns.api.base import ListedViewSet, NativeViewSet
from campaigns.api.deliveries import list_deliveries
from campaigns.api.listing import APP, ID, PAGE, listed, page_of
from campaigns.api.paging import read_number, take_page
from campaigns.api.traces import TraceShape, find_trace
from campaigns.api.translation_shapes import TranslationDiffShape, TranslationFileBody
from campaigns.errors import Invalid
from campaigns.models import ApiKey, App, Campaign, Membership, Transfer
from campaigns.models.ledger import SETTLED_KEYS
from campaigns.selectors.campaign_apps import list_apps
from campaigns.selectors.reports import report_table
from campaigns.selectors.status import count_occurrences, progress
from campaigns.selectors.upcoming import list_next_times
from campaigns.services import approvals, campaigns, rates, repeats, resends, transfers, waiting
from campaigns.services.access import require_role
from campaigns.services.forecast import count_reach
from campaigns.services.hours import forecast_campaign, list_hour_lines
from campaigns.services.preflight import find_campaign_losses, find_problems
from campaigns.services.review import review_campaign
from campaigns.services.step_reach import forecast_campaign_steps
from campaigns.services.translation_files import (
    apply_translations,
    compare_translations,
    write_translation_csv,
)
from providers.reports import FetchReport, Metric, ReportField, ReportTable

STATUS = OpenApiParameter("status", OpenApiTypes.STR)
Verb = Callable[..., Any]
MOST_APPROVALS = 100
SEND_VERBS = ("launch", "pause", "resume", "cancel", "reschedule", "unschedule", "rate", "test")


def choose(request: Request, name: str, known: Sequence[str]) -> str | None:
    """A query parameter that is one of a few words; raises Invalid."""
    value = request.query_params.get(name)
    if value is not None and value not in known:
        sentence = _("One of %(known)s.") % {"known": ", ".join(known)}
        raise Invalid(sentence, fields={name: sentence})
    return value


def refuse_others(body: Mapping[str, Any], known: set[str]) -> None:
    """Raise Invalid for fields that are not known."""
    faults = {str(name): _("Unknown field.") for name in body if name not in known}
    if faults:
        raise Invalid(_("Some fields are unknown; see fields."), fields=faults)


def read_rate(request: Request) -> Any:
    """The `rate` of a body that holds nothing else; raises Invalid."""
    body = request.data
    if not isinstance(body, dict) or "rate" not in body:
        sentence = _('Send a JSON object: {"rate": 100}, or null for no rate of its own.')
        raise Invalid(sentence, fields={"rate": sentence})
    refuse_others(body, {"rate"})
    return body["rate"]


def may_bypass(request: Request) -> bool:
    """Whether a key launches without the approval that its app needs."""
    scopes = request.user.scopes if isinstance(request.user, ApiKey) else ()
    return ApiKey.Scope.BYPASS_APPROVAL in scopes


@listed(shapes.CampaignShape, APP, STATUS)
class CampaignViews(ListedViewSet):
    queryset = Campaign.objects.select_related(
        "workspace", "app__workspace", "app_group", "group", "message", "scenario"
    ).prefetch_related("transfers")
    shown = shapes.CampaignShape
    serializer_class = shapes.CampaignBody
    paged = frozenset({"list", "occurrences"})
    change_scope = ApiKey.Scope.COMPOSE
    scopes: ClassVar[Mapping[str, str]] = dict.fromkeys(SEND_VERBS, ApiKey.Scope.SEND)
    filters: ClassVar[Mapping[str, Sequence[str]]] = {"list": ("app", "status")}

    @extend_schema(parameters=[ID], responses=shapes.CampaignDetailShape)
    def retrieve(self, request: Request, pk: str = "") -> Response:
        shown = shapes.CampaignDetailShape(self.find_row(), context={"principal": request.user})
        return Response(shown.data)

    def list(self, request: Request) -> Response:
        rows = self.filter_app(self.get_queryset())
        status = choose(request, "status", Campaign.Status.values)
        return self.answer_page(rows.filter(status=status) if status else rows, self.shown)

    @extend_schema(request=shapes.CampaignBody, responses={201: shapes.CampaignShape})
    def create(self, request: Request) -> Response:
        with transaction.atomic():
            campaign = campaigns.create_campaign(request.user, request.data, **self.by)
            self._require_apps(campaign)
        return self._show(campaign, 201)

    @extend_schema(parameters=[ID], request=shapes.CampaignBody, responses=shapes.CampaignShape)
    def partial_update(self, request: Request, pk: str = "") -> Response:
        with transaction.atomic():
            campaign = campaigns.update_campaign(
                self.find_row_to_change(), request.user, self._read_object(), **self.by
            )
            self._require_apps(campaign)
        return self._show(campaign)

    @extend_schema(parameters=[ID], request=None, responses=shapes.CampaignShape)
    @action(detail=True, methods=["post"])
    def launch(self, request: Request, pk: str = "") -> Response:
        campaign = self._find_for_verb()
        bypass = may_bypass(request)
        campaigns.launch_campaign(campaign, may_bypass_approval=bypass, **self.by)
        return self._show(campaign)

    @extend_schema(
        parameters=[ID],
        request=TranslationFileBody,
        responses={200: TranslationDiffShape, (200, "text/csv"): OpenApiTypes.STR},
    )
    @action(detail=True, methods=["get", "post"], serializer_class=TranslationFileBody)
    def translations(self, request: Request, pk: str = "") -> Response | HttpResponse:
        if request.method == "GET":
            csv = write_translation_csv(self.find_row().message.content)
            return HttpResponse(csv, content_type="text/csv; charset=utf-8")
        with transaction.atomic():
            campaign = self.find_row_to_change()
            body = self.read_body()
            if body["dry_run"]:
                found = compare_translations(campaign.message.content, body["file"])
            else:
                found = apply_translations(campaign, request.user, body["file"], **self.by)
            self._require_apps(campaign)
        return Response(TranslationDiffShape(found).data)

    @extend_schema(parameters=[ID], responses=approval_shapes.PreflightShape)
    @action(detail=True, methods=["get"])
    def preflight(self, request: Request, pk: str = "") -> Response:
        review = review_campaign(self.find_row(), now=self.now)
        return Response(approval_shapes.PreflightShape(review).data)

    @extend_schema(parameters=[ID], responses=approval_shapes.ApprovalList)
    @action(detail=True, methods=["get"])
    def approvals(self, request: Request, pk: str = "") -> Response:
        rows = self.find_row().approvals.order_by("-pk")[:MOST_APPROVALS]
        return Response(approval_shapes.ApprovalList({"results": rows}).data)

    @extend_schema(
        parameters=[ID], request=approval_shapes.NoteBody, responses=approval_shapes.ApprovalShape
    )
    @action(detail=True, methods=["post"])
    def request_approval(self, request: Request, pk: str = "") -> Response:
        note = self._read_texts("note")["note"]
        asked = approvals.request_approval(self.find_row_to_change(), note=note, **self.by)
        return Response(approval_shapes.ApprovalShape(asked).data)

    @extend_schema(
        parameters=[ID],
        request=approval_shapes.ApproveBody,
        responses=approval_shapes.ApprovalShape,
    )
    @action(detail=True, methods=["post"])
    def approve(self, request: Request, pk: str = "") -> Response:
        texts = self._read_texts("version", "note")
        campaign = self._find_to_approve()
        approval = approvals.approve_campaign(
            campaign, texts["version"], note=texts["note"], **self.by
        )
        return Response(approval_shapes.ApprovalShape(approval).data)

    @extend_schema(
        parameters=[ID], request=approval_shapes.NoteBody, responses=approval_shapes.ApprovalShape
    )
    @action(detail=True, methods=["post"])
    def send_back(self, request: Request, pk: str = "") -> Response:
        note = self._read_texts("note")["note"]
        approval = approvals.send_back_campaign(self._find_to_approve(), note, **self.by)
        return Response(approval_shapes.ApprovalShape(approval).data)

    def _find_to_approve(self) -> Campaign:
        """A key never approves: somebody who looks at it does."""
        campaign: Campaign = self.find_row()
        for app in list_apps(campaign):
            require_role(self.request.user, app, Membership.Role.APPROVER)
        return campaign

    def _read_texts(self, *names: str) -> dict[str, str]:
        body = self._read_object() if self.request.data else {}
        refuse_others(body, set(names))
        faults = {
            name: _("Expected a text.")
            for name, value in body.items()
            if not isinstance(value, str)
        }
        if faults:
            raise Invalid(next(iter(faults.values())), fields=faults)
        return {name: body.get(name, "") for name in names}

    @extend_schema(parameters=[ID], request=None, responses=shapes.CampaignShape)
    @action(detail=True, methods=["post"])
    def pause(self, request: Request, pk: str = "") -> Response:
        return self._show(campaigns.pause_campaign(self._find_for_verb(), **self.by))

    @extend_schema(parameters=[ID], request=None, responses=shapes.CampaignShape)
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, pk: str = "") -> Response:
        return self._show(campaigns.resume_campaign(self._find_for_verb(), **self.by))

    @extend_schema(parameters=[ID], request=None, responses=shapes.CampaignShape)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str = "") -> Response:
        return self._show(campaigns.cancel_campaign(self._find_for_verb(), **self.by))

    @extend_schema(parameters=[ID], request=shapes.RescheduleBody, responses=shapes.CampaignShape)
    @action(detail=True, methods=["post"])
    def reschedule(self, request: Request, pk: str = "") -> Response:
        body = self._read_object()
        return self._show(waiting.reschedule_campaign(self.find_row_to_change(), body, **self.by))

    @extend_schema(parameters=[ID], request=None, responses=shapes.CampaignShape)
    @action(detail=True, methods=["post"])
    def unschedule(self, request: Request, pk: str = "") -> Response:
        return self._show(waiting.unschedule_campaign(self._find_for_verb(), **self.by))

    @extend_schema(parameters=[ID], request=shapes.RateBody, responses=shapes.CampaignShape)
    @action(detail=True, methods=["post"])
    def rate(self, request: Request, pk: str = "") -> Response:
        campaign = self.find_row_to_change()
        return self._show(rates.change_campaign_rate(campaign, read_rate(request), **self.by))

    @extend_schema(parameters=[ID], responses=shapes.UpcomingList)
    @action(detail=True, methods=["get"])
    def upcoming(self, request: Request, pk: str = "") -> Response:
        times = list_next_times(self.find_row(), self.now)
        return Response(shapes.UpcomingList({"results": times}).data)

    @extend_schema(parameters=[ID, *PAGE], responses=page_of(shapes.OccurrenceShape))
    @action(detail=True, methods=["get"])
    def occurrences(self, request: Request, pk: str = "") -> Response:
        rows = self.find_row().occurrences.prefetch_related("transfers")
        page, following = take_page(request, rows)
        counted = count_occurrences([row.pk for row in page])
        shown = shapes.OccurrenceShape(page, many=True, context={"counted": counted})
        return Response({"results": shown.data, "next": following})

    @extend_schema(parameters=[ID], request=shapes.TestBody, responses={201: shapes.CampaignShape})
    @action(detail=True, methods=["post"])
    def test(self, request: Request, pk: str = "") -> Response:
        body = self._read_object()
        refuse_others(body, {"audience"})
        campaign = self.find_row_to_change()
        audience = body.get("audience")
        test = campaigns.test_campaign(request.user, campaign, audience, **self.by)
        return self._show(test, 201)

    @extend_schema(parameters=[ID], responses=shapes.CheckShape)
    @action(detail=True, methods=["get"])
    def check(self, request: Request, pk: str = "") -> Response:
        campaign = self.find_row()
        problems = find_problems(campaign, now=self.now)
        is_whole = not any(problem.code == "invalid" for problem in problems)
        forecasts = forecast_campaign(campaign, self.now) if is_whole else ()
        steps = forecast_campaign_steps(campaign) if is_whole else None
        answer = {
            "total": sum(reach.total for reach in count_reach(campaign)) if is_whole else 0,
            "problems": problems,
            "losses": find_campaign_losses(campaign) if is_whole else (),
            "hours": list_hour_lines(forecasts),
            "unknown_zones": sum(forecast.unknown for forecast in forecasts),
            "steps": steps.steps if steps else (),
            "cost": steps,
        }
        return Response(shapes.CheckShape(answer).data)

    def find_row_to_change(self) -> Campaign:
        campaign: Campaign = self.find_row()
        self._require_apps(campaign)
        return campaign

    def _find_for_verb(self) -> Campaign:
        body = self.request.data
        refuse_others(body if isinstance(body, dict) else {}, set())
        return self.find_row_to_change()

    def _require_apps(self, campaign: Campaign) -> None:
        for app in list_apps(campaign):
            self.require(app)

    def _read_object(self) -> dict[str, Any]:
        body = self.request.data
        if not isinstance(body, dict):
            raise Invalid(_("Send a JSON object."))
        return body

    def _show(self, campaign: Campaign, status: int = 200) -> Response:
        fresh = self.queryset.get(pk=campaign.pk)
        return Response(self.shown(fresh).data, status=status)


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
    paged = frozenset({"list", "deliveries"})
    filters: ClassVar[Mapping[str, Sequence[str]]] = {
        "list": ("app", "status", "campaign", "reference"),
        "deliveries": ("outcome", "reason", "platform"),
        "trace": ("who",),
    }

    def list(self, request: Request) -> Response:
        rows: QuerySet[Any] = self.filter_app(self.get_queryset())
        status = choose(request, "status", Transfer.Status.values)
        campaign = read_number(request, "campaign", 0, 1, 2**53)
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
        parameters=[ID, OpenApiParameter("who", OpenApiTypes.STR, required=True)],
        responses=TraceShape,
    )
    @action(detail=True, methods=["get"], pagination_class=None)
    def trace(self, request: Request, pk: str = "") -> Response:
        return Response(TraceShape(find_trace(request, self.find_row())).data)

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
            preview = resends.preview_resend(self.find_row())
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


METRICS = (Metric.SENT, Metric.DELIVERED, Metric.SHOWN, Metric.OPENED)
MOST_ROWS = 10_000
REPORT_PARAMETERS = ("app", "by", "metrics", "sort", "date_from", "date_to", "timezone", "limit")


class ReportViews(NativeViewSet):
    """One table: numbers by group, tag, transfer or platform over days."""

    queryset = App.objects.all()
    filters: ClassVar[Mapping[str, Sequence[str]]] = {"list": (*REPORT_PARAMETERS, "offset")}
    paged = frozenset()

    @extend_schema(
        parameters=[
            APP,
            OpenApiParameter("by", OpenApiTypes.STR, description="group,tag,transfer,platform"),
            OpenApiParameter("metrics", OpenApiTypes.STR, description="Default: the four counts."),
            OpenApiParameter("sort", OpenApiTypes.STR, description="-sent: the largest first."),
            OpenApiParameter("date_from", OpenApiTypes.STR, description="2026-11-20 or 6daysAgo"),
            OpenApiParameter("date_to", OpenApiTypes.STR, description="2026-11-20 or today"),
            OpenApiParameter("timezone", OpenApiTypes.STR, description="Default: the app's."),
            OpenApiParameter("limit", OpenApiTypes.INT, description="1 to 10000, default 100."),
            OpenApiParameter("offset", OpenApiTypes.INT, description="From 0."),
        ],
        responses=shapes.ReportShape,
    )
    def list(self, request: Request) -> Response:
        apps = self.filter_own_app()
        table = report_table(apps, self._read_command(apps), self.now)
        return Response(show_table(table))

    def filter_own_app(self) -> Sequence[int]:
        slug = self.request.query_params.get("app")
        rows = self.get_queryset()
        return (
            [self.find_app(slug).pk]
            if slug is not None
            else list(rows.values_list("pk", flat=True))
        )

    def _read_command(self, apps: Sequence[int]) -> FetchReport:
        query = self.request.query_params
        return FetchReport(
            apps=tuple(map(str, apps)),
            dimensions=tuple(ReportField(word) for word in self._split("by", ReportField)),
            metrics=tuple(Metric(word) for word in self._split("metrics", Metric)) or METRICS,
            date_from=query.get("date_from", "6daysAgo"),
            date_to=query.get("date_to", "today"),
            sort=self._read_sort(),
            limit=read_number(self.request, "limit", 100, 1, MOST_ROWS),
            offset=read_number(self.request, "offset", 0, 0, 2**31),
            timezone=_check_zone(query.get("timezone", "")),
        )

    def _split(self, name: str, known: Any) -> Sequence[str]:
        words = [word for word in self.request.query_params.get(name, "").split(",") if word]
        if set(words) - set(known) or len(set(words)) < len(words):
            sentence = _("Some of %(known)s, each once, with commas.") % {"known": ", ".join(known)}
            raise Invalid(sentence, fields={name: sentence})
        return words

    def _read_sort(self) -> tuple[tuple[str, bool], ...]:
        words = [word for word in self.request.query_params.get("sort", "").split(",") if word]
        known = {*ReportField, *Metric}
        if any(word.removeprefix("-") not in known for word in words):
            sentence = _("Sort by dimensions or metrics, with - for the largest first.")
            raise Invalid(sentence, fields={"sort": sentence})
        return tuple((word.removeprefix("-"), word.startswith("-")) for word in words)


def _check_zone(name: str) -> str:
    if name and name not in available_timezones():
        sentence = _("Name an IANA time zone such as Europe/Berlin.")
        raise Invalid(sentence, fields={"timezone": sentence})
    return name


def show_table(table: ReportTable) -> dict[str, Any]:
    """A report as our JSON: a cell per dimension and a number or null per metric, by name."""
    command = table.command
    dimensions = [field.value for field in command.dimensions]
    metrics = [metric.value for metric in command.metrics]
    rows = [
        {
            name: {"name": cell.name, "id": cell.id}
            for name, cell in zip(dimensions, row.dimensions, strict=True)
        }
        | dict(zip(metrics, row.metrics, strict=True))
        for row in table.rows
    ]
    return {
        "rows": rows,
        "totals": dict(zip(metrics, table.totals, strict=True)),
        "total_rows": table.total_rows,
        "date_from": table.date_from,
        "date_to": table.date_to,
    }
