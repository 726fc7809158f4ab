"""Provider tokens: one for all workers, as old as Apple takes them."""

from __future__ import annotations

import base64
import json
import subprocess
import sys

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509 import load_pem_x509_certificate
from hypothesis import given
from hypothesis import strategies as st

from campaigns.models import Account
from campaigns.services.accounts import check_account, save_account
from providers.message import PushMessage
from providers.outcomes import Failure, Reason
from providers.vendors.apns import DIALECT, wire_tokens
from tests.gateways import make_certificates
from tests.providers.apns.account import NOON, connect, make_push, open_account, write_one

KEY = open_account().credentials["key"]
HI = PushMessage(title="Hi", body="There")
MOMENTS = st.floats(1.7e9, 2.5e9)


def write_pem(private) -> str:
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return private.private_bytes(encoding, form, serialization.NoEncryption()).decode()


def decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_a_signature_is_the_one_of_the_rfcs_own_vector():
    signature = wire_tokens._sign(KEY, b"sample")

    assert signature.hex().upper() == (  # RFC 6979, A.2.5, SHA-256, message "sample"
        "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716"
        "F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8"
    )


def test_a_token_says_what_apples_page_shows():
    head, claims, _signature = wire_tokens.write_token(KEY, "ABC123DEFG", "DEF123GHIJ", 7).split(
        "."
    )

    assert json.loads(decode(head)) == {"alg": "ES256", "kid": "ABC123DEFG"}
    assert json.loads(decode(claims)) == {"iss": "DEF123GHIJ", "iat": 7}


def test_a_certificate_says_when_it_ends_and_a_key_never_does():
    pem, key = make_certificates().sign_client("com.example.shop")
    shown = {"certificate": pem.decode(), "certificate_key": key.decode()}
    signed = {"key": KEY, "key_id": "ABC123DEFG", "team_id": "DEF123GHIJ"}
    of_one_line = {**shown, "certificate": shown["certificate"].replace("\n", " ")}

    ends = DIALECT.find_expiry(shown)

    assert ends == load_pem_x509_certificate(pem).not_valid_after_utc
    assert DIALECT.find_expiry(of_one_line) == ends
    assert DIALECT.find_expiry({**shown, **signed}) is None
    for text in ("", "no PEM", "-----BEGIN CERTIFICATE-----QUJD-----END CERTIFICATE-----"):
        assert DIALECT.find_expiry({**shown, "certificate": text}) is None


@pytest.mark.django_db
def test_an_account_keeps_when_its_certificate_ends(app, now):
    pem, key = make_certificates().sign_client("com.example.shop")
    shown = {"certificate": pem.decode(), "certificate_key": key.decode()}
    ends = load_pem_x509_certificate(pem).not_valid_after_utc
    account = Account(workspace=app.workspace, name="Apple", dialect=DIALECT.key,
                      base_urls={"gateway": "https://127.0.0.1:9"})  # fmt: skip

    save_account(account, shown, actor="owner", now=now)
    kept = Account.objects.get().certificate_until
    Account.objects.update(certificate_until=None)  # of a version that did not read it
    check_account(Account.objects.get(), actor="owner", now=now)
    checked = Account.objects.get().certificate_until
    save_account(account, {"key": KEY, "key_id": "A", "team_id": "B"}, actor="owner", now=now)

    assert kept == checked == ends
    assert Account.objects.get().certificate_until is None


def test_two_processes_show_the_same_token():
    asks = (
        "import sys; from providers.vendors.apns import wire_tokens;"
        "print(wire_tokens.write_token(sys.stdin.read(), 'ABC123DEFG', 'DEF123GHIJ', 1800))"
    )

    told = {
        subprocess.run(
            [sys.executable, "-c", asks], input=KEY, text=True, capture_output=True, check=True
        ).stdout
        for _ in range(2)
    }

    assert len(told) == 1


@given(now=MOMENTS, ahead=st.floats(-1700, 60))
def test_a_token_is_never_of_the_future_nor_an_hour_old(now, ahead):
    """Also where our clock is a minute ahead of Apple's, or almost half an hour behind."""
    age = now - wire_tokens.find_slot(now + ahead)

    assert 0 <= age < 3600


@given(now=MOMENTS)
def test_tokens_are_more_than_twenty_minutes_apart(now):
    later = wire_tokens.find_slot(now + 1200)

    assert later - wire_tokens.find_slot(now) in (0, wire_tokens.SLOT)
    assert wire_tokens.SLOT > 1200


def test_the_calls_of_a_long_push_change_to_the_next_token():
    now = [NOON]
    client = connect()
    client.clock = lambda: now[0]
    calls = client.write_calls(make_push(HI, HI, HI))

    lines = []
    for place, minute in enumerate((2, 30, 32)):
        now[0] = NOON + 60 * minute
        lines.append(calls.write(place).headers)
    bearers = [next(line for line in one if line.startswith("authorization")) for one in lines]

    assert bearers[0] != bearers[2]
    assert len(set(bearers)) == 2


@pytest.mark.parametrize("spoil", [str.split, lambda text: [text.replace("\n", "")]])
def test_a_key_is_read_although_a_form_has_lost_its_lines(spoil):
    lines = KEY.strip().splitlines()
    flat = "".join(lines) if len(spoil(KEY)) == 1 else " ".join(lines)

    assert wire_tokens.write_token(flat, "k", "t", 0) == wire_tokens.write_token(KEY, "k", "t", 0)


def test_what_openssl_writes_before_a_block_is_left_out():
    head = "Bag Attributes\n    localKeyID: DE D4 B4 \nKey Attributes: <No Attributes>\n"

    assert wire_tokens.mend_pem(head + KEY).decode() == KEY


@pytest.mark.parametrize(
    "key",
    [
        "-----BEGIN PRIVATE KEY-----AAAA-----END PRIVATE KEY-----",
        write_pem(ec.generate_private_key(ec.SECP384R1())),
        write_pem(ed25519.Ed25519PrivateKey.generate()),
        "the key",
    ],
)
def test_another_key_is_a_fault_of_the_account_and_not_repeated(key):
    credentials = {**open_account().credentials, "key": key}

    with pytest.raises(Failure) as caught:
        connect(credentials=credentials).write_calls(make_push(HI))

    assert (caught.value.reason, caught.value.is_permanent) == (Reason.CREDENTIAL, True)
    assert key not in caught.value.message


def test_an_account_without_key_and_certificate_says_what_to_enter():
    with pytest.raises(Failure, match="signing key"):
        connect(credentials={"key_id": "ABC123DEFG"}).write_calls(make_push(HI))


def test_a_certificate_goes_into_the_handshake_and_no_line_names_a_caller():
    pem = "-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----\n"
    credentials = {"certificate": pem.replace("\n", " "), "certificate_key": KEY}
    calls = connect(credentials=credentials).write_calls(make_push(HI))

    call = calls.write(0)

    assert calls.certificate.certificate.decode() == pem
    assert calls.certificate.key.decode() == KEY
    assert not [line for line in call.headers if line.startswith("authorization")]
    assert "QUJD" in repr(calls.certificate)
    assert KEY[40:60] not in repr(calls)


def test_no_secret_is_shown_of_a_call():
    call = write_one(HI)

    assert "bearer" not in repr(call)
