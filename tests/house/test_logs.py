"""What a line of the log may hold of an address."""

from __future__ import annotations

import logging
import secrets

import pytest

from pushadmin.logs import LineFormatter


def write(message: str, *args: object) -> str:
    record = logging.LogRecord("django.request", logging.WARNING, "", 0, message, args, None)
    record.request_id = "-"
    return LineFormatter().format(record)


@pytest.mark.parametrize("address", ["/join/{}/", "/hooks/7/reports/{}", "/compat/x/devices/{}?a"])
def test_of_a_key_in_an_address_four_characters_are_left(address: str) -> None:
    key = "K3" + secrets.token_urlsafe(32)

    line = write("Unprocessable Entity: %s", address.format(key))

    assert key[4:] not in line
    assert f"{address.partition('{')[0]}{key[:4]}…" in line


@pytest.mark.parametrize(
    "address",
    ["/transfers/12345678/recipients/", "/admin/campaigns/scriptschedule/1/change/", "/jobs/1/"],
)
def test_any_other_address_stays_as_it_is(address: str) -> None:
    assert write("Not Found: %s", address).endswith(f"Not Found: {address}")


def test_nobody_forges_a_line() -> None:
    assert "\n" not in write("Not Found: %s", "/a\nINFO - forged: all is well")
