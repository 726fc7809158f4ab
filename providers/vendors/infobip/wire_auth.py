"""Who calls: four kinds of `Authorization`, the exchange of client credentials for a token, and the
list of applications (wire facts, sections 1 and 2).
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from typing import Any

from providers.audience_calls import AppRow, AppRows, ListApps
from providers.commands import IssueToken, Token
from providers.inbound import ApiCredentials, Call, Reply
from providers.outcomes import Refusal, RefusalKind

from .wire_values import read_body, refuse

TOKEN_PATH = "auth/1/oauth2/token"
APPLICATIONS_PATH = "push/1/applications"
APPLICATION_PATH = "push/1/applications/{code}"
GRANT = "client_credentials"
_WORDS = "Send the header Authorization: App <key>."


def write_authorization(key: str) -> str:
    return f"App {key}"


def write_basic(user: str, password: str) -> str:
    return f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"


def read_authorization(call: Call) -> ApiCredentials:
    """`App` and `Basic` are our keys; `Bearer` and `IBSSO` are tokens that we gave."""
    scheme, _, text = call.headers.get("authorization", "").strip().partition(" ")
    text = text.strip()
    match scheme.lower():
        case "app" if text:
            return ApiCredentials(text)
        case "basic" if text:
            return _read_basic(text)
        case "bearer" | "ibsso" if text:
            return ApiCredentials(text, is_token=True)
    raise Refusal(RefusalKind.UNAUTHENTICATED, _WORDS)


def _read_basic(text: str) -> ApiCredentials:
    try:
        user, colon, password = b64decode(text, validate=True).decode().partition(":")
    except (Base64Error, UnicodeDecodeError, ValueError):
        user = colon = password = ""
    if not (user and colon and password):
        raise Refusal(RefusalKind.UNAUTHENTICATED, _WORDS)
    return ApiCredentials(user, password)


def read_token_request(call: Call) -> IssueToken:
    body = read_body(call.body)
    if body.take_text("grant_type") != GRANT:
        raise refuse("grant_type", f"must be {GRANT}")
    return IssueToken(body.take_text("client_id", 255), body.take_text("client_secret", 255))


def write_token(token: Token, call: Call) -> Reply:
    body = {"access_token": token.text, "token_type": "Bearer", "expires_in": token.expires_in}
    return Reply(200, body, headers={"Cache-Control": "no-store"})


def read_token(body: Any) -> Token:
    return Token(str(body["access_token"]), int(body["expires_in"]))


def read_list_apps(call: Call) -> ListApps:
    return ListApps()


def read_fetch_app(call: Call) -> ListApps:
    return ListApps(call.path["code"])


def write_app(row: AppRow) -> dict[str, Any]:
    """The examples are right where the specification swaps the schemas of list and single call."""
    return {
        "applicationId": str(row.identifiers.get("sender", row.id)),
        "applicationCode": str(row.identifiers.get("sender", row.id)),
        "name": row.name,
        "cloudTypes": [CLOUDS[name] for name in row.platforms if name in CLOUDS],
    }


CLOUDS = {"android": "GCM", "ios": "APNS", "hmos": "HMS", "web": "WEB"}
_PLATFORMS = {cloud: name for name, cloud in CLOUDS.items()}


def read_app(body: Any) -> AppRow:
    code = str(body.get("applicationCode") or body["applicationId"])
    clouds = body.get("cloudTypes") or ()
    return AppRow(
        id=code,
        name=str(body["name"]),
        slug="",
        identifiers={"sender": code},
        platforms=tuple(_PLATFORMS[cloud] for cloud in clouds if cloud in _PLATFORMS),
    )


def write_apps(rows: AppRows, call: Call) -> Reply:
    return Reply(200, [write_app(row) for row in rows.rows])


def read_apps(body: Any) -> AppRows:
    return AppRows(tuple(read_app(item) for item in body))


def write_one_app(rows: AppRows, call: Call) -> Reply:
    return Reply(200, write_app(rows.rows[0]))
