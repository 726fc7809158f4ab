"""What the vendor calls us for, and our door the scripts (vendor page "Callback"): a check of the
address, and rows of what became of messages, in batches and perhaps more than once.

The signature covers a time, a nonce and the user name, not the body. The names of the states stand
on no page of push; they are those of its sister products.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from providers.inbound import Call, CallbackRequest, Reply
from providers.json_values import write_json
from providers.message import PushMessage
from providers.message_fields import Platform
from providers.outbound import AccountConfig
from providers.outcomes import Outcome, Reason
from providers.receipts import OutcomeEvent, ReceiptEvent, ReceiptKind
from providers.reports import OutcomeRow

from .wire_messages import KEY
from .wire_sends import CALL, read_msg_id
from .wire_stats import OWN_CHANNELS
from .wire_targets import REGISTRATION_ID
from .wire_values import Block, read_body, refuse_type

HOOK_PATH = "engagelab"
HEADER = "x-callback-id"
URL, USERNAME, SECRET = "callback_url", "callback_username", "callback_secret"
MAX_ROWS = 10_000
SERVER = "push"  # what a row came from; the page's own value is not known
GIVEN_BACK = ("from", "custom_args")

RECEIPTS = {
    "delivered": ReceiptKind.DELIVERED,
    "displayed": ReceiptKind.SHOWN,
    "impression": ReceiptKind.SHOWN,
    "clicked": ReceiptKind.CLICKED,
    "click": ReceiptKind.CLICKED,
}
OUTCOMES = {
    "sent": (Outcome.ACCEPTED, None),
    "sent_failed": (Outcome.FAILED, Reason.VENDOR),
    "delivered_failed": (Outcome.FAILED, Reason.VENDOR),
    "target_invalid": (Outcome.FAILED, Reason.TOKEN),
}

Events = tuple[ReceiptEvent | OutcomeEvent, ...]


def sign_callback(secret: str, timestamp: str, nonce: str, username: str) -> str:
    words = f"{timestamp}{nonce}{username}".encode()
    return hmac.new(secret.encode(), words, hashlib.sha256).hexdigest()


def read_signature(header: str) -> dict[str, str]:
    """The header's four values, those that are there."""
    pairs = (piece.partition("=") for piece in header.split(";"))
    return {name.strip(): value.strip() for name, _, value in pairs}


def is_signed(call: Call, account: AccountConfig) -> bool:
    """Whether whoever calls knows the secret that was given to the vendor."""
    secret = account.credentials.get(SECRET, "")
    shown = read_signature(call.headers.get(HEADER, ""))
    signature = shown.get("signature", "")
    if not secret or not signature:
        return False
    texts = [shown.get(name, "") for name in ("timestamp", "nonce", "username")]
    expected = sign_callback(secret, *texts)
    return hmac.compare_digest(expected.encode(), signature.encode())


def write_echo(call: Call) -> Reply | None:
    """The check of the address wants its own text back; None for any other call."""
    body = call.body
    text = body.get("echostr") if isinstance(body, dict) else None
    if not isinstance(text, str) or not text or len(text) > 64:
        return None
    return Reply(200, text, content_type="text/plain; charset=utf-8")


def read_callback(call: Call) -> Events:
    """What the rows say; a state that is none of ours says nothing."""
    rows = read_body(call.body).values.get("rows")
    if not isinstance(rows, list) or len(rows) > MAX_ROWS:
        raise refuse_type("rows", f"must be a list of at most {MAX_ROWS}")
    events = []
    for index, row in enumerate(rows):
        if not isinstance(row, dict):
            raise refuse_type(f"rows[{index}]", "must be an object")
        events += _read_row(Block(row, f"rows[{index}]"))
    return tuple(events)


def _read_row(row: Block) -> list[ReceiptEvent | OutcomeEvent]:
    status = row.values.get("status")
    block = status if isinstance(status, dict) else {"message_status": status}
    name = str(block.get("message_status") or "")
    at, message = _read_time(row), _read_message(row)
    target = row.values.get("to")
    if at is None or not message or not isinstance(target, str) or not target:
        return []
    if name in RECEIPTS:
        return [
            ReceiptEvent(
                "", RECEIPTS[name], at,
                transfer=message, target_kind=REGISTRATION_ID, target=target,
            )
        ]  # fmt: skip
    if name not in OUTCOMES:
        return []
    outcome, reason = OUTCOMES[name]
    return [
        OutcomeEvent(
            outcome=outcome,
            at=at,
            transfer=message,
            target_kind=REGISTRATION_ID,
            target=target,
            reason=reason,
            message=_read_words(block),
        )
    ]


def _read_message(row: Block) -> str:
    try:
        return read_msg_id(row.values.get("message_id"))
    except ValueError:
        return ""


def _read_time(row: Block) -> datetime | None:
    """`itime` is in seconds, in milliseconds where it is as long as these."""
    value = row.values.get("itime")
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    try:
        return datetime.fromtimestamp(value / 1000 if value > 10**11 else value, UTC)
    except (OverflowError, OSError, ValueError):
        return None


def _read_words(block: Mapping[str, Any]) -> str:
    detail = block.get("error_detail")
    words = detail.get("message") if isinstance(detail, dict) else None
    code = block.get("error_code")
    texts = [str(item) for item in (code, words) if item not in (None, "", 0)]
    return ": ".join(texts)[:500]


_STATES = {
    ReceiptKind.DELIVERED: "delivered",
    ReceiptKind.SHOWN: "displayed",
    ReceiptKind.OPENED: "clicked",
    ReceiptKind.CLICKED: "clicked",
}


def write_callback(
    account: AccountConfig, url: str, rows: tuple[OutcomeRow, ...]
) -> CallbackRequest | None:
    """The call that `read_callback` reads, signed; None where nothing of the rows has a state."""
    told = [item for row in rows for item in _write_rows(row, 0)]
    if not told:
        return None
    secret = account.credentials.get(SECRET, "")
    shown = write_signature(secret, str(told[-1]["itime"]), "n", HOOK_PATH)
    return _write_call(url, told, {HEADER: shown})


def write_door_callback(
    options: Mapping[str, Any], rows: tuple[OutcomeRow, ...], now: datetime, nonce: str
) -> CallbackRequest | None:
    """The same call by our door; signed where a secret is set, which the page leaves open."""
    told = [item for row in rows for item in _write_rows(row, int(now.timestamp()))]
    if not told:
        return None
    secret, username = options.get(SECRET, ""), options.get(USERNAME, "")
    if not secret:
        return _write_call(options[URL], told, {})
    shown = write_signature(secret, str(int(now.timestamp())), nonce, username)
    return _write_call(options[URL], told, {HEADER.upper(): shown})


def write_signature(secret: str, timestamp: str, nonce: str, username: str) -> str:
    """The header that `read_signature` reads."""
    signature = sign_callback(secret, timestamp, nonce, username)
    return f"timestamp={timestamp};nonce={nonce};username={username};signature={signature}"


def _write_call(
    url: str, told: Sequence[Mapping[str, Any]], headers: Mapping[str, str]
) -> CallbackRequest:
    return CallbackRequest("POST", url, {"total": len(told), "rows": told}, headers)


def write_check(url: str, text: str) -> CallbackRequest:
    """The check of the address that `write_echo` answers."""
    return CallbackRequest("POST", url, {"echostr": text})


def find_given_back(message: PushMessage) -> str:
    """What of a call comes back with its callbacks, as JSON; "" for nothing."""
    call = message.extras.get(KEY, {}).get(CALL, {})
    given = {name: call[name] for name in GIVEN_BACK if name in call}
    return write_json(given) if given else ""


def _write_rows(row: OutcomeRow, itime: int) -> list[dict[str, Any]]:
    """A row for each state; `itime` where nobody knows when it was."""
    told: list[tuple[str, datetime | None, str]] = [
        (_STATES[kind], at, "") for kind, at in row.receipts.items() if kind in _STATES
    ]
    if row.outcome is Outcome.FAILED:
        state = "target_invalid" if row.reason is Reason.TOKEN else "delivered_failed"
        told.append((state, row.done_at, row.words))
    elif row.outcome is Outcome.ACCEPTED:
        told.append(("sent", row.sent_at, ""))
    return [
        {
            "message_id": row.transfer,
            "from": SERVER,
            "to": row.value,
            "server": SERVER,
            "channel": OWN_CHANNELS.get(Platform(row.platform), "") if row.platform else "",
            **json.loads(row.callback_data or "{}"),
            "itime": int(at.timestamp()) if at else itime,
            "status": {"message_status": state, "error_detail": {"message": words}},
        }
        for state, at, words in told
    ]
