"""Errors on both sides: `{"error", "req_id"}` (seed, section "Error handling").

The seed calls `error` an object and shows a string: we write a string and read both.
"""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

from providers.inbound import Reply
from providers.outcomes import Failure, Reason, Refusal, RefusalKind

# 405, 409, 413, 429 and 503 are not in the vendor's list of statuses; they are ours.
STATUSES: dict[RefusalKind, int] = {
    RefusalKind.MALFORMED: 400,
    RefusalKind.MISSING: 400,
    RefusalKind.INVALID: 400,
    RefusalKind.UNAUTHENTICATED: 401,
    RefusalKind.FORBIDDEN: 403,
    RefusalKind.NOT_FOUND: 404,
    RefusalKind.METHOD: 405,
    RefusalKind.CONFLICT: 409,
    RefusalKind.TOO_LARGE: 413,
    RefusalKind.THROTTLED: 429,
    RefusalKind.BUSY: 429,
    RefusalKind.INTERNAL: 500,
    RefusalKind.UNAVAILABLE: 503,
}
VALIDATION = "validation error"
EMPTY_APPS = "empty set of applications"
CREDENTIAL_STATUSES = frozenset({401, 403})
THROTTLED_STATUSES = frozenset({420, 429})
MAX_WORDS = 500


def write_refusal(refusal: Refusal) -> Reply:
    """The error body, with `Retry-After` where waiting helps."""
    status = STATUSES[refusal.kind]
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
    if refusal.retry_after is not None:
        headers["Retry-After"] = str(max(1, round(refusal.retry_after)))
    body = {"error": _write_words(refusal, status), "req_id": refusal.request_id or uuid4().hex}
    return Reply(status, body, headers=headers)


def _write_words(refusal: Refusal, status: int) -> str:
    if status != 400:
        return refusal.message
    if refusal.field == "apps":
        return f"{VALIDATION}: {EMPTY_APPS}"
    parts = (VALIDATION, refusal.field, refusal.message)
    return ": ".join(part for part in parts if part)


def read_error(status: int, body: Any) -> Failure:
    """What an answer other than 2xx means.

    Whether a send that ended in 5xx was taken cannot be asked, and it must not be made again: it
    is nobody's knowledge, whatever the seed says about retries.
    """
    words = read_error_words(body) or f"HTTP {status}"
    if status in THROTTLED_STATUSES:
        return Failure(Reason.THROTTLED, words, was_sent=True)
    if status in CREDENTIAL_STATUSES:
        return Failure(Reason.CREDENTIAL, words, is_permanent=True, was_sent=True)
    if status >= 500 or status == 408:
        return Failure(Reason.VENDOR, words, was_sent=None)
    return Failure(Reason.PAYLOAD, words, is_permanent=True, was_sent=True)


def read_error_words(body: Any) -> str:
    """The words of an error, and the id by which the vendor's support finds it."""
    error = body.get("error") if isinstance(body, dict) else None
    if not error:
        return ""
    words = error if isinstance(error, str) else json.dumps(error, ensure_ascii=False)
    number = body.get("req_id")
    return f"{words} (req_id {number})"[:MAX_WORDS] if number else words[:MAX_WORDS]
