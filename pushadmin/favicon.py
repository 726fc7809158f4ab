"""The icon for whoever asks by the name that browsers guess where no page has told another."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponseRedirect
from django.templatetags.static import static
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

DAY = 86_400


@cache_control(max_age=DAY)
@require_safe
def favicon(request: HttpRequest) -> HttpResponseRedirect:
    """To the icon that pages link: its address changes with what it shows."""
    return HttpResponseRedirect(static("pushadmin/favicon.svg"))
