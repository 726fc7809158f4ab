"""A key or certificate in PEM is recognised by a fingerprint."""

from __future__ import annotations

import hashlib

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509 import load_pem_x509_certificate

from providers.vendors.apns import wire_secrets
from tests.gateways import make_certificates
from tests.providers.apns.account import open_account

KEY = open_account().credentials["key"]


@pytest.mark.parametrize("text", [KEY, KEY.replace("\n", ""), f"Mine:\n{KEY}\n"])
def test_a_key_has_one_fingerprint_however_it_was_pasted(text):
    private = load_pem_private_key(KEY.encode(), password=None)
    content = private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())

    hint = wire_secrets.recognise_secret("key", text)

    assert hint == f"SHA-256 {hashlib.sha256(content).hexdigest()[:8]}"


def test_a_certificate_has_the_fingerprint_that_others_show():
    pem = make_certificates().authority

    hint = wire_secrets.recognise_secret("certificate", pem)

    known = load_pem_x509_certificate(pem.encode()).fingerprint(hashes.SHA256())
    assert hint == f"SHA-256 {known.hex()[:8]}"


@pytest.mark.parametrize("name", ["key", "certificate", "certificate_key"])
@pytest.mark.parametrize("text", ["none", "-----BEGIN X-----\n!\n-----END X-----"])
def test_what_is_no_pem_is_refused_without_its_words(name, text):
    faults = wire_secrets.find_credential_faults({name: text, "key_id": "ABCDE12345"})

    assert faults.keys() == {name}
    assert text not in faults[name]
    assert wire_secrets.recognise_secret(name, text).startswith("SHA-256 ")


def test_a_good_key_and_none_at_all_are_taken():
    assert wire_secrets.find_credential_faults({"key": KEY, "certificate": ""}) == {}
