"""Addresses and authorization (seed, "Instant sending"; the device side: the vendor's SDKs)."""

from __future__ import annotations

from providers.inbound import ApiCredentials, Call
from providers.outcomes import Refusal, RefusalKind

MANAGEMENT = "api/b/v2"
DEVICE = "api/r/v2"

INSTANT_PATH = f"{MANAGEMENT}/send/instant"
ONESENDS_PATH = f"{MANAGEMENT}/sched/onesend"
ONESEND_PATH = f"{MANAGEMENT}/sched/onesend/{{schedule}}"
BIND_PATH = f"{MANAGEMENT}/sched/{{sched_type}}/{{schedule}}/pushes"
PUSHES_PATH = f"{MANAGEMENT}/pushes"
PUSH_PATH = f"{MANAGEMENT}/pushes/{{push}}"
APPS_PATH = f"{MANAGEMENT}/apps"
APP_PATH = f"{MANAGEMENT}/apps/{{app}}"
GROUPS_PATH = f"{MANAGEMENT}/app/groups"
GROUP_PATH = f"{MANAGEMENT}/app/groups/{{group}}"
QUERY_PATH = f"{MANAGEMENT}/query/app-instances"
EVENTS_PATH = f"{MANAGEMENT}/events"
EVENT_PATH = f"{MANAGEMENT}/events/{{event}}"
INSTANCES_PATH = f"{DEVICE}/apps/{{app}}/instances"
INSTANCE_PATH = f"{DEVICE}/apps/{{app}}/instances/{{instance}}"


def write_authorization(key: str) -> str:
    return f"Bearer {key}"


def write_headers(key: str) -> dict[str, str]:
    return {"Authorization": write_authorization(key)}


def read_authorization(call: Call) -> ApiCredentials:
    """The key of `Authorization: Bearer <key>`."""
    scheme, _, key = call.headers.get("authorization", "").strip().partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        message = "send the header Authorization: Bearer <api key>"
        raise Refusal(RefusalKind.UNAUTHENTICATED, message)
    return ApiCredentials(key.strip())
