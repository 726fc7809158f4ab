"""Errors on both sides. The vendor has two envelopes: that of its newer calls (`/push/3`,
`/sms/3`) and that of all others, `requestError`. Its People API has a third, which we only read.
"""

from __future__ import annotations

from typing import Any

from providers.inbound import Reply
from providers.outcomes import HTTP_STATUS, Failure, Reason, Refusal, RefusalKind

# The old envelope's words (wire facts, section 4); 405, 409, 413 and 503 are ours in its manner.
WORDS = {
    RefusalKind.MALFORMED: "BAD_REQUEST",
    RefusalKind.MISSING: "BAD_REQUEST",
    RefusalKind.INVALID: "BAD_REQUEST",
    RefusalKind.UNAUTHENTICATED: "UNAUTHORIZED",
    RefusalKind.FORBIDDEN: "FORBIDDEN",
    RefusalKind.NOT_FOUND: "NOT_FOUND",
    RefusalKind.METHOD: "METHOD_NOT_ALLOWED",
    RefusalKind.CONFLICT: "CONFLICT",
    RefusalKind.TOO_LARGE: "PAYLOAD_TOO_LARGE",
    RefusalKind.THROTTLED: "TOO_MANY_REQUESTS",
    RefusalKind.BUSY: "TOO_MANY_REQUESTS",
    RefusalKind.INTERNAL: "GENERAL_ERROR",
    RefusalKind.UNAVAILABLE: "SERVICE_UNAVAILABLE",
}
_ACTIONS = {
    400: "Check the request against the documentation and send it again.",
    401: "Check the Authorization header and the key in it.",
    403: "Use a key that has the scope of this call.",
    404: "Check the address and the ids in it.",
    429: "Wait as long as Retry-After says, then send it again.",
}
_ACTION = "Send it again later, and quote the description if it goes on."

THROTTLED_STATUSES = frozenset({420, 429})
CREDENTIAL_STATUSES = frozenset({401, 403})
MAX_WORDS = 500


def write_api_error(refusal: Refusal) -> Reply:
    """The envelope of the newer calls; where a field is wrong, it is the one violation."""
    status = HTTP_STATUS[refusal.kind]
    violations = [{"property": refusal.field, "violation": refusal.message}]
    body = {
        "errorCode": f"E{status}",
        "description": refusal.message,
        "action": _ACTIONS.get(status, _ACTION),
        "violations": violations if refusal.field else [],
        "resources": [],
    }
    return Reply(status, body, headers=_write_headers(refusal, status))


def write_request_error(refusal: Refusal) -> Reply:
    """The envelope of all other calls."""
    status = HTTP_STATUS[refusal.kind]
    exception: dict[str, Any] = {"messageId": WORDS[refusal.kind], "text": refusal.message}
    if refusal.field:
        exception["validationErrors"] = {refusal.field: [refusal.message]}
    body = {"requestError": {"serviceException": exception}}
    return Reply(status, body, headers=_write_headers(refusal, status))


def _write_headers(refusal: Refusal, status: int) -> dict[str, str]:
    headers = {"WWW-Authenticate": "App"} if status == 401 else {}
    if refusal.retry_after is not None:
        headers["Retry-After"] = str(max(1, round(refusal.retry_after)))
    return headers


class NotKnown(Failure):
    """The vendor definitely does not know what was asked for."""


def read_error(status: int, body: Any) -> Failure:
    """What an answer other than 2xx means, in the vendor's own words, whichever envelope it has.

    A send that ended in 5xx may have been accepted: `was_sent` None makes the caller ask.
    """
    words = read_error_words(body) or f"HTTP {status}"
    if status in THROTTLED_STATUSES:
        return Failure(Reason.THROTTLED, words, was_sent=True)
    if status in CREDENTIAL_STATUSES:
        return Failure(Reason.CREDENTIAL, words, is_permanent=True, was_sent=True)
    if status >= 500 or status == 408:
        return Failure(Reason.VENDOR, words, was_sent=None)
    kind = NotKnown if status == 404 else Failure
    return kind(Reason.PAYLOAD, words, is_permanent=True, was_sent=True)


def read_error_words(body: Any) -> str:
    """What an envelope says, in one line."""
    if not isinstance(body, dict):
        return ""
    old = body.get("requestError")
    if isinstance(old, dict):
        return _read_old(old)[:MAX_WORDS]
    parts = [body.get("errorCode"), body.get("description") or body.get("errorMessage")]
    parts += [_read_violation(item) for item in _list(body.get("violations"))]
    return ": ".join(str(part) for part in parts if part)[:MAX_WORDS]


def _read_old(envelope: dict[str, Any]) -> str:
    said = envelope.get("serviceException") or envelope.get("policyException")
    if not isinstance(said, dict):
        return ""
    faults = said.get("validationErrors")
    parts = [said.get("messageId"), said.get("text"), *(_list(faults) or _flatten(faults))]
    return ": ".join(str(part) for part in dict.fromkeys(map(str, filter(None, parts))))


def _flatten(faults: Any) -> list[str]:
    """`{"field": ["why"]}` as texts."""
    if not isinstance(faults, dict):
        return []
    return [
        f"{name} {'; '.join(map(str, _list(why) or [why]))}" for name, why in list(faults.items())
    ]


def _read_violation(item: Any) -> str:
    if not isinstance(item, dict):
        return ""
    return f"{item.get('property', '')} {item.get('violation', '')}".strip()


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
