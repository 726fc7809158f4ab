"""Statuses of RFC 8030 (5, 7.2, 7.3, 8.4) and RFC 8292 (4.2), and what the large services say in
their own words where a status means two things."""

from __future__ import annotations

from dataclasses import replace

from providers.vendors.webpush import outbound, wire_auth
from tests.vendor_cases.codes import (
    DEAD,
    IN_DOUBT,
    OF_ADDRESS,
    OF_MESSAGE,
    PAUSED,
    SENT,
    Case,
    Fate,
    later,
)


def answer(status: int, fate: Fate, words: str = "") -> Case:
    return Case(f"{status} {words}".strip(), status, fate, words, words=(words,))


OTHER_KEY = (
    (403, "the VAPID credentials in the authorization header do not correspond to the credentials "
          "used to create the subscriptions."),
    (401, "VAPID public key mismatch"),
    (400, "VapidPkHashMismatch"),
)  # fmt: skip
MINUTE = 60.0  # for which a service is left alone that wants time and does not say how much
RESTING = replace(later(), rests=MINUTE)
CASES = [
    answer(200, SENT),
    answer(201, SENT),
    answer(202, SENT),
    answer(204, IN_DOUBT),
    answer(301, OF_ADDRESS),
    answer(400, OF_MESSAGE, "Invalid aes128gcm content"),
    answer(400, OF_MESSAGE, "Invalid Topic header"),
    answer(400, PAUSED, "UnauthorizedRegistration"),
    answer(401, PAUSED, "authorization header must be specified."),
    answer(401, PAUSED, "Request did not validate Invalid Authorization Header"),
    answer(403, PAUSED, "BadJwtToken"),
    answer(403, PAUSED, "invalid JWT provided"),
    *(answer(status, OF_ADDRESS, words) for status, words in OTHER_KEY),
    answer(404, DEAD),
    answer(404, DEAD, "Request did not validate invalid token"),
    answer(405, OF_MESSAGE),
    answer(406, RESTING),
    answer(410, DEAD),
    answer(410, DEAD, "push subscription has unsubscribed or expired."),
    answer(413, OF_MESSAGE, "Data payload too large"),
    answer(429, RESTING),
    answer(500, IN_DOUBT),
    answer(501, later()),
    answer(503, later(), "Please retry"),
    answer(408, IN_DOUBT),
    answer(502, IN_DOUBT),
    answer(504, IN_DOUBT),
]


def ask_for_service(status: int, seconds: float | None, fate: Fate = later()) -> Case:  # noqa: B008 frozen
    """The one service is left alone; the recipient itself waits as if nobody had said a time."""
    return answer(status, replace(fate, rests=seconds or 0.0))


ASKERS = {
    "429": lambda seconds: ask_for_service(429, seconds or MINUTE),
    "503": lambda seconds: ask_for_service(503, seconds),
    "500": lambda seconds: ask_for_service(500, seconds, IN_DOUBT),
}


def forget() -> None:
    outbound.RESTS = outbound.Rests()
    wire_auth.find_signer.cache_clear()


def find_rest() -> float:
    rests = outbound.RESTS
    return max((rests.find(*key) for key in list(rests._until)), default=0.0)
