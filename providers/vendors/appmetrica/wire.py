"""Authorization and groups as the Push API writes them (seed section "Creating a group", vendor
pages of the same calls). Sends, transfers, reports and errors have files of their own.
"""

from __future__ import annotations

from typing import Any

from providers.commands import (
    ArchiveGroup,
    CreateGroup,
    FetchGroup,
    GroupRow,
    GroupRows,
    ListGroups,
    RestoreGroup,
    UpdateGroup,
)
from providers.inbound import ApiCredentials, Call
from providers.outcomes import Refusal, RefusalKind

from .wire_values import (
    Block,
    read_body,
    read_id,
    read_path_number,
    read_query_number,
    refuse_missing,
)

GROUPS_PATH = "push/v1/management/groups"
GROUP_PATH = "push/v1/management/group/{group}"
RESTORE_PATH = "push/v1/management/group/{group}/restore"

MIN_SEND_RATE = 100
MAX_SEND_RATE = 5000  # also the default


def write_authorization(key: str) -> str:
    return f"OAuth {key}"


def write_headers(token: str) -> dict[str, str]:
    return {"Authorization": write_authorization(token)}


def read_authorization(call: Call) -> ApiCredentials:
    """The key of `Authorization: OAuth <key>`.

    One page of the vendor allows the token among the parameters, another says that it does not
    work there: only the header counts.
    """
    scheme, _, key = call.headers.get("authorization", "").strip().partition(" ")
    if scheme.lower() != "oauth" or not key.strip():
        message = "Send the header Authorization: OAuth <token>."
        raise Refusal(RefusalKind.UNAUTHENTICATED, message)
    return ApiCredentials(key.strip())


def write_group(row: GroupRow) -> dict[str, Any]:
    """A group, always with its rate: the seed's sample has none, the reference does."""
    return {
        "id": int(row.id),
        "app_id": int(row.app),
        "name": row.name,
        "send_rate": row.send_rate,
    }


def read_group(body: Any) -> GroupRow:
    return GroupRow(
        id=read_id(body["id"]),
        app=read_id(body["app_id"]),
        name=str(body["name"]),
        send_rate=int(read_id(body.get("send_rate") or MAX_SEND_RATE)),
    )


def write_group_reply(row: GroupRow) -> dict[str, Any]:
    return {"group": write_group(row)}


def read_group_reply(body: Any) -> GroupRow:
    return read_group(body["group"])


def write_groups(rows: GroupRows) -> dict[str, Any]:
    return {"groups": [write_group(row) for row in rows.rows]}


def read_groups(body: Any) -> GroupRows:
    return GroupRows(tuple(read_group(row) for row in body["groups"]))


def write_create_group(command: CreateGroup) -> dict[str, Any]:
    group: dict[str, Any] = {"app_id": int(command.app), "name": command.name}
    if command.send_rate is not None:
        group["send_rate"] = command.send_rate
    return {"group": group}


def read_create_group(call: Call) -> CreateGroup:
    group = read_body(call.body).take_block("group")
    app = str(group.take_number("app_id"))
    return CreateGroup(app, group.take_text("name"), _read_send_rate(group))


def write_update_group(command: UpdateGroup) -> dict[str, Any]:
    group: dict[str, Any] = {"name": command.name}
    if command.send_rate is not None:
        group["send_rate"] = command.send_rate
    return {"group": group}


def read_update_group(call: Call) -> UpdateGroup:
    key = read_group_key(call)
    group = read_body(call.body).take_block("group")
    return UpdateGroup(key, group.take_text("name"), _read_send_rate(group))


def write_list_groups(command: ListGroups) -> dict[str, str]:
    """The call's parameters."""
    return {"app_id": command.app}


def read_list_groups(call: Call) -> ListGroups:
    app = read_query_number(call.query, "app_id")
    if app is None:
        raise refuse_missing("app_id")
    return ListGroups(str(app))


def read_fetch_group(call: Call) -> FetchGroup:
    return FetchGroup(read_group_key(call))


def read_archive_group(call: Call) -> ArchiveGroup:
    return ArchiveGroup(read_group_key(call))


def read_restore_group(call: Call) -> RestoreGroup:
    return RestoreGroup(read_group_key(call))


def write_done() -> dict[str, Any]:
    """Answer of archive and restore: undocumented, but every known client parses JSON there."""
    return {"success": True}


def read_group_key(call: Call) -> str:
    return read_path_number(call.path["group"], "group")


def _read_send_rate(group: Block) -> int | None:
    return group.find_number("send_rate", MIN_SEND_RATE, MAX_SEND_RATE)
