"""Labels and their members (the vendor's page "Push labels")."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any

from providers.audience_calls import (
    ChangeMembers,
    CreateLabel,
    DeleteLabel,
    FetchLabel,
    FetchMember,
    LabelRow,
    LabelRows,
    ListLabels,
    ListMembers,
    MemberRow,
    MemberRows,
    MembersChanged,
)
from providers.fields import is_storable
from providers.inbound import Call
from providers.outcomes import Reason

from .wire import read_app
from .wire_errors import refuse_parameter
from .wire_values import read_body, read_limit, read_moment, read_piece, write_moment

LABELS_PATH = "push/label"
LABEL_PATH = "push/label/{label}"
MEMBERS_PATH = "push/label/{label}/user"
MEMBER_PATH = "push/label/{label}/user/{member}"

MAX_NAME, MAX_DESCRIPTION = 64, 255
MAX_MEMBERS = 100  # of one call
MAX_ROWS = 100
FAILURES = {Reason.UNKNOWN_ID.value: "appUser not exists"}  # as of a recipient
APP_LABELS, LABEL_USERS = 100, 20_000
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_CURSOR = "easemob:push:label:cursor:"
MAX_CURSOR = 512


def is_name(text: str) -> bool:
    """Whether a text may be a label's name at the vendor."""
    return _NAME.fullmatch(text) is not None


def write_create_label(command: CreateLabel) -> dict[str, Any]:
    body = {"name": command.name}
    return {**body, "description": command.description} if command.description else body


def read_create_label(call: Call) -> CreateLabel:
    body = read_body(call)
    name = body.take_text("name", MAX_NAME)
    if not is_name(name):
        raise refuse_parameter("name", "may hold letters, digits, '_', '.' and '-' only")
    return CreateLabel(read_app(call), name, body.find_text("description", MAX_DESCRIPTION) or "")


def read_fetch_label(call: Call) -> FetchLabel:
    return FetchLabel(read_app(call), read_piece(call, "label"))


def read_delete_label(call: Call) -> DeleteLabel:
    return DeleteLabel(read_app(call), read_piece(call, "label"))


def write_page_query(limit: int, cursor: str) -> dict[str, str]:
    query = {"limit": str(limit)}
    return {**query, "cursor": cursor} if cursor else query


def read_list_labels(call: Call) -> ListLabels:
    return ListLabels(read_app(call), read_limit(call, MAX_ROWS), read_cursor(call))


def read_list_members(call: Call) -> ListMembers:
    limit, cursor = read_limit(call, MAX_ROWS), read_cursor(call)
    return ListMembers(read_app(call), read_piece(call, "label"), limit, cursor)


def write_cursor(cursor: str) -> str:
    """Our place in a list, as the vendor's samples look: Base64 without padding."""
    if not cursor:
        return ""
    return base64.urlsafe_b64encode((_CURSOR + cursor).encode()).decode().rstrip("=")


def read_cursor(call: Call) -> str:
    text = call.query.get("cursor", "").strip()
    if not text:
        return ""
    try:
        content = base64.urlsafe_b64decode(text[:MAX_CURSOR] + "=" * (-len(text) % 4)).decode()
    except (binascii.Error, ValueError):
        content = ""
    cursor = content.removeprefix(_CURSOR)
    if cursor == content or not is_storable(cursor):
        raise refuse_parameter("cursor", "is none that we gave")
    return cursor


def write_members(names: tuple[str, ...]) -> dict[str, Any]:
    """The body of both calls that change members."""
    return {"usernames": list(names)}


def read_add_members(call: Call) -> ChangeMembers:
    return ChangeMembers(
        app=read_app(call), label=read_piece(call, "label"), add=_read_usernames(call)
    )


def read_remove_members(call: Call) -> ChangeMembers:
    return ChangeMembers(
        app=read_app(call), label=read_piece(call, "label"), remove=_read_usernames(call)
    )


def _read_usernames(call: Call) -> tuple[str, ...]:
    return read_body(call).take_texts("usernames", MAX_MEMBERS)


def read_fetch_member(call: Call) -> FetchMember:
    return FetchMember(read_app(call), read_piece(call, "label"), read_piece(call, "member"))


def write_label(row: LabelRow, *, has_count: bool = True) -> dict[str, Any]:
    """A label; the answer to making one has no count."""
    body: dict[str, Any] = {"name": row.name, "description": row.description}
    if has_count:
        body["count"] = row.count
    return {**body, "createdAt": write_moment(row.created_at)}


def read_label(data: Any) -> LabelRow:
    return LabelRow(
        name=str(data["name"]),
        description=str(data.get("description") or ""),
        count=int(data.get("count") or 0),
        created_at=read_moment(data["createdAt"]),
    )


def write_labels(rows: LabelRows) -> list[dict[str, Any]]:
    return [write_label(row) for row in rows.rows]


def read_labels(body: Any) -> LabelRows:
    rows = tuple(read_label(item) for item in body["data"])
    return LabelRows(rows, str(body.get("cursor") or ""))


def write_member(row: MemberRow) -> dict[str, Any]:
    return {"username": row.person, "created": write_moment(row.added_at)}


def read_member(data: Any) -> MemberRow:
    return MemberRow(str(data["username"]), read_moment(data["created"]))


def write_member_rows(rows: MemberRows) -> list[dict[str, Any]]:
    return [write_member(row) for row in rows.rows]


def read_member_rows(body: Any) -> MemberRows:
    rows = tuple(read_member(item) for item in body["data"])
    return MemberRows(rows, str(body.get("cursor") or ""))


def write_members_changed(answer: MembersChanged) -> dict[str, Any]:
    failed = {name: FAILURES.get(why, why) for name, why in answer.failed.items()}
    return {"success": list(answer.done), "fail": failed}


def read_members_changed(data: Any) -> MembersChanged:
    failed = {str(name): str(why) for name, why in (data.get("fail") or {}).items()}
    return MembersChanged(tuple(map(str, data["success"])), failed)
