"""What a script's call through a dialect's door does: the one place where commands are executed.

Pushes are `intake_push`'s. Whatever belongs to somebody else is answered as if it were not there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from campaigns.errors import Invalid, NotFound
from campaigns.models import ApiKey, App, Group, Transfer
from campaigns.selectors.reports import report_table
from campaigns.selectors.status import transfer_state
from campaigns.services import groups
from campaigns.services.access import name_actor, record_audit, require_scope
from campaigns.services.intake_push import accept_push
from providers import commands
from providers.commands import Done
from providers.contract import Dialect

Scope = ApiKey.Scope
MAX_ID = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, in which dialect, how many installations the call has come through, and when."""

    key: ApiKey
    dialect: Dialect
    now: datetime
    hops: int = 0

    @property
    def actor(self) -> str:
        return name_actor(self.key)


def execute(command: commands.Command, caller: Caller) -> commands.Answer:
    """Do what a dialect has read; raises Refusal."""
    scope, act = _ACTS[type(command)]
    require_scope(caller.key, scope)
    return act(command, caller)


def find_app(text: str, caller: Caller) -> App:
    """The app of that id, if the key reaches it; raises NotFound."""
    app: App | None = App.objects.for_user(caller.key).filter(pk=_read_id(text)).first()
    if app is None:
        raise NotFound(_("There is no such app."))
    return app


def find_group(text: str, caller: Caller) -> Group:
    """The group of that id, if the key reaches its app; raises NotFound."""
    visible = Group.objects.for_user(caller.key).select_related("app__workspace")
    group: Group | None = visible.filter(pk=_read_id(text)).first()
    if group is None:
        raise NotFound(_("There is no such group."))
    return group


def _read_id(text: str) -> int:
    """0, which is nobody's id, for what is no id."""
    is_id = text.isascii() and text.isdigit() and len(text) <= 19
    return int(text) if is_id and int(text) <= MAX_ID else 0


def _create_group(command: commands.CreateGroup, caller: Caller) -> commands.GroupRow:
    return _describe_group(
        groups.create_group(
            find_app(command.app, caller),
            name=command.name,
            send_rate=command.send_rate,
            actor=caller.actor,
            now=caller.now,
        )
    )


def _list_groups(command: commands.ListGroups, caller: Caller) -> commands.GroupRows:
    app = find_app(command.app, caller)
    return commands.GroupRows(tuple(_describe_group(row) for row in app.groups.order_by("pk")))


def _fetch_group(command: commands.FetchGroup, caller: Caller) -> commands.GroupRow:
    return _describe_group(find_group(command.group, caller))


def _update_group(command: commands.UpdateGroup, caller: Caller) -> commands.GroupRow:
    return _describe_group(
        groups.update_group(
            find_group(command.group, caller),
            name=command.name,
            send_rate=command.send_rate,
            actor=caller.actor,
            now=caller.now,
        )
    )


def _archive_group(command: commands.ArchiveGroup, caller: Caller) -> Done:
    groups.archive_group(find_group(command.group, caller), actor=caller.actor, now=caller.now)
    return Done()


def _restore_group(command: commands.RestoreGroup, caller: Caller) -> Done:
    groups.restore_group(find_group(command.group, caller), actor=caller.actor, now=caller.now)
    return Done()


def _describe_group(group: Group) -> commands.GroupRow:
    return commands.GroupRow(
        id=str(group.pk),
        app=str(group.app_id),
        name=group.name,
        send_rate=group.send_rate,
        is_archived=group.archived_at is not None,
    )


def _send_push(command: commands.SendPush, caller: Caller) -> commands.Accepted:
    return accept_push(
        command,
        _find_push_group(command, caller),
        key=caller.key,
        dialect=caller.dialect,
        hops=caller.hops,
        now=caller.now,
    )


def _find_push_group(command: commands.SendPush, caller: Caller) -> Group:
    """The group that the call names; in a dialect without groups, the app's one of its name."""
    if caller.dialect.has_groups:
        return find_group(command.group, caller)
    app = find_app(command.app, caller) if command.app else _find_only_app(caller)
    group, is_new = Group.objects.get_or_create(app=app, name=caller.dialect.label)
    if is_new:
        record_audit(
            caller.actor, "create", group, workspace=app.workspace, fields=("name",), now=caller.now
        )
    return group


def _find_only_app(caller: Caller) -> App:
    apps: list[App] = list(App.objects.for_user(caller.key).select_related("workspace")[:2])
    if len(apps) != 1:
        raise Invalid(_("Name the app: this key is not for exactly one."))
    return apps[0]


def _fetch_status(command: commands.FetchStatus, caller: Caller) -> commands.TransferStatus:
    transfer = _find_transfer(command, caller)
    told = transfer_state(transfer)
    return commands.TransferStatus(
        transfer=str(transfer.pk),
        group=str(transfer.group_id),
        tag=transfer.tag,
        state=told.state,
        created_at=transfer.created_at.astimezone(ZoneInfo(transfer.app.timezone)),
        faults=told.faults,
        client_key=command.client_key,
    )


def _find_transfer(command: commands.FetchStatus, caller: Caller) -> Transfer:
    visible = Transfer.objects.for_user(caller.key).select_related("app")
    if command.client_key:
        found = visible.filter(group_id=_read_id(command.group), client_key=command.client_key)
    else:
        found = visible.filter(pk=_read_id(command.transfer))
    transfer: Transfer | None = found.first()
    if transfer is None:
        raise NotFound(_("There is no such transfer."))
    return transfer


def _fetch_report(command: commands.FetchReport, caller: Caller) -> commands.ReportTable:
    apps = [find_app(text, caller).pk for text in command.apps]
    return report_table(apps, command, caller.now)


_ACTS: dict[type[Any], tuple[str, Callable[[Any, Caller], commands.Answer]]] = {
    commands.CreateGroup: (Scope.COMPOSE, _create_group),
    commands.ListGroups: (Scope.READ, _list_groups),
    commands.FetchGroup: (Scope.READ, _fetch_group),
    commands.UpdateGroup: (Scope.COMPOSE, _update_group),
    commands.ArchiveGroup: (Scope.COMPOSE, _archive_group),
    commands.RestoreGroup: (Scope.COMPOSE, _restore_group),
    commands.SendPush: (Scope.SEND, _send_push),
    commands.FetchStatus: (Scope.READ, _fetch_status),
    commands.FetchReport: (Scope.READ, _fetch_report),
}
