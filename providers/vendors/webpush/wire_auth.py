"""Who sends: VAPID (RFC 8292), a signed word for each push service, and the key pair behind it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from .wire_encryption import CURVE
from .wire_values import read_base64, write_base64

# RFC 8292 §2: at most 24 hours ahead; §5: a word may be used again until then. Half of it leaves
# clocks room.
LIFE_SECONDS = 12 * 3600
SLACK_SECONDS = 2 * 3600
MAX_SERVICES = 1024
# Browsers of one service in a row, before it is no longer they who are at fault: a tenth of a
# batch. Made-up subscriptions stand side by side, so a few of them must not stop an account.
MOST_REFUSED = 200
CONTACT = re.compile(r"mailto:[^\s<>@]+@[^\s<>@]+\.[^\s<>@.]+|https://[^\s<>]+")  # §2.1, `sub`
_ALGORITHM = ec.ECDSA(SHA256())  # §2: ES256
_HEAD = write_base64(b'{"typ":"JWT","alg":"ES256"}')


@dataclass(frozen=True, slots=True)
class KeyPair:
    """An account's key; `public` is what browsers subscribe with, as text (RFC 8292 §3.2)."""

    private: ec.EllipticCurvePrivateKey = field(repr=False)
    public: str


def make_private_key() -> str:
    """A new private key: 32 bytes as text, as other libraries keep it."""
    number = ec.generate_private_key(CURVE).private_numbers().private_value
    return write_base64(number.to_bytes(32, "big"))


@lru_cache(maxsize=64)
def read_key_pair(private: str) -> KeyPair:
    """Raises ValueError for what is no private key of that curve."""
    content = read_base64(private.strip())
    if len(content) != 32:
        raise ValueError("a private key has 32 bytes")
    key = ec.derive_private_key(int.from_bytes(content, "big"), CURVE)
    point = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return KeyPair(key, write_base64(point))


def sign(pair: KeyPair, origin: str, expires_at: int, contact: str) -> str:
    """The header's value (RFC 8292 §3): `vapid t=<token>, k=<public key>`. `expires_at` in seconds
    of Unix time, `contact` a mailto: or https: address or ""."""
    claims: dict[str, object] = {"aud": origin, "exp": expires_at}
    if contact:
        claims["sub"] = contact
    body = write_base64(json.dumps(claims, separators=(",", ":")).encode())
    text = f"{_HEAD}.{body}"
    r, s = decode_dss_signature(pair.private.sign(text.encode(), _ALGORITHM))
    # RFC 7518 §3.4: both numbers in 32 bytes each, not in DER.
    signature = write_base64(r.to_bytes(32, "big") + s.to_bytes(32, "big"))
    return f"vapid t={text}.{signature}, k={pair.public}"


def verify(header: str, origin: str, now: float) -> dict[str, object]:
    """The claims of such a header, as a push service checks it (RFC 8292 §4.2): ValueError where
    the signature, the audience or the time is wrong."""
    found = re.fullmatch(r"vapid t=([\w-]+\.[\w-]+)\.([\w-]+), ?k=([\w-]+)", header)
    if found is None:
        raise ValueError("not of the form vapid t=, k=")
    text, signature, public = found.groups()
    key = ec.EllipticCurvePublicKey.from_encoded_point(CURVE, read_base64(public))
    numbers = read_base64(signature)
    r, s = int.from_bytes(numbers[:32], "big"), int.from_bytes(numbers[32:], "big")
    try:
        key.verify(encode_dss_signature(r, s), text.encode(), _ALGORITHM)
    except InvalidSignature:
        raise ValueError("the signature is wrong") from None
    claims: dict[str, object] = json.loads(read_base64(text.partition(".")[2]))
    expires_at = claims.get("exp")
    if claims.get("aud") != origin or not isinstance(expires_at, int):
        raise ValueError("signed for another service")
    if not now < expires_at <= now + 24 * 3600:
        raise ValueError("too old, or valid for more than a day")
    return claims


class Taken:
    """Services that have taken a word, or a message: what they refuse after that is one browser's
    fault, as anybody may make up a subscription that is refused. Not so once they have refused
    many browsers and taken no other in between."""

    def __init__(self) -> None:
        self._refused: dict[str, set[str]] = {}  # by service: browsers since then

    def note(self, origin: str) -> None:
        """It has taken one."""
        refused = self._refused.get(origin)
        if refused is None:
            self._refused[origin] = set()
        elif refused:
            refused.clear()

    def excuses(self, origin: str, endpoint: str) -> bool:
        """Note that it has refused a browser; whether that one alone is to blame."""
        refused = self._refused.get(origin)
        if refused is None:
            return False
        refused.add(endpoint)
        if len(refused) >= MOST_REFUSED:
            self.forget(origin)
        return origin in self._refused

    def forget(self, origin: str) -> None:
        """As if it had never taken any."""
        self._refused.pop(origin, None)

    def clear(self) -> None:
        """Forget all of them."""
        self._refused.clear()


class Signer:
    """One account's words for push services, each made once and used for up to 12 hours.

    Endpoints come from browsers, so a stranger may name any number of services: what is kept is
    bounded.
    """

    def __init__(self, pair: KeyPair, contact: str) -> None:
        self.pair = pair
        self.contact = contact
        self._kept: dict[str, tuple[float, str]] = {}
        self._taken = Taken()

    def find_header(self, origin: str, now: float) -> str:
        """The value of the header `Authorization` for one service; `now` in Unix time."""
        until, header = self._kept.get(origin, (0.0, ""))
        if now < until <= now + LIFE_SECONDS:
            return header
        header = sign(self.pair, origin, int(now) + LIFE_SECONDS + SLACK_SECONDS, self.contact)
        if len(self._kept) >= MAX_SERVICES:
            self._kept.clear()
            self._taken.clear()
        self._kept[origin] = (now + LIFE_SECONDS, header)
        self._taken.forget(origin)
        return header

    def note_believed(self, origin: str) -> None:
        """A service has taken a push by its present word."""
        if origin in self._kept:
            self._taken.note(origin)

    def excuses(self, origin: str, endpoint: str) -> bool:
        """Note that it has refused its word for a browser; whether that one alone is to blame."""
        return self._taken.excuses(origin, endpoint)


@lru_cache(maxsize=64)
def find_signer(private: str, contact: str) -> Signer:
    """The signer of an account in this process; its words live on from push to push."""
    return Signer(read_key_pair(private), contact)
