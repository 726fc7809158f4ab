"""The sandbox's API as routes: what a script may call."""

from __future__ import annotations

from providers.commands import Accepted, SendPush
from providers.inbound import ApiCredentials, Call, Reply, Route
from providers.outcomes import Refusal, RefusalKind
from providers.receipts import FetchReceipts, ReceiptPage
from providers.vendors.sandbox import wire


def read_credentials(call: Call) -> ApiCredentials:
    """Raises `Refusal` where no key is shown."""
    key = wire.read_authorization(call.headers.get("authorization", ""))
    if not key:
        raise Refusal(RefusalKind.UNAUTHENTICATED, "Send your key: Authorization: Bearer <key>")
    return ApiCredentials(key)


def _read_send(call: Call) -> SendPush:
    return wire.read_send(call.body)


def _read_receipts(call: Call) -> FetchReceipts:
    return wire.read_receipts_query(call.query)


def _write_sent(accepted: Accepted, call: Call) -> Reply:
    return wire.write_sent(accepted)


def _write_receipts(page: ReceiptPage, call: Call) -> Reply:
    return wire.write_receipts(page)


ROUTES = (
    Route(
        method="POST",
        path=wire.SEND_PATH,
        read=_read_send,
        write=_write_sent,
        max_recipients=wire.MAX_RECIPIENTS,
    ),
    Route(
        method="GET",
        path=wire.RECEIPTS_PATH,
        read=_read_receipts,
        write=_write_receipts,
    ),
)
