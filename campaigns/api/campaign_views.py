"""Campaigns with their verbs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django.db import transaction
from django.http import HttpResponse
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from campaigns.api import approval_shapes
from campaigns.api import campaign_shapes as shapes
from campaigns.api.asked import choose, may_bypass, read_rate, refuse_others
from campaigns.api.base import ListedViewSet
from campaigns.api.listing import APP, ID, PAGE, STATUS, listed, page_of
from campaigns.api.paging import take_page
from campaigns.api.translation_shapes import TranslationDiffShape, TranslationFileBody
from campaigns.errors import Forbidden, Invalid
from campaigns.models import ApiKey, App, Campaign, Membership
from campaigns.selectors.campaign_apps import list_apps
from campaigns.selectors.status import count_occurrences
from campaigns.selectors.upcoming import list_next_times
from campaigns.services import approvals, campaigns, rates, waiting
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

MOST_APPROVALS = 100
SEND_VERBS = ("launch", "pause", "resume", "cancel", "reschedule", "unschedule", "rate", "test")


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
        apps = list_apps(campaign)
        for app in apps:
            self.require(app)
        if campaign.app_group is not None:
            self._require_reach(apps)

    def _require_reach(self, apps: Sequence[App]) -> None:
        """Whoever reaches one member of an app group sees its campaigns; a key changes those only
        that go to none but its own apps."""
        reached = App.objects.for_user(self.request.user).filter(pk__in=[app.pk for app in apps])
        if reached.count() < len(apps):
            raise Forbidden(_("This key does not reach every app that the campaign goes to."))

    def _read_object(self) -> dict[str, Any]:
        body = self.request.data
        if not isinstance(body, dict):
            raise Invalid(_("Send a JSON object."))
        return body

    def _show(self, campaign: Campaign, status: int = 200) -> Response:
        fresh = self.queryset.get(pk=campaign.pk)
        return Response(self.shown(fresh).data, status=status)
