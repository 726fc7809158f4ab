"""What reports mean, what we write of them to scripts, and what our client asks for."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from providers.audience import Condition, Op
from providers.commands import Callback, PushPart, SendPush, TransferState
from providers.inbound import Call
from providers.message import AndroidContent, PushMessage
from providers.outbound import AccountConfig
from providers.outcomes import Failure, Outcome, Reason, Refusal
from providers.receipts import OutcomeEvent, ReceiptEvent, ReceiptKind
from providers.recipients import Audience, PersonKind, Targets
from providers.reports import OutcomeRow, Totals, TotalsRows, TransferTotals
from providers.vendors.infobip import wire_filters, wire_reports, wire_stats, wire_statuses
from providers.vendors.infobip.outbound import Infobip, is_from_vendor, write_proof

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
ACCOUNT = AccountConfig(
    public_id="acc-1", credentials={"api_key": "k3y"}, options={"sender": "app"}
)
ROW = OutcomeRow(
    reference="b",
    id="1.1.1.abc",
    kind=PersonKind.PHONE,
    value="41793026727",
    outcome=Outcome.DELIVERED,
    sender="app",
    sent_at=NOW,
    done_at=NOW,
    receipts={ReceiptKind.DELIVERED: NOW},
)


def read_events(*rows: dict[str, Any]) -> Any:
    return wire_reports.read_hook(Call(body={"results": list(rows)}))


def make_report(group: str, status: int, error: int = 0) -> dict[str, Any]:
    body = wire_reports.write_row(ROW, wire_reports.REPORT)
    body["status"] = {"groupName": group, "id": status, "name": "N", "description": "D"}
    body["error"] = wire_statuses.write_error(error)
    return body


def test_what_was_delivered_is_a_receipt() -> None:
    assert read_events(make_report("DELIVERED", 5)) == (
        ReceiptEvent(
            "1.1.1.abc", ReceiptKind.DELIVERED, NOW,
            transfer="b", target_kind="phone", target="41793026727",
        ),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("group", "status", "error", "outcome", "reason"),
    [
        ("UNDELIVERABLE", 9, 8001, Outcome.FAILED, Reason.TOKEN),
        ("UNDELIVERABLE", 9, 8002, Outcome.FAILED, Reason.CREDENTIAL),
        ("UNDELIVERABLE", 9, 8004, Outcome.FAILED, Reason.NO_TOKEN),
        ("UNDELIVERABLE", 9, 8011, Outcome.FAILED, Reason.PAYLOAD),
        ("UNDELIVERABLE", 9, 8012, Outcome.FAILED, Reason.THROTTLED),
        ("UNDELIVERABLE", 9, 8013, Outcome.FAILED, Reason.OPTED_OUT),
        ("REJECTED", 65, 0, Outcome.FAILED, Reason.CREDENTIAL),
        ("EXPIRED", 15, 0, Outcome.EXPIRED, None),
    ],
)
def test_what_failed_is_an_outcome_with_its_reason(group, status, error, outcome, reason) -> None:
    (event,) = read_events(make_report(group, status, error))

    assert isinstance(event, OutcomeEvent)
    assert (event.reference, event.outcome, event.reason) == ("1.1.1.abc", outcome, reason)


@pytest.mark.parametrize(("group", "status"), [("PENDING", 7), ("DELIVERED", 2), ("EXPIRED", 29)])
def test_what_says_nothing_new_is_no_event(group, status) -> None:
    assert read_events(make_report(group, status)) == ()


def test_what_was_seen_is_a_receipt_of_its_own() -> None:
    seen = {"messageId": "m", "from": "app", "to": "x", "sendAt": None}

    events = read_events({**seen, "seenAt": "2026-11-20T09:00:00.000+0000"})

    assert events == (ReceiptEvent("m", ReceiptKind.SHOWN, NOW),)


def test_a_body_that_is_no_list_of_reports_is_refused() -> None:
    with pytest.raises(Refusal):
        wire_reports.read_hook(Call(body={"results": "x"}))


def test_a_script_is_told_in_the_form_of_reports() -> None:
    request = wire_reports.write_callback(Callback(url="https://example.com/r"), (ROW,))

    assert (request.method, request.url) == ("POST", "https://example.com/r")
    assert request.body == {"results": [wire_reports.write_row(ROW, wire_reports.REPORT)]}
    assert request.body["results"][0]["sentAt"] == "2026-11-20T09:00:00.000+0000"


def test_a_script_is_told_what_was_seen_in_a_form_of_its_own() -> None:
    row = replace(ROW, receipts={ReceiptKind.OPENED: NOW + timedelta(seconds=5)})

    request = wire_reports.write_callback(Callback(url="https://example.com/r"), (row,))

    (told,) = request.body["results"]
    assert set(told) == {"messageId", "from", "to", "sendAt", "seenAt"}
    assert told["seenAt"] == "2026-11-20T09:00:05.000+0000"


def make_totals(**values: Any) -> TotalsRows:
    row = TransferTotals(
        transfer="9",
        app="app",
        tag="",
        name="",
        state=TransferState.SENT,
        created_at=NOW,
        total=Totals(**values),
    )
    return TotalsRows((row,))


def test_errors_add_up_to_what_was_not_delivered() -> None:
    totals = make_totals(
        sent=29_568,
        failed={Reason.TOKEN: 1_000, Reason.OPTED_OUT: 1, Reason.VENDOR: 500},
        expired=500,
        skipped=7,
        receipts={ReceiptKind.DELIVERED: 29_568, ReceiptKind.SHOWN: 3},
    )

    reply = wire_stats.write_statistics(totals, Call())

    assert reply.body == {
        "totalSent": 31_569,
        "delivered": 29_568,
        "seen": 3,
        "errors": {"registration": 1_000, "expired": 501, "cloud": 500},
        "delivery": {"rate": 93.66, "time": int(NOW.timestamp() * 1000)},
    }
    assert reply.headers == {}
    assert [total.value for total in wire_stats.read_statistics(reply.body, {})] == [
        31_569, 29_568, 3,
    ]  # fmt: skip


def test_what_nobody_reports_is_0_and_a_header_says_so() -> None:
    reply = wire_stats.write_statistics(make_totals(sent=3), Call())

    assert (reply.body["delivered"], reply.body["seen"]) == (0, 0)
    assert reply.headers == {"X-Pushadmin-Not-Reported": "delivered,seen"}


def make_push(kind: str = "push_registration_id", **values: Any) -> SendPush:
    part = PushPart(PushMessage(body="Hi"), (Targets(kind, ("a",), ("1.1.1.abc",)),))
    return SendPush(**{"parts": (part,), "client_key": "b", **values})


def write(push: SendPush, **options: Any) -> dict[str, Any]:
    account = replace(ACCOUNT, options={**ACCOUNT.options, **options})
    return json.loads(Infobip(account).write(push).body)


def test_a_send_carries_our_bulk_our_ids_and_the_application() -> None:
    body = write(make_push(tag="spring"))

    (message,) = body["messages"]
    assert body["options"]["schedule"] == {"bulkId": "b"}
    assert (message["sender"], message["options"]) == ("app", {"campaignReferenceId": "spring"})
    assert message["destinations"] == [
        {"pushRegistrationId": "a", "type": "REGISTRATION", "messageId": "1.1.1.abc"}
    ]
    assert "webhooks" not in message


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (PersonKind.EXTERNAL_USER_ID, "EXTERNAL_USER_ID"),
        (PersonKind.EMAIL, "EMAIL"),
        (PersonKind.PHONE, "PHONE_NUMBER"),
    ],
)
def test_persons_are_addressed_by_all_that_names_them(kind, name) -> None:
    assert write(make_push(kind))["messages"][0]["destinations"][0]["type"] == name


def test_what_the_vendor_cannot_address_is_refused_before_a_call() -> None:
    with pytest.raises(Failure) as caught:
        write(make_push("google_aid"))

    assert caught.value.reason is Reason.NOT_ADDRESSABLE


def test_the_shortest_life_counts_within_the_vendors_bounds() -> None:
    message = PushMessage(body="Hi", android=AndroidContent(time_to_live=10))
    part = PushPart(message, make_push().parts[0].targets)

    lives = [
        write(make_push(**values))["messages"][0]["options"]["validityPeriod"]
        for values in (
            {"expires_in": 90},
            {"expires_in": 7200},
            {"expires_in": 10**6},
            {"expires_in": 7200, "parts": (part,)},
        )
    ]

    assert [tuple(life.values()) for life in lives] == [
        (90, "SECONDS"),
        (2, "HOURS"),
        (48, "HOURS"),
        (30, "SECONDS"),
    ]


def test_reports_are_asked_for_at_an_address_that_only_the_vendor_gets(settings) -> None:
    settings.PUBLIC_URL = "https://push.example"

    hooks = write(make_push(), wants_reports=True)["messages"][0]["webhooks"]

    proof = write_proof(ACCOUNT)
    assert hooks["delivery"]["url"] == f"https://push.example/hooks/acc-1/reports/{proof}"
    assert is_from_vendor(Call(path={"proof": proof}), ACCOUNT)
    assert not is_from_vendor(Call(path={"proof": "\u00e9"}), ACCOUNT)
    assert not is_from_vendor(Call(path={"proof": proof}), replace(ACCOUNT, public_id="acc-2"))


def test_version_2_gives_each_target_a_message_and_hears_of_it_by_what_it_gave_along() -> None:
    targets = Targets("push_registration_id", ("a", "b"), ("1.1.1.abc", "1.1.2.abc"))
    push = make_push(parts=(PushPart(PushMessage(title="T" * 50, body="Hi"), (targets,)),))

    request = Infobip(replace(ACCOUNT, options={"sender": "app", "version": "2"})).write(push)
    first, second = json.loads(request.body)["messages"]

    assert (request.url.endswith("/push/2/message/multi"), request.lookup) == (True, None)
    assert first == {
        "from": "app", "to": {"pushRegistrationId": "a"}, "text": "Hi",
        "notificationOptions": {"title": "T" * 45}, "callbackData": "pushadmin:1.1.1.abc",
    }  # fmt: skip
    row = replace(ROW, id="theirs", callback_data=second["callbackData"], channel="push")
    for form in (wire_reports.OLD_REPORT, wire_reports.REPORT):
        (event,) = read_events(wire_reports.write_row(row, form))
        assert event.reference == "1.1.2.abc"
    assert json.loads(wire_reports.write_row(row, wire_reports.OLD_REPORT)["callbackData"]) == {
        "callbackData": "pushadmin:1.1.2.abc", "subscriberId": "41793026727",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("version", "expression", "destination"),
    [
        ("3", None, {"$or": [{"platform": "Android"}, {"platform": "iOS"}], "type": "MULTIPLE"}),
        ("3", ("ios",), {"$or": [{"platform": "iOS"}], "type": "MULTIPLE"}),
        ("2", None, {"cloudType": ["GCM", "APNS", "WEB", "HMS"]}),
        ("2", ("android", "ios"), {"cloudType": ["GCM", "APNS"]}),
    ],
)
def test_everybody_is_meant_by_platforms(version, expression, destination) -> None:
    where = expression and Condition("device.platform", Op.IN, expression)
    push = make_push(parts=(PushPart(PushMessage(body="Hi"), audience=Audience(expression=where)),))

    [message] = write(push, version=version)["messages"]

    assert (message["destinations"][0] if version == "3" else message["to"]) == destination


@pytest.mark.parametrize("version", ["2", "3"])
def test_labels_are_nothing_that_the_vendor_could_be_told(version) -> None:
    push = make_push(parts=(PushPart(PushMessage(body="Hi"), audience=Audience(labels=("vip",))),))

    with pytest.raises(Failure) as caught:
        write(push, version=version)

    assert caught.value.reason is Reason.NOT_ADDRESSABLE


@pytest.mark.parametrize(
    ("term", "is_exact"),
    [
        (Condition("device.platform", Op.EQ, "ios"), True),
        (Condition("device.platform", Op.IN, ("ios", "web")), False),
        (Condition("device.custom.plan", Op.EQ, "gold"), False),
        (Condition("person.label", Op.EQ, "vip"), False),
    ],
)
def test_only_documented_platforms_mean_exactly_the_same_there(term, is_exact) -> None:
    assert wire_filters.can_filter(term) is is_exact


def test_what_was_taken_back_was_sent_and_not_delivered():
    words = {
        reason: wire_statuses.write_status(
            wire_statuses.find_codes(Outcome.FAILED, reason, is_due=True)[0]
        )["name"]
        for reason in (Reason.RECALLED, Reason.CANCELLED)
    }

    assert words == {
        Reason.RECALLED: "UNDELIVERABLE_NOT_DELIVERED",
        Reason.CANCELLED: "UNDELIVERABLE_NOT_SENT",
    }
