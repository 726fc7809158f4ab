"""Apple's table of reasons, and what each may touch."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from providers.outbound import DeviceAnswer
from providers.outcomes import Outcome, Reason
from providers.vendors.apns.wire_errors import MEANINGS, read_answer, write_answer

# The table "Response error strings" of the page, by status. Channels (broadcast) are left out.
TABLE = {
    400: """BadCollapseId BadDeviceToken BadExpirationDate BadMessageId BadPriority BadTopic
        DeviceTokenNotForTopic DuplicateHeaders IdleTimeout InvalidPushType MissingDeviceToken
        MissingTopic PayloadEmpty TopicDisallowed""",
    403: """BadCertificate BadCertificateEnvironment ExpiredProviderToken Forbidden
        InvalidProviderToken MissingProviderToken UnrelatedKeyIdInToken
        BadEnvironmentKeyIdInToken""",
    404: "BadPath",
    405: "MethodNotAllowed",
    410: "ExpiredToken Unregistered",
    413: "PayloadTooLarge",
    429: "TooManyProviderTokenUpdates TooManyRequests",
    500: "InternalServerError",
    503: "ServiceUnavailable Shutdown",
}
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def answer(reason: str, at: datetime | None = None, **headers: str) -> DeviceAnswer:
    status, body = write_answer(reason, at)
    return DeviceAnswer(3, status, headers, body)


def test_every_reason_of_the_page_is_known_with_its_status():
    documented = {name: status for status, names in TABLE.items() for name in names.split()}

    assert {name: meaning.status for name, meaning in MEANINGS.items()} == documented


def test_only_what_apple_calls_dead_touches_a_token():
    touched = {name for name in MEANINGS if read_answer(answer(name)).reason is Reason.TOKEN}

    assert touched == {"Unregistered", "ExpiredToken"}


def test_a_dead_token_tells_since_when():
    result = read_answer(answer("Unregistered", NOON))

    assert (result.index, result.outcome) == (3, Outcome.FAILED)
    assert result.dead_since == NOON
    assert read_answer(answer("Unregistered")).dead_since is None


@pytest.mark.parametrize("value", ['"soon"', "true", "1e400", "99999999999999999", "null", "[]"])
def test_a_timestamp_that_is_none_is_left_out(value):
    body = f'{{"reason": "Unregistered", "timestamp": {value}}}'.encode()

    result = read_answer(DeviceAnswer(0, 410, {}, body))

    assert (result.reason, result.dead_since) == (Reason.TOKEN, None)


def test_a_busy_device_waits_alone_and_a_key_renewed_too_often_stops_the_account():
    device = read_answer(answer("TooManyRequests"))
    key = read_answer(answer("TooManyProviderTokenUpdates"))
    asked = read_answer(answer("TooManyRequests", **{"retry-after": "30"}))

    assert (device.reason, device.retry_after) == (Reason.VENDOR, 60)
    assert (asked.retry_after, asked.blocks_account) == (30, False)
    assert (key.reason, key.retry_after) == (Reason.THROTTLED, 1200)


def test_a_server_is_asked_again_after_a_quarter_of_an_hour_or_when_it_says():
    usual = read_answer(answer("InternalServerError"))
    asked = read_answer(answer("ServiceUnavailable", **{"retry-after": "30"}))
    garbage = read_answer(answer("Shutdown", **{"retry-after": "soon"}))

    assert [one.retry_after for one in (usual, asked, garbage)] == [900, 30, 900]
    # A single call that failed stops nobody else's; a server that asks for it does.
    assert [one.blocks_account for one in (usual, asked, garbage)] == [False, True, False]


def test_the_words_are_apples_first():
    result = read_answer(answer("InvalidProviderToken"))

    assert result.message.startswith("InvalidProviderToken: ")


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"reason": []}', b"\xff", b"[" * 10_000])
@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 413, 429, 500, 503])
def test_an_answer_without_a_reason_touches_no_token(status, body):
    result = read_answer(DeviceAnswer(0, status, {}, body))

    assert result.outcome is (Outcome.UNKNOWN if status == 500 else Outcome.FAILED)
    assert result.reason is not Reason.TOKEN
