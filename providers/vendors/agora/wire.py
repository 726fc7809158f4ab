"""What every call has: who calls, which app it names, and the envelope of an answer (seed sections
"Common parameters" and "Authorization"). Sends, labels and the rest have files of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

from providers.inbound import ApiCredentials, Call
from providers.outcomes import Refusal, RefusalKind

from .wire_errors import EXPIRED_WORDS, TypedRefusal, refuse_token
from .wire_tokens import VERSION, AccessToken, read_access_token

# Both forms of a path have two pieces in front: `{org_name}/{app_name}`, or `app-id/{app_id}`.
APP_PATH = "{org_name}/{app_name}"
BY_APP_ID = "app-id"


def write_app_path(options: Mapping[str, Any]) -> str:
    """The beginning of every path for the app that an account's options name; KeyError without."""
    if options.get("org_name") and options.get("app_name"):
        return f"{quote(options['org_name'], safe='')}/{quote(options['app_name'], safe='')}"
    return f"{BY_APP_ID}/{quote(options['app_id'], safe='')}"


def write_app_key(org_name: str, app_name: str) -> str:
    """The vendor's name for an app; the first form of a path is this, in two pieces."""
    return f"{org_name}#{app_name}"


def read_app(call: Call) -> str:
    """The door identifier that a call names: an app id, or an app key."""
    org_name, app_name = call.path["org_name"], call.path["app_name"]
    return app_name if org_name == BY_APP_ID else write_app_key(org_name, app_name)


def write_authorization(key: str) -> str:
    return f"Bearer {key}"


def write_headers(token: str) -> dict[str, str]:
    return {"Authorization": write_authorization(token)}


def read_authorization(call: Call) -> ApiCredentials:
    """What stands in `Authorization: Bearer <token>`: a key of ours, a token that we issued, or
    one that the caller built with the app's certificate."""
    scheme, _, text = call.headers.get("authorization", "").strip().partition(" ")
    text = text.strip()
    if scheme.lower() != "bearer" or not text:
        raise _refuse_expired()  # the vendor says the same when there is none
    if text.startswith(VERSION) and "." not in text:
        return _read_proof(text, call.now)
    return ApiCredentials(text, is_token=True)


def _read_proof(text: str, now: datetime | None) -> ApiCredentials:
    try:
        token = read_access_token(text)
    except ValueError:
        raise refuse_token() from None
    if now is not None and not token.is_fresh(now):
        raise _refuse_expired()

    def is_proof(secrets: Mapping[str, str], now: datetime) -> bool:
        return _is_good(token, secrets, now)

    return ApiCredentials(door=token.app_id, is_proof=is_proof)


def _refuse_expired() -> Refusal:
    return TypedRefusal(RefusalKind.UNAUTHENTICATED, "unauthorized", EXPIRED_WORDS)


def _is_good(token: AccessToken, secrets: Mapping[str, str], now: datetime) -> bool:
    certificate = secrets.get("app_certificate", "")
    return bool(certificate) and token.is_good(certificate, now)


def write_envelope(data: Any, now_ms: int, cursor: str = "") -> dict[str, Any]:
    """A successful answer. `duration` is how long the vendor took; we do not measure it."""
    body: dict[str, Any] = {"timestamp": now_ms, "data": data, "duration": 0}
    return {**body, "cursor": cursor} if cursor else body


def write_long_envelope(
    call: Call, pattern: str, said: Mapping[str, Any], now_ms: int, method: str
) -> dict[str, Any]:
    """A successful answer to a call about a user's settings: it names the app and the address."""
    organization, application = call.path["org_name"], call.path["app_name"]
    is_by_id = organization == BY_APP_ID
    tail = pattern.format(**call.path)
    return {
        "action": method.lower(),
        **({"path": "/users"} if pattern.startswith("users/") else {}),
        "uri": f"/{organization}/{application}/{tail}",
        **said,
        "timestamp": now_ms,
        "organization": "" if is_by_id else organization,
        "application": application,
        "duration": 0,
        "applicationName": "" if is_by_id else application,
    }


def read_envelope(body: Any) -> Any:
    return body["data"]
