"""What a line of the log may hold of an address, and what has no more than a line."""

from __future__ import annotations

import io
import logging
import secrets

import pytest

from pushadmin.logs import LineFormatter
from tests import builders


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


@pytest.fixture
def lines(monkeypatch):
    """What the console handler of the settings has been given, as lines."""
    text = io.StringIO()
    [console] = [one for one in logging.root.handlers if isinstance(one.formatter, LineFormatter)]
    monkeypatch.setattr(console, "stream", text)
    return lambda: text.getvalue().splitlines()


@pytest.mark.django_db
def test_who_is_refused_is_one_line_of_the_log(client, app, lines) -> None:
    client.force_login(builders.make_member("low", app.workspace, app=app, role="viewer"))

    answer = client.post("/people/label/")

    told = [line for line in lines() if "axes" not in line]
    assert answer.status_code == 403
    assert len(told) == 1
    assert told[0].endswith("django.request: Forbidden (Permission denied): /people/label/")


def test_what_fails_keeps_its_traceback(lines) -> None:
    try:
        raise PermissionError("disk")
    except PermissionError as error:
        logging.getLogger("django.request").error("Internal Server Error: /", exc_info=error)

    assert lines()[-1] == "PermissionError: disk"
