"""Takes secrets and recipients out of what we keep or show of a vendor call."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote, quote_plus, urlsplit

HIDDEN = "[hidden]"
MAX_TEXT_BYTES = 4096
MAX_LIST = 20

_SECRET_WORDS = (
    "authorization", "cookie", "password", "passwd", "secret", "token", "api_key", "apikey",
    "api-key", "access_key", "private_key", "credential", "signature", "certificate",
)  # fmt: skip
_QUERY = re.compile(
    rf"(?i)([?&][^=&\s]*(?:{'|'.join(map(re.escape, _SECRET_WORDS))})[^=&\s]*=)[^&\s\"'#]+"
)
_USER_INFO = re.compile(r"(?i)(\bhttps?://)[^/@\s]+@")


def is_secret_name(name: str) -> bool:
    """Whether a header, key or parameter of that name holds a secret."""
    lowered = name.lower()
    return any(word in lowered for word in _SECRET_WORDS)


def hide_login(url: str) -> str:
    """An address with `***` for the login that it names, which makes it none to be called.

    Where the host cannot be told from the login, all before the last `@` is hidden.
    """
    if "@" not in url:
        return url
    try:
        parts = urlsplit(url)
        # A password with a slash in it is no port, and then what is before it is no host.
        has_host = bool(parts.hostname) and parts.port != 0
    except ValueError:
        has_host = False
    if not has_host:
        return "***@" + url.rpartition("@")[2]
    login, _, host = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"***@{host}").geturl() if login else url


def find_header_secrets(headers: Mapping[str, str]) -> set[str]:
    """Secrets that request headers carry: whole values, their tokens, decoded Basic pairs."""
    secrets: set[str] = set()
    for name, value in headers.items():
        if is_secret_name(name) or name.lower().endswith("-key"):
            token = value.rsplit(" ", 1)[-1]
            secrets |= {value, token, *_read_basic(value, token)}
    return secrets


def _read_basic(value: str, token: str) -> set[str]:
    if not value.lower().startswith("basic "):
        return set()
    try:
        user, _, password = b64decode(token).decode().partition(":")
    except (Base64Error, UnicodeDecodeError):
        return set()
    return {user, password}


class Scrubber:
    """Knows the secrets of one call and the keys whose values are recipients."""

    def __init__(self, secrets: Iterable[str] = (), recipients: Iterable[str] = ()) -> None:
        # Longest first, so that a secret which contains another is replaced whole. A secret of
        # three characters would shred every text and protects nothing.
        plain = {secret for secret in secrets if len(secret) > 3}
        escaped = {
            json.dumps(secret, ensure_ascii=is_ascii)[1:-1]
            for secret in plain
            for is_ascii in (True, False)
        }
        forms = (quote, quote_plus)
        quoted = {form(secret, errors="replace") for secret in plain for form in forms}
        self.secrets = sorted(plain | escaped | quoted, key=len, reverse=True)
        self.recipients = frozenset(recipients)

    def scrub_text(self, text: str) -> str:
        """A text without secrets: known ones, those in a query, a password in an address."""
        for secret in self.secrets:
            text = text.replace(secret, HIDDEN)
        return _USER_INFO.sub(r"\1", _QUERY.sub(rf"\1{HIDDEN}", text))

    def scrub_body(self, body: Any) -> str:
        """A JSON body as a short text without secrets, recipients and long lists."""
        if isinstance(body, str):
            return cut_text(self.scrub_text(body[: MAX_TEXT_BYTES * 2]))
        thin = json.dumps(self._thin(body), ensure_ascii=False, default=str)
        return cut_text(self.scrub_text(thin))

    def _thin(self, body: Any, key: str = "") -> Any:
        if key in self.recipients:
            return _count(body)
        if isinstance(body, dict):
            return {name: self._thin(value, name) for name, value in body.items()}
        if isinstance(body, list | tuple):
            return self._thin_list(body)
        if isinstance(body, str) and is_secret_name(key):
            return HIDDEN
        return body

    def _thin_list(self, items: list[Any] | tuple[Any, ...]) -> Any:
        if len(items) > MAX_LIST:
            return _count(items)
        return [self._thin(item) for item in items]


def _count(value: Any) -> str:
    size = len(value) if isinstance(value, list | tuple | dict) else 1
    return f"[{size} left out]"


def cut_text(text: str, max_bytes: int = MAX_TEXT_BYTES) -> str:
    """At most `max_bytes` of UTF-8; a cut text ends with an ellipsis."""
    encoded = text.encode("utf-8", "replace")
    if len(encoded) <= max_bytes:
        return encoded.decode()
    return encoded[: max_bytes - 3].decode("utf-8", "ignore") + "…"
