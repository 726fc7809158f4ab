"""A push to an application group and its answer: an entry per app, by its AppKey, beside the id of
the whole (seed sections "Request Example", "Successful Response", "Failed Response").

A client takes every key but `group_msgid` for an app. So a failure of the whole is never answered
with success: its `error` would be one more app.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from providers.commands import Accepted, AcceptedMany, SendPush
from providers.inbound import Call
from providers.outcomes import Refusal, RefusalKind

from .wire import GROUP_PREFIX, read_authorization
from .wire_errors import Code, Refused, find_number, read_error_words, write_error
from .wire_sends import move_options, read_msg_id, read_push_body, write_accepted
from .wire_values import read_body

GROUP_PATH = "v4/grouppush"
MESSAGE_ID = "group_msgid"


def read_group_push(call: Call) -> SendPush:
    """A push to the group whose key the caller shows, with `group-` before it or without."""
    block = read_body(call.body)
    options = move_options(block).find_block("options")
    if options is not None and options.values.get("override_msg_id") is not None:
        words = "override_msg_id is not supported in a group push."
        raise Refused(Code.BAD_VALUE, words, field=options.at("override_msg_id"))
    key = read_authorization(call).key.removeprefix(GROUP_PREFIX)
    return replace(read_push_body(block), app_group=key)


def write_group_accepted(accepted: AcceptedMany, request_id: Any = None) -> dict[str, Any]:
    """An id or an error per app, all under success: one app's failure leaves the others alone."""
    pairs = zip(accepted.names, accepted.entries, strict=True)
    apps = {name: _write_entry(entry, request_id) for name, entry in pairs}
    return {**apps, MESSAGE_ID: accepted.reference}


def read_group_accepted(body: Mapping[str, Any]) -> AcceptedMany:
    """KeyError or ValueError for what is no such answer."""
    apps = {
        name: entry
        for name, entry in body.items()
        if name != MESSAGE_ID
        and isinstance(entry, dict)
        and ("error" in entry or "msg_id" in entry)
    }
    if not apps:
        raise ValueError("no app")
    return AcceptedMany(
        entries=tuple(_read_entry(entry) for entry in apps.values()),
        reference=str(body[MESSAGE_ID]),
        names=tuple(apps),
    )


def _write_entry(entry: Accepted | Refusal, request_id: Any) -> dict[str, Any]:
    if isinstance(entry, Accepted):
        return write_accepted(entry, request_id)
    _status, code = find_number(entry)
    return write_error(code, entry.message)


def _read_entry(entry: Mapping[str, Any]) -> Accepted | Refusal:
    if "error" not in entry:
        return Accepted(read_msg_id(entry["msg_id"]))
    code, words = read_error_words(entry)
    words = words.removeprefix(f"{code}: ")
    known = code in set(Code)
    return Refused(Code(code), words) if known else Refusal(RefusalKind.INVALID, words)
