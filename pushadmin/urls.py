"""Where every door is mounted."""

from django.contrib import admin
from django.urls import include, path, re_path

from campaigns.api.urls import NowhereView
from pushadmin.favicon import favicon
from pushadmin.health import healthz, readyz
from pushadmin.metrics import metrics

urlpatterns = [
    path("", include("campaigns.pages.urls")),
    path("admin/", admin.site.urls),
    path("api/v1/", include("campaigns.api.urls")),
    path("device/v1/", include("campaigns.api.device_urls")),
    re_path("^(api|device)/", NowhereView.as_view()),
    path("compat/", include("campaigns.compat.urls")),
    path("hooks/", include("campaigns.compat.hook_urls")),
    path("favicon.ico", favicon),
    path("healthz", healthz),
    path("readyz", readyz),
    path("metrics", metrics),
]

handler400 = "pushadmin.refusals.refuse_request"
handler500 = "pushadmin.refusals.answer_failure"
