"""Push plans: names that sends are counted by (vendor page "Push Plan API"; its own clients'
models). A plan is used by a push whose tag it is.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from providers.inbound import Call
from providers.schedules import DropRecord, ListRecords, RecordRow, RecordRows, SaveRecord

from .wire_sends import MAX_PLAN
from .wire_values import read_body, read_query_number, refuse_type, refuse_value

PLANS_PATH = "v4/push_plan"
LIST_PATH = "v4/push_plan/list"
PLAN_PATH = "v4/push_plan/{plan_id}"
MANY_PATH = "v4/push_plan/batch/{plan_ids}"

KIND = "plan"
KEY = "plan_id"
MAX_DESCRIPTION = 1024
MAX_PAGE = 100
MAX_MANY = 100
DEFAULT_SIZE = 10


def read_plan(call: Call) -> SaveRecord:
    """Make a plan, or change the description of the one of that id."""
    body = read_body(call.body)
    plan_id = body.take_text("plan_id", MAX_PLAN)
    text = body.find_text("plan_description", MAX_DESCRIPTION) or ""
    described = {"plan_id": plan_id, "plan_description": text}
    return SaveRecord(kind=KIND, key=KEY, body=described)


def write_plan_saved(row: RecordRow) -> dict[str, Any]:
    return {"plan_id": row.body["plan_id"]}


def read_list_plans(call: Call) -> ListRecords:
    """`send_source` tells the vendor's console from its API; all of ours come by the API."""
    return ListRecords(
        KIND,
        page=read_query_number(call.query, "page_index", 1, 10**6),
        size=read_query_number(call.query, "page_size", DEFAULT_SIZE, MAX_PAGE),
        search=call.query.get("search_description", "")[:MAX_DESCRIPTION],
        tag_key=KEY,
    )


def write_plans(rows: RecordRows) -> dict[str, Any]:
    return {"push_plan_info": [_write_row(row) for row in rows.rows], "total": rows.total}


def _write_row(row: RecordRow) -> dict[str, Any]:
    """`last_used_time` only of one that was used."""
    body = {**row.body, "count": row.uses or 0, "create_time": _write_time(row.created_at)}
    if row.last_used_at is not None:
        body["last_used_time"] = _write_time(row.last_used_at)
    return body


def _write_time(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def read_drop_plan(call: Call) -> DropRecord:
    return DropRecord(KIND, key=KEY, values=(_take_id(call.path["plan_id"]),))


def _take_id(text: str) -> str:
    if len(text.encode()) > MAX_PLAN or "\0" in text:
        raise refuse_value("plan_id", "is none")
    return text


def read_drop_plans(call: Call) -> DropRecord:
    """Several, by commas."""
    texts = tuple(dict.fromkeys(filter(None, call.path["plan_ids"].split(","))))
    if not texts or len(texts) > MAX_MANY:
        raise refuse_type("plan_ids", f"must be 1 to {MAX_MANY} ids")
    return DropRecord(KIND, key=KEY, values=tuple(map(_take_id, texts)))
