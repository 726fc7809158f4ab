"""Report folders of an app: made, renamed, archived and brought back. Never an audience."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from campaigns.errors import Conflict, Invalid
from campaigns.models import App, Group
from campaigns.models.apps import DEFAULT_GROUP, MAX_SEND_RATE, MIN_SEND_RATE
from campaigns.selectors.audience_fields import find_text_fault
from campaigns.services.access import record_audit

MAX_GROUP_NAME = 255


def check_name(name: Any, maximum: int, field: str = "name") -> str:
    """The name without blanks around it; raises Invalid when nothing is left, or too much."""
    fault = find_text_fault(name, maximum) if name else _("Give it a name.")
    if not fault and not name.strip():
        fault = _("Give it a name.")
    if fault:
        raise Invalid(fault, fields={field: fault})
    return str(name).strip()


def create_group(
    app: App, *, name: str, send_rate: int | None = None, actor: str, now: datetime
) -> Group:
    """Make a folder; `send_rate` in messages per second, None for the highest.

    Raises Invalid for a wrong value, Conflict when the app has a group of that name, archived
    ones included.
    """
    group = Group(app=app, name=check_name(name, MAX_GROUP_NAME), send_rate=_check_rate(send_rate))
    _save_group(group, "create", ("name", "send_rate"), actor, now)
    return group


def update_group(
    group: Group, *, name: str | None = None, send_rate: int | None = None,
    actor: str, now: datetime,
) -> Group:  # fmt: skip
    """Change what is given; raises as `create_group` does."""
    changed = []
    if name is not None and name != group.name:
        _refuse_default(group, _("The default group keeps its name."))
        group.name = check_name(name, MAX_GROUP_NAME)
        changed.append("name")
    if send_rate is not None and send_rate != group.send_rate:
        group.send_rate = _check_rate(send_rate)
        changed.append("send_rate")
    if changed:
        _save_group(group, "update", changed, actor, now)
    return group


def archive_group(group: Group, *, actor: str, now: datetime) -> Group:
    """Nothing new goes into it; its reports stay. Archiving it again changes nothing."""
    _refuse_default(group, _("The default group cannot be archived."))
    return _set_archived(group, now, "archive", actor, now)


def restore_group(group: Group, *, actor: str, now: datetime) -> Group:
    """Take it out of the archive; restoring it again changes nothing."""
    return _set_archived(group, None, "restore", actor, now)


def _set_archived(
    group: Group, archived_at: datetime | None, verb: str, actor: str, now: datetime
) -> Group:
    unmoved = Group.objects.filter(pk=group.pk, archived_at__isnull=archived_at is not None)
    with transaction.atomic():
        if unmoved.update(archived_at=archived_at):
            record_audit(actor, verb, group, workspace=group.app.workspace, now=now)
            group.archived_at = archived_at
    return group


def _refuse_default(group: Group, sentence: str) -> None:
    if group.name == DEFAULT_GROUP:
        raise Conflict(sentence, code="default_group")


def _check_rate(send_rate: int | None) -> int:
    if send_rate is None:
        return MAX_SEND_RATE
    is_whole = isinstance(send_rate, int) and not isinstance(send_rate, bool)
    if not is_whole or not MIN_SEND_RATE <= send_rate <= MAX_SEND_RATE:
        fault = _("The send rate is a whole number from %(least)s to %(most)s.") % {
            "least": MIN_SEND_RATE, "most": MAX_SEND_RATE,
        }  # fmt: skip
        raise Invalid(fault, fields={"send_rate": fault})
    return send_rate


def _save_group(group: Group, verb: str, fields: Any, actor: str, now: datetime) -> None:
    save_named(group, _("This app already has a group of that name."))
    record_audit(actor, verb, group, workspace=group.app.workspace, fields=fields, now=now)


def save_named(row: Group | Any, taken: str, fields: Iterable[str] | None = None) -> None:
    """Save a row whose name is unique in its app; raises Conflict with the sentence `taken`.

    Of a row that is there already only `fields` are written, if they are given.
    """
    try:
        with transaction.atomic():
            row.save(update_fields=None if row._state.adding else fields)
    except IntegrityError as error:
        raise Conflict(taken, code="name_taken", fields={"name": taken}) from error
