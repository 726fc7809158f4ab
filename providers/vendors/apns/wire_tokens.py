"""Provider tokens: who calls, as a JSON Web Token signed with the team's key (page "Establishing a
token-based connection to APNs":
https://developer.apple.com/documentation/usernotifications/establishing-a-token-based-connection-to-apns).

A token counts for an hour, and Apple refuses whoever makes new ones more often than every 20
minutes (TooManyProviderTokenUpdates). So all workers of all hosts must show the same one, and they
do without telling one another: the time in it is that of a slot of 30 minutes, and the signature
is the deterministic one of RFC 6979, so that the same key and slot give the same bytes.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from datetime import datetime

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import load_pem_x509_certificate

SLOT = 1800  # seconds
# A slot begins for us when it is a minute old, so that a clock which is that much ahead of Apple's
# makes no token of the future. A token in use is then 1 to 31 minutes old.
LAG = 60
NUMBER_BYTES = 32  # of P-256

PEM = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----(.*?)-----END \1-----", re.DOTALL)


class UnreadableKey(ValueError):
    """What was entered is not a key or certificate of the kind that is wanted."""


def find_slot(now: float) -> int:
    """The time in tokens at a moment, both in seconds since 1970."""
    return int(now - LAG) // SLOT * SLOT


def write_token(key: str, key_id: str, team_id: str, slot: int) -> str:
    """The token of a slot: the same text in every process. Raises UnreadableKey."""
    head = _encode({"alg": "ES256", "kid": key_id})
    signed = f"{head}.{_encode({'iss': team_id, 'iat': slot})}"
    return f"{signed}.{_write_base64(_sign(key, signed.encode()))}"


def _sign(key: str, content: bytes) -> bytes:
    """r and s one after the other (RFC 7518, 3.4)."""
    private = load_key(key)
    try:
        algorithm = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
        r, s = decode_dss_signature(private.sign(content, algorithm))
    except UnsupportedAlgorithm:
        raise UnreadableKey(
            "This installation's OpenSSL cannot sign deterministically; install the wheel of "
            "cryptography, which brings its own."
        ) from None
    return r.to_bytes(NUMBER_BYTES, "big") + s.to_bytes(NUMBER_BYTES, "big")


def load_key(key: str) -> ec.EllipticCurvePrivateKey:
    try:
        private = load_pem_private_key(mend_pem(key), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        private = None
    if not isinstance(private, ec.EllipticCurvePrivateKey) or private.curve.name != "secp256r1":
        raise UnreadableKey("The signing key cannot be read: paste the whole .p8 file.")
    return private


def find_expiry(credentials: Mapping[str, str]) -> datetime | None:
    """When the certificate ends: notAfter of RFC 5280, 4.1.2.5. None where a signing key is used,
    which has no end, or the certificate cannot be read."""
    if all(credentials.get(name) for name in ("key", "key_id", "team_id")):
        return None
    try:
        pem = mend_pem(credentials.get("certificate", ""))
        return load_pem_x509_certificate(pem).not_valid_after_utc
    except (UnreadableKey, ValueError):
        return None


def mend_pem(text: str) -> bytes:
    """PEM blocks as they should stand. A form field of one line loses the ends of lines, which
    are put back; what stands between blocks is left out. Raises UnreadableKey."""
    blocks = [
        "\n".join((f"-----BEGIN {label}-----", *_wrap(content), f"-----END {label}-----", ""))
        for label, content in PEM.findall(text)
    ]
    if not blocks:
        raise UnreadableKey("There is no PEM block: it begins with -----BEGIN.")
    return "".join(blocks).encode()


def _wrap(content: str) -> list[str]:
    letters = "".join(content.split())
    return [letters[start : start + 64] for start in range(0, len(letters), 64)]


def _encode(values: dict[str, str | int]) -> str:
    return _write_base64(json.dumps(values, separators=(",", ":")).encode())


def _write_base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
