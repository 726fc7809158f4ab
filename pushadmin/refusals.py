"""What Django itself refuses (a host that is not ours, say) is answered in the door's own shape."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import gettext as _
from django.views import defaults

from campaigns.compat.views import answer_bad_request


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Scripts get JSON, browsers Django's page."""
    _root, door, *rest = f"{request.path_info}///".split("/")
    if door == "compat":
        return answer_bad_request(request, rest[0])
    if door == "api":
        body: dict[str, object] = {
            "code": "invalid",
            "message": _("The request is malformed."),
            "fields": {},
            "request_id": getattr(request, "request_id", ""),
        }
        return JsonResponse(body, status=400)
    return defaults.bad_request(request, exception)
