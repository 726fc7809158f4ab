"""Doors: what we call an app in each dialect."""

from __future__ import annotations

from campaigns.models import App
from providers.contract import DoorApp


def describe_app(app: App) -> DoorApp:
    """What a dialect may make the app's identifiers of."""
    return DoorApp(id=app.pk, slug=app.slug, workspace=app.workspace.slug)
