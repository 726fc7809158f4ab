"""Who calls the native API: a key, or a person in a browser; and what they may do."""

from __future__ import annotations

import hashlib
import time
from typing import Any

from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from campaigns.errors import Refused
from campaigns.models import ApiKey, Membership
from campaigns.services.access import find_key, require_role, require_scope
from providers.outcomes import RefusalKind

NATIVE = "native"
# A revoked key works for at most this long; the look-up costs more than most answers.
CACHE_SECONDS = 0.9
CACHE_SIZE = 1000
ROLE_OF_SCOPE = {
    ApiKey.Scope.READ: Membership.Role.VIEWER,
    ApiKey.Scope.AUDIENCE: Membership.Role.COMPOSER,
    ApiKey.Scope.COMPOSE: Membership.Role.COMPOSER,
    ApiKey.Scope.SEND: Membership.Role.SENDER,
    ApiKey.Scope.PRIVACY: Membership.Role.ADMIN,
}
_seen: dict[bytes, tuple[float, ApiKey]] = {}


class KeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer <key>`."""

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        scheme, _blank, text = request.headers.get("Authorization", "").partition(" ")
        if not scheme:
            return None
        if scheme.lower() != "bearer":
            raise _unauthenticated("Send the header Authorization: Bearer <key>.")
        key = find_cached_key(text.strip())
        if key.dialect not in {"", NATIVE}:
            raise _unauthenticated("This key is for a vendor's door, not for the native API.")
        return key, key

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


def _unauthenticated(sentence: str) -> Refused:
    return Refused(sentence, kind=RefusalKind.UNAUTHENTICATED, code="unauthenticated")


def find_cached_key(text: str) -> ApiKey:
    """The key of that text, remembered for less than a second; raises Refused."""
    digest = hashlib.sha256(text.encode(errors="replace")).digest()
    moment, key = _seen.get(digest, (0.0, None))
    if key is not None and time.monotonic() - moment < CACHE_SECONDS:
        return key
    key = find_key(text, now=timezone.now())
    if len(_seen) >= CACHE_SIZE:
        _seen.clear()
    _seen[digest] = (time.monotonic(), key)
    return key


class BrowserAuthentication(SessionAuthentication):
    """A person who is logged in; unsafe methods need the CSRF token."""


class HasScope(BasePermission):
    """A key has the view's scope for the method; a person has the role somewhere.

    Where a person changes something, the view asks for the role in that thing's app, too.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        if not request.user or not request.user.is_authenticated:
            raise _unauthenticated("Send the header Authorization: Bearer <key>, or log in.")
        scope = view.find_scope()
        if isinstance(request.user, ApiKey):
            require_scope(request.user, scope)
        else:
            require_role(request.user, None, ROLE_OF_SCOPE[scope])
        return True


class KeyScheme(OpenApiAuthenticationExtension):
    target_class = KeyAuthentication
    name = "key"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer"}


class BrowserScheme(OpenApiAuthenticationExtension):
    target_class = BrowserAuthentication
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "apiKey", "in": "cookie", "name": "sessionid"}
