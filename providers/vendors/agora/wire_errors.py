"""Errors on both sides: the envelope that callers get, and what a vendor's envelope means.

Sources: seed section "Status codes", the vendor's page "HTTP status codes" of the push calls and
of its REST API in general. The types of the push calls are documented without their JSON; where
only a type is known it stands in `error` and in `exception`.
"""

from __future__ import annotations

import time
from typing import Any

from providers.inbound import Reply
from providers.outcomes import Failure, Reason, Refusal, RefusalCode, RefusalKind

BAD_PARAMETER = "IllegalArgumentException"
BAD_MESSAGE = "MessageException"
NO_RESOURCE = "ResourceNotFoundException"
TOO_MANY_TASKS = "LimitException"
BAD_TOKEN = "auth_bad_access_token"
BAD_GRANT = "invalid_grant"
NO_APP = "organization_application_not_found"

# 405, 413 and 5xx have no word in the vendor's tables; these are ours.
ERRORS: dict[RefusalKind, tuple[int, str]] = {
    RefusalKind.MALFORMED: (400, "json_parse"),
    RefusalKind.MISSING: (400, "illegal_argument"),
    RefusalKind.INVALID: (400, BAD_PARAMETER),
    RefusalKind.UNAUTHENTICATED: (401, "unauthorized"),
    RefusalKind.FORBIDDEN: (403, "forbidden_op"),
    RefusalKind.NOT_FOUND: (404, "service_resource_not_found"),
    RefusalKind.METHOD: (405, "method_not_allowed"),
    RefusalKind.CONFLICT: (400, BAD_PARAMETER),
    RefusalKind.TOO_LARGE: (413, "request_entity_too_large"),
    RefusalKind.THROTTLED: (429, "reach_limit"),
    RefusalKind.BUSY: (403, TOO_MANY_TASKS),
    RefusalKind.INTERNAL: (500, "internal_server_error"),
    RefusalKind.UNAVAILABLE: (503, "service_unavailable"),
}

# Statuses of types that differ from those of their kind.
STATUSES = {NO_RESOURCE: 400}

# The exception that is shown beside a word of the general tables.
SECURITY = "org.apache.usergrid.rest.exceptions.SecurityException"
EXCEPTIONS = {"unauthorized": SECURITY, BAD_TOKEN: SECURITY}

# What the vendor says of a bad token; said too when there is none.
EXPIRED_WORDS = "Unable to authenticate due to expired access token"
CORRUPT_WORDS = "Unable to authenticate due to corrupt access token"
REACHED_WORDS = "This request has reached API limit."
TASKS_WORDS = "limit request"

# Refusals of our own rules that the vendor has words for, by their code: type and sentence.
CODES: dict[str, tuple[str, str]] = {
    "no_app": (NO_APP, "Could not find application for {subject}"),
    "throttled": ("reach_limit", REACHED_WORDS),
    RefusalCode.EXPIRED: ("unauthorized", EXPIRED_WORDS),
    RefusalCode.CORRUPT: (BAD_TOKEN, CORRUPT_WORDS),
    RefusalCode.UNAUTHENTICATED: (BAD_TOKEN, "Unable to authenticate"),
    RefusalCode.UNKNOWN_CLIENT: (BAD_TOKEN, "Unable to authenticate"),
    RefusalCode.WRONG_SECRET: (BAD_TOKEN, "Unable to authenticate"),
}

# The same where a token is asked for: there a client is a bad request, not a missing right.
GRANT_WORDS: dict[str, str] = {
    RefusalCode.UNKNOWN_CLIENT: "client_id does not match",
    RefusalCode.WRONG_SECRET: "client_secret does not match",
}

THROTTLED_STATUSES = frozenset({420, 429})
CREDENTIAL_STATUSES = frozenset({401, 403, 407})
MAX_WORDS = 500


class TypedRefusal(Refusal):
    """A refusal that the vendor has a type of its own for."""

    def __init__(self, kind: RefusalKind, type_: str, message: str, *, field: str = "") -> None:
        super().__init__(kind, message, field=field)
        self.type = type_


def refuse_parameter(field: str, message: str) -> Refusal:
    """The refusal of a bad parameter."""
    return TypedRefusal(RefusalKind.INVALID, BAD_PARAMETER, f"{field} {message}", field=field)


def refuse_message(field: str, message: str) -> Refusal:
    """The refusal of a bad `pushMessage`; the vendor's word for it is "bad_request"."""
    words = f"bad_request: {field} {message}"
    return TypedRefusal(RefusalKind.INVALID, BAD_MESSAGE, words, field=field)


def refuse_token() -> Refusal:
    """The refusal of a token that is not ours or was tampered with."""
    return TypedRefusal(RefusalKind.UNAUTHENTICATED, BAD_TOKEN, CORRUPT_WORDS)


def write_refusal(refusal: Refusal) -> Reply:
    """The error envelope, with `Retry-After` where waiting helps."""
    status, word = ERRORS[refusal.kind]
    word, words = _name_refusal(refusal, word)
    status = STATUSES.get(word, status)
    body = {
        "error": word,
        "exception": EXCEPTIONS.get(word, word),
        "timestamp": time.time_ns() // 1_000_000,
        "duration": 0,
        "error_description": words,
    }
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
    if refusal.retry_after is not None:
        headers["Retry-After"] = str(max(1, round(refusal.retry_after)))
    return Reply(status, body, headers=headers)


def write_grant_refusal(refusal: Refusal) -> Reply:
    """A refusal of the call for a token."""
    words = GRANT_WORDS.get(refusal.code)
    if words:
        refusal = TypedRefusal(RefusalKind.INVALID, BAD_GRANT, words)
    return write_refusal(refusal)


def _name_refusal(refusal: Refusal, usual: str) -> tuple[str, str]:
    """The vendor's type and sentence for a refusal."""
    if isinstance(refusal, TypedRefusal):
        return refusal.type, refusal.message
    if refusal.kind is RefusalKind.BUSY:
        return usual, TASKS_WORDS
    word, words = CODES.get(refusal.code, (usual, refusal.message))
    return word, words.format(subject=refusal.subject) if refusal.code == "no_app" else words


class Unauthenticated(Failure):
    """The token was not taken: it may have expired since it was fetched."""


class NotKnown(Failure):
    """The vendor definitely does not know what was asked for."""


def read_error(status: int, body: Any) -> Failure:
    """What an answer other than 2xx means, in the vendor's own words.

    A POST that ended in 5xx may have been accepted, and nothing can be asked: nobody knows.
    """
    words = read_error_words(body) or f"HTTP {status}"
    if status in THROTTLED_STATUSES or _is_task_limit(status, body):
        return Failure(Reason.THROTTLED, words, was_sent=True)
    if status in CREDENTIAL_STATUSES:
        kind = Unauthenticated if status == 401 else Failure
        return kind(Reason.CREDENTIAL, words, is_permanent=True, was_sent=True)
    if status >= 500 or status == 408:
        return Failure(Reason.VENDOR, words, was_sent=None)
    kind = NotKnown if status == 404 or _says(body, NO_RESOURCE) else Failure
    return kind(Reason.PAYLOAD, words, is_permanent=True, was_sent=True)


def _is_task_limit(status: int, body: Any) -> bool:
    """Whether as many tasks run as may run at once: 403 like a bad key, but it passes."""
    return status == 403 and (_says(body, TOO_MANY_TASKS) or read_error_words(body) == TASKS_WORDS)


def _says(body: Any, exception: str) -> bool:
    """Whether an error is of that type; the vendor writes it with or without its package."""
    if not isinstance(body, dict):
        return False
    said = (body.get("exception"), body.get("error"))
    return any(isinstance(text, str) and text.endswith(exception) for text in said)


def read_error_words(body: Any) -> str:
    """The sentence of an error body; clients of the vendor read nothing but this."""
    if not isinstance(body, dict):
        return ""
    words = body.get("error_description") or body.get("error") or ""
    return words[:MAX_WORDS] if isinstance(words, str) else ""
