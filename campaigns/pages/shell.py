"""What every operator page shares: who may enter, the frame around it, refusals in words."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.views.decorators import staff_member_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse

from campaigns.errors import Refused
from providers.outcomes import RefusalKind

View = Callable[..., HttpResponseBase]
STOP_POLLING = 286  # htmx: swap this answer in and ask no more


def operator_page(view: View) -> View:
    """A view for signed-in operators. What is not theirs is 404, what they may not do is 403."""

    @staff_member_required
    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            return view(request, *args, **kwargs)
        except Refused as refusal:
            if refusal.kind is RefusalKind.NOT_FOUND:
                raise Http404(refusal.message) from refusal
            if refusal.kind is RefusalKind.FORBIDDEN:
                raise PermissionDenied(refusal.message) from refusal
            raise

    return guarded


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


def tell_refusal(request: HttpRequest, refusal: Refused) -> None:
    """Show a refusal as a message; the caller redirects. 404 and 403 stay what they are."""
    if refusal.kind in (RefusalKind.NOT_FOUND, RefusalKind.FORBIDDEN):
        raise refusal
    sentences = [refusal.message, *dict.fromkeys(refusal.fields.values())]
    messages.error(request, " ".join(dict.fromkeys(sentences)))
