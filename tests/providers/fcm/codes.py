"""Firebase's page "ErrorCode", with the details of google/rpc/error_details.proto that it names,
Google's own answers before Firebase is asked, and statuses without either."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from providers.vendors.fcm import outbound
from tests.vendor_cases.codes import (
    DEAD,
    IN_DOUBT,
    OF_ADDRESS,
    OF_MESSAGE,
    PAUSED,
    SENT,
    Case,
    Fate,
    blocked,
    doubted,
    later,
)

TYPE = "type.googleapis.com/"
FCM_ERROR = f"{TYPE}google.firebase.fcm.v1.FcmError"
MINUTE = 60  # "a minimum initial delay of 1 minute"


def answer(
    status: int, name: str, fate: Fate, code: str = "", words: str = "", *details: dict[str, Any]
) -> Case:
    """`name` is of google.rpc.Code, `code` Firebase's own."""
    own = [{"@type": FCM_ERROR, "errorCode": code}] if code else []
    said = words or f"What is said of {code or name}"
    error = {"code": status, "message": said, "status": name, "details": [*own, *details]}
    about = [_read_detail(item) for item in details]
    label = " ".join(filter(None, [str(status), name, code, words, *about]))
    told = [text for text in about if "retryDelay" not in details[about.index(text)]]
    return Case(label, status, fate, {"error": error}, words=(said, *told))


def _read_detail(detail: dict[str, Any]) -> str:
    """What tells it from others of its kind."""
    many = detail.get("fieldViolations") or detail.get("violations")
    return str(many[0]["description"] if many else detail.get("reason") or detail["retryDelay"])


def violate(field: str, description: str) -> dict[str, Any]:
    violation = {"field": field, "description": description}
    return {"@type": f"{TYPE}google.rpc.BadRequest", "fieldViolations": [violation]}


def exceed(subject: str, description: str) -> dict[str, Any]:
    violation = {"subject": subject, "description": description}
    return {"@type": f"{TYPE}google.rpc.QuotaFailure", "violations": [violation]}


def explain(reason: str) -> dict[str, Any]:
    return {"@type": f"{TYPE}google.rpc.ErrorInfo", "reason": reason, "domain": "googleapis.com"}


def delay(text: str) -> dict[str, Any]:
    return {"@type": f"{TYPE}google.rpc.RetryInfo", "retryDelay": text}


INVALID = (400, "INVALID_ARGUMENT")
NO_TOKEN = "The registration token is not a valid FCM registration token"
CASES = [
    Case("success", 200, SENT, {"name": "projects/p/messages/1"}),
    # The codes.
    answer(*INVALID, OF_MESSAGE, "INVALID_ARGUMENT"),
    answer(404, "NOT_FOUND", DEAD, "UNREGISTERED"),
    answer(403, "PERMISSION_DENIED", OF_MESSAGE, "SENDER_ID_MISMATCH"),
    answer(429, "RESOURCE_EXHAUSTED", blocked(MINUTE), "QUOTA_EXCEEDED"),
    answer(503, "UNAVAILABLE", later(), "UNAVAILABLE"),
    answer(500, "INTERNAL", IN_DOUBT, "INTERNAL"),
    answer(401, "UNAUTHENTICATED", PAUSED, "THIRD_PARTY_AUTH_ERROR"),
    answer(500, "UNKNOWN", IN_DOUBT, "UNSPECIFIED_ERROR"),
    answer(400, "INVALID_ARGUMENT", OF_MESSAGE, "UNSPECIFIED_ERROR", "Of which nothing is known"),
    # A token, a field and the whole payload. The token may be another gateway's.
    answer(*INVALID, OF_ADDRESS, "INVALID_ARGUMENT", NO_TOKEN),
    answer(*INVALID, OF_ADDRESS, "INVALID_ARGUMENT", "", violate("message.token", "Bad token")),
    answer(*INVALID, OF_MESSAGE, "", "", violate("message.android.ttl", "Illegal duration")),
    answer(*INVALID, OF_MESSAGE, "INVALID_ARGUMENT", "Android message is too big"),
    # Whose quota it is.
    answer(429, "RESOURCE_EXHAUSTED", later(MINUTE), "QUOTA_EXCEEDED", "",
           exceed("device:1", "Device message rate exceeded")),
    answer(429, "RESOURCE_EXHAUSTED", blocked(MINUTE), "QUOTA_EXCEEDED", "",
           exceed("project:1", "Message rate exceeded")),
    # Of google.rpc.Code alone.
    answer(*INVALID, OF_MESSAGE),
    answer(400, "FAILED_PRECONDITION", OF_MESSAGE),
    answer(400, "OUT_OF_RANGE", OF_MESSAGE),
    answer(404, "NOT_FOUND", PAUSED),
    answer(429, "RESOURCE_EXHAUSTED", blocked(MINUTE)),
    answer(503, "UNAVAILABLE", later()),
    answer(500, "INTERNAL", IN_DOUBT),
    answer(500, "UNKNOWN", IN_DOUBT),
    answer(504, "DEADLINE_EXCEEDED", IN_DOUBT),
    # A status that leaves it open goes before whatever code stands beside it.
    *(answer(status, "UNAVAILABLE", IN_DOUBT, "UNAVAILABLE") for status in (408, 500, 502, 504)),
    answer(500, "NOT_FOUND", IN_DOUBT, "UNREGISTERED"),
    answer(503, "INTERNAL", later(), "INTERNAL"),
    # The first 401 is the access token's, which is fetched anew; everybody's shows the same one.
    answer(401, "UNAUTHENTICATED", blocked(1)),
    answer(401, "UNAUTHENTICATED", blocked(1), "", "", explain("ACCESS_TOKEN_EXPIRED")),
    # Google's front.
    *(answer(403, "PERMISSION_DENIED", PAUSED, "", "", explain(reason))
      for reason in ("SERVICE_DISABLED", "BILLING_DISABLED", "CONSUMER_INVALID",
                     "USER_PROJECT_DENIED", "IAM_PERMISSION_DENIED",
                     "ACCESS_TOKEN_SCOPE_INSUFFICIENT")),
    answer(*INVALID, PAUSED, "", "", explain("API_KEY_INVALID")),
    answer(429, "RESOURCE_EXHAUSTED", blocked(17), "", "",
           explain("RATE_LIMIT_EXCEEDED"), delay("17s")),
    answer(503, "UNAVAILABLE", blocked(2.5), "UNAVAILABLE", "", delay("2.5s")),
    answer(503, "UNAVAILABLE", later(), "UNAVAILABLE", "", delay("-2s")),
    answer(500, "INTERNAL", IN_DOUBT, "INTERNAL", "", delay("0s")),
    answer(500, "INTERNAL", replace(doubted(17), is_blocked=True), "INTERNAL", "", delay("17s")),
    # Somebody in between.
    Case("a page for 404", 404, PAUSED, "<html>"),
    Case("a page for 500", 500, IN_DOUBT, "<html>"),
    Case("a page for 503", 503, later(), "<html>"),
    Case("a page for 502", 502, IN_DOUBT, "<html>"),
    Case("a page for 200", 200, IN_DOUBT, "<html>"),
    Case("a success without a name", 200, IN_DOUBT, {}),
    Case("301", 301, PAUSED, "<html>"),
    Case("307", 307, PAUSED),
    Case("408", 408, IN_DOUBT),
    Case("501", 501, later()),
    Case("504", 504, IN_DOUBT),
]  # fmt: skip


def ask_for_all(seconds: float | None) -> Case:
    return answer(503, "UNAVAILABLE", later() if seconds is None else blocked(seconds))


def ask_for_quota(seconds: float | None) -> Case:
    fate = blocked(MINUTE if seconds is None else seconds)
    return answer(429, "RESOURCE_EXHAUSTED", fate, "QUOTA_EXCEEDED")


def ask_for_device(seconds: float | None) -> Case:
    fate = later(MINUTE if seconds is None else seconds)
    details = exceed("device:1", "Device message rate exceeded")
    return answer(429, "RESOURCE_EXHAUSTED", fate, "QUOTA_EXCEEDED", "", details)


def ask_in_doubt(seconds: float | None) -> Case:
    fate = replace(doubted(seconds), is_blocked=True) if seconds else IN_DOUBT
    return answer(500, "INTERNAL", fate, "INTERNAL")


ASKERS = {
    "the server": ask_for_all,
    "the server that fails": ask_in_doubt,
    "the quota": ask_for_quota,
    "a device": ask_for_device,
}


def forget() -> None:
    outbound.TOKENS = outbound.AccessTokens()


def find_rest() -> float:
    return 0.0
