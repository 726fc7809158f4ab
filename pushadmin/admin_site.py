"""The admin site: Unfold's, which draws its own sidebar on every page."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject
from unfold.sites import UnfoldAdminSite


class ControlRoomSite(UnfoldAdminSite):
    """Lists all models only for who looks at the list: it costs more than the sidebar does."""

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> Any:
        """What Django's index shows, made when it is first read."""
        read = super().get_app_list
        return SimpleLazyObject(lambda: read(request, app_label))
