"""The Check button: a call that reaches nobody, and Apple's own words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from providers.checks import check_account
from providers.fanout import close_fanouts
from providers.vendors.apns import DIALECT
from tests.providers.apns.account import open_account
from tests.providers.conftest import open_vendor, write_answer

__all__ = ["open_vendor"]


@pytest.fixture
def check(open_vendor):
    """Checks an account at a gateway that answers so; its request stands in `requests`."""
    vendors = []

    def check_one(status, reason, **changes):
        body = f'{{"reason": "{reason}"}}'.encode()
        vendors.append(open_vendor(write_answer(status, body)))
        account = replace(open_account(), base_urls={"gateway": vendors[-1].url}, **changes)
        return check_account(DIALECT, account), vendors[-1].requests

    yield check_one
    close_fanouts()


@pytest.mark.parametrize("reason", ["BadDeviceToken", "MissingTopic"])
def test_who_is_told_of_the_token_was_let_in(check, reason):
    result, requests = check(400, reason, options={})

    [request] = requests
    assert result.is_good
    assert request.startswith(b"POST /3/device/" + b"0" * 64 + b" ")
    assert b"apns-push-type: background" in request
    assert b"apns-topic" not in request
    assert request.endswith(b'{"aps":{"content-available":1}}')


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (403, "InvalidProviderToken"),
        (403, "BadCertificateEnvironment"),
        (400, "TopicDisallowed"),
        (429, "TooManyProviderTokenUpdates"),
        (503, "Shutdown"),
        (200, "BadDeviceToken"),
    ],
)
def test_whoever_is_not_let_in_reads_apples_words(check, status, reason):
    result, _requests = check(status, reason)

    assert not result.is_good
    assert reason in result.words or status == 200


def test_a_key_that_cannot_be_read_is_told_without_a_call(check):
    result, requests = check(
        400, "BadDeviceToken", credentials={"key": "x", "key_id": "y", "team_id": "z"}
    )

    assert not result.is_good
    assert ".p8" in result.words
    assert requests == []


def test_a_gateway_that_is_away_is_told():
    account = replace(open_account(), base_urls={"gateway": "https://127.0.0.1:1"})

    result = check_account(DIALECT, account)
    close_fanouts()

    assert not result.is_good
    assert "private or loopback" in result.words
