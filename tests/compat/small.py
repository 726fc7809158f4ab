"""A dialect that no vendor speaks, small enough to show what holds for all of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from providers.audience_calls import AppRows, ListApps
from providers.commands import IssueToken, ListGroups, Token
from providers.contract import Dialect, Limits
from providers.inbound import ApiCredentials, Call, DoorApp, Reply, Route
from providers.outcomes import HTTP_STATUS, Refusal, RefusalCode, RefusalKind


def identify(app: DoorApp) -> dict[str, Any]:
    return {"org": app.workspace, "name": f"{app.workspace}#{app.slug}", "number": app.code}


def refuse(refusal: Refusal) -> Reply:
    body = {"error": refusal.kind.value, "code": refusal.code, "words": refusal.message}
    return Reply(HTTP_STATUS[refusal.kind], body)


def refuse_in_families(refusal: Refusal) -> Reply:
    return Reply(HTTP_STATUS[refusal.kind], {"family": refusal.kind.value})


def authenticate(call: Call) -> ApiCredentials:
    """`<key or token>`, `group <key>:<secret>` or `proof <door>:<secret's first half>`."""
    text = call.headers.get("authorization", "")
    scheme, _blank, rest = text.partition(" ")
    name, _colon, shown = rest.partition(":")
    if scheme == "group":
        return ApiCredentials(name, shown, is_group=True)
    if scheme == "proof":
        return ApiCredentials(door=name, is_proof=lambda secrets, now: is_half(secrets, shown))
    return ApiCredentials(text, is_token=True)


def is_half(secrets: Mapping[str, str], shown: str) -> bool:
    if not shown.isalnum():
        raise Refusal(RefusalKind.UNAUTHENTICATED, "Corrupt.", code=RefusalCode.CORRUPT)
    return secrets["certificate"][:16] == shown


def list_groups(call: Call) -> ListGroups:
    return ListGroups(call.path.get("app", ""))


def write_anything(answer: Any, call: Call) -> Reply:
    return Reply(200, {"answer": str(answer)})


def list_apps(call: Call) -> ListApps:
    return ListApps(call.path.get("app", ""))


def write_apps(answer: AppRows, call: Call) -> Reply:
    return Reply(200, {"apps": [{"id": row.id, **row.identifiers} for row in answer.rows]})


def issue_token(call: Call) -> IssueToken:
    return IssueToken(**call.body, app=call.path["app"])


def write_token(answer: Token, call: Call) -> Reply:
    return Reply(200, {"token": answer.text, "seconds": answer.expires_in, **answer.identifiers})


ROUTES = (
    Route(method="GET", path="groups", read=list_groups, write=write_anything),
    Route(method="GET", path="groups/{app}", read=list_groups, write=write_anything),
    Route(method="GET", path="open/{app}", read=list_groups, write=write_anything, is_open=True),
    Route(method="GET", path="apps", read=list_apps, write=write_apps),
    Route(method="GET", path="apps/{app}", read=list_apps, write=write_apps),
    Route(method="POST", path="token/{app}", read=issue_token, write=write_token, is_open=True),
    Route(
        method="POST", path="family/{app}", read=list_groups, write=write_anything,
        write_refusal=refuse_in_families, max_bytes=10,
    ),
)  # fmt: skip


def make_dialect(key: str = "small", **values: Any) -> Dialect:
    given = {
        "label": "Small",
        "limits": Limits(),
        "platforms": frozenset(),
        "routes": ROUTES,
        "authenticate": authenticate,
        "write_authorization": str,
        "write_refusal": refuse,
        "door_identifiers": identify,
        **values,
    }
    return Dialect(key=key, **given)
