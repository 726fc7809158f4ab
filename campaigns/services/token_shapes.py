"""What push tokens look like, so that a file of something else is not taken for tokens.

APNs: "device tokens are of variable length", hexadecimal, at least 32 bytes
(developer.apple.com, registering your app with APNs). FCM: letters, digits and : _ - only; older
ones may hold dots. Web Push: a subscription as JSON, or its endpoint, which is an https address
(w3.org/TR/push-api, PushSubscription). An iPhone that is reached through FCM has a token of FCM's.
"""

from __future__ import annotations

import json
import re

from django.utils.translation import gettext as _

from providers.addresses import find_path, is_plain_path

APNS = re.compile(r"(?:[0-9a-fA-F]{2}){32,100}")
PLAIN = re.compile(r"[A-Za-z0-9:._~+/=%-]+")
HEX = re.compile(r"[0-9a-fA-F]+")
LEAST = 8
WEB = "web"


def find_token_fault(platform: str, token: str) -> str:
    """Why this cannot be a token of that platform, with how to mend it; or ""."""
    if platform == WEB:
        return _find_address_fault(token) or _find_web_fault(token)
    if token.startswith("<") or " " in token:
        return _("The token holds brackets or blanks: write its letters and digits only.")
    if not PLAIN.fullmatch(token) or len(token) < LEAST:
        return _("This is no push token: it is too short, or holds other signs than a token's.")
    if platform == "ios" and HEX.fullmatch(token) and not APNS.fullmatch(token):
        return _("A token of APNs has at least 64 hexadecimal digits, and an even number of them.")
    return ""


def is_crooked(token: str) -> bool:
    """Whether a browser's token is an address, or has one, that leads elsewhere than it names."""
    return not is_plain_path(find_path(_find_endpoint(token)))


def _find_endpoint(token: str) -> str:
    """The address of a token; "" where it has none."""
    if not token.startswith("{"):
        return token if token.startswith("https://") else ""
    try:
        endpoint = json.loads(token).get("endpoint")
    except (ValueError, RecursionError):
        return ""
    return endpoint if isinstance(endpoint, str) else ""


def _find_address_fault(token: str) -> str:
    if is_crooked(token):
        return _("The endpoint of a subscription leads to another path than it names.")
    return ""


def _find_web_fault(token: str) -> str:
    if token.startswith("{"):
        return _find_subscription_fault(token)
    if "://" in token and not token.startswith("https://"):
        return _("The endpoint of a subscription begins with https://.")
    if len(token) < LEAST or any(letter.isspace() for letter in token):
        return _("This is no push token: it is too short, or holds other signs than a token's.")
    return ""


def _find_subscription_fault(token: str) -> str:
    try:
        body = json.loads(token)
    except (ValueError, RecursionError):
        body = {}
    keys = body.get("keys")
    endpoint = body.get("endpoint")
    is_whole = isinstance(keys, dict) and {"p256dh", "auth"} <= keys.keys()
    if not (is_whole and isinstance(endpoint, str) and endpoint.startswith("https://")):
        return _("A subscription has an https endpoint and keys with p256dh and auth.")
    return ""
