"""Errors on both sides: the envelope that callers get, and what a vendor's envelope means.

The envelope and its types are documented for the management calls of the same API family
(vendor page "Errors"); at least one public client decodes exactly this from push calls too.
"""

from __future__ import annotations

from typing import Any

from providers.inbound import Reply
from providers.outcomes import Failure, Reason, Refusal, RefusalKind

# 405, 413 and 500 have no word in the vendor's list; these three are ours.
ERRORS: dict[RefusalKind, tuple[int, str]] = {
    RefusalKind.MALFORMED: (400, "invalid_json"),
    RefusalKind.MISSING: (400, "missing_parameter"),
    RefusalKind.INVALID: (400, "invalid_parameter"),
    RefusalKind.UNAUTHENTICATED: (401, "unauthorized"),
    RefusalKind.FORBIDDEN: (403, "access_denied"),
    RefusalKind.NOT_FOUND: (404, "not_found"),
    RefusalKind.METHOD: (405, "method_not_allowed"),
    RefusalKind.CONFLICT: (409, "conflict"),
    RefusalKind.TOO_LARGE: (413, "payload_too_large"),
    RefusalKind.THROTTLED: (429, "quota"),
    RefusalKind.BUSY: (429, "quota"),
    RefusalKind.INTERNAL: (500, "internal_error"),
    RefusalKind.UNAVAILABLE: (503, "backend_error"),
}

# The Russian page of limits says 429 for a used-up quota, the English one 420.
THROTTLED_STATUSES = frozenset({420, 429})
CREDENTIAL_STATUSES = frozenset({401, 403})
MAX_WORDS = 500


def write_refusal(refusal: Refusal) -> Reply:
    """The error envelope, with `Retry-After` where waiting helps."""
    status, error_type = ERRORS[refusal.kind]
    error = {"error_type": error_type, "message": refusal.message}
    if refusal.field:
        error["location"] = refusal.field
    headers = {"WWW-Authenticate": "OAuth"} if status == 401 else {}
    if refusal.retry_after is not None:
        headers["Retry-After"] = str(max(1, round(refusal.retry_after)))
    body = {"errors": [error], "code": status, "message": refusal.message}
    return Reply(status, body, headers=headers)


class NotKnown(Failure):
    """The vendor definitely does not know what was asked for."""


class AlreadyTaken(Failure):
    """The name, or our id of a send, is in use at the vendor."""


def read_error(status: int, body: Any) -> Failure:
    """What an answer other than 2xx means, in the vendor's own words.

    A send that ended in 5xx may have been accepted: `was_sent` None makes the caller ask.
    """
    words = read_error_words(body) or f"HTTP {status}"
    if status in THROTTLED_STATUSES:
        return Failure(Reason.THROTTLED, words, was_sent=True)
    if status in CREDENTIAL_STATUSES:
        return Failure(Reason.CREDENTIAL, words, is_permanent=True, was_sent=True)
    if status >= 500 or status == 408:
        return Failure(Reason.VENDOR, words, was_sent=None)
    kind = {404: NotKnown, 409: AlreadyTaken}.get(status, Failure)
    return kind(Reason.PAYLOAD, words, is_permanent=True, was_sent=True)


def read_error_words(body: Any) -> str:
    """The envelope's messages in one line; entries may be objects or bare texts."""
    if not isinstance(body, dict):
        return ""
    entries = body.get("errors")
    words = [_read_entry(entry) for entry in entries] if isinstance(entries, list) else []
    words = [word for word in words if word] or [str(body.get("message") or "")]
    return "; ".join(words)[:MAX_WORDS]


def _read_entry(entry: Any) -> str:
    if isinstance(entry, dict):
        parts = (entry.get("error_type"), entry.get("message"))
        return ": ".join(str(part) for part in parts if part)
    return entry if isinstance(entry, str) else ""
