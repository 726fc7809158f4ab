"""The verbs behind a page's buttons: which there are, when they fit, and what pressing one does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest
from django.utils import timezone

from campaigns.errors import Refused
from campaigns.models import App
from campaigns.pages.lookups import require_sender
from campaigns.pages.shell import tell_refusal
from campaigns.services.access import name_actor

# By name: the service's function, the statuses in which it fits, the words when it is done.
Verbs = Mapping[str, tuple[Callable[..., Any], frozenset[str], Any]]


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
