"""What is answered outside every view: to a forged Host header, a malformed request, or when we
fail before a door is reached."""

from __future__ import annotations

import sys
from urllib.parse import urlencode, urlsplit

from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.defaults import bad_request, server_error

from campaigns.compat.views import answer_refusal, find_dialect
from campaigns.errors import DATABASE_AWAY, Invalid, Refused, Unavailable
from providers.outcomes import HTTP_STATUS, RefusalKind

SCRIPT_DOORS = ("/api/", "/compat", "/hooks/", "/healthz", "/readyz")
VENDOR_DOOR = "/compat/"


def refuse_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """400: in the door's own shape for scripts, as a page for people."""
    words = _("The request is malformed, or names a host that this is not.")
    return _answer_script(request, Invalid(words)) or bad_request(request, exception)


def answer_failure(request: HttpRequest) -> HttpResponseBase:
    """500, or 503 while the database is away: in the door's own shape, as a page for people."""
    error = sys.exc_info()[1]
    if isinstance(error, DATABASE_AWAY):
        answer = _answer_script(request, Unavailable()) or render(request, "503.html", status=503)
        answer.headers["Retry-After"] = "5"
        return answer
    words = _("Something went wrong here. It has been logged.")
    failure = Refused(words, kind=RefusalKind.INTERNAL, code="internal")
    return _answer_script(request, failure) or server_error(request)


def refuse_unsigned(request: HttpRequest, reason: str = "") -> HttpResponseBase:
    """403 for a form without the token of its browser's cookie: who sent it is not known."""
    context = {"sign_in": f"{reverse('admin:login')}?{urlencode({'next': _find_page(request)})}"}
    return render(request, "csrf.html", context, status=403)


def _find_page(request: HttpRequest) -> str:
    """Where the form stood, as far as it was a page of ours; home, where nobody knows."""
    page = request.headers.get("Referer", "")
    if not url_has_allowed_host_and_scheme(page, {request.get_host()}):
        return "/"
    asked = urlsplit(page)
    path = f"/{asked.path.lstrip('/')}"  # two slashes would begin with the name of a host
    return f"{path}?{asked.query}" if asked.query else path


def _answer_script(request: HttpRequest, refusal: Refused) -> HttpResponseBase | None:
    """None where people look at pages."""
    if request.path_info.startswith(VENDOR_DOOR):
        key, _slash, path = request.path_info.removeprefix(VENDOR_DOOR).partition("/")
        dialect = find_dialect(key)
        if dialect is not None:
            return answer_refusal(dialect, path.lstrip("/"), refusal)
    if not request.path.startswith(SCRIPT_DOORS):
        return None
    body: dict[str, object] = {
        "code": refusal.code,
        "message": refusal.message,
        "fields": {},
        "request_id": getattr(request, "request_id", ""),
    }
    return JsonResponse(body, status=HTTP_STATUS[refusal.kind])
