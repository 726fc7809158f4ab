"""The sandbox's JSON, both directions. Described in docs/vendors/sandbox.md, our only source.

Ids travel as columns, not as an object per recipient: 100,000 of them are read in a moment.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from providers.commands import Accepted, PushPart, SendPush
from providers.inbound import Reply
from providers.message_faults import find_message_faults
from providers.message_json import read_message, write_message
from providers.outcomes import (
    HTTP_STATUS,
    Failure,
    Outcome,
    Reason,
    Receipt,
    Refusal,
    RefusalKind,
    Result,
)
from providers.receipts import FetchReceipts, ReceiptEvent, ReceiptKind, ReceiptPage
from providers.recipients import Targets

SEND_PATH = "v1/push"
RECEIPTS_PATH = "v1/receipts"
MAX_RECIPIENTS = 250
MAX_PAGE = 10_000
RECIPIENT_KEYS = frozenset({"ids", "references"})
BEHAVIOUR_HEADER = "X-Simulate"


def write_authorization(key: str) -> str:
    return f"Bearer {key}"


def read_authorization(value: str) -> str:
    """The key of an Authorization header, "" if there is none."""
    scheme, _, key = value.partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""


def write_behaviour(options: Mapping[str, Any]) -> dict[str, str]:
    """A header that asks the simulator to behave otherwise than its process does by default."""
    wishes = {name: value for name, value in sorted(options.items()) if value is not None}
    return {BEHAVIOUR_HEADER: json.dumps(wishes)} if wishes else {}


def write_send(push: SendPush) -> dict[str, Any]:
    body = {
        "idempotency_key": push.client_key,
        "group": push.group,
        "tag": push.tag,
        "name": push.name,
        "expires_in": push.expires_in,
        "pushes": [
            {
                "message": write_message(part.message),
                "recipients": [_write_targets(targets) for targets in part.targets],
            }
            for part in push.parts
        ],
    }
    return {name: value for name, value in body.items() if value not in ("", None)}


def _write_targets(targets: Targets) -> dict[str, Any]:
    body: dict[str, Any] = {"kind": targets.kind, "ids": targets.values}
    if targets.references:
        body["references"] = targets.references
    return body


def read_send(body: Any) -> SendPush:
    body = _expect(body, dict, "")
    return SendPush(
        parts=tuple(
            _read_part(item, f"pushes[{index}]")
            for index, item in enumerate(_expect_some(body, "pushes", ""))
        ),
        group=_read_text(body, "group"),
        tag=_read_text(body, "tag"),
        name=_read_text(body, "name"),
        client_key=_read_text(body, "idempotency_key"),
        expires_in=_read_seconds(body),
    )


def _read_part(item: Any, path: str) -> PushPart:
    item = _expect(item, dict, path)
    message = item.get("message")
    faults = find_message_faults(message)
    if faults:
        name, fault = next(iter(faults.items()))
        field = f"{path}.message.{name}".rstrip(".")
        raise Refusal(RefusalKind.INVALID, f"{field} {fault}", field=field)
    targets = tuple(
        _read_targets(targets, f"{path}.recipients[{index}]")
        for index, targets in enumerate(_expect_some(item, "recipients", path))
    )
    return PushPart(read_message(_expect(message, dict, path)), targets)


def _read_targets(item: Any, path: str) -> Targets:
    item = _expect(item, dict, path)
    ids = _read_ids(item, "ids", path)
    references = _read_ids(item, "references", path) if item.get("references") else ()
    if references and len(references) != len(ids):
        raise Refusal(RefusalKind.INVALID, f"{path}: ids and references differ in number")
    return Targets(_read_text(item, "kind", path), ids, references)


def _read_ids(item: Mapping[str, Any], name: str, path: str) -> tuple[str, ...]:
    ids = _expect_some(item, name, path)
    # One pass in C; a list of 100,000 is checked in milliseconds.
    if set(map(type, ids)) != {str}:
        raise Refusal(RefusalKind.INVALID, f"{path}.{name} holds texts only", field=name)
    return tuple(ids)


def _read_text(body: Mapping[str, Any], name: str, path: str = "") -> str:
    return str(_expect(body.get(name) or "", str, f"{path}.{name}".lstrip(".")))


def _read_seconds(body: Mapping[str, Any]) -> int | None:
    value = body.get("expires_in")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise Refusal(RefusalKind.INVALID, "expires_in is a number of seconds", field="expires_in")
    return value


_WORDS: dict[type, str] = {dict: "an object", list: "a list", str: "a text"}


def _expect(value: Any, kind: type, path: str) -> Any:
    if not isinstance(value, kind):
        where = path or "the body"
        raise Refusal(RefusalKind.INVALID, f"{where} must be {_WORDS[kind]}", field=path)
    return value


def _expect_some(body: Mapping[str, Any], name: str, path: str) -> list[Any]:
    field = f"{path}.{name}".lstrip(".")
    if body.get(name) in (None, []):
        raise Refusal(RefusalKind.MISSING, f"{field} is missing or empty", field=field)
    items: list[Any] = _expect(body[name], list, field)
    return items


def write_sent(accepted: Accepted) -> Reply:
    """Only recipients that fare otherwise than the rest are named, by their place in the call."""
    body: dict[str, Any] = {"transfer": accepted.transfer}
    if accepted.accepted is not None:
        body["accepted"] = accepted.accepted
    if accepted.results:
        body["exceptions"] = [_write_result(result) for result in accepted.results]
    return Reply(200, body)


def _write_result(result: Result) -> dict[str, Any]:
    body = {
        "index": result.index,
        "outcome": result.outcome.value,
        "reason": result.reason and result.reason.value,
        "message": result.message or None,
        "retry_after": result.retry_after,
    }
    return {name: value for name, value in body.items() if value is not None}


def read_sent(body: Any, count: int = 0) -> Receipt:
    """The answer to a call of so many recipients (0: not to be checked).

    Raises KeyError, TypeError or ValueError where the answer is not of this form, or does not
    speak of each recipient once.
    """
    results = tuple(_read_result(item) for item in body.get("exceptions", ()))
    transfer = body["transfer"]
    if not isinstance(transfer, str) or not transfer:
        raise ValueError("no transfer")
    if len({result.index for result in results}) < len(results):
        raise ValueError("two results for one recipient")
    if count and not all(result.index < count for result in results):
        raise ValueError("a result for somebody else")
    if count and body.get("accepted", count - len(results)) != count - len(results):
        raise ValueError("results are missing")
    raw = {"transfer": transfer, "exceptions": len(results)}
    return Receipt(transfer, Outcome.ACCEPTED, results, raw)


def _read_result(item: Any) -> Result:
    reason, wait = item.get("reason"), item.get("retry_after")
    return Result(
        index=_read_number(item["index"], int),
        outcome=Outcome(item["outcome"]),
        reason=Reason(reason) if reason else None,
        message=str(item.get("message", "")),
        retry_after=None if wait is None else _read_number(wait, int, float),
    )


def _read_number(value: Any, *kinds: type) -> Any:
    if type(value) not in kinds or not 0 <= value < math.inf:
        raise ValueError(f"no such number: {value!r:.50}")
    return value


def write_receipts_query(command: FetchReceipts) -> dict[str, str | int]:
    return {"cursor": command.cursor, "limit": command.limit}


def read_receipts_query(query: Mapping[str, str]) -> FetchReceipts:
    limit = query.get("limit", "1000")
    if not limit.isascii() or not limit.isdigit() or not 1 <= int(limit[:9]) <= MAX_PAGE:
        raise Refusal(RefusalKind.INVALID, f"limit is a number up to {MAX_PAGE}", field="limit")
    return FetchReceipts(cursor=query.get("cursor", ""), limit=int(limit))


def write_receipts(page: ReceiptPage) -> Reply:
    events = [
        [event.reference, event.kind.value, event.at.isoformat()]
        for event in page.events
        if isinstance(event, ReceiptEvent)
    ]
    return Reply(200, {"events": events, "cursor": page.cursor})


def read_receipts(body: Any) -> ReceiptPage:
    events = tuple(
        ReceiptEvent(str(reference), ReceiptKind(kind), datetime.fromisoformat(at))
        for reference, kind, at in body["events"]
    )
    return ReceiptPage(events, str(body["cursor"]))


def write_refusal(refusal: Refusal) -> Reply:
    error = {"code": refusal.kind.value, "message": refusal.message, "field": refusal.field}
    headers = {}
    if refusal.retry_after is not None:
        headers["Retry-After"] = f"{refusal.retry_after:g}"
    return Reply(HTTP_STATUS[refusal.kind], {"error": error}, headers=headers)


def read_error(status: int, body: Any) -> Failure | None:
    """A key that is used again for another body is our own mistake, and a failure of the
    sandbox's own says nothing of whether it took the call; the rest the status says.
    """
    if status == HTTP_STATUS[RefusalKind.INTERNAL]:
        return Failure(Reason.VENDOR, str(body["error"]["message"]), was_sent=None)
    if status != HTTP_STATUS[RefusalKind.CONFLICT]:
        return None
    words = str(body["error"]["message"])
    return Failure(Reason.OURS, words, is_permanent=True, was_sent=True)
