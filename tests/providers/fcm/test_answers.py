"""What a script that waited is answered, and conditions over topics."""

from __future__ import annotations

import json

import pytest

from providers.audience import And, Condition, Not, Op, Or
from providers.commands import Accepted
from providers.inbound import Call
from providers.outbound import DeviceAnswer
from providers.outcomes import Outcome, Reason, Result
from providers.vendors.fcm import wire_errors, wire_filters, wire_sends
from providers.vendors.fcm.wire_errors import BAD_REQUEST, FCM_ERROR, QUOTA_FAILURE

A, B, C = (Condition("person.label", Op.EQ, name) for name in "abc")
FOREIGN = "The registration token is not a valid FCM registration token"
NO_TOKEN = [{"@type": BAD_REQUEST, "fieldViolations": [{"field": "message.token"}]}]
DEVICE_QUOTA = {"@type": QUOTA_FAILURE, "violations": [{"subject": "device:abc"}]}


def read_code(reply) -> str:
    details = reply.body["error"].get("details", ())
    return next((item["errorCode"] for item in details if item["@type"] == FCM_ERROR), "")


@pytest.mark.parametrize(
    ("reason", "wait", "status", "code"),
    [
        (Reason.TOKEN, None, 404, "UNREGISTERED"),
        (Reason.NO_TOKEN, None, 404, "UNREGISTERED"),
        (Reason.UNKNOWN_ID, None, 403, "SENDER_ID_MISMATCH"),
        (Reason.PAYLOAD, None, 400, "INVALID_ARGUMENT"),
        (Reason.CREDENTIAL, None, 401, "THIRD_PARTY_AUTH_ERROR"),
        (Reason.THROTTLED, 7.0, 429, "QUOTA_EXCEEDED"),
        (Reason.VENDOR, 3.0, 503, "UNAVAILABLE"),
    ],
)
def test_who_waited_is_answered_in_the_vendors_codes(reason, wait, status, code):
    result = Result(0, Outcome.FAILED, reason, "Words", retry_after=wait)

    reply = wire_sends.write_sent(Accepted("9", results=(result,)), Call({}, {"project": "p"}))

    assert (reply.status, read_code(reply)) == (status, code)


@pytest.mark.parametrize("outcome", [Outcome.ACCEPTED, Outcome.DELIVERED])
def test_who_waited_for_a_message_that_went_gets_its_name(outcome):
    accepted = Accepted("9", results=(Result(0, outcome),))

    reply = wire_sends.write_sent(accepted, Call({}, {"project": "p"}))

    assert (reply.status, reply.body) == (200, {"name": "projects/p/messages/9"})


@pytest.mark.parametrize(
    ("text", "expression"),
    [
        ("'a' in topics", A),
        ('"a" in topics', A),
        ("!('a' in topics)", Not(A)),
        ("'a' in topics && 'b' in topics", And((A, B))),
        ("'a' in topics || 'b' in topics && 'c' in topics", And((Or((A, B)), C))),
        ("'a' in topics && ('b' in topics || 'c' in topics)", And((A, Or((B, C))))),
    ],
)
def test_a_condition_is_read_from_left_to_right(text, expression):
    assert wire_filters.read_condition(text).expression == expression


@pytest.mark.parametrize(
    ("status", "name", "headers", "details", "wait", "blocks"),
    [
        (503, "UNAVAILABLE", {}, [], None, False),
        (503, "UNAVAILABLE", {"retry-after": "30"}, [], 30.0, True),
        (503, "UNAVAILABLE", {"retry-after": "0"}, [], 0.0, False),
        (429, "RESOURCE_EXHAUSTED", {"retry-after": "30"}, [DEVICE_QUOTA], 30.0, False),
    ],
)
def test_a_single_failure_stops_nobody_elses_calls(status, name, headers, details, wait, blocks):
    refused = wire_errors.write_error(status, name, "Later", details).body
    answer = DeviceAnswer(0, status, headers, json.dumps(refused).encode())

    result = wire_errors.read_result(answer)

    assert (result.reason, result.retry_after) == (Reason.VENDOR, wait)
    assert result.blocks_account is blocks


@pytest.mark.parametrize(
    ("status", "name", "headers", "wait", "reason"),
    [
        (500, "INTERNAL", {"retry-after": "30"}, 30.0, Reason.VENDOR),
        (500, "INTERNAL", {"retry-after": "0"}, 0.0, Reason.VENDOR),
        (502, "UNAVAILABLE", {"retry-after": "30"}, 30.0, Reason.NO_ANSWER),
        (504, "UNAVAILABLE", {}, None, Reason.NO_ANSWER),
    ],
)
def test_whom_a_server_failed_for_may_have_been_sent_to(status, name, headers, wait, reason):
    refused = wire_errors.write_error(status, name, "Later", []).body
    answer = DeviceAnswer(0, status, headers, json.dumps(refused).encode())

    result = wire_errors.read_doubt(answer)

    assert (result.outcome, result.reason) == (Outcome.UNKNOWN, reason)
    assert (result.retry_after, result.blocks_account) == (wait, bool(wait))
    assert result.message == f"{name}: Later"


@pytest.mark.parametrize(
    ("status", "name", "words", "details", "reason", "blames_token"),
    [
        (404, "UNREGISTERED", "Requested entity was not found.", [], Reason.TOKEN, False),
        (400, "INVALID_ARGUMENT", FOREIGN, [], Reason.NOT_ADDRESSABLE, True),
        (400, "INVALID_ARGUMENT", "Invalid value", NO_TOKEN, Reason.NOT_ADDRESSABLE, True),
        (400, "INVALID_ARGUMENT", "Invalid value at 'message.data'", [], Reason.PAYLOAD, False),
        (403, "SENDER_ID_MISMATCH", "SenderId mismatch", [], Reason.PAYLOAD, False),
    ],
)
def test_only_who_is_gone_loses_a_token(status, name, words, details, reason, blames_token):
    refused = wire_errors.write_error(status, name, words, details).body

    result = wire_errors.read_result(DeviceAnswer(0, status, {}, json.dumps(refused).encode()))

    assert (result.outcome, result.reason) == (Outcome.FAILED, reason)
    assert words in result.message
    assert (wire_errors.FOREIGN_TOKEN in result.message) is blames_token
