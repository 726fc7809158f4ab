"""The admin site: Unfold's, which draws its own sidebar on every page."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject
from unfold.sites import UnfoldAdminSite

from pushadmin.navigation import list_sidebar


class ControlRoomSite(UnfoldAdminSite):
    """Makes for a page only what its shell shows of it."""

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> Any:
        """What Django's index shows, made when it is first read: it costs more than the sidebar."""
        read = super().get_app_list
        return SimpleLazyObject(lambda: read(request, app_label))

    def get_sidebar_list(self, request: HttpRequest) -> list[dict[str, Any]]:
        """The sections as they are: Unfold looks in each line for callbacks that ours have not."""
        return list_sidebar(request)
