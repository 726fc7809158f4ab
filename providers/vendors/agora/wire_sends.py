"""Sends and what is answered to them (seed sections on sending synchronously, asynchronously, by
label and to all users). The message itself stands in `wire_messages`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from providers.commands import (
    Accepted,
    FetchStatus,
    PushPart,
    RecallPush,
    SendPush,
    TransferState,
    TransferStatus,
)
from providers.inbound import Call
from providers.message import PushMessage
from providers.outcomes import Outcome, Reason, Receipt, Refusal, RefusalKind, Result
from providers.recipients import Audience, PersonKind, Targets

from .wire import read_app
from .wire_errors import refuse_message, refuse_parameter
from .wire_messages import read_message, write_message
from .wire_values import Block, is_number, read_body, read_id, read_piece, write_moment

SYNC_PATH = "push/sync/{target}"
ASYNC_PATH = "push/async/{target}"
SINGLE_PATH = "push/single"
LIST_PATH = "push/list"
LABELS_PATH = "push/list/label"
TASK_PATH = "push/task"
ONE_TASK_PATH = "push/task/{task}"

MAX_TARGETS = 100
MAX_LABELS = 5
WAIT_SECONDS = 20.0
TASK = "task"  # the kind of call of which only so many run at once
RUNNING_TASKS = 3
EARLIEST, LATEST = timedelta(hours=1), timedelta(days=30)
DATE_FORMAT = "%Y-%m-%d %H:%M:%S"
RECIPIENT_KEYS = ("targets", "id", "usernames")  # counted, never kept, in a record of a call
DAY_SECONDS = 86_400
DEFAULT_RETENTION = 7  # days that the own channel keeps a push for who is offline

# `strategy`, by our words for it. Without one it is 2, the vendor only.
STRATEGIES = {"vendor_first": 0, "own": 1, "vendor": 2, "own_first": 3, "own_online": 4}
CHANNELS = {number: channel for channel, number in STRATEGIES.items()}
KEPT_CHANNELS = frozenset({"own", "own_first"})

SUCCESS, FAIL, ERROR, TAKEN = "SUCCESS", "FAIL", "ERROR", "ASYNC_SUCCESS"
SINGLE_WORDS, ASYNC_WORDS, TIMEOUT_WORDS = "async success.", "success", "timeout"

# What is said of a recipient for our reasons. The first four are the vendor's, word for word.
WORDS = {
    Reason.TOKEN: "bad device token",
    Reason.NO_TOKEN: "no push binding",
    Reason.NO_ROUTE: "no push binding",
    Reason.UNKNOWN_ID: "appUser not exists",
    Reason.GONE: "appUser not exists",
    Reason.OFFLINE: "user offline",
    Reason.RETAINED: "retained",
    Reason.TOO_LATE: TIMEOUT_WORDS,
    Reason.NO_ANSWER: TIMEOUT_WORDS,
}
REASONS = {
    "user offline": Reason.OFFLINE,
    "bad device token": Reason.TOKEN,
    "no push binding": Reason.NO_TOKEN,
    "appUser not exists": Reason.UNKNOWN_ID,
}

# Reasons that are the server's fault; the others are "not caused by the server".
SERVER_REASONS = frozenset(
    {
        Reason.CREDENTIAL, Reason.THROTTLED, Reason.VENDOR, Reason.OURS, Reason.NO_ANSWER,
        Reason.TOO_LATE,
    }
)  # fmt: skip
RETRY_SECONDS = 60.0  # after ERROR, which may pass

STATES = {
    TransferState.ACCEPTED: "WAITING",
    TransferState.SENDING: "RUNNING",
    TransferState.SENT: "FINISHED",
    TransferState.CANCELLED: "CANCELLED",
    TransferState.FAILED: "FAILED",
}


def write_push(message: PushMessage) -> dict[str, Any]:
    """What every send has: the strategy, where one was chosen, and the message."""
    body: dict[str, Any] = {}
    if message.channel:
        body["strategy"] = STRATEGIES[message.channel]
    return {**body, "pushMessage": write_message(message)}


def read_push(block: Block) -> PushMessage:
    channel = read_channel(block.values.get("strategy"))
    message = read_message(block.refusing(refuse_message).take_block("pushMessage"))
    return replace(message, channel=channel)


def read_channel(value: Any) -> str:
    """Our word for a `strategy`; "" where none is given."""
    if value is None:
        return ""
    number = int(value) if isinstance(value, str) and value in ("0", "1", "2", "3", "4") else value
    if isinstance(number, bool) or not isinstance(number, int) or number not in CHANNELS:
        raise refuse_parameter("strategy", "must be 0, 1, 2, 3 or 4")
    return CHANNELS[number]


def write_sync(push: SendPush) -> dict[str, Any]:
    """The body of a send to one user, who stands in the path."""
    return write_push(push.parts[0].message)


def read_sync(call: Call) -> SendPush:
    return replace(_read_for_one(call), wait=WAIT_SECONDS)


def read_async(call: Call) -> SendPush:
    return _read_for_one(call)


def _read_for_one(call: Call) -> SendPush:
    message = read_push(read_body(call))
    return _make_send(call, message, targets=(read_piece(call, "target"),))


def write_single(push: SendPush) -> dict[str, Any]:
    (targets,) = push.parts[0].targets
    return {"targets": list(targets.values), **write_push(push.parts[0].message)}


def read_single(call: Call) -> SendPush:
    """`async` false, which one client still sends, asks for the outcome at once."""
    body = read_body(call)
    targets = body.take_texts("targets", MAX_TARGETS)
    push = _make_send(call, read_push(body), targets=targets)
    return replace(push, wait=WAIT_SECONDS) if body.values.get("async") is False else push


def read_list(call: Call) -> SendPush:
    """A task for named users."""
    body = read_body(call)
    targets = body.take_texts("targets", MAX_TARGETS)
    return _read_task_time(call, body, _make_send(call, read_push(body), targets=targets))


def write_labels(push: SendPush, zone: str = "UTC") -> dict[str, Any]:
    audience = push.parts[0].audience or Audience()
    return {"targets": list(audience.labels), **write_task(push, zone)}


def read_labels(call: Call) -> SendPush:
    """Whoever carries all of the labels; one of them may stand there as a bare text."""
    body = read_body(call)
    audience = Audience(labels=body.take_texts("targets", MAX_LABELS))
    return _read_task_time(call, body, _make_send(call, read_push(body), audience=audience))


def write_task(push: SendPush, zone: str = "UTC") -> dict[str, Any]:
    body = write_push(push.parts[0].message)
    if push.due_at is None:
        return body
    return {"startDate": push.due_at.astimezone(ZoneInfo(zone)).strftime(DATE_FORMAT), **body}


def read_task(call: Call) -> SendPush:
    """Everyone of the app."""
    body = read_body(call)
    return _read_task_time(call, body, _make_send(call, read_push(body), audience=Audience()))


def _make_send(
    call: Call,
    message: PushMessage,
    *,
    targets: tuple[str, ...] = (),
    audience: Audience | None = None,
) -> SendPush:
    named = (Targets(PersonKind.EXTERNAL_USER_ID, targets),) if targets else ()
    part = PushPart(message, named, audience)
    return SendPush(parts=(part,), app=read_app(call), expires_in=find_life(call, message.channel))


def find_life(call: Call, channel: str) -> int | None:
    """Seconds that a push which the own channel keeps may wait for its user."""
    if channel not in KEPT_CHANNELS:
        return None
    days = call.options.get("retention_days") or DEFAULT_RETENTION
    return int(days) * DAY_SECONDS


def _read_task_time(call: Call, body: Block, push: SendPush) -> SendPush:
    text = body.find_text("startDate", 40)
    due_at = _read_start(call, text) if text else None
    return replace(push, kind=TASK, due_at=due_at)


def _read_start(call: Call, text: str) -> datetime:
    """A time in the door's zone, from an hour to thirty days ahead."""
    if not re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", text, re.ASCII):
        raise refuse_parameter("startDate", "must look like yyyy-MM-dd HH:mm:ss")
    try:
        zone = ZoneInfo(str(call.options.get("zone") or "UTC"))
        start = datetime.strptime(text, DATE_FORMAT).replace(tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError, ZoneInfoNotFoundError):
        raise refuse_parameter("startDate", "is no time") from None
    now = call.now or datetime.now(UTC)
    # Written to the second: what was an hour ahead when it was written may be a little less.
    if not now + EARLIEST - timedelta(seconds=1) <= start <= now + LATEST:
        raise refuse_parameter("startDate", "must be from 1 hour to 30 days ahead")
    return start


def write_status(result: Result | None) -> dict[str, Any]:
    """What became of one recipient; None when nobody knew in time."""
    if result is None:
        return {"pushStatus": ERROR, "desc": TIMEOUT_WORDS}
    if result.outcome in (Outcome.ACCEPTED, Outcome.DELIVERED):
        said = WORDS.get(result.reason) if result.reason else result.message
        return {"pushStatus": SUCCESS, **({"desc": said} if said else {})}
    reason = result.reason or (Reason.NO_ANSWER if result.outcome is Outcome.UNKNOWN else None)
    if result.outcome is Outcome.EXPIRED:
        reason = Reason.TOO_LATE
    is_ours = reason in SERVER_REASONS
    words = WORDS.get(reason) if reason else None
    return {"pushStatus": ERROR if is_ours else FAIL, "desc": words or result.message or "failed"}


def read_status(entry: Mapping[str, Any], index: int = 0) -> Result | None:
    """What became of one recipient; None for who was accepted. `data` is the service's answer."""
    status, words = entry["pushStatus"], str(entry.get("desc") or "")
    if status in (SUCCESS, TAKEN):
        return None
    if status == FAIL:
        reason = REASONS.get(words.lower(), REASONS.get(words, Reason.PAYLOAD))
        return Result(index, Outcome.FAILED, reason, words)
    if status == ERROR:
        return Result(index, Outcome.FAILED, Reason.VENDOR, words, retry_after=RETRY_SECONDS)
    raise ValueError(f"no status: {status!r:.50}")


def write_synced(accepted: Accepted) -> list[dict[str, Any]]:
    """One entry: the seed's table says an object, its samples show a list."""
    return [write_status(accepted.results[0] if accepted.results else None)]


def read_synced(data: Any, raw: Mapping[str, Any]) -> Receipt:
    entry = data[0] if isinstance(data, list) else data
    result = read_status(entry)
    return Receipt("", Outcome.ACCEPTED, (result,) if result else (), raw)


def write_async() -> list[dict[str, Any]]:
    return [{"pushStatus": TAKEN, "data": "", "desc": ASYNC_WORDS}]


def write_taken(accepted: Accepted, targets: Sequence[str], *, has_waited: bool) -> list[Any]:
    """An entry per user. Whether one is known is not said before it was tried."""
    if not has_waited:
        return [{"id": name, "pushStatus": TAKEN, "desc": SINGLE_WORDS} for name in targets]
    results = {result.index: result for result in accepted.results}
    return [{"id": name, **write_status(results.get(index))} for index, name in enumerate(targets)]


def read_taken(data: Any, raw: Mapping[str, Any], targets: Sequence[str]) -> Receipt:
    """Every user must be named once; who is not was perhaps sent to and perhaps not."""
    places = {name: index for index, name in enumerate(targets)}
    results = [read_status(entry, places.pop(entry["id"])) for entry in data]
    if places:
        raise ValueError("the answer leaves users out")
    return Receipt("", Outcome.ACCEPTED, tuple(filter(None, results)), raw)


def write_label_task(accepted: Accepted) -> dict[str, int]:
    return {"taskId": int(accepted.transfer)}


def read_label_task(data: Any) -> Accepted:
    return Accepted(read_id(data["taskId"]))


def write_whole_task(accepted: Accepted) -> int:
    return int(accepted.transfer)


def read_whole_task(data: Any) -> Accepted:
    return Accepted(read_id(data))


def read_fetch_task(call: Call) -> FetchStatus:
    return FetchStatus(transfer=_read_task_id(call))


def read_recall_task(call: Call) -> RecallPush:
    return RecallPush(transfer=_read_task_id(call))


def _read_task_id(call: Call) -> str:
    text = call.path["task"]
    if not is_number(text):
        raise Refusal(RefusalKind.NOT_FOUND, "There is no such task.")
    return str(int(text))


def write_task_status(status: TransferStatus) -> dict[str, Any]:
    """Ours: the vendor shows the state of a task in its console only."""
    return {
        "taskId": int(status.transfer),
        "status": STATES[status.state],
        "createdAt": write_moment(status.created_at),
        "errors": [fault.detail or fault.kind.value for fault in status.faults],
    }
