"""A transfer's state and faults (seed section "Checking the status of sending", vendor pages of
both status calls). There is no result per device and no count in this API.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from providers.commands import Fault, FaultKind, FetchStatus, TransferState, TransferStatus
from providers.inbound import Call

from .wire import read_group_key
from .wire_sends import write_client_key
from .wire_values import is_unset, read_id, read_path_number

STATUS_PATH = "push/v1/status/{transfer}"
CLIENT_STATUS_PATH = "push/v1/status/{group}/{client_transfer}"

STATES = {
    TransferState.ACCEPTED: "pending",
    TransferState.SENDING: "in_progress",
    TransferState.SENT: "sent",
    TransferState.CANCELLED: "failed",  # the vendor knows no cancelling
    TransferState.FAILED: "failed",
}
_READ_STATES = {
    "pending": TransferState.ACCEPTED,
    "in_progress": TransferState.SENDING,
    "sent": TransferState.SENT,
    "failed": TransferState.FAILED,
}

# The first two are documented word for word; the others are ours in the same manner.
FAULT_WORDS = {
    FaultKind.CREDENTIALS: "Invalid push credentials",
    FaultKind.NO_MESSAGE: "Identifier type {identifier} requires defined message",
    FaultKind.NO_TEXT: "Visible push requires title and text",
    FaultKind.NO_ROUTE: "No way to send",
    FaultKind.NOT_ADDRESSABLE: "Recipients cannot be addressed",
    FaultKind.CANCELLED: "Cancelled by operator",
}
PLATFORM_WORDS = {"ios": "iOS"}
_FAULT_PATTERNS = {
    kind: re.compile(
        words.replace("{identifier}", r"(?P<identifier>\S+)")
        + r"(?: for platform (?P<platform>\w+))?"
    )
    for kind, words in FAULT_WORDS.items()
}


def write_status_path(command: FetchStatus) -> str:
    if command.transfer:
        return STATUS_PATH.format(transfer=command.transfer)
    key = write_client_key(command.client_key)
    return CLIENT_STATUS_PATH.format(group=command.group, client_transfer=key)


def read_fetch_status(call: Call) -> FetchStatus:
    return FetchStatus(transfer=read_path_number(call.path["transfer"], "transfer"))


def read_fetch_client_status(call: Call) -> FetchStatus:
    key = read_path_number(call.path["client_transfer"], "transfer")
    return FetchStatus(group=read_group_key(call), client_key=key)


def write_status(status: TransferStatus) -> dict[str, Any]:
    transfer: dict[str, Any] = {
        "creation_date": status.created_at.isoformat(timespec="seconds"),
        "id": int(status.transfer),
        "status": STATES[status.state],
        "tag": status.tag,
        "group_id": int(status.group),
        "errors": [write_fault(fault) for fault in _list_faults(status)],
    }
    if status.client_key:
        transfer["client_transfer_id"] = int(status.client_key)
    return {"transfer": transfer}


def _list_faults(status: TransferStatus) -> tuple[Fault, ...]:
    is_cancelled = status.state is TransferState.CANCELLED
    return status.faults or ((Fault(FaultKind.CANCELLED),) if is_cancelled else ())


def read_status(body: Any) -> TransferStatus:
    transfer = body["transfer"]
    faults = tuple(read_fault(words) for words in transfer.get("errors") or ())
    client_key = transfer.get("client_transfer_id")
    return TransferStatus(
        transfer=read_id(transfer["id"]),
        group=read_id(transfer["group_id"]),
        tag=str(transfer["tag"]),
        state=_read_state(transfer["status"], faults),
        created_at=datetime.fromisoformat(transfer["creation_date"]),
        faults=faults,
        client_key="" if is_unset(client_key) else read_id(client_key),
    )


def write_fault(fault: Fault) -> str:
    """One of a transfer's `errors`, which are plain texts."""
    if fault.kind not in FAULT_WORDS:
        return fault.detail
    words = FAULT_WORDS[fault.kind].format(identifier=fault.identifier)
    platform = PLATFORM_WORDS.get(fault.platform, fault.platform)
    return f"{words} for platform {platform}" if platform else words


def read_fault(words: Any) -> Fault:
    for kind, pattern in _FAULT_PATTERNS.items():
        match = pattern.fullmatch(str(words))
        if match:
            found = match.groupdict(default="")
            platform = found["platform"].lower()
            return Fault(kind, platform, found.get("identifier", ""))
    return Fault(FaultKind.OTHER, detail=str(words))


def _read_state(word: str, faults: tuple[Fault, ...]) -> TransferState:
    if word == "failed" and any(fault.kind is FaultKind.CANCELLED for fault in faults):
        return TransferState.CANCELLED
    return _READ_STATES[word]
