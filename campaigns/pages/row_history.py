"""From a row to its own entries in the audit log, and from an entry to the row's page."""

from __future__ import annotations

from typing import Any

from django.db.models import Model
from django.urls import NoReverseMatch, reverse
from django.utils.http import urlencode

from campaigns.models import AuditEntry, Workspace
from campaigns.services.access import find_workspaces, has_role
from campaigns.services.permissions import Role

# Kinds with an operator page; of all others the admin may have one.
PAGES = {
    "campaign": "campaign",
    "transfer": "transfer",
    "segment": "segment",
    "label": "label",
    "messagetemplate": "template",
    "testgroup": "test_group",
    "import": "import",
    "job": "job",
    "person": "person",
    "device": "device",
}


def find_history(principal: Any, row: Model, workspace: Workspace) -> str:
    """Where the log says what was done to a row; "" for who may not read it."""
    if not has_role(principal, workspace, Role.ADMIN):
        return ""
    asked = {"workspace": workspace.slug, "kind": str(row._meta.model_name), "number": row.pk}
    return f"{reverse('audit')}?{urlencode(asked)}"


def find_list_history(principal: Any, kind: type[Model]) -> str:
    """The same of a list whose rows the log does not name."""
    if not find_workspaces(principal, Role.ADMIN).exists():
        return ""
    return f"{reverse('audit')}?{urlencode({'kind': str(kind._meta.model_name)})}"


def find_row_page(entry: AuditEntry) -> str:
    """Where one sees the row that an entry is about; "" where there is no such page."""
    if not entry.target_id.isdecimal():
        return ""
    name = PAGES.get(entry.target_type, f"admin:campaigns_{entry.target_type}_change")
    try:
        return reverse(name, args=[int(entry.target_id)])
    except NoReverseMatch:
        return ""
