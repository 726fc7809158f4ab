"""The verbs behind a page's buttons: which there are, when they fit, and what pressing one does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest
from django.utils import timezone
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.errors import Refused
from campaigns.models import App
from campaigns.models.apps import MAX_RATE
from campaigns.pages.fields import PageForm
from campaigns.pages.lookups import require_sender
from campaigns.pages.shell import tell_refusal
from campaigns.services.access import name_actor

# By name: the service's function, the statuses in which it fits, the words when it is done.
Verbs = Mapping[str, tuple[Callable[..., Any], frozenset[str], Any]]

RATE_WORDS = format_lazy(
    gettext_lazy(
        "The rate stays as it was: a rate is a whole number from 1 to {most}, or empty for none."
    ),
    most=MAX_RATE,
)


def list_fitting(verbs: Verbs, status: str) -> list[str]:
    """Names of the verbs that fit a row of that status."""
    return [name for name, (_act, when, _words) in verbs.items() if status in when]


def press(request: HttpRequest, row: Any, apps: list[App], verbs: Verbs, name: str) -> None:
    """Do it and say so, or say why not; 404 for a verb that is none, 403 for who may not send."""
    if name not in verbs:
        raise Http404
    require_sender(request.user, apps)
    act, _when, words = verbs[name]
    try:
        act(row, actor=name_actor(request.user), now=timezone.now())
        messages.success(request, words)
    except Refused as refusal:
        tell_refusal(request, refusal)


class RateForm(PageForm):
    """How fast from now on."""

    rate = forms.IntegerField(
        label=gettext_lazy("At most per second"),
        min_value=1,
        max_value=MAX_RATE,
        required=False,
        error_messages=dict.fromkeys(("invalid", "min_value", "max_value"), RATE_WORDS),
        help_text=gettext_lazy("Recipients per second; empty: as fast as group and vendor allow."),
    )


def press_rate(
    request: HttpRequest, row: Any, apps: list[App], change: Callable[..., Any]
) -> RateForm | None:
    """Change a rate and say so, or say why not; 403 for who may not send.

    What is no rate comes back as the form, to be drawn again with what was typed.
    """
    require_sender(request.user, apps)
    form = RateForm(request.POST)
    if not form.is_valid():
        return form
    try:
        change(row, form.cleaned_data["rate"], actor=name_actor(request.user), now=timezone.now())
        messages.success(request, _("The rate is changed; it holds from the next call on."))
    except Refused as refusal:
        tell_refusal(request, refusal)
    return None
