"""What stands in the place of a page that works on an app, for whoever has none."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse

from campaigns.models import Membership
from campaigns.pages.shell import draw_page
from campaigns.pages.start import find_form
from campaigns.services.access import require_role


def draw_without_app(request: HttpRequest, title: str) -> HttpResponse:
    """How one comes by an app, under the title of the page that was asked for."""
    return draw_page(request, "pages/no_app.html", title, advise(request.user))


def draw_composed(request: HttpRequest, title: str) -> HttpResponse:
    """The same of a page for composers. Raises Forbidden for who is one nowhere."""
    require_role(request.user, None, Membership.Role.COMPOSER)
    return draw_without_app(request, title)


def advise(user: Any) -> dict[str, str]:
    """What the page needs to know: the form of a new app, "" for who may not make one."""
    return {"app_form": find_form(user, "app")}
