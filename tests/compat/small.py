"""A dialect that no vendor speaks, small enough to show what holds for all of them."""

from __future__ import annotations

from typing import Any

from providers.audience_calls import SaveDevice
from providers.commands import ListGroups
from providers.contract import ApiCredentials, Call, Dialect, DoorApp, Limits, Reply, Route
from providers.outcomes import HTTP_STATUS, Refusal


def identify(app: DoorApp) -> dict[str, Any]:
    return {"org": app.workspace, "name": f"{app.workspace}#{app.slug}", "number": app.code}


def refuse(refusal: Refusal) -> Reply:
    body = {"error": refusal.kind.value, "code": refusal.code, "words": refusal.message}
    return Reply(HTTP_STATUS[refusal.kind], body)


def refuse_in_families(refusal: Refusal) -> Reply:
    return Reply(HTTP_STATUS[refusal.kind], {"family": refusal.kind.value})


def authenticate(call: Call) -> ApiCredentials:
    return ApiCredentials(call.headers.get("authorization", ""))


def list_groups(call: Call) -> ListGroups:
    return ListGroups(call.path.get("app", ""))


def write_anything(answer: Any, call: Call) -> Reply:
    return Reply(200, {"answer": str(answer)})


def save_device(call: Call) -> SaveDevice:
    return SaveDevice(app=call.path["app"], **call.body)


ROUTES = (
    Route(method="GET", path="groups", read=list_groups, write=write_anything),
    Route(method="GET", path="groups/{app}", read=list_groups, write=write_anything),
    Route(method="GET", path="open/{app}", read=list_groups, write=write_anything, is_open=True),
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
