"""Error envelopes: what callers get, and what the vendor's mean to us."""

from __future__ import annotations

from typing import Any

import pytest

from providers.outcomes import OVER_CAP, Reason, Refusal, RefusalKind
from providers.vendors.engagelab import wire_errors
from providers.vendors.engagelab.wire_errors import Code, Refused

STATUSES = {
    RefusalKind.MALFORMED: (400, 21003),
    RefusalKind.MISSING: (400, 21002),
    RefusalKind.INVALID: (400, 21003),
    RefusalKind.UNAUTHENTICATED: (401, 21004),
    RefusalKind.FORBIDDEN: (401, 21038),
    RefusalKind.NOT_FOUND: (404, 21003),
    RefusalKind.METHOD: (405, 21001),
    RefusalKind.CONFLICT: (400, 21003),
    RefusalKind.TOO_LARGE: (400, 21005),
    RefusalKind.THROTTLED: (400, 23008),
    RefusalKind.BUSY: (400, 23008),
    RefusalKind.INTERNAL: (500, 27000),
    RefusalKind.UNAVAILABLE: (503, 21030),
}
# The vendor's own table, with our choice of 400 or 401 where it gives no status.
DOCUMENTED = {
    1003: 400, 20101: 400, 21001: 405, 21002: 400, 21003: 400, 21004: 401, 21005: 400, 21008: 400,
    21009: 400, 21011: 400, 21015: 400, 21016: 400, 21030: 503, 21037: 401, 21038: 401, 21050: 400,
    21051: 400, 21052: 400, 21053: 400, 21054: 400, 21055: 400, 21056: 400, 21057: 400, 21058: 400,
    21059: 401, 21306: 401, 23006: 400, 23008: 400, 23009: 400, 27000: 500, 27001: 401, 27002: 400,
    27008: 401, 27009: 401, 27303: 400,
}  # fmt: skip


def test_every_documented_number_has_its_status() -> None:
    assert {int(code): status for code, status in wire_errors.STATUSES.items()} == DOCUMENTED


@pytest.mark.parametrize("kind", list(RefusalKind))
def test_every_refusal_is_nested_with_its_own_number(kind: RefusalKind) -> None:
    reply = wire_errors.write_refusal(Refusal(kind, "No."))

    status, code = STATUSES[kind]
    assert (reply.status, reply.content_type) == (status, "application/json")
    assert reply.body == {"error": {"code": code, "message": "No."}}


@pytest.mark.parametrize(
    ("refusal", "status", "code"),
    [
        (Refusal(RefusalKind.NOT_FOUND, "No.", field="audience"), 400, 21011),
        (Refusal(RefusalKind.NOT_FOUND, "No.", field="targets"), 400, 21011),
        (Refusal(RefusalKind.INVALID, "No.", code=OVER_CAP), 400, 21016),
        (Refused(Code.BAD_GROUP_KEY, "No.", status=400), 400, 21037),
    ],
)
def test_some_refusals_have_a_number_by_what_they_are_about(
    refusal: Refusal, status: int, code: int
) -> None:
    reply = wire_errors.write_refusal(refusal)

    assert (reply.status, reply.body["error"]["code"]) == (status, code)


@pytest.mark.parametrize(
    ("write", "status", "code"),
    [
        (wire_errors.write_refusal_by_value, 400, 21003),
        (wire_errors.write_refusal_of_device, 400, 27002),
        (wire_errors.write_refusal_of_group, 404, 21003),
    ],
)
def test_what_is_not_there_is_said_as_the_endpoint_says_it(
    write: Any, status: int, code: int
) -> None:
    reply = write(Refusal(RefusalKind.NOT_FOUND, "No."))

    assert (reply.status, reply.body["error"]["code"]) == (status, code)
    assert write(Refusal(RefusalKind.THROTTLED, "No.")).body["error"]["code"] == 23008


@pytest.mark.parametrize(("seconds", "header"), [(0.2, "1"), (3.6, "4")])
def test_who_calls_too_often_is_told_when_to_come_back(seconds: float, header: str) -> None:
    refusal = Refusal(RefusalKind.THROTTLED, "Too many.", retry_after=seconds)

    assert wire_errors.write_refusal(refusal).headers["Retry-After"] == header


@pytest.mark.parametrize("code", [None, 21030, 23008, 27000])
@pytest.mark.parametrize("status", [429, 502, 503])
def test_a_telling_status_decides_alone(status: int, code: int | None) -> None:
    body = None if code is None else {"error": {"code": code, "message": "x"}}

    assert wire_errors.read_error(status, body) is None


@pytest.mark.parametrize("code", list(Code))
@pytest.mark.parametrize("is_nested", [True, False])
def test_a_number_says_whose_fault_it_is(code: Code, is_nested: bool) -> None:
    error = {"code": int(code), "message": "Words"}

    failure = wire_errors.read_error(400, {"error": error} if is_nested else error)

    is_again = code in {Code.THROTTLED, Code.TIMEOUT, Code.MEMORY}
    assert failure.is_permanent is not is_again
    assert failure.was_sent is True
    assert failure.message == f"{int(code)}: Words"
    if code in wire_errors.CREDENTIAL_CODES:
        assert failure.reason is Reason.CREDENTIAL


@pytest.mark.parametrize(
    "body",
    [None, [], "<html>", {}, {"error": None}, {"error": []}, {"error": {"code": "21003"}},
     {"code": True}],
)  # fmt: skip
def test_what_is_no_envelope_says_nothing(body: Any) -> None:
    assert wire_errors.read_error(400, body) is None
