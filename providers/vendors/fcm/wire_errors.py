"""Errors on both sides: `{"error": {"code", "message", "status", "details"}}`.

Sources: firebase.google.com/docs/cloud-messaging/error-codes and
firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode (codes, meanings, the two sample answers);
firebase.google.com/docs/cloud-messaging/scale-fcm and .../throttling-and-quotas (429 and its wait);
google.rpc.BadRequest, QuotaFailure, ErrorInfo and RetryInfo (googleapis,
google/rpc/error_details.proto) and google/api/error_reason.proto: Google's front answers with the
last two before the service itself is asked.

What is ours to decide:

- INVALID_ARGUMENT is about the token where the answer says so: by a field violation of
  `message.token`, or, as in the page's second sample, where there is no violation and the words
  name the registration token. Every other one is about the message. A token that is none of
  Firebase's is another gateway's rather than dead: a wrong route gets that answer for everybody, so
  it disables nobody. It fails the one recipient as one who cannot be addressed, says where to look,
  and counts for a pause (`judges_tokens`): the words may be about a message after all.
- SENDER_ID_MISMATCH is about a token *and* a key: one of them is another project's. A key of the
  wrong project answers it for every token, so it must not disable any; one stray token answers it
  among a million good ones, so it must not condemn the account. It fails the one recipient like a
  fault of the message, of which a burst pauses the campaign.
- QUOTA_EXCEEDED of one device concerns that device; any other stops the account for a while.
- An argument that is wrong by an ErrorInfo about a key or a project is the account's: nobody's
  message is better.
- UNAVAILABLE and INTERNAL with a Retry-After, or a RetryInfo where there is none, stop the account
  for so long; without either, a single call has failed, which is made again later while all others
  go on.
- UNAVAILABLE (503) says that "the server couldn't process the request in time": nobody was sent to.
  INTERNAL (500), "an unknown internal error", does not say that, nor does somebody in between (502,
  504). There the status goes before the code: nobody knows, whatever stands beside it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from providers.failures import UNCERTAIN_STATUSES, explain_status, parse_body
from providers.inbound import Reply
from providers.outbound import DeviceAnswer
from providers.outcomes import (
    HTTP_STATUS,
    Failure,
    Outcome,
    Reason,
    Refusal,
    RefusalKind,
    Result,
)
from providers.pacing import read_retry_after

BAD_REQUEST = "type.googleapis.com/google.rpc.BadRequest"
FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
QUOTA_FAILURE = "type.googleapis.com/google.rpc.QuotaFailure"
ERROR_INFO = "type.googleapis.com/google.rpc.ErrorInfo"
RETRY_INFO = "type.googleapis.com/google.rpc.RetryInfo"
TOKEN_FIELD = "message.token"
THIRD_PARTY = "THIRD_PARTY_AUTH_ERROR"
UNREGISTERED, MISMATCH, QUOTA = "UNREGISTERED", "SENDER_ID_MISMATCH", "QUOTA_EXCEEDED"
INVALID = "INVALID_ARGUMENT"
QUOTA_SECONDS = 60.0  # "a minimum initial delay of 1 minute"
MAX_WORDS, MAX_CODE = 500, 100
MOST_SAID = 3  # fields or quotas that people are told of
OF_ACCOUNT = ("API_KEY_", "CONSUMER_")  # how such an ErrorInfo begins
FOREIGN_TOKEN = "The token may be another gateway's: look at the route."

STATUSES = {
    RefusalKind.MALFORMED: "INVALID_ARGUMENT",
    RefusalKind.MISSING: "INVALID_ARGUMENT",
    RefusalKind.INVALID: "INVALID_ARGUMENT",
    RefusalKind.UNAUTHENTICATED: "UNAUTHENTICATED",
    RefusalKind.FORBIDDEN: "PERMISSION_DENIED",
    RefusalKind.NOT_FOUND: "NOT_FOUND",
    RefusalKind.METHOD: "UNIMPLEMENTED",
    RefusalKind.CONFLICT: "ABORTED",
    RefusalKind.TOO_LARGE: "INVALID_ARGUMENT",
    RefusalKind.THROTTLED: "RESOURCE_EXHAUSTED",
    RefusalKind.BUSY: "RESOURCE_EXHAUSTED",
    RefusalKind.INTERNAL: "INTERNAL",
    RefusalKind.UNAVAILABLE: "UNAVAILABLE",
}
# The service's own code beside the general status.
CODES = {
    "INVALID_ARGUMENT": "INVALID_ARGUMENT",
    "RESOURCE_EXHAUSTED": QUOTA,
    "INTERNAL": "INTERNAL",
    "UNAVAILABLE": "UNAVAILABLE",
}
# What the codes mean, whatever the status of the answer; others are judged by that.
_FINAL = {
    UNREGISTERED: Reason.TOKEN,
    MISMATCH: Reason.PAYLOAD,
    "INVALID_ARGUMENT": Reason.PAYLOAD,
    "FAILED_PRECONDITION": Reason.PAYLOAD,
    "OUT_OF_RANGE": Reason.PAYLOAD,
    THIRD_PARTY: Reason.CREDENTIAL,
    "APNS_AUTH_ERROR": Reason.CREDENTIAL,
    "UNAUTHENTICATED": Reason.CREDENTIAL,
    "PERMISSION_DENIED": Reason.CREDENTIAL,
    "NOT_FOUND": Reason.CREDENTIAL,
}


@dataclass(frozen=True, slots=True)
class Fault:
    """What an error answer says: the service's own code where it has one, else the status."""

    code: str
    words: str
    fields: tuple[str, ...] = ()  # that were violated
    subjects: tuple[str, ...] = ()  # of quotas that were exceeded, in the vendor's words
    why: str = ""  # of the vendor's front, such as SERVICE_DISABLED
    wait: float | None = None  # seconds that the answer itself asks for
    more: tuple[str, ...] = ()  # what is said of fields and quotas beside the words

    @property
    def has_foreign_token(self) -> bool:
        """Whether the token is none of Firebase's; it may be alive elsewhere."""
        if TOKEN_FIELD in self.fields:
            return True
        is_named = "registration token" in self.words.lower()
        return self.code == INVALID and not self.fields and is_named

    @property
    def sentence(self) -> str:
        """What people read of it."""
        code = f"{self.code} ({self.why})" if self.why else self.code
        said = f"{code}: {self.told}"
        return f"{said.rstrip('.')}. {FOREIGN_TOKEN}" if self.has_foreign_token else said

    @property
    def told(self) -> str:
        """The vendor's words, those of its details after the general ones."""
        return "; ".join([self.words, *(text for text in self.more if text not in self.words)])

    @property
    def is_of_account(self) -> bool:
        return self.code == "INVALID_ARGUMENT" and self.why.startswith(OF_ACCOUNT)

    @property
    def is_of_one_device(self) -> bool:
        return any("device" in subject.lower() for subject in self.subjects)


def write_refusal(refusal: Refusal) -> Reply:
    """Every refusal, with the field that is wrong and the service's own code where it has one."""
    status, name = HTTP_STATUS[refusal.kind], STATUSES[refusal.kind]
    details: list[dict[str, Any]] = []
    if refusal.field:
        violation = {"field": refusal.field, "description": refusal.message}
        details.append({"@type": BAD_REQUEST, "fieldViolations": [violation]})
    if name in CODES:
        details.append({"@type": FCM_ERROR, "errorCode": CODES[name]})
    headers = {}
    if refusal.retry_after is not None:
        headers["Retry-After"] = str(max(1, round(refusal.retry_after)))
    if status == HTTP_STATUS[RefusalKind.UNAUTHENTICATED]:
        headers["WWW-Authenticate"] = 'Bearer realm="https://accounts.google.com/"'
    return write_error(status, name, refusal.message, details, headers)


def write_error(
    status: int,
    name: str,
    words: str,
    details: list[dict[str, Any]],
    headers: Mapping[str, str] | None = None,
) -> Reply:
    error: dict[str, Any] = {"code": status, "message": words, "status": name}
    if details:
        error["details"] = details
    return Reply(status, {"error": error}, headers=headers or {})


def write_code(status: int, name: str, code: str, words: str) -> Reply:
    """An error with one of the service's own codes."""
    return write_error(status, name, words, [{"@type": FCM_ERROR, "errorCode": code}])


def read_fault(body: Any) -> Fault:
    """Raises KeyError, TypeError or AttributeError for an answer of another form."""
    error = body["error"]
    details = [item for item in error.get("details") or () if isinstance(item, dict)]
    codes = [item["errorCode"] for item in details if item.get("@type") == FCM_ERROR]
    fields = _list_violations(details, BAD_REQUEST, "fieldViolations", "field")
    of_fields = _list_violations(details, BAD_REQUEST, "fieldViolations", "description")
    of_quotas = tuple(_list_violations(details, QUOTA_FAILURE, "violations", "description"))
    subjects = _list_violations(details, QUOTA_FAILURE, "violations", "subject")
    return Fault(
        code=str(codes[0] if codes else error["status"])[:MAX_CODE],
        words=str(error.get("message") or "")[:MAX_WORDS],
        fields=tuple(fields),
        subjects=(*subjects, *of_quotas),
        why=_find_text(details, ERROR_INFO, "reason")[:MAX_CODE],
        wait=_read_delay(_find_text(details, RETRY_INFO, "retryDelay")),
        more=tuple(text[:MAX_WORDS] for text in (*of_fields, *of_quotas))[:MOST_SAID],
    )


def _find_text(details: list[dict[str, Any]], kind: str, name: str) -> str:
    found = (item.get(name) for item in details if item.get("@type") == kind)
    return next((text for text in found if isinstance(text, str)), "")


def _read_delay(text: str) -> float | None:
    """Of a Duration in JSON: `30s`, `1.5s`."""
    is_duration = text.endswith("s") and text[:1].isdecimal()
    return read_retry_after(text[:-1], datetime.now(UTC)) if is_duration else None


def _list_violations(
    details: list[dict[str, Any]], kind: str, many: str, name: str
) -> Iterator[str]:
    for item in details:
        for violation in item.get(many) or () if item.get("@type") == kind else ():
            if violation.get(name):
                yield str(violation[name])


def judge_fault(fault: Fault, wait: float | None) -> tuple[Reason, float | None] | None:
    """Whose fault it is, and for how many seconds the service wants to be left alone; None where
    the code says nothing. `wait` is what the answer asks for: who asks for none is tried again
    later and later."""
    if fault.code in (QUOTA, "RESOURCE_EXHAUSTED"):
        reason = Reason.VENDOR if fault.is_of_one_device else Reason.THROTTLED
        return reason, QUOTA_SECONDS if wait is None else wait
    if fault.code == "UNAVAILABLE":
        return Reason.VENDOR, wait
    if fault.is_of_account:
        return Reason.CREDENTIAL, None
    return (_FINAL[fault.code], None) if fault.code in _FINAL else None


def read_wait(headers: Mapping[str, str]) -> float | None:
    """What an answer asks for; names of `headers` in lower case."""
    return read_retry_after(headers.get("retry-after", ""), datetime.now(UTC))


def read_probe_error(status: int, body: Any) -> Failure | None:
    """Of a call for trial, where it is hoped for that the token alone is refused; nothing depends
    on the answer's headers."""
    fault = read_fault(body)
    judged = (Reason.TOKEN, None) if fault.has_foreign_token else judge_fault(fault, None)
    if judged is None:
        return None
    reason, wait = judged
    is_final = reason not in (Reason.VENDOR, Reason.THROTTLED)
    return Failure(reason, fault.told, is_permanent=is_final, was_sent=True, retry_after=wait)


def find_words(answer: DeviceAnswer) -> str:
    """What the vendor says of an error; "" where the answer is none of its own."""
    try:
        return read_fault(parse_body(answer.body)[0]).sentence
    except (KeyError, TypeError, AttributeError):
        return ""


def read_doubt(answer: DeviceAnswer) -> Result:
    """What an answer means that leaves open whether the message was taken, by its status alone."""
    try:
        fault = read_fault(parse_body(answer.body)[0])
        words, asked = fault.sentence, fault.wait
    except (KeyError, TypeError, AttributeError):
        words, asked = explain_status(answer.status).message, None
    wait = read_wait(answer.headers)
    wait = asked if wait is None else wait
    return Result(
        answer.place,
        Outcome.UNKNOWN,
        Reason.NO_ANSWER if answer.status in UNCERTAIN_STATUSES else Reason.VENDOR,
        words,
        retry_after=wait,
        blocks_account=bool(wait),
    )


def read_result(answer: DeviceAnswer) -> Result | None:
    """What an answer that is no success means for the one recipient; None where it is none of the
    vendor's own, or its codes say nothing."""
    asked = read_wait(answer.headers)
    try:
        fault = read_fault(parse_body(answer.body)[0])
        asked = fault.wait if asked is None else asked
        judged = judge_fault(fault, asked)
    except (KeyError, TypeError, AttributeError):
        return None
    if judged is None:
        return None
    reason, wait = judged
    if fault.has_foreign_token and fault.code == INVALID and reason is Reason.PAYLOAD:
        reason = Reason.NOT_ADDRESSABLE
    return Result(
        answer.place,
        Outcome.FAILED,
        reason,
        fault.sentence,
        retry_after=wait,
        blocks_account=bool(wait and asked) and not fault.is_of_one_device,
    )
