"""Apps, app groups and custom events (vendor pages of the same names, wire facts section 2).

The pages give the fields of the items; the names of the lists, where no page shows them, are ours.
"""

from __future__ import annotations

from typing import Any, NoReturn

from providers.audience_calls import AppGroupRow, AppGroupRows, AppRow, AppRows, ListAppGroups
from providers.audience_calls import ListApps as ListOwnApps
from providers.inbound import Call, Reply
from providers.message_fields import Platform
from providers.outcomes import Refusal, RefusalKind
from providers.schedules import (
    DropRecord,
    FetchRecord,
    ListRecords,
    RecordRow,
    RecordRows,
    SaveRecord,
)

from .wire_values import Block, read_body, read_path_id, read_query_number, refuse

EVENT = "event"
SYSTEM_EVENTS = ("install", "reg", "dep")
PER_PAGE = 50
MAX_PER_PAGE = 1_000
CREDENTIALS = {"firebase": Platform.ANDROID, "apns": Platform.IOS, "webpush": Platform.WEB}


def refuse_change(call: Call) -> NoReturn:
    """Apps and app groups belong to the administrators of the workspace."""
    raise Refusal(RefusalKind.FORBIDDEN, "apps and app groups are changed in the admin only")


def read_list_apps(call: Call) -> ListOwnApps:
    return ListOwnApps()


def read_fetch_app(call: Call) -> ListOwnApps:
    return ListOwnApps(read_path_id(call.path["app"], "app"))


def write_apps(rows: AppRows, call: Call) -> Reply:
    """Nothing is archived here, so a list of what is archived is empty."""
    shown = () if _wants_archived(call) else rows.rows
    return Reply(200, {"apps": [write_app(row) for row in shown]})


def write_fetched_app(rows: AppRows, call: Call) -> Reply:
    [row] = rows.rows
    return Reply(200, write_app(row))


def write_app(row: AppRow) -> dict[str, Any]:
    creds = {f"has_{name}_creds": place in row.platforms for name, place in CREDENTIALS.items()}
    return {
        "id": int(row.id),
        "pushexpress_id": str(row.identifiers.get("pushexpress_id", "")),
        "name": row.name,
        "groups": [int(group) for group in row.groups],
        "archived": False,
        **creds,
    }


def read_apps(body: Any) -> tuple[str, ...]:
    """The names of the apps; the list may stand alone or under `apps`."""
    items = body["apps"] if isinstance(body, dict) else body
    return tuple(str(item.get("name") or item["id"]) for item in items)


def _wants_archived(call: Call) -> bool:
    return call.query.get("archived", "").lower() in {"true", "1"}


def read_list_groups(call: Call) -> ListAppGroups:
    return ListAppGroups()


def read_fetch_group(call: Call) -> ListAppGroups:
    return ListAppGroups(read_path_id(call.path["group"], "app group"))


def write_groups(rows: AppGroupRows, call: Call) -> Reply:
    shown = () if _wants_archived(call) else rows.rows
    return Reply(200, {"app_groups": [write_group(row) for row in shown]})


def write_fetched_group(rows: AppGroupRows, call: Call) -> Reply:
    [row] = rows.rows
    return Reply(200, write_group(row))


def write_group(row: AppGroupRow) -> dict[str, Any]:
    return {
        "id": int(row.id),
        "name": row.name,
        "app_ids": [int(app) for app in row.apps],
        "all_apps": False,
        "archived": False,
    }


def read_event(block: Block) -> dict[str, Any]:
    """A custom event; its code is the one that filters name."""
    code = block.take_text("code", 64)
    if not (code.isascii() and code.replace("_", "").isalnum()):
        raise refuse(block.at("code"), "must be made of letters, digits and _")
    if code in SYSTEM_EVENTS:
        raise refuse(block.at("code"), "is the code of a system event")
    return {"name": block.take_text("name"), "code": code}


def read_create_event(call: Call) -> SaveRecord:
    return SaveRecord(kind=EVENT, body=read_event(read_body(call.body)))


def read_update_event(call: Call) -> SaveRecord:
    body = read_event(read_body(call.body))
    return SaveRecord(kind=EVENT, id=_read_event_id(call), body=body)


def read_fetch_event(call: Call) -> FetchRecord:
    return FetchRecord(EVENT, _read_event_id(call))


def read_delete_event(call: Call) -> DropRecord:
    return DropRecord(EVENT, _read_event_id(call))


def read_activate_event(call: Call) -> SaveRecord:
    return SaveRecord(kind=EVENT, id=_read_event_id(call), body=None, is_archived=False)


def read_deactivate_event(call: Call) -> SaveRecord:
    return SaveRecord(kind=EVENT, id=_read_event_id(call), body=None, is_archived=True)


def read_list_events(call: Call) -> ListRecords:
    page = read_query_number(call.query, "page", 1, 2**31)
    size = read_query_number(call.query, "per_page", PER_PAGE, MAX_PER_PAGE)
    return ListRecords(EVENT, page=page, size=size)


def _read_event_id(call: Call) -> str:
    return read_path_id(call.path["event"], "event")


def write_event(row: RecordRow) -> dict[str, Any]:
    return {
        "id": int(row.id),
        "name": row.body["name"],
        "code": row.body["code"],
        "status": 0 if row.is_archived else 1,
        "type": "CUSTOM",
    }


def write_created_event(row: RecordRow, call: Call) -> Reply:
    return Reply(201, {"id": int(row.id)})


def write_fetched_event(row: RecordRow, call: Call) -> Reply:
    return Reply(200, write_event(row))


def write_events(rows: RecordRows, call: Call) -> Reply:
    pagination = {
        "page": rows.page,
        "per_page": rows.size,
        "total_pages": -(-rows.total // rows.size),
        "total_count": rows.total,
    }
    return Reply(200, {"events": [write_event(row) for row in rows.rows], "pagination": pagination})
