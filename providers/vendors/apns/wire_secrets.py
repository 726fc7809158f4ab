"""What is kept of an account in PEM: what it is recognised by, and whether it is one at all."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import load_pem_x509_certificate

from .wire_tokens import PEM, load_key, mend_pem

DIGITS = 8


def recognise_secret(name: str, text: str) -> str:
    """The first digits of the SHA-256 of what the PEM holds, which is the fingerprint that a
    certificate is known by; `base64 -d` of a key file's inner lines has the same."""
    return f"SHA-256 {hashlib.sha256(_read_content(text)).hexdigest()[:DIGITS]}"


def _read_content(text: str) -> bytes:
    block = PEM.search(text)
    try:
        return base64.b64decode(block[2]) if block else text.encode()
    except ValueError:
        return text.encode()


def find_credential_faults(credentials: Mapping[str, str]) -> dict[str, str]:
    """What of those that are given is none, in a sentence that repeats nothing of it."""
    given = {name: credentials[name] for name in _CHECKS if credentials.get(name)}
    return {name: fault for name, text in given.items() if (fault := _find_fault(name, text))}


def _find_fault(name: str, text: str) -> str:
    check, words = _CHECKS[name]
    try:
        check(text)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return words
    return ""


def _load_certificate(text: str) -> None:
    load_pem_x509_certificate(mend_pem(text))


def _load_any_key(text: str) -> None:
    load_pem_private_key(mend_pem(text), password=None)


_CHECKS: Mapping[str, tuple[Callable[[str], object], str]] = {
    "key": (load_key, "This is no signing key: paste the whole .p8 file."),
    "certificate": (_load_certificate, "This is no certificate: paste the whole PEM file."),
    "certificate_key": (_load_any_key, "This is no private key in PEM without a password."),
}
