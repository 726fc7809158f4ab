"""Tokens: AccessToken2, which whoever has an app's certificate builds by himself, and those that
are fetched with a client's id and secret.

The format of AccessToken2 is public (repository AgoraIO/Tools, AccessToken2): "007" and Base64 of
zlib-packed little-endian fields: signature, app id, issued at, life, salt, services. A service is
its type, its privileges and its own fields. Ours has one, chat, with the privilege of an app.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from providers.commands import IssueToken, Token
from providers.inbound import Call
from providers.outcomes import Refusal, RefusalKind

from .wire_errors import TypedRefusal
from .wire_values import Block, read_body, read_id

VERSION = "007"
CHAT, CHAT_APP = 5, 2  # the service, and its privilege to act for the whole app
MAX_LIFE = 86_400  # seconds; the vendor takes no token that is older
MAX_SKEW = 300  # seconds that a builder's clock may be ahead
MAX_BYTES = 4096  # of an unpacked token
MAX_SERVICES = 32

# What follows the privileges of each type of service: s a text, h a number of 16 bits.
TAILS = {1: "ss", 2: "s", 3: "ss", 4: "", CHAT: "s", 7: "ssh"}

TOKEN_PATH = "token"
GRANT = "client_credentials"
MAX_CLIENT = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessToken:
    """`privileges` maps (service, privilege) to its life, as `life` in seconds from `issued_at`
    (seconds since 1970). `services` are the signed bytes of the services."""

    app_id: str
    issued_at: int
    life: int
    salt: int
    privileges: Mapping[tuple[int, int], int]
    services: bytes = field(repr=False)
    signature: bytes = field(default=b"", repr=False)

    def sign(self, certificate: str) -> bytes:
        """The signature that this token has if it was built with that certificate."""
        key = hmac.digest(struct.pack("<I", self.issued_at), certificate.encode(), "sha256")
        key = hmac.digest(struct.pack("<I", self.salt), key, "sha256")
        return hmac.digest(key, self.pack(), "sha256")

    def pack(self) -> bytes:
        """What is signed."""
        numbers = struct.pack("<III", self.issued_at, self.life, self.salt)
        return _pack_text(self.app_id.encode()) + numbers + self.services

    def is_fresh(self, now: datetime) -> bool:
        """Whether it lets act for the app at that time."""
        life = min(self.life, self.privileges.get((CHAT, CHAT_APP), 0), MAX_LIFE)
        return self.issued_at - MAX_SKEW <= now.timestamp() < self.issued_at + life

    def is_good(self, certificate: str, now: datetime) -> bool:
        """Whether it was built with the certificate and is fresh."""
        is_ours = hmac.compare_digest(self.sign(certificate), self.signature)
        return is_ours and self.is_fresh(now)


def write_app_token(app_id: str, certificate: str, *, now: datetime, life: int, salt: int) -> str:
    """A token for the whole app, good for `life` seconds; `salt` is any number of 32 bits."""
    privileges = {(CHAT, CHAT_APP): life}
    services = struct.pack("<HHHHI", 1, CHAT, 1, CHAT_APP, life) + _pack_text(b"")
    token = AccessToken(
        app_id=app_id,
        issued_at=int(now.timestamp()),
        life=life,
        salt=salt,
        privileges=privileges,
        services=services,
    )
    return write_access_token(replace(token, signature=token.sign(certificate)))


def write_access_token(token: AccessToken) -> str:
    content = zlib.compress(_pack_text(token.signature) + token.pack())
    return VERSION + base64.b64encode(content).decode()


def read_access_token(text: str) -> AccessToken:
    """What a token says; raises ValueError for what is none. Its signature is not judged."""
    if not text.startswith(VERSION):
        raise ValueError("no token of this version")
    try:
        return _read_fields(_unpack(text[len(VERSION) :]))
    except (binascii.Error, zlib.error, struct.error, KeyError, UnicodeError) as error:
        raise ValueError("no token") from error


def _unpack(text: str) -> bytes:
    """The packed fields, which must be whole and not longer than any token is."""
    unpacker = zlib.decompressobj()
    content = unpacker.decompress(base64.b64decode(text, validate=True), MAX_BYTES)
    if not unpacker.eof or unpacker.unused_data:
        raise ValueError("no token")
    return content


class _Reader:
    def __init__(self, content: bytes) -> None:
        self.content = content
        self.place = 0

    def take(self, form: str) -> int:
        (number,) = struct.unpack_from(f"<{form}", self.content, self.place)
        self.place += struct.calcsize(f"<{form}")
        return int(number)

    def take_text(self) -> bytes:
        size = self.take("H")
        text = self.content[self.place : self.place + size]
        if len(text) < size:
            raise ValueError("no token")
        self.place += size
        return text

    def take_service(self) -> dict[tuple[int, int], int]:
        kind = self.take("H")
        privileges = {}
        for _ in range(self.take("H")):
            number = self.take("H")
            privileges[kind, number] = self.take("I")
        for form in TAILS[kind]:
            self.take_text() if form == "s" else self.take(form)
        return privileges


def _read_fields(content: bytes) -> AccessToken:
    reader = _Reader(content)
    signature, app_id = reader.take_text(), reader.take_text().decode()
    issued_at, life, salt = reader.take("I"), reader.take("I"), reader.take("I")
    services = content[reader.place :]
    privileges: dict[tuple[int, int], int] = {}
    for _ in range(min(reader.take("H"), MAX_SERVICES)):
        privileges |= reader.take_service()
    if reader.place != len(content):
        raise ValueError("no token")
    return AccessToken(
        app_id=app_id,
        issued_at=issued_at,
        life=life,
        salt=salt,
        privileges=privileges,
        services=services,
        signature=signature,
    )


def _pack_text(text: bytes) -> bytes:
    return struct.pack("<H", len(text)) + text


def write_issue_token(command: IssueToken) -> dict[str, Any]:
    body: dict[str, Any] = {
        "grant_type": GRANT,
        "client_id": command.client_id,
        "client_secret": command.client_secret,
    }
    return body if command.ttl is None else {**body, "ttl": command.ttl}


def read_issue_token(call: Call, app: str) -> IssueToken:
    """`app` is the door identifier in the path. The body may come as any content type."""
    body = read_body(call)
    if body.values.get("grant_type") != GRANT:
        raise _refuse_argument("grant_type must be client_credentials.")
    return IssueToken(
        client_id=_take_client(body, "client_id", "client_id must be provided."),
        client_secret=_take_client(body, "client_secret", "client_secret must be provided"),
        ttl=_read_ttl(body.values.get("ttl")),
        app=app,
    )


def _take_client(body: Block, name: str, words: str) -> str:
    value = body.values.get(name)
    if not isinstance(value, str) or not value or len(value) > MAX_CLIENT:
        raise _refuse_argument(words)
    return value


def _read_ttl(value: Any) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not str(value).isascii() or not str(value).isdigit():
        raise _refuse_argument("ttl must be a number of seconds.")
    return min(int(str(value)[:12]), 2**31 - 1)


def _refuse_argument(words: str) -> Refusal:
    return TypedRefusal(RefusalKind.INVALID, "illegal_argument", words)


def write_token(token: Token) -> dict[str, Any]:
    return {
        "access_token": token.text,
        "expires_in": token.expires_in,
        "application": token.identifiers.get("app_id") or token.app,
    }


def read_token(body: Any) -> Token:
    text = body["access_token"]
    if not isinstance(text, str) or not text:
        raise ValueError("no token")
    return Token(text, int(read_id(body["expires_in"])), str(body.get("application") or ""))
