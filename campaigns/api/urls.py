"""Where the native API's resources are, under /api/v1/."""

from __future__ import annotations

from typing import Any

from django.urls import include, path, re_path
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.permissions import AllowAny
from rest_framework.renderers import TemplateHTMLRenderer
from rest_framework.request import Request
from rest_framework.routers import SimpleRouter
from rest_framework.views import APIView

from campaigns.api import (
    audience_views,
    campaign_views,
    erasure_views,
    import_views,
    job_views,
    kept_views,
    label_views,
    report_views,
    scenario_views,
    segment_views,
    suppression_views,
    token_views,
    transfer_views,
)
from campaigns.errors import NotFound

router = SimpleRouter()
router.register("apps", audience_views.AppViews)
router.register("groups", audience_views.GroupViews)
router.register("labels", label_views.LabelViews)
router.register("segments", segment_views.SegmentViews)
router.register("persons", audience_views.PersonViews)
router.register("devices", audience_views.DeviceViews)
router.register("erasures", erasure_views.ErasureViews, basename="erasure")
router.register("suppressions", suppression_views.SuppressionViews)
router.register("scenarios", scenario_views.ScenarioViews)
router.register("templates", kept_views.TemplateViews)
router.register("test-groups", kept_views.TestGroupViews)
router.register("campaigns", campaign_views.CampaignViews)
router.register("transfers", transfer_views.TransferViews)
router.register("imports", import_views.ImportViews)
router.register("exports", import_views.ExportViews, basename="export")
router.register("jobs", job_views.JobViews)
router.register("reports", report_views.ReportViews, basename="report")


class SwaggerView(SpectacularSwaggerSplitView):
    renderer_classes = [TemplateHTMLRenderer]


@extend_schema(exclude=True)
class NowhereView(APIView):
    """Answers in our error shape where nothing is, instead of with a page."""

    authentication_classes: list[Any] = []
    permission_classes = [AllowAny]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        raise NotFound(_("Nothing is at this address; every address ends with a slash."))


urlpatterns = [
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    path("docs/", SwaggerView.as_view(url_name="schema"), name="api-docs"),
    path(
        "devices/enable/",
        token_views.EnablingViews.as_view({"post": "create"}),
        name="enable-tokens",
    ),
    path("", include(router.urls)),
    re_path("^.*$", NowhereView.as_view()),
]
