"""What is kept of an answer that repeats whom it was called for, in whatever part or form."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest

from providers.device_exchanges import hide_secrets, write_exchange
from providers.outbound import DeviceAnswer, DeviceCall

TAIL = "dGhpcyBpcyBhIHRlc3Q:APA91bCanaryCanaryCanaryCanaryCanaryCanaryCanaryCanary"
ENDPOINT = f"https://push.example/devices/send/{TAIL}"
IN_QUERY = f"https://push.example/w/?token={quote(TAIL, safe='')}&name=short"
PLAIN = "0123456789abcdef" * 4


def write_target(endpoint: str) -> str:
    return json.dumps({"endpoint": endpoint, "keys": {"auth": "auth-canary"}})


def read_kept(said: str, target: str, url: str) -> str:
    """The words, and what is kept of the exchange."""
    call = DeviceCall(0, url, ("authorization: Bearer secret-key",), b"{}")
    answers = [said, json.dumps({"message": said})]
    kept = [write_exchange(call, DeviceAnswer(0, 404, {}, one.encode()), target) for one in answers]
    return f"{hide_secrets(said, call, target)} {kept}"


@pytest.mark.parametrize(
    "said",
    [
        f"404 The requested URL <code>/devices/send/{TAIL}</code> was not found",
        f"404 no such device: {TAIL}",
        f"404 no such device: {TAIL.partition(':')[2]}",
        f"404 /devices/send/{quote(TAIL, safe='')} is gone",
        f"404 The requested URL /devices/send/{TAIL[:60]}",  # cut by whoever said it
        f"404 {TAIL[:44]}... is gone",
    ],
)
def test_an_address_is_hidden_in_all_its_parts(said):
    kept = read_kept(said, write_target(ENDPOINT), ENDPOINT)

    assert TAIL[20:36] not in kept
    assert "Canary" not in kept
    assert kept.startswith("404 ")


@pytest.mark.parametrize("said", [f"no {TAIL} here", f"no {quote(TAIL, safe='')} here"])
def test_what_a_query_names_is_hidden_too(said):
    kept = read_kept(said, write_target(IN_QUERY), IN_QUERY)

    assert "Canary" not in kept
    assert kept.startswith("no [hidden] here")


def test_a_token_that_was_cut_is_hidden():
    kept = read_kept(f"unknown {PLAIN[:40]}…", PLAIN, f"https://push.example/3/device/{PLAIN}")

    assert kept.startswith("unknown [hidden]…")
    assert PLAIN[:16] not in kept


@pytest.mark.parametrize(
    "endpoint", [ENDPOINT, "https://push.example/send", "https://push.example/"]
)
def test_words_that_an_address_has_too_stay(endpoint):
    said = "The push service has nothing to send to such devices."

    kept = read_kept(said, write_target(endpoint), endpoint)

    assert kept.startswith(said)
