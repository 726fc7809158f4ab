"""The newest rows of a table of all apps, for who sees only some of the apps."""

from __future__ import annotations

from heapq import nlargest
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.views import ChangeList

from campaigns.admin.paginator import BoundedPaginator
from campaigns.models.access import visible_app_ids
from campaigns.models.bulk import IdList

MOST_APPS = 20


class NewestOfApps(ChangeList):
    """Takes the newest of each app by its index, as many as the paginator counts.

    Sorted by id over some of the apps a database walks down all rows until enough are theirs, and
    theirs may be the oldest million.
    """

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet[Any]:
        """The rows that fit the filters, no more than are paged through."""
        rows: QuerySet[Any] = super().get_queryset(request, exclude_parameters)
        if request.user.is_superuser:
            return rows
        apps = list(visible_app_ids(request.user).values_list("pk", flat=True)[: MOST_APPS + 1])
        if len(apps) > MOST_APPS:
            return rows
        most = BoundedPaginator.MAX_ROWS + 1  # whether there are more is told
        found = [
            pk
            for app in apps
            for pk in rows.filter(app=app).order_by("-pk").values_list("pk", flat=True)[:most]
        ]
        newest = self.model._default_manager.filter(pk__in=IdList(nlargest(most, found)))
        related: QuerySet[Any] = self.apply_select_related(newest)
        return related.order_by("-pk")
