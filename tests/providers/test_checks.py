"""Trying an account never breaks the page that asks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from providers import registry
from providers.checks import check_account
from providers.outbound import AccountConfig

ACCOUNT = AccountConfig(public_id="a1", credentials={"api_key": "good-key"})


def test_an_account_without_its_credentials_is_not_even_tried():
    result = check_account(
        registry.get("sandbox"), AccountConfig(public_id="a1", credentials={"api_key": ""})
    )

    assert (result.is_good, result.words) == (False, "Fill in first: API key.")


def test_no_sandbox_is_said_in_words(settings):
    settings.SANDBOX_URL = ""

    result = check_account(registry.get("sandbox"), ACCOUNT)

    assert not result.is_good
    assert "manage.py up" in result.words


def test_a_vendor_that_we_cannot_send_through_says_so():
    dialect = replace(registry.get("sandbox"), connect=None)

    assert not check_account(dialect, ACCOUNT).is_good


@pytest.mark.parametrize("error", [KeyError("s3cr3t"), ValueError("s3cr3t"), TypeError("s3cr3t")])
def test_values_that_break_a_client_are_not_repeated(error):
    def connect(account):
        raise error

    result = check_account(replace(registry.get("sandbox"), connect=connect), ACCOUNT)

    assert not result.is_good
    assert "s3cr3t" not in result.words
