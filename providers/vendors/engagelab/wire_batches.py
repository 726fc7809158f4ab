"""Many pushes in one call, one per target, each taken or refused by itself (vendor page "Batch
Push"; its own clients' models).
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from providers.commands import Accepted, AcceptedMany, SendPush, SendPushes
from providers.inbound import Call
from providers.outcomes import Refusal

from .wire_errors import Code, find_number
from .wire_sends import read_push_body
from .wire_targets import MAX_ID, MAX_NAME, REGISTRATION_ID
from .wire_values import Block, read_body, refuse_missing, refuse_type, refuse_value

REGID_PATH = "v4/batch/push/regid"
ALIAS_PATH = "v4/batch/push/alias"
MAX_TARGETS = 500
ALIAS = "alias"
BODY_KEYS = ("platform", "notification", "message", "live_activity", "voip", "options")
LONGEST = {REGISTRATION_ID: MAX_ID, ALIAS: MAX_NAME}


def list_targets(body: Any) -> list[str]:
    """The targets of a call that has been read, in its order."""
    return [item["target"] for item in body["requests"]]


def _read_batch(kind: str, call: Call) -> SendPushes:
    items = _take_items(read_body(call.body))
    targets = [item.take_text("target", LONGEST[kind]) for item in items]
    if len(set(targets)) < len(targets):
        raise refuse_value("requests", "names a target twice")
    pairs = zip(items, targets, strict=True)
    return SendPushes(tuple(_read_item(item, kind, target) for item, target in pairs))


read_regid_batch = partial(_read_batch, REGISTRATION_ID)
read_alias_batch = partial(_read_batch, ALIAS)


def _take_items(body: Block) -> list[Block]:
    requests = body.values.get("requests")
    if not requests:
        raise refuse_missing("requests")
    if not isinstance(requests, list) or not all(isinstance(item, dict) for item in requests):
        raise refuse_type("requests", "must be a list of objects")
    if len(requests) > MAX_TARGETS:
        raise refuse_type("requests", f"must have at most {MAX_TARGETS} entries")
    return [Block(item, f"requests[{index}]") for index, item in enumerate(requests)]


def _read_item(item: Block, kind: str, target: str) -> SendPush:
    """One entry: its content stands beside its target, not in a body of its own."""
    body = {name: item.values[name] for name in BODY_KEYS if item.values.get(name) is not None}
    push: dict[str, Any] = {"to": {kind: [target]}, "body": body}
    arguments = item.values.get("custom_args")
    if arguments is not None:
        push["custom_args"] = arguments
    return read_push_body(Block(push, item.path))


def write_batch(accepted: AcceptedMany, targets: Iterable[str], kind: str) -> dict[str, Any]:
    """By target, an id (here a number) or an error."""
    pairs = zip(targets, accepted.entries, strict=True)
    results = {target: _write_entry(target, entry, kind) for target, entry in pairs}
    throttled = [entry for entry in accepted.entries if _is_throttled(entry)]
    message = throttled[0].message if throttled and isinstance(throttled[0], Refusal) else ""
    limit = {"message": message, "rate_limit_occurred": bool(throttled)}
    return {"results": results, "rate_limit_info": limit}


def _write_entry(target: str, entry: Accepted | Refusal, kind: str) -> dict[str, Any]:
    if isinstance(entry, Accepted):
        return {"target": target, "success": True, "msg_id": int(entry.transfer)}
    _status, code = find_number(entry)
    if code is Code.NO_TARGET and kind == REGISTRATION_ID:
        code = Code.UNKNOWN_DEVICE
    error = {"code": int(code), "message": entry.message}
    return {"target": target, "success": False, "error": error}


def _is_throttled(entry: Accepted | Refusal) -> bool:
    return isinstance(entry, Refusal) and find_number(entry)[1] is Code.THROTTLED
