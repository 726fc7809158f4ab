"""What an answer means (Apple's page "Handling notification responses from APNs":
https://developer.apple.com/documentation/usernotifications/handling-notification-responses-from-apns).

An answer of 200 has no body. Any other has `{"reason": "...", "timestamp": ms}`, the latter with
410: "the time at which APNs confirmed the token was no longer valid for the topic".

Of a 500 ("An internal server error occurred") the page does not say whether the notification was
taken, so nobody knows; of a 503 it says that the service is not there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from providers.failures import (
    CREDENTIAL_STATUSES,
    UNCERTAIN_STATUSES,
    describe_misreading,
    leaves_doubt,
    parse_body,
)
from providers.outbound import DeviceAnswer
from providers.outcomes import Outcome, Reason, Result
from providers.pacing import read_retry_after

# "After 15 minutes, you can retry JSON payloads that receive response status codes that begin
# with 5XX."
SERVER_SECONDS = 900.0
DEVICE_SECONDS = 60.0  # "You can retry with a delay, if you get TooManyRequests": how long is ours
IDLE_SECONDS = 10.0
UPDATE_SECONDS = 1200.0  # a provider token is made "no more than once every 20 minutes"


@dataclass(frozen=True, slots=True)
class Meaning:
    """A reason string: the status that it comes with, whose fault it is, what to say to people,
    and after how many seconds another try can help."""

    status: int
    reason: Reason
    words: str
    retry_after: float | None = None


MEANINGS: Mapping[str, Meaning] = {
    # The token. Only these two say that it is dead: asked which answers should make a server drop
    # a token, Apple names ExpiredToken and Unregistered alone (forum thread 807380).
    "Unregistered": Meaning(410, Reason.TOKEN, "The token is inactive for this topic."),
    "ExpiredToken": Meaning(410, Reason.TOKEN, "The token has expired."),
    # A token of the other environment, or of another app of the team: a working token at the wrong
    # door. It is a person who has to look, so that a broadcast through a wrong account pauses and
    # disables nobody.
    "BadDeviceToken": Meaning(
        400, Reason.PAYLOAD, "The token is not one of this environment (production or sandbox)."
    ),
    "DeviceTokenNotForTopic": Meaning(
        400, Reason.PAYLOAD, "The token belongs to another app than the bundle ID of the route."
    ),
    # The message.
    "PayloadTooLarge": Meaning(413, Reason.PAYLOAD, "The payload is too large."),
    "PayloadEmpty": Meaning(400, Reason.PAYLOAD, "The payload is empty."),
    "BadCollapseId": Meaning(400, Reason.PAYLOAD, "The collapse id is longer than 64 bytes."),
    "BadExpirationDate": Meaning(400, Reason.PAYLOAD, "The expiration is not taken."),
    "BadPriority": Meaning(400, Reason.PAYLOAD, "The priority is not taken."),
    "InvalidPushType": Meaning(400, Reason.PAYLOAD, "The push type is not taken."),
    # A request that we should not have written. Another try would be the same: a person must look.
    "BadMessageId": Meaning(400, Reason.PAYLOAD, "The id of the notification is not taken."),
    "DuplicateHeaders": Meaning(400, Reason.PAYLOAD, "A header was repeated."),
    "MissingDeviceToken": Meaning(400, Reason.PAYLOAD, "The path names no token."),
    "BadPath": Meaning(404, Reason.PAYLOAD, "The path is not known."),
    "MethodNotAllowed": Meaning(405, Reason.PAYLOAD, "The method is not taken."),
    # The account and its route. The same for everybody, so the calls that are left are not made
    # and nobody who is owed is lost.
    "BadTopic": Meaning(400, Reason.CREDENTIAL, "The route's bundle ID is not taken."),
    "MissingTopic": Meaning(400, Reason.CREDENTIAL, "The route names no bundle ID."),
    "TopicDisallowed": Meaning(
        400, Reason.CREDENTIAL, "The key or certificate may not push to the route's bundle ID."
    ),
    "BadCertificate": Meaning(403, Reason.CREDENTIAL, "The certificate is not taken."),
    "BadCertificateEnvironment": Meaning(
        403, Reason.CREDENTIAL, "The certificate is of the other environment."
    ),
    # Ours are 1 to 31 minutes old and count for 60.
    "ExpiredProviderToken": Meaning(
        403, Reason.CREDENTIAL, "The signed token is too old: look at the clock of this machine."
    ),
    "Forbidden": Meaning(403, Reason.CREDENTIAL, "The account may not do this."),
    "InvalidProviderToken": Meaning(
        403, Reason.CREDENTIAL, "The key, its key ID or the team ID is wrong."
    ),
    "MissingProviderToken": Meaning(
        403, Reason.CREDENTIAL, "There was neither a signed token nor a certificate."
    ),
    "UnrelatedKeyIdInToken": Meaning(
        403,
        Reason.CREDENTIAL,
        "The connection was begun with a key that this one is not related to.",
    ),
    "BadEnvironmentKeyIdInToken": Meaning(
        403, Reason.CREDENTIAL, "The key is of the other environment."
    ),
    # Too fast. The first is the account's; it waits as long as Apple wants between two tokens.
    # Ours are that far apart: somebody else signs with the same key.
    "TooManyProviderTokenUpdates": Meaning(
        429, Reason.THROTTLED, "Signed tokens of this key are renewed too often.", UPDATE_SECONDS
    ),
    # One device's: it alone waits, not the account.
    "TooManyRequests": Meaning(
        429, Reason.VENDOR, "Too many requests in a row to this device.", DEVICE_SECONDS
    ),
    # The server.
    "IdleTimeout": Meaning(400, Reason.VENDOR, "The connection was idle.", IDLE_SECONDS),
    "InternalServerError": Meaning(500, Reason.VENDOR, "An error of the server.", SERVER_SECONDS),
    "ServiceUnavailable": Meaning(503, Reason.VENDOR, "The service is away.", SERVER_SECONDS),
    "Shutdown": Meaning(503, Reason.VENDOR, "The server is shutting down.", SERVER_SECONDS),
}
# Servers have been seen to write it so (public clients know both).
ALIASES = {"BadEnvironmentKeyInToken": "BadEnvironmentKeyIdInToken"}

# What a status means by itself, where no reason that we know stands beside it. 410 is not among
# those that touch a token: it may be anybody's who stands between us and Apple.
STATUSES: Mapping[int, tuple[Reason, float | None]] = {
    **dict.fromkeys(CREDENTIAL_STATUSES, (Reason.CREDENTIAL, None)),
    **dict.fromkeys(UNCERTAIN_STATUSES, (Reason.NO_ANSWER, None)),
    429: (Reason.VENDOR, DEVICE_SECONDS),
}
LET_IN = frozenset({"BadDeviceToken", "MissingTopic"})
MAX_WORDS = 200


def write_answer(reason: str, at: datetime | None = None) -> tuple[int, bytes]:
    """The status and body that Apple answers with; `at` is when a token went."""
    body: dict[str, Any] = {"reason": reason}
    if at is not None:
        body["timestamp"] = round(at.timestamp() * 1000)
    return MEANINGS[reason].status, json.dumps(body).encode()


def read_answer(answer: DeviceAnswer) -> Result:
    """What became of one recipient."""
    if answer.status == 200:
        return _read_success(answer)
    body = _read_body(answer.body)
    name = str(body.get("reason", ""))
    meaning = MEANINGS.get(ALIASES.get(name, name))
    if meaning is None or meaning.status != answer.status:
        return _read_status(answer, name)
    return Result(
        answer.place,
        _find_outcome(answer),
        meaning.reason,
        f"{name}: {meaning.words}",
        _find_wait(answer, meaning.retry_after),
        _read_instant(body.get("timestamp")) if meaning.reason is Reason.TOKEN else None,
        _blocks_account(answer),
    )


def is_let_in(answer: DeviceAnswer) -> bool:
    """Whether an answer to a call for a device that is none says that the caller is known: it finds
    fault with the token, or with the topic, which an account by itself does not name."""
    return answer.status == 400 and _read_body(answer.body).get("reason") in LET_IN


def _read_success(answer: DeviceAnswer) -> Result:
    if not answer.body:
        return Result(answer.place, Outcome.ACCEPTED)
    # Not Apple's: its success is empty.
    words = describe_misreading(answer.status)
    return Result(answer.place, Outcome.UNKNOWN, Reason.NO_ANSWER, words)


def _read_status(answer: DeviceAnswer, name: str) -> Result:
    words = name[:MAX_WORDS] or f"HTTP {answer.status}"
    if answer.status < 300:
        return Result(answer.place, Outcome.UNKNOWN, Reason.NO_ANSWER, words)
    if answer.status < 400:
        words = f"The account's address answers with a redirect ({answer.status}). Correct it."
        return Result(answer.place, Outcome.FAILED, Reason.CREDENTIAL, words)
    default = (Reason.VENDOR, SERVER_SECONDS) if answer.status >= 500 else (Reason.PAYLOAD, None)
    reason, wait = STATUSES.get(answer.status, default)
    wait = _find_wait(answer, wait)
    blocks = _blocks_account(answer)
    return Result(answer.place, _find_outcome(answer), reason, words, wait, blocks_account=blocks)


def _find_outcome(answer: DeviceAnswer) -> Outcome:
    return Outcome.UNKNOWN if leaves_doubt(answer.status) else Outcome.FAILED


def _find_wait(answer: DeviceAnswer, wait: float | None) -> float | None:
    """What the server asks for goes before what the page says."""
    if wait is None and answer.status < 500:
        return None
    asked = _read_asked(answer)
    return wait if asked is None else asked


def _blocks_account(answer: DeviceAnswer) -> bool:
    """Whether a server that fails asks everybody to wait; a 429 is about the one device, and what
    the page says of a single failure holds for the one call."""
    return answer.status >= 500 and bool(_read_asked(answer))


def _read_asked(answer: DeviceAnswer) -> float | None:
    return read_retry_after(answer.headers.get("retry-after", ""), datetime.now(UTC))


def _read_body(content: bytes) -> Mapping[str, Any]:
    body, _is_json = parse_body(content)
    return body if isinstance(body, dict) else {}


def _read_instant(value: Any) -> datetime | None:
    """Milliseconds since 1970 as an instant; None where it is no such number."""
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    try:
        return datetime.fromtimestamp(value / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None
