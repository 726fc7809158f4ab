"""AccessToken2: built and checked as whoever else reads the public format does."""

from __future__ import annotations

import base64
import hashlib
import hmac
import struct
import zlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.inbound import Call
from providers.outcomes import Refusal, RefusalKind
from providers.vendors.agora import wire, wire_tokens

APP_ID, CERTIFICATE = "970ca35de60c44645bbae8a215061b33", "5cfd2fd1755d40ecb72977518be15d3b"
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def build(**changes: int) -> str:
    values = {"life": 900, "salt": 7, **changes}
    return wire_tokens.write_app_token(APP_ID, CERTIFICATE, now=NOW, **values)


def build_by_the_book(issued_at: int, life: int, salt: int, services: bytes) -> str:
    """The format's description, step by step."""
    key = hmac.new(struct.pack("<I", issued_at), CERTIFICATE.encode(), hashlib.sha256).digest()
    key = hmac.new(struct.pack("<I", salt), key, hashlib.sha256).digest()
    signed = struct.pack("<H", 32) + APP_ID.encode()
    signed += struct.pack("<III", issued_at, life, salt) + services
    signature = hmac.new(key, signed, hashlib.sha256).digest()
    packed = zlib.compress(struct.pack("<H", 32) + signature + signed)
    return "007" + base64.b64encode(packed).decode()


CHAT = struct.pack("<HHHI", 5, 1, 2, 900) + struct.pack("<H", 0)


def test_a_token_is_built_as_the_format_says() -> None:
    expected = build_by_the_book(int(NOW.timestamp()), 900, 7, struct.pack("<H", 1) + CHAT)

    assert build() == expected


def test_a_token_says_whose_it_is_and_what_it_lets_do() -> None:
    token = wire_tokens.read_access_token(build())

    assert (token.app_id, token.life, token.salt) == (APP_ID, 900, 7)
    assert token.privileges == {(5, 2): 900}
    assert token.is_good(CERTIFICATE, NOW)


@pytest.mark.parametrize(
    ("offset", "is_good"),
    [(-301, False), (-300, True), (0, True), (899, True), (900, False)],
)
def test_a_token_holds_for_its_life(offset: int, is_good: bool) -> None:
    token = wire_tokens.read_access_token(build())

    assert token.is_good(CERTIFICATE, NOW + timedelta(seconds=offset)) is is_good


def test_no_token_holds_for_more_than_a_day() -> None:
    token = wire_tokens.read_access_token(build(life=10**6))

    assert token.is_good(CERTIFICATE, NOW + timedelta(seconds=86_399))
    assert not token.is_good(CERTIFICATE, NOW + timedelta(seconds=86_400))


def test_another_certificate_does_not_fit() -> None:
    assert not wire_tokens.read_access_token(build()).is_good(CERTIFICATE[::-1], NOW)


def test_what_was_changed_afterwards_does_not_fit() -> None:
    token = wire_tokens.read_access_token(build())

    for changed in (replace(token, life=901), replace(token, app_id=APP_ID[::-1])):
        again = wire_tokens.read_access_token(wire_tokens.write_access_token(changed))
        assert not again.is_good(CERTIFICATE, NOW)


@pytest.mark.parametrize(
    ("services", "is_good"),
    [
        pytest.param(struct.pack("<HHHHI", 1, 5, 1, 1, 900) + b"\x01\0u", False, id="a user's"),
        pytest.param(struct.pack("<HHHHIH", 1, 2, 1, 1, 900, 0), False, id="another service's"),
        pytest.param(
            struct.pack("<HHHHI", 2, 1, 1, 1, 60) + b"\x01\0c\x01\0u" + CHAT,
            True,
            id="two services",
        ),
        pytest.param(struct.pack("<HHHHI", 1, 5, 1, 2, 0) + b"\0\0", False, id="no privilege left"),
    ],
)
def test_only_the_privilege_of_an_app_counts(services: bytes, is_good: bool) -> None:
    text = build_by_the_book(int(NOW.timestamp()), 900, 7, services)

    assert wire_tokens.read_access_token(text).is_good(CERTIFICATE, NOW) is is_good


BOMB = "007" + base64.b64encode(zlib.compress(b"\0" * 10_000_000)).decode()


@pytest.mark.parametrize(
    "text",
    [
        "", "007", "006abc", "007!!!!", "007" + base64.b64encode(b"no zlib").decode(), BOMB,
        build()[:-8], build() + "AAAA",
        "007" + base64.b64encode(zlib.compress(b"\x05\0ab")).decode(),
        build_by_the_book(1, 900, 7, struct.pack("<HHHHI", 1, 99, 1, 2, 900)),
        build_by_the_book(1, 900, 7, struct.pack("<H", 1) + CHAT + b"more"),
    ],
)  # fmt: skip
def test_what_is_no_token_is_told_so(text: str) -> None:
    with pytest.raises(ValueError, match="no token"):
        wire_tokens.read_access_token(text)


@given(st.binary(max_size=80))
def test_no_bytes_break_the_reader(content: bytes) -> None:
    text = "007" + base64.b64encode(zlib.compress(content)).decode()

    with pytest.raises(ValueError, match="no token"):
        wire_tokens.read_access_token(text)


def show(value: str, now: datetime | None = NOW) -> Call:
    return Call(headers={"authorization": value}, now=now)


@pytest.mark.parametrize(
    ("value", "word"),
    [
        ("", "unauthorized"),
        ("Bearer", "unauthorized"),
        ("Basic abc", "unauthorized"),
        ("Bearer 007abc", "auth_bad_access_token"),
    ],
)
def test_a_header_without_a_token_is_refused(value: str, word: str) -> None:
    with pytest.raises(Refusal) as refused:
        wire.read_authorization(show(value))

    assert refused.value.kind is RefusalKind.UNAUTHENTICATED
    assert refused.value.type == word  # type: ignore[attr-defined]


def test_a_token_that_has_expired_is_told_so() -> None:
    with pytest.raises(Refusal) as refused:
        wire.read_authorization(show(f"Bearer {build()}", NOW + timedelta(hours=1)))

    assert refused.value.message == "Unable to authenticate due to expired access token"


def test_a_built_token_proves_that_its_builder_knows_the_certificate() -> None:
    shown = wire.read_authorization(show(f"bearer {build()}"))

    assert shown.door == APP_ID
    assert shown.is_proof is not None
    assert shown.is_proof({"app_certificate": CERTIFICATE}, NOW)
    assert not shown.is_proof({"app_certificate": CERTIFICATE[::-1]}, NOW)
    assert not shown.is_proof({}, NOW)


def test_any_other_text_is_a_key_or_a_token_of_ours() -> None:
    shown = wire.read_authorization(show("Bearer 007x.secret"))

    assert (shown.key, shown.is_token, shown.is_proof) == ("007x.secret", True, None)
