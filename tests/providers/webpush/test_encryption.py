"""What is sealed for a browser: the RFC's own example, and an implementation that is not ours."""

from __future__ import annotations

import http_ece
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from providers.vendors.webpush import wire_encryption
from providers.vendors.webpush.wire_encryption import encrypt, encrypt_with
from providers.vendors.webpush.wire_values import read_base64, write_base64
from tests.providers.webpush.browsers import Browser

# RFC 8291, appendix A.
PLAIN = b"When I grow up, I want to be a watermelon"
AUTH = "BTBZMqHH6r4Tts7J_aSIgg"
SENDER = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"
RECEIVER = "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94"
POINT = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
SALT = "DGv6ra1nlYgDCS1FRnbzlw"
MESSAGE = (
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6"
    "TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulc"
    "y4a-fN"
)


def read_private(text: str) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(int.from_bytes(read_base64(text), "big"), ec.SECP256R1())


def test_the_example_of_the_rfc_comes_out_byte_for_byte():
    sealed = encrypt_with(
        PLAIN, read_base64(POINT), read_base64(AUTH), read_private(SENDER), read_base64(SALT),
        block=1,
    )  # fmt: skip

    assert write_base64(sealed) == MESSAGE


def test_the_example_is_opened_by_its_receiver():
    opened = http_ece.decrypt(
        read_base64(MESSAGE), private_key=read_private(RECEIVER), auth_secret=read_base64(AUTH)
    )

    assert opened == PLAIN


@given(plain=st.binary(max_size=wire_encryption.MAX_PLAIN_BYTES))
def test_what_we_seal_another_implementation_opens(plain):
    browser = Browser()

    sealed = encrypt(plain, browser.point, browser.auth)

    assert browser.read(sealed) == plain
    assert len(sealed) <= 4096


@pytest.mark.parametrize(
    ("length", "sealed"),
    [(0, 86 + 128 + 16), (127, 86 + 128 + 16), (128, 86 + 256 + 16), (3968, 4096), (3993, 4096)],
)
def test_lengths_are_told_by_blocks_only(length, sealed):
    browser = Browser()

    assert len(encrypt(b"x" * length, browser.point, browser.auth)) == sealed


def test_nothing_is_sealed_that_is_longer_than_a_push_may_be():
    browser = Browser()

    with pytest.raises(ValueError, match="3994 bytes are more than 3993"):
        encrypt(b"x" * 3994, browser.point, browser.auth)


def test_no_key_and_no_salt_is_used_twice():
    browser = Browser()

    sealed = [encrypt(b"x", browser.point, browser.auth) for _ in range(50)]

    assert len({message[:16] for message in sealed}) == 50
    assert len({message[21:86] for message in sealed}) == 50


@pytest.mark.parametrize("point", [b"\x04" + b"\1" * 64, b"\x02" + b"\1" * 64, b"\x04"])
def test_a_point_that_is_not_on_the_curve_is_refused(point):
    with pytest.raises(ValueError, match=r"(?i)curve|point|key"):
        encrypt(b"x", point, b"0" * 16)


def test_nobody_but_its_browser_opens_a_message():
    sealed = encrypt(b"x", Browser().point, b"0" * 16)

    with pytest.raises(http_ece.ECEException):
        Browser().read(sealed)
