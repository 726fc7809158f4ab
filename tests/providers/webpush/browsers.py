"""Browsers that have subscribed, with the keys that only they hold."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field

import http_ece
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from providers.vendors.webpush.wire_values import write_base64

SERVICE = "https://fcm.googleapis.com"


@dataclass
class Browser:
    """One subscription; `read` opens what was sent to it, by a library that is not ours."""

    endpoint: str = f"{SERVICE}/fcm/send/abc:def"
    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )
    auth: bytes = field(default_factory=lambda: os.urandom(16))

    @property
    def point(self) -> bytes:
        return self.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    @property
    def token(self) -> str:
        keys = {"p256dh": write_base64(self.point), "auth": write_base64(self.auth)}
        return json.dumps({"endpoint": self.endpoint, "expirationTime": None, "keys": keys})

    def read(self, body: bytes) -> bytes:
        return http_ece.decrypt(
            body, private_key=self.key, auth_secret=self.auth, version="aes128gcm"
        )
