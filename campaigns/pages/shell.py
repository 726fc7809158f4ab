"""What every operator page shares: who may enter, the frame around it, refusals in words."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlsplit

from django.contrib import admin, messages
from django.contrib.admin.views.decorators import staff_member_required
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from campaigns.errors import Refused
from campaigns.models.access import keep_reach
from providers.outcomes import RefusalKind

View = Callable[..., HttpResponseBase]
READING = frozenset({"GET", "HEAD"})
STOP_POLLING = 286  # htmx: swap this answer in and ask no more


def operator_page(view: View) -> View:
    """A view for signed-in operators. What is not theirs is 404, what they may not do is 403."""

    @staff_member_required
    @wraps(view)
    def entered(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.method in READING:
            keep_reach(request.user)
        try:
            return view(request, *args, **kwargs)
        except Refused as refusal:
            if refusal.kind is RefusalKind.NOT_FOUND:
                raise Http404(refusal.message) from refusal
            if refusal.kind is RefusalKind.FORBIDDEN:
                raise PermissionDenied(refusal.message) from refusal
            raise

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.method == "POST" and not request.user.is_authenticated:
            return redirect_to_login(_find_form(request), reverse("admin:login"))
        return entered(request, *args, **kwargs)

    return guarded


def _find_form(request: HttpRequest) -> str:
    """Where the form stands that was sent: many addresses only take one, and show nothing."""
    page = request.headers.get("Referer", "")
    if not url_has_allowed_host_and_scheme(page, {request.get_host()}):
        return request.get_full_path()
    parts = urlsplit(page)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def draw_page(
    request: HttpRequest, template: str, title: str, context: dict[str, Any], *, status: int = 200
) -> TemplateResponse:
    """A whole page in the shell."""
    frame = {**admin.site.each_context(request), "title": title}
    return TemplateResponse(request, template, {**frame, **context}, status=status)


def draw_fragment(
    request: HttpRequest, template: str, context: dict[str, Any], *, is_last: bool = False
) -> TemplateResponse:
    """A piece that htmx swaps in; it runs none of the shell's queries."""
    status = STOP_POLLING if is_last else 200
    return TemplateResponse(request, template, context, status=status)


def show_page(request: HttpRequest, name: str, *args: Any) -> HttpResponse:
    """To the page of a form whose own address draws it only when it is refused: who reloads that,
    or follows a link of it, comes here."""
    query = request.META.get("QUERY_STRING", "")
    return redirect(f"{reverse(name, args=args)}?{query}" if query else reverse(name, args=args))


def tell_refusal(request: HttpRequest, refusal: Refused) -> None:
    """Show a refusal as a message; the caller redirects. 404 and 403 stay what they are."""
    if refusal.kind in (RefusalKind.NOT_FOUND, RefusalKind.FORBIDDEN):
        raise refusal
    sentences = [refusal.message, *dict.fromkeys(refusal.fields.values())]
    messages.error(request, " ".join(dict.fromkeys(sentences)))
