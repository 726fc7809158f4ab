"""What is answered before any view is asked: a forged Host header, a malformed request."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.utils.translation import gettext as _
from django.views.defaults import bad_request

SCRIPT_DOORS = ("/api/", "/compat/", "/healthz", "/readyz")


def refuse_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """400: in JSON for scripts, as a page for people."""
    if not request.path.startswith(SCRIPT_DOORS):
        return bad_request(request, exception)
    body: dict[str, Any] = {
        "code": "invalid",
        "message": _("The request is malformed, or names a host that this is not."),
        "fields": {},
        "request_id": getattr(request, "request_id", ""),
    }
    return JsonResponse(body, status=400)
