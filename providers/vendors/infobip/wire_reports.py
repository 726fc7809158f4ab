"""Delivery reports and logs: pulled, or called into a webhook (wire facts, section 6).

The calls differ in which keys they have; a `Form` says which. A report is given once, a log as
often as one asks. Times that are not there yet are left out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from providers.commands import Callback
from providers.inbound import Call, CallbackRequest, Reply
from providers.outbound import AccountConfig
from providers.outcomes import Outcome
from providers.receipts import OutcomeEvent, ReceiptEvent, ReceiptKind, ReceiptPage
from providers.recipients import PersonKind
from providers.reports import FetchOutcomes, OutcomeRow, OutcomeRows
from providers.scenarios import Channel

from .wire_dates import find_query_date, read_date, write_date
from .wire_destinations import REGISTRATION
from .wire_statuses import find_row_codes, read_said, write_error, write_status
from .wire_values import drop_unset, read_query_list, read_query_number, read_query_text, refuse

REPORTS_PATH, OLD_REPORTS_PATH = "push/3/reports", "push/1/reports"
LOGS_PATH = "push/3/logs"
MAX_LIMIT, DEFAULT_LIMIT = 1000, 50
PRICE = {"pricePerMessage": 0, "currency": "UNKNOWN"}
MARK = "pushadmin:"
SEEN = (ReceiptKind.SHOWN, ReceiptKind.OPENED, ReceiptKind.CLICKED)

# How a target says what it was before it was sent to its status in the vendor's own question.
STATES = {
    "ACCEPTED": Outcome.ACCEPTED,
    "PENDING": Outcome.ACCEPTED,
    "DELIVERED": Outcome.DELIVERED,
    "UNDELIVERABLE": Outcome.FAILED,
    "REJECTED": Outcome.FAILED,
    "EXPIRED": Outcome.EXPIRED,
}
_STATE_WORDS = {
    Outcome.ACCEPTED: "PENDING",
    Outcome.DELIVERED: "DELIVERED",
    Outcome.FAILED: "UNDELIVERABLE",
    Outcome.EXPIRED: "EXPIRED",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """Which keys a family of calls has."""

    to: str = "to"
    sender: str = ""  # the key that names the sender, "" for none
    text: str = ""
    has_channel: bool = False
    is_final: bool = False  # told once
    has_error: bool = True
    has_tag: bool = False
    wraps_data: bool = False  # what the script gave along is a text that is JSON (push samples)
    nests_texts: bool = False  # the text of an SMS stands in an object


REPORT = Form(sender="sender", has_tag=True, is_final=True)
OLD_REPORT = Form(has_channel=True, is_final=True, wraps_data=True)
LOG = Form(to="destination", sender="sender", text="content", has_tag=True, nests_texts=True)
OLD_LOG = Form(sender="from", text="text")
FAILOVER_REPORT = Form(has_channel=True, is_final=True)
FAILOVER_LOG = Form(sender="from", text="text", has_channel=True, has_error=False)


def write_row(row: OutcomeRow, form: Form) -> dict[str, Any]:
    status, error = find_row_codes(row, is_final=form.is_final)
    body: dict[str, Any] = {
        "bulkId": row.reference,
        "messageId": row.id,
        form.to: row.value,
        "sentAt": None if row.sent_at is None else write_date(row.sent_at),
        "doneAt": None if row.done_at is None else write_date(row.done_at),
        "messageCount": row.count,
        "price": PRICE,
        "status": write_status(status),
        "callbackData": _write_data(row, form) or None,
    }
    if form.has_error:
        body["error"] = write_error(error, row.words if error else "")
    if form.has_channel:
        body["channel"] = row.channel.upper()
    if form.sender:
        body[form.sender] = row.sender
    if form.text:
        is_nested = form.nests_texts and row.channel == Channel.SMS
        body[form.text] = {"text": row.text} if is_nested else row.text
    if form.has_tag and row.tag:
        body["campaignReferenceId"] = row.tag
    return drop_unset(body)


def _write_data(row: OutcomeRow, form: Form) -> str:
    if not form.wraps_data or not row.callback_data or row.channel != Channel.PUSH:
        return row.callback_data
    return json.dumps({"callbackData": row.callback_data, "subscriberId": row.value})


def _read_data(body: Mapping[str, Any], form: Form) -> str:
    text = str(body.get("callbackData") or "")
    return unwrap_data(text) if form.wraps_data else text


def unwrap_data(text: str) -> str:
    """What a script gave along, out of a text that may be JSON around it."""
    try:
        given = json.loads(text)["callbackData"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return text
    return given if isinstance(given, str) else text


def write_rows(rows: OutcomeRows, form: Form) -> dict[str, Any]:
    return {"results": [write_row(row, form) for row in rows.rows]}


def read_row(body: Mapping[str, Any], form: Form) -> OutcomeRow:
    """Raises KeyError and the like."""
    said = read_said(body["status"], body.get("error"))
    return OutcomeRow(
        reference=str(body.get("bulkId") or ""),
        id=str(body["messageId"]),
        kind=_find_kind(str(body.get(form.to) or "")),
        value=str(body.get(form.to) or ""),
        outcome=said.outcome,
        reason=said.reason,
        words=said.words,
        channel=str(body.get("channel") or "push").lower(),
        sender=str(body.get(form.sender) or "") if form.sender else "",
        tag=str(body.get("campaignReferenceId") or ""),
        text=_read_text(body, form),
        callback_data=_read_data(body, form),
        count=int(body.get("messageCount") or 1),
        sent_at=_read_moment(body, "sentAt"),
        done_at=_read_moment(body, "doneAt"),
    )


def _read_text(body: Mapping[str, Any], form: Form) -> str:
    found = body.get(form.text) if form.text else None
    found = found.get("text") if isinstance(found, Mapping) else found
    return found if isinstance(found, str) else ""


def _find_kind(value: str) -> str:
    """What an address is, as far as it can be seen: reports do not say."""
    if "@" in value:
        return PersonKind.EMAIL
    return PersonKind.PHONE if value.isascii() and value.isdigit() else REGISTRATION


def _read_moment(body: Mapping[str, Any], name: str) -> datetime | None:
    text = body.get(name)
    return None if text is None else read_date(text)


def read_rows(body: Any, form: Form) -> tuple[OutcomeRow, ...]:
    return tuple(read_row(item, form) for item in body["results"])


def read_reports_query(call: Call, *, channel: str = "push") -> FetchOutcomes:
    """What has not yet been given to this key."""
    query = call.query
    _refuse_unserved(query)
    return FetchOutcomes(
        references=read_query_list(query, "bulkId"),
        ids=read_query_list(query, "messageId"),
        tags=read_query_list(query, "campaignReferenceId"),
        is_once=True,
        channel=channel,
        limit=read_limit(call),
    )


def read_logs_query(call: Call) -> FetchOutcomes:
    query = call.query
    _refuse_unserved(query)
    return FetchOutcomes(
        app=read_query_text(query, "sender", 255),
        value=read_query_text(query, "destination", 255).removeprefix("+"),
        references=read_query_list(query, "bulkId"),
        ids=read_query_list(query, "messageId"),
        tags=read_query_list(query, "campaignReferenceId"),
        state=read_state(query),
        since=find_query_date(query, "sentSince"),
        until=find_query_date(query, "sentUntil"),
        channel="push",
        limit=read_limit(call),
        cursor=read_query_text(query, "cursor", 500),
    )


def read_limit(call: Call, default: int = DEFAULT_LIMIT, maximum: int = MAX_LIMIT) -> int:
    return read_query_number(call.query, "limit", maximum) or default


def _refuse_unserved(query: Mapping[str, str]) -> None:
    """What would be left out of the question must not be answered as if it had been asked."""
    for name in ("entityId", "applicationId"):
        if query.get(name, "").strip():
            raise refuse(name, "cannot be asked for here: targets do not keep it")


def read_state(query: Mapping[str, str]) -> Outcome | None:
    word = read_query_text(query, "generalStatus", 50).upper()
    if word and word not in STATES:
        raise refuse("generalStatus", f"must be one of {', '.join(STATES)}")
    return STATES[word] if word else None


def write_reports_query(command: FetchOutcomes) -> dict[str, str]:
    """The parameters of a pull."""
    return _join_query(
        bulkId=",".join(command.references),
        messageId=",".join(command.ids),
        campaignReferenceId=",".join(command.tags),
        limit=str(command.limit),
    )


def write_logs_query(command: FetchOutcomes) -> dict[str, str]:
    state = _STATE_WORDS[command.state] if command.state else ""
    return _join_query(
        sender=command.app,
        destination=command.value,
        bulkId=",".join(command.references),
        messageId=",".join(command.ids),
        campaignReferenceId=",".join(command.tags),
        generalStatus=state,
        sentSince="" if command.since is None else write_date(command.since),
        sentUntil="" if command.until is None else write_date(command.until),
        limit=str(command.limit),
        useCursor="true" if command.cursor else "",
        cursor=command.cursor,
    )


def _join_query(**values: str) -> dict[str, str]:
    return {name: value for name, value in values.items() if value}


def write_reports(rows: OutcomeRows, call: Call) -> Reply:
    return Reply(200, write_rows(rows, REPORT))


def write_old_reports(rows: OutcomeRows, call: Call) -> Reply:
    return Reply(200, write_rows(rows, OLD_REPORT))


def write_old_logs(rows: OutcomeRows, call: Call) -> Reply:
    return Reply(200, write_rows(rows, OLD_LOG))


def write_logs(rows: OutcomeRows, call: Call) -> Reply:
    body = write_rows(rows, LOG)
    if call.query.get("useCursor", "").lower() == "true" or call.query.get("cursor"):
        body["cursor"] = drop_unset({"limit": read_limit(call), "nextCursor": rows.cursor or None})
    return Reply(200, body)


def read_logs(body: Any, form: Form = LOG) -> OutcomeRows:
    cursor = body.get("cursor") or {}
    return OutcomeRows(read_rows(body, form), str(cursor.get("nextCursor") or ""))


def list_events(rows: tuple[OutcomeRow, ...]) -> tuple[ReceiptEvent | OutcomeEvent, ...]:
    """What reports say, in our words; our receipt tokens were the ids of the messages."""
    return tuple(event for row in rows for event in _list_events(row))


def _list_events(row: OutcomeRow) -> list[ReceiptEvent | OutcomeEvent]:
    at = row.done_at or row.sent_at or datetime.now(UTC)
    channel = "" if row.channel == Channel.PUSH else row.channel
    if row.outcome is Outcome.DELIVERED:
        return [
            ReceiptEvent(
                find_reference(row),
                ReceiptKind.DELIVERED,
                at,
                transfer=row.reference,
                target_kind=row.kind,
                target=row.value,
                channel=channel,
            )
        ]
    if row.outcome in (Outcome.FAILED, Outcome.EXPIRED):
        return [
            OutcomeEvent(
                outcome=row.outcome,
                at=at,
                reference=find_reference(row),
                transfer=row.reference,
                target_kind=row.kind,
                target=row.value,
                reason=row.reason,
                message=row.words,
                channel=channel,
            )
        ]
    return []


def mark_reference(reference: str) -> str:
    """Our receipt token as what is given along with a message: version 2 lets us choose no id."""
    return f"{MARK}{reference}" if reference else ""


def find_reference(row: OutcomeRow) -> str:
    """Our receipt token: what we gave along, else the message's id."""
    given = unwrap_data(row.callback_data)
    return given.removeprefix(MARK) if given.startswith(MARK) else row.id


def read_hook(call: Call) -> tuple[ReceiptEvent | OutcomeEvent, ...]:
    """Delivery reports and seen reports at our hook; one body may hold either. Raises `Refusal`."""
    try:
        events: list[ReceiptEvent | OutcomeEvent] = []
        for item in call.body["results"]:
            if item.get("seenAt"):
                at = read_date(item["seenAt"])
                events.append(ReceiptEvent(str(item["messageId"]), ReceiptKind.SHOWN, at))
            else:
                events += list_events((read_row(item, REPORT),))
        return tuple(events)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        raise refuse("results", "is no list of reports") from None


def read_receipts(body: Any, form: Form = REPORT) -> ReceiptPage:
    """A pull as a page: what is given once has no place to go on from."""
    return ReceiptPage(list_events(read_rows(body, form)), "")


def write_callback(callback: Callback, rows: tuple[OutcomeRow, ...]) -> CallbackRequest:
    """The reports of a script's own targets: what was seen has a form of its own."""
    seen = [item for row in rows if (item := _write_seen(row)) is not None]
    body = {"results": seen or [write_row(row, REPORT) for row in rows]}
    return CallbackRequest("POST", callback.url, body, {"Content-Type": "application/json"})


def _write_seen(row: OutcomeRow) -> dict[str, Any] | None:
    times = [row.receipts[kind] for kind in SEEN if kind in row.receipts]
    if not times or row.sent_at is None:
        return None
    # The vendor's own page says sendAt here, and sentAt everywhere else.
    return {
        "messageId": row.id,
        "from": row.sender,
        "to": row.value,
        "sendAt": write_date(row.sent_at),
        "seenAt": write_date(min(times)),
    }


def write_hook(
    account: AccountConfig, url: str, rows: tuple[OutcomeRow, ...]
) -> CallbackRequest | None:
    """The vendor's own call, of rows that are alike; the address is what proves it."""
    return write_callback(Callback(url=url, wants_intermediate=True), rows) if rows else None
