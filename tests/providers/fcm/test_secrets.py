"""A kept key file is recognised by names that the console shows."""

from __future__ import annotations

import json

import pytest

from providers.vendors.fcm import wire_auth, wire_secrets

KEY = wire_auth.make_key()
FILE = wire_auth.write_service_account(
    "shop-1", "push@shop-1.example", KEY, "https://token.example"
)


def test_a_key_file_is_told_by_its_project_and_key_id():
    hint = wire_secrets.recognise_secret("service_account", FILE)

    assert hint == f"shop-1 · {wire_auth.find_key_id(KEY)[:12]}…"


def test_one_without_a_key_id_is_told_by_its_address():
    body = {**json.loads(FILE), "private_key_id": ""}

    hint = wire_secrets.recognise_secret("service_account", json.dumps(body))

    assert hint == "shop-1 · push@shop-1.example"


@pytest.mark.parametrize("text", ["{", "[]", '{"type": "service_account"}'])
def test_what_cannot_be_read_shows_nothing_of_itself(text):
    assert wire_secrets.recognise_secret("service_account", text).startswith("SHA-256 ")
