"""What is kept of an account's secrets: what it is recognised by, and whether it is one at all."""

from __future__ import annotations

from collections.abc import Mapping

from .wire_auth import read_key_pair
from .wire_subscriptions import read_subscription

LETTERS = 12
PRIVATE_KEY, TEST_BROWSER = "private_key", "test_browser"


def recognise_secret(name: str, text: str) -> str:
    """The beginning of the public key, which pages subscribe with; of a browser its service."""
    try:
        if name == TEST_BROWSER:
            return read_subscription(text).origin
        return f"{read_key_pair(text).public[:LETTERS]}…"
    except ValueError:
        return ""


def find_credential_faults(credentials: Mapping[str, str]) -> dict[str, str]:
    """What of those that are given is none, in a sentence that repeats nothing of it."""
    faults = {}
    key, browser = credentials.get(PRIVATE_KEY), credentials.get(TEST_BROWSER)
    if key and not recognise_secret(PRIVATE_KEY, key):
        faults[PRIVATE_KEY] = "This is no private key: 32 bytes of base64 are expected."
    if browser and not recognise_secret(TEST_BROWSER, browser):
        faults[TEST_BROWSER] = "This is no subscription as JSON with an endpoint and its keys."
    return faults
