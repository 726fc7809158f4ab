"""Apple's table "Response error strings" (page "Handling notification responses from APNs"), and
statuses without one."""

from __future__ import annotations

from dataclasses import replace

from tests.vendor_cases.codes import (
    DEAD,
    IN_DOUBT,
    OF_MESSAGE,
    PAUSED,
    SENT,
    Case,
    Fate,
    blocked,
    doubted,
    later,
)

QUARTER = 900  # "After 15 minutes, you can retry JSON payloads that receive [...] 5XX."
TWENTY_MINUTES = 1200  # "no more than once every 20 minutes"
# Device, environment and topic do not fit: perhaps everybody's, so no token is touched.
MISFIT = OF_MESSAGE


def answer(status: int, reason: str, fate: Fate) -> Case:
    return Case(reason, status, fate, {"reason": reason}, words=(reason,))


def misplace(status: int, reason: str, fate: Fate) -> Case:
    """A reason beside a status that is not its own: the status is believed."""
    return replace(answer(status, reason, fate), name=f"{reason} with {status}")


CASES = [
    Case("success", 200, SENT),
    answer(400, "BadCollapseId", OF_MESSAGE),
    answer(400, "BadDeviceToken", MISFIT),
    answer(400, "BadExpirationDate", OF_MESSAGE),
    answer(400, "BadMessageId", OF_MESSAGE),
    answer(400, "BadPriority", OF_MESSAGE),
    answer(400, "BadTopic", PAUSED),
    answer(400, "DeviceTokenNotForTopic", MISFIT),
    answer(400, "DuplicateHeaders", OF_MESSAGE),
    answer(400, "IdleTimeout", later(10)),
    answer(400, "InvalidPushType", OF_MESSAGE),
    answer(400, "MissingDeviceToken", OF_MESSAGE),
    answer(400, "MissingTopic", PAUSED),
    answer(400, "PayloadEmpty", OF_MESSAGE),
    answer(400, "TopicDisallowed", PAUSED),
    answer(403, "BadCertificate", PAUSED),
    answer(403, "BadCertificateEnvironment", PAUSED),
    answer(403, "ExpiredProviderToken", PAUSED),
    answer(403, "Forbidden", PAUSED),
    answer(403, "InvalidProviderToken", PAUSED),
    answer(403, "MissingProviderToken", PAUSED),
    answer(403, "UnrelatedKeyIdInToken", PAUSED),
    answer(403, "BadEnvironmentKeyIdInToken", PAUSED),
    answer(404, "BadPath", OF_MESSAGE),
    answer(405, "MethodNotAllowed", OF_MESSAGE),
    answer(410, "ExpiredToken", DEAD),
    answer(410, "Unregistered", DEAD),
    answer(413, "PayloadTooLarge", OF_MESSAGE),
    answer(429, "TooManyProviderTokenUpdates", blocked(TWENTY_MINUTES)),
    answer(429, "TooManyRequests", later(60)),
    answer(500, "InternalServerError", doubted(QUARTER)),
    answer(503, "ServiceUnavailable", later(QUARTER)),
    answer(503, "Shutdown", later(QUARTER)),
    # Not in the table: a reason of a later version, and somebody who stands in between.
    answer(400, "OfALaterVersion", OF_MESSAGE),
    answer(403, "OfALaterVersionToo", PAUSED),
    Case("401 of somebody else", 401, PAUSED, "<html>"),
    misplace(401, "InvalidProviderToken", PAUSED),
    Case("403 of somebody else", 403, PAUSED, "<html>"),
    Case("407 of somebody else", 407, PAUSED, "<html>"),
    Case("410 of somebody else", 410, OF_MESSAGE, "<html>"),
    Case("429 of somebody else", 429, later(60), "<html>"),
    Case("500 of somebody else", 500, doubted(QUARTER), "<html>"),
    Case("503 of somebody else", 503, later(QUARTER), "<html>"),
    misplace(500, "Unregistered", doubted(QUARTER)),
    Case("a success with words", 200, IN_DOUBT, "<html>"),
    Case("301", 301, PAUSED, "<html>"),
    Case("307", 307, PAUSED),
    Case("408", 408, IN_DOUBT),
    misplace(504, "ServiceUnavailable", IN_DOUBT),
    Case("502", 502, IN_DOUBT),
    Case("504", 504, IN_DOUBT),
]


def ask_for_device(seconds: float | None) -> Case:
    """A 429 is about the one device, whatever it asks for."""
    return answer(429, "TooManyRequests", later(60 if seconds is None else seconds))


def ask_for_all(seconds: float | None) -> Case:
    fate = later(QUARTER) if seconds is None else blocked(seconds)
    return answer(503, "ServiceUnavailable", fate)


def ask_for_key(seconds: float | None) -> Case:
    fate = blocked(TWENTY_MINUTES if seconds is None else seconds)
    return answer(429, "TooManyProviderTokenUpdates", fate)


def ask_in_doubt(seconds: float | None) -> Case:
    fate = replace(doubted(seconds or QUARTER), is_blocked=seconds is not None)
    return answer(500, "InternalServerError", fate)


ASKERS = {
    "a device": ask_for_device,
    "the server": ask_for_all,
    "the server that fails": ask_in_doubt,
    "the key": ask_for_key,
}


def forget() -> None:
    """It keeps nothing of answers."""


def find_rest() -> float:
    return 0.0
