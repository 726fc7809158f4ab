"""The sandbox's API as routes: what a script may call."""

from __future__ import annotations

from providers.commands import FetchReceipts, SendPush
from providers.contract import ApiCredentials, Call, Route
from providers.outcomes import Refusal, RefusalKind
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


ROUTES = (
    Route(
        method="POST",
        path=wire.SEND_PATH,
        read=_read_send,
        write=wire.write_sent,
        max_recipients=wire.MAX_RECIPIENTS,
    ),
    Route(
        method="GET",
        path=wire.RECEIPTS_PATH,
        read=_read_receipts,
        write=wire.write_receipts,
    ),
)
