"""The library of message templates: kept, changed, put away, taken out again."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from campaigns.errors import ChangedMeanwhile, Conflict, Invalid, NotFound
from campaigns.models import App, MessageTemplate, Workspace
from campaigns.selectors.audience_fields import find_text_fault
from campaigns.services.access import record_audit
from campaigns.services.groups import check_name, save_named
from providers.message_faults import find_address_faults, find_message_faults
from providers.message_json import read_message, write_message

MAX_NAME = 120
MAX_DESCRIPTION = 255
MAX_TEMPLATES = 1_000  # of a workspace


@dataclass(frozen=True, slots=True)
class TemplateValues:
    """What a template consists of, still to be checked; None leaves what there is."""

    name: Any = None
    description: Any = None
    content: Any = None


def create_template(
    workspace: Workspace, app: App | None, values: TemplateValues, *, actor: str, now: datetime
) -> MessageTemplate:
    """Keep a message; without an app, for every app of the workspace.

    Raises Invalid with a sentence per wrong path such as `message.android.priority`, and Conflict
    where its place has one of that name, or the workspace as many as it may.
    """
    if MessageTemplate.objects.filter(workspace=workspace).count() >= MAX_TEMPLATES:
        words = _("A workspace has at most %(most)d templates, archived ones included.")
        raise Conflict(words % {"most": MAX_TEMPLATES}, code="too_many_templates")
    template = MessageTemplate(
        workspace=workspace, app=app, created_at=now, created_by=actor, updated_at=now
    )
    given = TemplateValues(values.name or "", values.description or "", values.content or {})
    return _save(template, given, "create_template", actor, now)


def update_template(
    template: MessageTemplate,
    values: TemplateValues,
    *,
    actor: str,
    now: datetime,
    seen: str | None = None,
) -> MessageTemplate:
    """Change what is given; campaigns that began with it stay as they are.

    Raises ChangedMeanwhile where it has been changed since it was read with the `updated_at` that
    is `seen`, in ISO format.
    """
    with transaction.atomic():
        held = MessageTemplate.objects.select_for_update().filter(pk=template.pk).first()
        if held is None:
            raise NotFound(_("There is no such template any more."))
        if seen is not None and held.updated_at.isoformat() != seen:
            raise ChangedMeanwhile(_("Somebody else has just changed this. Reload the page."))
        held.updated_at = now
        return _save(held, values, "update_template", actor, now)


def _save(
    template: MessageTemplate, values: TemplateValues, verb: str, actor: str, now: datetime
) -> MessageTemplate:
    faults = _find_faults(values)
    if faults:
        raise Invalid(next(iter(faults.values())), fields=faults)
    if values.name is not None:
        template.name = check_name(values.name, MAX_NAME)
    if values.description is not None:
        template.description = values.description.strip()
    if values.content is not None:
        template.content = write_message(read_message(values.content))
    given = [name for name in values.__slots__ if getattr(values, name) is not None]
    with transaction.atomic():
        save_named(template, _("There is a template of that name already."))
        record_audit(actor, verb, template, workspace=template.workspace, fields=given, now=now)
    return template


def _find_faults(values: TemplateValues) -> dict[str, str]:
    faults: dict[str, str] = {}
    if values.description:
        fault = find_text_fault(values.description, MAX_DESCRIPTION)
        faults |= {"description": fault} if fault else {}
    if values.content is not None:
        wrong = find_message_faults(values.content)
        wrong = wrong or find_address_faults(read_message(values.content))
        faults |= {f"message.{path}".rstrip("."): words for path, words in wrong.items()}
    return faults


def archive_template(template: MessageTemplate, *, actor: str, now: datetime) -> MessageTemplate:
    """Offer it no more; archiving it again changes nothing."""
    return _set_archived(template, now, "archive_template", actor, now)


def restore_template(template: MessageTemplate, *, actor: str, now: datetime) -> MessageTemplate:
    """Offer it again; restoring it again changes nothing."""
    return _set_archived(template, None, "restore_template", actor, now)


def _set_archived(
    template: MessageTemplate, archived_at: datetime | None, verb: str, actor: str, now: datetime
) -> MessageTemplate:
    rows = MessageTemplate.objects.filter(pk=template.pk)
    with transaction.atomic():
        if rows.filter(archived_at__isnull=archived_at is not None).update(archived_at=archived_at):
            record_audit(actor, verb, template, workspace=template.workspace, now=now)
            template.archived_at = archived_at
    return template


def list_templates(principal: Any, apps: Collection[App], term: str = "") -> QuerySet[Any]:
    """Those that are offered where these apps are sent to, by name; `term` narrows them."""
    workspaces = {app.workspace_id for app in apps}
    rows: QuerySet[Any] = MessageTemplate.objects.for_user(principal)
    rows = rows.filter(archived_at__isnull=True)
    if len(apps) == 1:
        rows = rows.filter(Q(app__in=apps) | Q(app__isnull=True, workspace__in=workspaces))
    else:
        rows = rows.filter(app__isnull=True, workspace__in=workspaces)
    return search_templates(rows, term).order_by("name", "pk")


def search_templates(rows: QuerySet[Any], term: str) -> QuerySet[Any]:
    """Those whose name or description holds the words."""
    found = Q(name__icontains=term) | Q(description__icontains=term)
    return rows.filter(found) if term else rows
