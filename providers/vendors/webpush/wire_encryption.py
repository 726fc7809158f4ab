"""Message encryption for Web Push: RFC 8291 on top of RFC 8188's content coding `aes128gcm`.

One record per message, since RFC 8291 §4 allows no second one. Every message gets a sender key and
a salt of its own (RFC 8291 §3.1, RFC 8188 §4.4): whoever learns one key reads one message.
"""

from __future__ import annotations

import hmac
import os
import struct

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

CODING = "aes128gcm"
CURVE = ec.SECP256R1()  # RFC 8291 §3.1: P-256, points uncompressed
POINT_BYTES = 65
AUTH_BYTES = 16  # RFC 8291 §3.2
SALT_BYTES = 16
TAG_BYTES = 16
RECORD_BYTES = 4096
# RFC 8188 §2.1: salt, record size, length of the key id, key id. RFC 8291 §4: the key id is the
# sender's point.
HEADER_BYTES = SALT_BYTES + 4 + 1 + POINT_BYTES
# RFC 8030 §7.2: a push service must take 4096 bytes. RFC 8291 §4 takes the coding off that: 3993.
MAX_BYTES = 4096
MAX_PLAIN_BYTES = MAX_BYTES - HEADER_BYTES - TAG_BYTES - 1
# What is said is padded to a multiple of this, so that its length tells little of it.
BLOCK_BYTES = 128
LAST_RECORD = b"\x02"  # RFC 8188 §2: the delimiter of the last record

_KEY_INFO = b"WebPush: info\0"  # RFC 8291 §3.4
_CEK_INFO = b"Content-Encoding: aes128gcm\0\x01"  # RFC 8188 §2.2, with HKDF's counter
_NONCE_INFO = b"Content-Encoding: nonce\0\x01"  # RFC 8188 §2.3; the first record's number is 0
_SIZES = struct.pack("!IB", RECORD_BYTES, POINT_BYTES)
_ECDH = ec.ECDH()


def encrypt(plain: bytes, point: bytes, auth: bytes) -> bytes:
    """A message as one browser reads it. `point` and `auth` are its subscription's keys, 65 and 16
    bytes; ValueError where the point is not on the curve, or `plain` is too long."""
    return encrypt_with(plain, point, auth, ec.generate_private_key(CURVE), os.urandom(SALT_BYTES))


def encrypt_with(
    plain: bytes,
    point: bytes,
    auth: bytes,
    sender: ec.EllipticCurvePrivateKey,
    salt: bytes,
    block: int = BLOCK_BYTES,
) -> bytes:
    """The same with a sender key and a salt that are given: RFC 8291's example has its own."""
    if len(plain) > MAX_PLAIN_BYTES:
        raise ValueError(f"{len(plain)} bytes are more than {MAX_PLAIN_BYTES}")
    shared = sender.exchange(_ECDH, ec.EllipticCurvePublicKey.from_encoded_point(CURVE, point))
    own = sender.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    # HKDF (RFC 5869) with outputs of one block is two HMACs each; RFC 8291 §3.4 lists them.
    secret = hmac.digest(auth, shared, "sha256")
    material = hmac.digest(secret, b"".join((_KEY_INFO, point, own, b"\x01")), "sha256")
    extracted = hmac.digest(salt, material, "sha256")
    key = hmac.digest(extracted, _CEK_INFO, "sha256")[:16]
    nonce = hmac.digest(extracted, _NONCE_INFO, "sha256")[:12]
    sealed = AESGCM(key).encrypt(nonce, pad(plain, block), None)
    return b"".join((salt, _SIZES, own, sealed))


def pad(plain: bytes, block: int) -> bytes:
    """Delimiter and zeros (RFC 8188 §2), up to a whole number of blocks as far as that fits."""
    return (plain + LAST_RECORD).ljust(_find_padded_bytes(len(plain), block), b"\0")


def _find_padded_bytes(length: int, block: int) -> int:
    return min(-(-(length + 1) // block) * block, MAX_PLAIN_BYTES + 1)


def find_sealed_bytes(length: int) -> int:
    """How long the body is that `encrypt` makes of so many bytes, or would if it took them."""
    padded = max(_find_padded_bytes(length, BLOCK_BYTES), length + 1)
    return HEADER_BYTES + padded + TAG_BYTES
