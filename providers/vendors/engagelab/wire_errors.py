"""Errors on both sides: the nested envelope with the vendor's numbers, and what they mean to us
(seed section "Failed Response"; vendor pages "Create Push API - Response", "HTTP status code").

The web reference shows a bare `{"code", "message"}` too; a known client then reads code 0. So we
write the nested form and read both.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

from providers.inbound import Reply
from providers.outcomes import OVER_CAP, Failure, Reason, Refusal, RefusalKind

MAX_WORDS = 500
BAD_GROUP_WORDS = "group_key is not a 24 size string or does not exist"


class Code(IntEnum):
    """The vendor's documented numbers."""

    BAD_OVERRIDE = 1003
    UNKNOWN_DEVICE = 20101
    METHOD = 21001
    MISSING = 21002
    BAD_VALUE = 21003
    UNAUTHENTICATED = 21004
    TOO_LARGE = 21005
    BAD_APP_KEY = 21008
    INTERNAL = 21009
    NO_TARGET = 21011
    UNEXPECTED = 21015
    BAD_TYPE = 21016
    TIMEOUT = 21030
    BAD_GROUP_KEY = 21037
    NO_PERMISSION = 21038
    ACTIVITY_EVENT = 21050
    ACTIVITY_AUDIENCE = 21051
    ACTIVITY_TYPE = 21052
    ACTIVITY_STATE = 21053
    KINDS_COEXIST = 21054
    NEEDS_CERTIFICATE = 21055
    ACTIVITY_PLATFORM = 21056
    VOIP_ALONE = 21057
    VOIP_PLATFORM = 21058
    NO_DURATION_HERE = 21059
    NOTIFICATION_AND_MESSAGE = 21306
    BAD_PARAMETER = 23006
    THROTTLED = 23008
    ADDRESS_NOT_LISTED = 23009
    MEMORY = 27000
    EMPTY_CREDENTIALS = 27001
    UNKNOWN = 27002
    EMPTY_ALERT = 27008
    BAD_DISTRIBUTION = 27009
    EMPTY_PLAN = 27303


# The vendor's own oddities: several faults of a body are 401, a used-up rate is 400. Where no page
# gives a status (1003, 21037, 27303) ours is 400, or 401 when the group's key is wrong.
STATUSES: dict[Code, int] = {
    **dict.fromkeys(Code, 400),
    Code.METHOD: 405,
    Code.UNAUTHENTICATED: 401,
    Code.TIMEOUT: 503,
    Code.BAD_GROUP_KEY: 401,
    Code.NO_PERMISSION: 401,
    Code.NO_DURATION_HERE: 401,
    Code.NOTIFICATION_AND_MESSAGE: 401,
    Code.MEMORY: 500,
    Code.EMPTY_CREDENTIALS: 401,
    Code.EMPTY_ALERT: 401,
    Code.BAD_DISTRIBUTION: 401,
}

# An address that is not there has no number of its own; its 404 is ours.
ERRORS: dict[RefusalKind, tuple[int, Code]] = {
    RefusalKind.MALFORMED: (400, Code.BAD_VALUE),
    RefusalKind.MISSING: (400, Code.MISSING),
    RefusalKind.INVALID: (400, Code.BAD_VALUE),
    RefusalKind.UNAUTHENTICATED: (401, Code.UNAUTHENTICATED),
    RefusalKind.FORBIDDEN: (401, Code.NO_PERMISSION),
    RefusalKind.NOT_FOUND: (404, Code.BAD_VALUE),
    RefusalKind.METHOD: (405, Code.METHOD),
    RefusalKind.CONFLICT: (400, Code.BAD_VALUE),
    RefusalKind.TOO_LARGE: (400, Code.TOO_LARGE),
    RefusalKind.THROTTLED: (400, Code.THROTTLED),
    RefusalKind.BUSY: (400, Code.THROTTLED),
    RefusalKind.INTERNAL: (500, Code.MEMORY),
    RefusalKind.UNAVAILABLE: (503, Code.TIMEOUT),
}

# Codes that say something about the account, whatever their status.
CREDENTIAL_CODES = frozenset(
    {
        Code.UNAUTHENTICATED,
        Code.BAD_APP_KEY,
        Code.BAD_GROUP_KEY,
        Code.NO_PERMISSION,
        Code.NEEDS_CERTIFICATE,
        Code.ADDRESS_NOT_LISTED,
        Code.EMPTY_CREDENTIALS,
    }
)
# Nobody of the call is known to the vendor; other calls are not concerned.
RECIPIENT_CODES = frozenset({Code.UNKNOWN_DEVICE, Code.NO_TARGET})
NOBODY_FIELDS = frozenset({"audience", "targets"})  # nobody is meant
AGAIN_CODES = frozenset({Code.TIMEOUT, Code.MEMORY})


class Refused(Refusal):
    """A refusal with the vendor's own number."""

    def __init__(self, code: Code, message: str, *, field: str = "", status: int = 0) -> None:
        super().__init__(_KINDS.get(code, RefusalKind.INVALID), message, field=field)
        self.number = code
        self.status = status or STATUSES[code]


_KINDS = {
    Code.MISSING: RefusalKind.MISSING,
    Code.UNAUTHENTICATED: RefusalKind.UNAUTHENTICATED,
    Code.BAD_GROUP_KEY: RefusalKind.UNAUTHENTICATED,
    Code.EMPTY_CREDENTIALS: RefusalKind.UNAUTHENTICATED,
    Code.TOO_LARGE: RefusalKind.TOO_LARGE,
}


def write_error(code: int, message: str) -> dict[str, Any]:
    """The envelope; also one app's entry of a group push."""
    return {"error": {"code": int(code), "message": message}}


def write_refusal(refusal: Refusal) -> Reply:
    """The envelope with its status, and `Retry-After` where waiting helps."""
    status, code = find_number(refusal)
    headers = {"WWW-Authenticate": "Basic"} if code is Code.UNAUTHENTICATED else {}
    if refusal.retry_after is not None:
        headers["Retry-After"] = str(max(1, round(refusal.retry_after)))
    return Reply(status, write_error(code, refusal.message), headers=headers)


def find_number(refusal: Refusal) -> tuple[int, Code]:
    """The status and number of a refusal, ours or the middle's."""
    if isinstance(refusal, Refused):
        return refusal.status, refusal.number
    status, code = ERRORS[refusal.kind]
    if refusal.kind is RefusalKind.NOT_FOUND and refusal.field in NOBODY_FIELDS:
        return 400, Code.NO_TARGET
    if refusal.code == OVER_CAP:
        return 400, Code.BAD_TYPE
    return status, code


def write_refusal_by_value(refusal: Refusal) -> Reply:
    """Where a thing that is not there is a wrong value to the vendor (21003 with 400)."""
    if refusal.kind is RefusalKind.NOT_FOUND:
        return Reply(400, write_error(Code.BAD_VALUE, refusal.message))
    return write_refusal(refusal)


def write_refusal_of_device(refusal: Refusal) -> Reply:
    """A device that was deleted, or never was, is an unknown error to the vendor (27002)."""
    if refusal.kind is RefusalKind.NOT_FOUND:
        return Reply(400, write_error(Code.UNKNOWN, refusal.message))
    return write_refusal(refusal)


def write_refusal_of_group(refusal: Refusal) -> Reply:
    """A group's key that is wrong or no group's, in the seed's own words."""
    if refusal.kind is RefusalKind.UNAUTHENTICATED and not isinstance(refusal, Refused):
        return Reply(401, write_error(Code.BAD_GROUP_KEY, BAD_GROUP_WORDS))
    if refusal.kind is RefusalKind.NOT_FOUND and refusal.field == "app_group":
        return Reply(400, write_error(Code.BAD_GROUP_KEY, BAD_GROUP_WORDS))
    return write_refusal(refusal)


def read_error(status: int, body: Any) -> Failure | None:
    """What an answer other than 2xx means; None where the status alone decides.

    Tried again: 21030, 23008, 27000, any 5xx, any 429; never another 4xx.
    """
    code, words = read_error_words(body)
    if status == 500:  # it says nothing of whether the push was taken; the key tells a repeat
        return Failure(Reason.VENDOR, words or "500", was_sent=None)
    if status >= 500 or status in (408, 429) or not code:
        return None
    if code == Code.THROTTLED:
        return Failure(Reason.THROTTLED, words, was_sent=True)
    if code in AGAIN_CODES:
        return Failure(Reason.VENDOR, words, was_sent=True)
    return Failure(_find_reason(code), words, is_permanent=True, was_sent=True)


def _find_reason(code: int) -> Reason:
    if code in CREDENTIAL_CODES:
        return Reason.CREDENTIAL
    return Reason.UNKNOWN_ID if code in RECIPIENT_CODES else Reason.PAYLOAD


def read_error_words(body: Any) -> tuple[int, str]:
    """The number and the words of either form; (0, "") for what is none."""
    error = body.get("error", body) if isinstance(body, dict) else None
    if not isinstance(error, dict):
        return 0, ""
    code, message = error.get("code"), str(error.get("message") or "")
    if not isinstance(code, int) or isinstance(code, bool):
        return 0, message[:MAX_WORDS]
    return code, f"{code}: {message}"[:MAX_WORDS]
