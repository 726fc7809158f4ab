"""What is answered before any view is asked: a forged Host header, a malformed request."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.utils.translation import gettext as _
from django.views.defaults import bad_request

from campaigns.compat.views import answer_bad_request, find_dialect

SCRIPT_DOORS = ("/api/", "/compat", "/healthz", "/readyz")
VENDOR_DOOR = "/compat/"


def refuse_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """400: in the door's own shape for scripts, as a page for people."""
    if request.path.startswith(VENDOR_DOOR):
        key, _slash, _rest = request.path.removeprefix(VENDOR_DOOR).partition("/")
        dialect = find_dialect(key)
        if dialect is not None:
            return answer_bad_request(dialect)
    if not request.path.startswith(SCRIPT_DOORS):
        return bad_request(request, exception)
    body: dict[str, object] = {
        "code": "invalid",
        "message": _("The request is malformed, or names a host that this is not."),
        "fields": {},
        "request_id": getattr(request, "request_id", ""),
    }
    return JsonResponse(body, status=400)
