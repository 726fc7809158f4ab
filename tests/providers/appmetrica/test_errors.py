"""Error envelopes: what callers get, and what the vendor's mean to us."""

from __future__ import annotations

from typing import Any

import pytest

from providers.outcomes import Failure, Reason, Refusal, RefusalKind
from providers.vendors.appmetrica import DIALECT, wire_errors

STATUSES = {
    RefusalKind.MALFORMED: (400, "invalid_json"),
    RefusalKind.MISSING: (400, "missing_parameter"),
    RefusalKind.INVALID: (400, "invalid_parameter"),
    RefusalKind.UNAUTHENTICATED: (401, "unauthorized"),
    RefusalKind.FORBIDDEN: (403, "access_denied"),
    RefusalKind.NOT_FOUND: (404, "not_found"),
    RefusalKind.METHOD: (405, "method_not_allowed"),
    RefusalKind.CONFLICT: (409, "conflict"),
    RefusalKind.TOO_LARGE: (413, "payload_too_large"),
    RefusalKind.THROTTLED: (429, "quota"),
    RefusalKind.BUSY: (429, "quota"),
    RefusalKind.INTERNAL: (500, "internal_error"),
    RefusalKind.UNAVAILABLE: (503, "backend_error"),
}


@pytest.mark.parametrize("kind", list(RefusalKind))
def test_every_refusal_has_the_envelope_and_its_own_status(kind: RefusalKind) -> None:
    reply = wire_errors.write_refusal(Refusal(kind, "No.", field="group.name"))

    status, error_type = STATUSES[kind]
    assert (reply.status, reply.content_type) == (status, "application/json")
    assert reply.body == {
        "errors": [{"error_type": error_type, "message": "No.", "location": "group.name"}],
        "code": status,
        "message": "No.",
    }


def test_a_refusal_of_the_whole_call_has_no_location() -> None:
    reply = wire_errors.write_refusal(Refusal(RefusalKind.CONFLICT, "No."))

    assert "location" not in reply.body["errors"][0]


@pytest.mark.parametrize(("seconds", "header"), [(0.2, "1"), (3.6, "4"), (86_400, "86400")])
def test_a_used_up_quota_says_when_to_come_back(seconds: float, header: str) -> None:
    refusal = Refusal(RefusalKind.THROTTLED, "Too many.", retry_after=seconds)

    assert wire_errors.write_refusal(refusal).headers["Retry-After"] == header


def test_a_missing_key_is_asked_for() -> None:
    reply = wire_errors.write_refusal(Refusal(RefusalKind.UNAUTHENTICATED, "Who?"))

    assert reply.headers["WWW-Authenticate"] == "OAuth"


@pytest.mark.parametrize(
    ("status", "reason", "is_permanent", "was_sent"),
    [
        (400, Reason.PAYLOAD, True, True),
        (401, Reason.CREDENTIAL, True, True),
        (403, Reason.CREDENTIAL, True, True),
        (404, Reason.PAYLOAD, True, True),
        (409, Reason.PAYLOAD, True, True),
        (408, Reason.VENDOR, False, None),
        (420, Reason.THROTTLED, False, True),
        (429, Reason.THROTTLED, False, True),
        (500, Reason.VENDOR, False, None),
        (503, Reason.VENDOR, False, None),
    ],
)
def test_a_status_says_whose_fault_it_is(
    status: int, reason: Reason, is_permanent: bool, was_sent: bool | None
) -> None:
    failure = wire_errors.read_error(status, None)

    assert (failure.reason, failure.is_permanent) == (reason, is_permanent)
    assert failure.was_sent is was_sent
    assert failure.message == f"HTTP {status}"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"errors": [{"error_type": "quota", "message": "Enough"}]}, "quota: Enough"),
        ({"errors": [{"message": "a"}, {"error_type": "b"}]}, "a; b"),
        ({"errors": ["bare text", ""], "message": "unused"}, "bare text"),
        ({"errors": [], "message": "whole"}, "whole"),
        ({"errors": "odd", "message": "whole"}, "whole"),
        ({"errors": [None, 5, {}], "message": "whole"}, "whole"),
        ({"message": "x" * 900}, "x" * 500),
    ],
)
def test_the_vendors_words_are_kept(body: Any, words: str) -> None:
    assert wire_errors.read_error(400, body).message == words


@pytest.mark.parametrize("body", [None, [], "<html>", {}, {"errors": None, "message": None}])
def test_an_answer_without_words_is_told_by_its_status(body: Any) -> None:
    assert wire_errors.read_error(502, body).message == "HTTP 502"


def test_our_own_envelope_is_understood_by_our_client() -> None:
    write = DIALECT.write_refusal
    assert write is not None
    reply = write(Refusal(RefusalKind.CONFLICT, "The name is taken."))

    failure = wire_errors.read_error(reply.status, reply.body)

    assert isinstance(failure, wire_errors.AlreadyTaken)
    assert isinstance(failure, Failure)
    assert failure.message == "conflict: The name is taken."
