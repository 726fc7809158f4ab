"""What may be kept of a call."""

from __future__ import annotations

from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.scrub import Scrubber, cut_text, find_header_secrets, hide_login


def test_secrets_of_headers_are_found_in_each_form():
    basic = b64encode(b"user-1:pass-word").decode()

    secrets = find_header_secrets(
        {"Authorization": f"Basic {basic}", "X-Api-Key": "key-1", "Accept": "text/html"}
    )

    assert secrets == {f"Basic {basic}", basic, "user-1", "pass-word", "key-1"}


@given(st.text().map("s3cr3t{}".format), st.text())
def test_a_known_secret_is_gone_from_every_text(secret, around):
    scrubber = Scrubber({secret})

    text = scrubber.scrub_body({"said": f"{around}{secret}{around}"})

    assert "s3cr3t" not in text


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("GET /a?token=abc&x=1", "GET /a?token=[hidden]&x=1"),
        ("/a?x=1&api_key=abc", "/a?x=1&api_key=[hidden]"),
        ("https://user:pw@host/a", "https://host/a"),
        ("nothing here", "nothing here"),
    ],
)
def test_addresses_lose_what_looks_like_a_secret(text, clean):
    assert Scrubber().scrub_text(text) == clean


@pytest.mark.parametrize(
    "url",
    [
        "https://ann:s3cr3t@host/a?b=c",
        "https://ann:p@s3cr3t@host/a",
        "https://ann:s3cr3t/x@host/a",  # a slash that is not escaped
        "https://ann:s3cr3t@host:port/a",
        "https://[ann:s3cr3t@host/a",
        "https://ann:s3cr3t@",
        "//ann:s3cr3t@host/a",
        "https:///ann:s3cr3t@host/a",
        "https:\\\\ann:s3cr3t@host/a",
        "ann:s3cr3t@host/a",
        "https://\tann:s3\tcr3t@host/a",
    ],
)
def test_a_login_in_an_address_is_hidden_however_it_is_written(url):
    hidden = hide_login(url)

    assert "s3" not in hidden
    assert "***@" in hidden


@pytest.mark.parametrize("url", ["https://host/@me?to=a@b", "https://host/a", "nothing", ""])
def test_an_address_without_a_login_stays(url):
    assert hide_login(url) == url


def test_recipients_and_long_lists_become_counts():
    body = {"devices": [{"ids": ["a", "b"]}], "many": list(range(21)), "few": [1, 2]}

    text = Scrubber(recipients={"ids"}).scrub_body(body)

    assert text == '{"devices": [{"ids": "[2 left out]"}], "many": "[21 left out]", "few": [1, 2]}'


@given(st.text(max_size=100), st.integers(4, 50))
def test_a_cut_text_fits_and_stays_a_text(text, size):
    cut = cut_text(text, size)

    assert len(cut.encode()) <= size
