"""Vendors of the chaos tests: the sandbox's wire with small batches, and what a vendor may lack."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from providers import http
from providers.commands import FetchStatus, SendPush, TransferState, TransferStatus
from providers.contract import Dialect, Limits
from providers.inbound import Call, Reply, Route
from providers.outbound import Request
from providers.outcomes import HTTP_STATUS, Failure, Reason, RefusalKind
from providers.vendors import sandbox
from providers.vendors.sandbox.outbound import Sandbox

BATCH = 25
STATUS_PATH = "v1/status"


def make_dialect(key: str, extra_routes: tuple[Route, ...] = (), **changes: Any) -> Dialect:
    """The sandbox under another name, whose journal names devices by their tokens."""
    changes.setdefault("limits", Limits(batch_size=BATCH, in_flight=16))
    return replace(
        sandbox.DIALECT,
        key=key,
        label=key.title(),
        wants_references=False,
        has_receipts=False,
        routes=(*sandbox.DIALECT.routes, *extra_routes),
        **changes,
    )


class Keyless(Sandbox):
    """Sends without a key, so that nobody can tell a repeated call from a new one."""

    def write(self, push: SendPush) -> Request:
        return super().write(replace(push, client_key=""))


class NotKnown(Failure):
    """The vendor has no such call."""


class Teller(Sandbox):
    """Can be asked what became of a call, by our id of it alone: it has no groups."""

    def write(self, push: SendPush) -> Request:
        return super().write(replace(push, group=""))

    def fetch_status(self, command: FetchStatus) -> TransferStatus | None:
        try:
            status: TransferStatus = http.call(
                http.get_session(),
                "GET",
                self._find_url(STATUS_PATH),
                headers=self.headers,
                params={"key": command.client_key},
                read=_read_status,
                read_error=_read_error,
            )
        except NotKnown:
            return None
        return status


def _read_error(status: int, body: Any) -> Failure | None:
    if status == HTTP_STATUS[RefusalKind.NOT_FOUND]:
        return NotKnown(Reason.PAYLOAD, body["error"]["message"], is_permanent=True)
    return None


def _read_status_query(call: Call) -> FetchStatus:
    return FetchStatus(client_key=call.query.get("key", ""))


def _write_status(status: TransferStatus, call: Call) -> Reply:
    body = {"transfer": status.transfer, "group": status.group, "tag": status.tag}
    return Reply(200, {**body, "state": status.state, "at": status.created_at.isoformat()})


def _read_status(body: Any) -> TransferStatus:
    return TransferStatus(
        transfer=body["transfer"],
        group=body["group"],
        tag=body["tag"],
        state=TransferState(body["state"]),
        created_at=datetime.fromisoformat(body["at"]),
    )


STATUS_ROUTE = Route(method="GET", path=STATUS_PATH, read=_read_status_query, write=_write_status)
