"""Who sends: words that a push service believes, and that are not made anew for every push."""

from __future__ import annotations

import base64
import json

import pytest

from providers.vendors.webpush import wire_auth
from providers.vendors.webpush.wire_auth import Signer, make_private_key, read_key_pair, verify
from providers.vendors.webpush.wire_values import read_base64, write_base64

NOW = 1_800_000_000.0
ORIGIN = "https://push.example.net"
# RFC 8292, section 2.4: the example's header and key; it expired in January 2016.
EXAMPLE = (
    "vapid t=eyJ0eXAiOiJKV1QiLCJhbGciOiJFUzI1NiJ9.eyJhdWQiOiJodHRwczovL3B1c2guZXhhbXBsZS5uZXQiLCJ"
    "leHAiOjE0NTM1MjM3NjgsInN1YiI6Im1haWx0bzpwdXNoQGV4YW1wbGUuY29tIn0.i3CYb7t4xfxCDquptFOepC9GAu_"
    "HLGkMlMuCGSK2rpiUfnK9ojFwDXb1JrErtmysazNjjvW2L9OkSSHzvoD1oA, "
    "k=BA1Hxzyi1RUM1b5wjxsn7nGxAszw2u61m164i3MrAIxHF6YK5h4SDYic-dRuU_RCPCfA5aq9ojSwk5Y2EmClBPs"
)


def test_the_example_of_the_rfc_is_believed():
    claims = verify(EXAMPLE, ORIGIN, 1_453_500_000)

    assert claims == {"aud": ORIGIN, "exp": 1_453_523_768, "sub": "mailto:push@example.com"}


def test_our_own_words_are_believed():
    signer = Signer(read_key_pair(make_private_key()), "mailto:ops@shop.example")

    claims = verify(signer.find_header(ORIGIN, NOW), ORIGIN, NOW)

    assert claims["sub"] == "mailto:ops@shop.example"
    assert claims["aud"] == ORIGIN
    assert NOW < claims["exp"] <= NOW + 24 * 3600


def test_nobody_is_named_who_was_not_given():
    signer = Signer(read_key_pair(make_private_key()), "")

    assert "sub" not in verify(signer.find_header(ORIGIN, NOW), ORIGIN, NOW)


def test_a_word_is_made_once_per_service_and_used_for_twelve_hours():
    signer = Signer(read_key_pair(make_private_key()), "")
    first = signer.find_header(ORIGIN, NOW)

    again = [signer.find_header(ORIGIN, NOW + hours * 3600) for hours in (1, 11.9)]
    later = signer.find_header(ORIGIN, NOW + 12 * 3600)
    elsewhere = signer.find_header("https://other.example", NOW)

    assert again == [first, first]
    assert len({first, later, elsewhere}) == 3
    assert verify(later, ORIGIN, NOW + 23.9 * 3600)["aud"] == ORIGIN


def test_a_clock_that_was_set_back_makes_a_word_that_is_not_too_long():
    signer = Signer(read_key_pair(make_private_key()), "")
    signer.find_header(ORIGIN, NOW)

    header = signer.find_header(ORIGIN, NOW - 48 * 3600)

    assert verify(header, ORIGIN, NOW - 48 * 3600)


def test_strangers_services_do_not_fill_the_memory():
    signer = Signer(read_key_pair(make_private_key()), "")

    for number in range(wire_auth.MAX_SERVICES + 5):
        signer.find_header(f"https://{number}.example", NOW)

    assert len(signer._kept) <= wire_auth.MAX_SERVICES


def test_an_account_has_one_signer_per_process():
    private = make_private_key()

    assert wire_auth.find_signer(private, "") is wire_auth.find_signer(private, "")
    assert wire_auth.find_signer(private, "") is not wire_auth.find_signer(make_private_key(), "")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda header: header.replace("k=B", "k=C"), "(?i)encod|curve|format"),
        (lambda header: header.replace("vapid ", "WebPush "), "not of the form"),
        (lambda header: header[:-4], "(?i)base64|EC key|curve"),
    ],
)
def test_a_word_that_was_changed_is_not_believed(spoil, words):
    header = Signer(read_key_pair(make_private_key()), "").find_header(ORIGIN, NOW)

    with pytest.raises(ValueError, match=words):
        verify(spoil(header), ORIGIN, NOW)


@pytest.mark.parametrize(
    ("origin", "now"),
    [("https://other.example", NOW), (ORIGIN, NOW + 15 * 3600), (ORIGIN, NOW - 11 * 3600)],
)
def test_a_word_is_for_one_service_and_one_day(origin, now):
    header = Signer(read_key_pair(make_private_key()), "").find_header(ORIGIN, NOW)

    with pytest.raises(ValueError, match=r"another service|too old"):
        verify(header, origin, now)


def test_another_claim_under_the_same_signature_is_not_believed():
    header = Signer(read_key_pair(make_private_key()), "").find_header(ORIGIN, NOW)
    head, body, rest = header.split(".")
    claims = json.loads(read_base64(body)) | {"aud": "https://other.example"}
    forged = ".".join((head, write_base64(json.dumps(claims).encode()), rest))

    with pytest.raises(ValueError, match="signature"):
        verify(forged, "https://other.example", NOW)


@pytest.mark.parametrize("text", ["", "short", "?" * 43, write_base64(bytes(32)), "é"])
def test_what_is_no_private_key_is_refused(text):
    with pytest.raises(ValueError, match=r"32 bytes|base64|private_value|ascii"):
        read_key_pair(text)


def test_a_key_is_read_with_padding_and_in_either_alphabet():
    private = make_private_key()
    other = base64.b64encode(read_base64(private)).decode()

    assert read_key_pair(other).public == read_key_pair(private).public
    assert len(read_base64(read_key_pair(private).public)) == 65


@pytest.mark.parametrize(
    ("contact", "is_one"),
    [
        ("mailto:ops@shop.example", True),
        ("https://shop.example/contact", True),
        ("mailto:ops@localhost", False),
        ("mailto: <ops@shop.example>", False),
        ("ops@shop.example", False),
        ("http://shop.example", False),
    ],
)
def test_a_contact_is_an_address_that_reaches_somebody(contact, is_one):
    assert bool(wire_auth.CONTACT.fullmatch(contact)) is is_one
