"""Who calls: a service account's key, the signed assertion that it makes, and the access token that
this is exchanged for.

Sources: developers.google.com/identity/protocols/oauth2/service-account ("HTTP/REST": header, claim
set, `grant_type`, the answer, error codes); RFC 7519 (JWT), RFC 7523 sections 2.1 and 3 (assertions
as grants), RFC 6749 section 5.2 (errors of a token endpoint).
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache, partial
from typing import Any
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from providers.commands import IssueToken, Token
from providers.failures import parse_body
from providers.inbound import ApiCredentials, Call, Reply
from providers.outcomes import (
    HTTP_STATUS,
    Failure,
    Reason,
    Refusal,
    RefusalCode,
    RefusalKind,
)

TOKEN_PATH = "token"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
KIND = "service_account"
PRIVATE_KEY = "private_key"  # the secret of a door
LIFE = 3600  # seconds; "a maximum of 1 hour after the issued time"
SKEW = 300  # seconds that a caller's clock may be wrong
MAX_ASSERTION = 8192
KEY_BITS = 2048
LEAST_BITS = 1024
_ACCESS = re.compile("[!-~]{1,8192}")  # what a header can hold of it
_PROJECT = re.compile("[A-Za-z0-9._:-]{1,100}")  # those of a company's own domain have a colon
_EMAIL = re.compile("[!-~]{1,320}")
_ADDRESS = re.compile("https?://[!-~]{1,2000}", re.IGNORECASE)
_SAID = ("error", "error_description")
_NEEDED = ("project_id", "client_email", PRIVATE_KEY, "token_uri")


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """The key file that the console gives out."""

    project: str
    email: str
    private_key: str = field(repr=False)
    key_id: str
    token_uri: str


def read_service_account(text: str) -> ServiceAccount:
    """Raises ValueError with a sentence that repeats nothing of the key."""
    body, is_json = parse_body(text.encode("utf-8", "replace"))
    if not is_json:
        raise ValueError("This is no JSON. Paste the whole key file.")
    if not isinstance(body, dict) or body.get("type") != KIND:
        raise ValueError(
            'This is no key of a service account: its "type" must be "service_account".'
        )
    missing = [name for name in _NEEDED if not isinstance(body.get(name), str) or not body[name]]
    if missing:
        raise ValueError(f"The key file lacks {', '.join(missing)}.")
    account = ServiceAccount(
        project=body["project_id"],
        email=body["client_email"],
        private_key=body[PRIVATE_KEY],
        key_id=str(body.get("private_key_id") or ""),
        token_uri=body["token_uri"],
    )
    _check_names(account)
    load_key(account.private_key)
    return account


def _check_names(account: ServiceAccount) -> None:
    """Each is written into an address, a header or a signed text."""
    if not _PROJECT.fullmatch(account.project):
        raise ValueError("The key file's project_id is no project's.")
    if not _EMAIL.fullmatch(account.email):
        raise ValueError("The key file's client_email is no address.")
    if not is_web_address(account.token_uri):
        raise ValueError("The key file's token_uri is no web address.")


def is_web_address(text: str) -> bool:
    """Of a host, perhaps with a port, and without a login."""
    try:
        parts = urlsplit(text)
        has_port = parts.port != 0
    except ValueError:  # no such port, or half an address in brackets
        return False
    is_plain = _ADDRESS.fullmatch(text) is not None and "@" not in parts.netloc
    return is_plain and has_port and bool(parts.hostname)


@lru_cache(maxsize=64)
def load_key(text: str) -> rsa.RSAPrivateKey:
    """Raises ValueError with a sentence for what is no private RSA key."""
    try:
        key = serialization.load_pem_private_key(text.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None  # its own text may hold parts of the key
    if not isinstance(key, rsa.RSAPrivateKey) or key.key_size < LEAST_BITS:
        raise ValueError("The key file's private_key is no RSA key: download the file anew.")
    return key


def make_key() -> str:
    """A new private key for a door, PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return pem.decode()


def find_key_id(private_key: str) -> str:
    """A name of a key that follows from it: 40 hex digits, as the vendor's have."""
    public = load_key(private_key).public_key()
    der = public.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    digest = hashes.Hash(hashes.SHA256())
    digest.update(der)
    return digest.finalize().hex()[:40]


def write_service_account(project: str, email: str, private_key: str, token_uri: str) -> str:
    """A key file as the vendor's clients read it."""
    body = {
        "type": KIND,
        "project_id": project,
        "private_key_id": find_key_id(private_key),
        PRIVATE_KEY: private_key,
        "client_email": email,
        "client_id": "",
        "auth_uri": token_uri,
        "token_uri": token_uri,
    }
    return json.dumps(body)


def write_assertion(account: ServiceAccount, audience: str, now: datetime) -> str:
    """A JWT signed with RS256 that asks for a token for an hour."""
    issued = int(now.timestamp())
    header = {"alg": "RS256", "typ": "JWT", "kid": account.key_id}
    claims = {
        "iss": account.email,
        "scope": SCOPE,
        "aud": audience,
        "iat": issued,
        "exp": issued + LIFE,
    }
    signed = b".".join((_pack(header), _pack(claims)))
    key = load_key(account.private_key)
    signature = key.sign(signed, padding.PKCS1v15(), hashes.SHA256())
    return b".".join((signed, _encode(signature))).decode()


def _pack(value: Mapping[str, Any]) -> bytes:
    content = {name: item for name, item in value.items() if item != ""}
    return _encode(json.dumps(content, separators=(",", ":")).encode())


def _encode(content: bytes) -> bytes:
    return base64.urlsafe_b64encode(content).rstrip(b"=")


def _decode(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


@dataclass(frozen=True, slots=True)
class Assertion:
    """What a JWT says; whether it was signed with a key, `is_signed_by` tells."""

    issuer: str
    audience: tuple[str, ...]
    issued_at: float
    ends_at: float
    signed: bytes = field(repr=False)
    signature: bytes = field(repr=False)

    def is_signed_by(self, private_key: str) -> bool:
        public = load_key(private_key).public_key()
        try:
            public.verify(self.signature, self.signed, padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            return False
        return True

    def is_fresh(self, now: datetime) -> bool:
        moment = now.timestamp()
        is_short = self.ends_at - self.issued_at <= LIFE + SKEW
        return is_short and self.issued_at - SKEW <= moment < self.ends_at


def read_assertion(text: str) -> Assertion:
    """Raises ValueError for what is no JWT of this kind. Neither signature nor time is judged."""
    if len(text) > MAX_ASSERTION or text.count(".") != 2 or not text.isascii():
        raise ValueError("no assertion")
    head, _dot, _rest = text.partition(".")
    signed, _dot, signature = text.rpartition(".")
    try:
        header = json.loads(_decode(head))
        claims = json.loads(_decode(signed.partition(".")[2]))
        if header["alg"] != "RS256":
            raise ValueError("another algorithm")
        audience = claims["aud"]
        return Assertion(
            issuer=_take_text(claims["iss"]),
            audience=tuple(map(_take_text, audience if isinstance(audience, list) else [audience])),
            issued_at=_take_moment(claims["iat"]),
            ends_at=_take_moment(claims["exp"]),
            signed=signed.encode(),
            signature=_decode(signature),
        )
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError):
        raise ValueError("no assertion") from None


def _take_text(value: Any) -> str:
    if not isinstance(value, str) or not value or "\0" in value:
        raise ValueError("no text")
    value.encode()  # half a surrogate pair is none
    return value


def _take_moment(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 2**40:
        raise ValueError("no moment")
    return float(value)


def is_proof(assertion: Assertion, secrets: Mapping[str, str], now: datetime) -> bool:
    """Whether it was signed with the door's key, and its time is now; raises `Refusal` for one that
    is genuine and too old."""
    key = secrets.get(PRIVATE_KEY)
    if key is None or not assertion.is_signed_by(key):
        return False
    if not assertion.is_fresh(now):
        words = "Invalid JWT: Token must be a short-lived token (60 minutes) and in a "
        words += "reasonable timeframe. Check your iat and exp values in the JWT claim."
        raise Refusal(RefusalKind.UNAUTHENTICATED, words, code=RefusalCode.EXPIRED)
    return True


def write_authorization(key: str) -> str:
    return f"Bearer {key}"


def read_authorization(call: Call) -> ApiCredentials:
    """`Bearer`: one of our keys, or an access token that we gave."""
    scheme, _blank, text = call.headers.get("authorization", "").strip().partition(" ")
    if scheme.lower() != "bearer" or not text.strip():
        raise Refusal(
            RefusalKind.UNAUTHENTICATED,
            "Request is missing required authentication credential. Expected OAuth 2 access token.",
        )
    return ApiCredentials(text.strip(), is_token=True)


def write_token_request(assertion: str) -> dict[str, str]:
    """A form."""
    return {"grant_type": GRANT, "assertion": assertion}


def read_token_request(call: Call) -> IssueToken:
    """An assertion in exchange for a token. Its audience must be this endpoint, by whatever name it
    was called: its path is compared, since a proxy in front of us may have another host."""
    body = call.body if isinstance(call.body, dict) else {}
    if body.get("grant_type") != GRANT:
        raise Refusal(
            RefusalKind.INVALID, f"grant_type must be {GRANT}", code="unsupported_grant_type"
        )
    try:
        assertion = read_assertion(str(body.get("assertion") or ""))
        is_meant = any(is_own_path(urlsplit(name).path) for name in assertion.audience)
    except ValueError:
        raise Refusal(RefusalKind.INVALID, "Invalid JWT.", code="invalid_grant") from None
    if not is_meant:
        words = "Invalid JWT: its audience is another endpoint."
        raise Refusal(RefusalKind.INVALID, words, code="invalid_grant")
    return IssueToken(
        client_id=assertion.issuer,
        client_secret="",
        ttl=LIFE,
        is_proof=partial(is_proof, assertion),
    )


def is_own_path(path: str) -> bool:
    return path.rstrip("/").rpartition("/")[2] == TOKEN_PATH


def write_token(token: Token, call: Call) -> Reply:
    body = {"access_token": token.text, "expires_in": token.expires_in, "token_type": "Bearer"}
    return Reply(200, body, headers={"Cache-Control": "no-store"})


def read_token(body: Any) -> Token:
    text, life = body["access_token"], int(body.get("expires_in", LIFE))
    if not _ACCESS.fullmatch(text) or life <= 0:
        raise ValueError("no token")
    return Token(text, min(life, LIFE))


def write_token_refusal(refusal: Refusal) -> Reply:
    """The token endpoint's own errors (RFC 6749, 5.2)."""
    status = HTTP_STATUS[refusal.kind]
    error = refusal.code if refusal.kind is RefusalKind.INVALID else ""
    if refusal.kind is RefusalKind.UNAUTHENTICATED:
        status, error = 400, "invalid_grant"
    if refusal.kind is RefusalKind.FORBIDDEN:
        error = "access_denied"
    body = {"error": error or "invalid_request", "error_description": refusal.message}
    if status >= 500:
        body["error"] = "server_error"
    headers = {"Cache-Control": "no-store"}
    if refusal.retry_after is not None:
        headers["Retry-After"] = str(max(1, round(refusal.retry_after)))
    return Reply(status, body, headers=headers)


def read_token_error(status: int, body: Any) -> Failure | None:
    """A key that is no longer one, a wrong signature, a wrong clock: in the vendor's own words."""
    if status not in (400, 401, 403):
        return None
    words = ": ".join(body[name] for name in _SAID if isinstance(body.get(name), str))
    return Failure(Reason.CREDENTIAL, words, is_permanent=True) if words else None
