"""What calls about report groups do."""

from __future__ import annotations

from campaigns.models import ApiKey, Group
from campaigns.services import groups
from campaigns.services.callers import Acts, Caller, find_app, find_group
from providers import commands
from providers.commands import Done

Scope = ApiKey.Scope


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


ACTS: Acts = {
    commands.CreateGroup: (Scope.COMPOSE, _create_group),
    commands.ListGroups: (Scope.READ, _list_groups),
    commands.FetchGroup: (Scope.READ, _fetch_group),
    commands.UpdateGroup: (Scope.COMPOSE, _update_group),
    commands.ArchiveGroup: (Scope.COMPOSE, _archive_group),
    commands.RestoreGroup: (Scope.COMPOSE, _restore_group),
}
