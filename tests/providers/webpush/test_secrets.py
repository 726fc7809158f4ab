"""A key pair is recognised by its public half, a test browser by its push service."""

from __future__ import annotations

from providers.vendors.webpush import find_browser_key, make_credentials, wire_secrets
from tests.providers.webpush.browsers import SERVICE, Browser


def test_a_key_is_told_by_what_pages_subscribe_with():
    kept = make_credentials()

    hint = wire_secrets.recognise_secret("private_key", kept["private_key"])

    assert hint == f"{find_browser_key(kept)[:12]}…"


def test_a_browser_is_told_by_its_push_service():
    assert wire_secrets.recognise_secret("test_browser", Browser().token) == SERVICE


def test_each_is_refused_for_what_it_is_not():
    good = {**make_credentials(), "test_browser": Browser().token}
    bad = {"private_key": "none", "test_browser": '{"endpoint": "https://s3cr3t/x"}'}

    assert wire_secrets.find_credential_faults(good) == {}
    assert wire_secrets.find_credential_faults({}) == {}
    assert wire_secrets.find_credential_faults(bad).keys() == bad.keys()
    assert "s3cr3t" not in str(wire_secrets.find_credential_faults(bad))
    assert wire_secrets.recognise_secret("private_key", "none") == ""
