"""Who may see which rows: `for_user` is the only gate, in pages, API and admin alike.

A model says where its app or workspace is (`app_path`, `workspace_path`); a principal (a Django
user or an ApiKey) says which apps and workspaces it reaches.
"""

from __future__ import annotations

from typing import Any, Self

from django.db import models
from django.db.models import Q


class ScopedQuerySet(models.QuerySet[Any]):
    """Rows of a model that declares `app_path` or `workspace_path`."""

    def for_user(self, principal: Any) -> Self:
        """Only what this user or ApiKey may see."""
        if getattr(principal, "is_superuser", False):
            return self
        return self.filter(self._visible_to(principal))

    def _visible_to(self, principal: Any) -> Q:
        from campaigns.models.access import visible_app_ids, visible_workspace_ids

        app_path = getattr(self.model, "app_path", "")
        if app_path:
            return Q(**{f"{app_path}__in": visible_app_ids(principal)})
        workspace_path = self.model.workspace_path
        return Q(**{f"{workspace_path}__in": visible_workspace_ids(principal)})


class PersonQuerySet(ScopedQuerySet):
    """Persons are seen by members of an app in which they have a device or a label.

    Members for all apps of a workspace see all its persons, those without a device included.
    """

    def _visible_to(self, principal: Any) -> Q:
        from campaigns.models.access import visible_app_ids, wide_workspace_ids
        from campaigns.models.audience import Device, LabelMember

        wide = wide_workspace_ids(principal)
        apps = visible_app_ids(principal)
        devices = Device.objects.filter(person_id=models.OuterRef("pk"), app_id__in=apps)
        labels = LabelMember.objects.filter(person_id=models.OuterRef("pk"), label__app_id__in=apps)
        seen = Q(models.Exists(devices)) | Q(models.Exists(labels))
        return seen | Q(workspace_id__in=wide)
