"""The app or app group that somebody worked on last: what they make next begins with it."""

from __future__ import annotations

from django.http import HttpRequest

from campaigns.models import App

LAST = "last_place"  # in the session: `app:<id>` or `app_group:<id>`


def remember_place(request: HttpRequest, key: str) -> None:
    """Keep it, where it is another one than before."""
    if request.session.get(LAST) != key:
        request.session[LAST] = key


def remember_app(request: HttpRequest, app: App) -> None:
    """The same of one app."""
    remember_place(request, f"app:{app.pk}")


def recall_place(request: HttpRequest) -> str:
    """The key of it; "" where there is none. Nobody has looked whether it is still theirs."""
    return str(request.session.get(LAST, ""))


def recall_app(request: HttpRequest) -> str:
    """The id of it, as an address names it; "" for an app group."""
    kind, _colon, number = recall_place(request).partition(":")
    return number if kind == "app" else ""
