"""Infobip's calls at our own door, as a script makes them and as our client does."""

from __future__ import annotations

import json
from base64 import b64encode
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from campaigns.models import Delivery, Part, ReceiptRow, Submission, Transfer
from campaigns.services import intake_tracked
from campaigns.services.doors import ensure_door, set_options
from providers import registry
from providers.commands import FetchStatus, PushPart, SendPush, TransferState
from providers.message import PushMessage
from providers.receipts import FetchReceipts
from providers.recipients import Targets
from tests import builders
from tests.compat.conftest import make_key
from tests.fixtures.infobip import FRAGMENTS, World, read_examples

pytestmark = [pytest.mark.django_db, pytest.mark.database]
DIALECT = registry.get("infobip")
SEND = "push/3/messages"


@pytest.fixture
def sender(app, now) -> str:
    return ensure_door(app, DIALECT, now).identifiers["sender"]


@pytest.fixture
def script(speak):
    return speak(DIALECT)


def write_send(sender: str, *destinations: dict[str, Any], **values: Any) -> dict[str, Any]:
    message = {
        "sender": sender,
        "destinations": list(destinations) or [{"type": "EXTERNAL_USER_ID", "externalUserId": "x"}],
        "content": {"type": "TEXT", "text": "Hi"},
    }
    return {"messages": [message], **values}


def read(answer: Any) -> Any:
    return json.loads(answer.content)


@pytest.mark.parametrize("name", FRAGMENTS)
def test_every_sample_of_the_guide_is_answered_as_documented(script, sender, name):
    body = read_examples(World(sender=sender))[name]

    answer = script.call("POST", SEND, body)

    found = read(answer)
    assert answer.status_code == 200
    assert set(found) == {"bulkId", "messages"}
    (message,) = found["messages"]
    assert {"messageId", "status"} <= set(message)
    assert set(message["status"]) == {"groupId", "groupName", "id", "name", "description"}
    assert Transfer.objects.get().submission.door == "infobip"


def test_an_unknown_application_is_a_status_and_no_error(script, sender):
    answer = script.call("POST", SEND, write_send("nobody"))

    assert answer.status_code == 200
    (message,) = read(answer)["messages"]
    assert message["status"]["name"] == "REJECTED_NO_APPLICATION"
    assert not Transfer.objects.exists()


def test_the_same_bulk_is_taken_once_and_another_under_its_id_is_refused(script, sender):
    options = {"options": {"schedule": {"bulkId": "mine"}}}

    first = script.call("POST", SEND, write_send(sender, **options))
    again = script.call("POST", SEND, write_send(sender, **options))
    other = script.call(
        "POST", SEND, write_send(sender, {"type": "EMAIL", "email": "a@example.com"}, **options)
    )

    assert (first.status_code, again.status_code, other.status_code) == (200, 200, 409)
    assert read(first)["bulkId"] == read(again)["bulkId"] == "mine"
    assert Transfer.objects.count() == Submission.objects.count() == 1
    assert read(other)["errorCode"] == "E409"


def test_a_call_of_rejected_messages_only_leaves_nothing(script, sender):
    body = write_send(sender, {"type": "MULTIPLE"})

    answer = script.call("POST", SEND, body)

    assert read(answer)["messages"][0]["status"]["id"] == 71
    assert not Submission.objects.exists()


def test_the_older_calls_make_a_bulk_of_each_message(script, sender):
    message = {"from": sender, "to": {"cloudType": ["GCM", "APNS"]}, "text": "Hi"}

    single = script.call("POST", "push/2/message/single", message)
    multi = script.call("POST", "push/2/message/multi", {"messages": [message, message]})

    bulks = [*read(single)["bulks"], *read(multi)["bulks"]]
    assert len({bulk["bulkId"] for bulk in bulks}) == 3
    assert all(len(bulk["bulkId"]) == 20 for bulk in bulks)
    assert Transfer.objects.count() == 3


@pytest.mark.parametrize("count", [1, 2])
def test_statistics_of_every_bulk_can_be_asked_for(script, sender, count):
    message = {"from": sender, "to": {"externalUserId": "x"}, "text": "Hi"}
    path = "push/2/message/multi"
    bulks = read(script.call("POST", path, {"messages": [message] * count}))["bulks"]

    assert len(bulks) == count
    for bulk in bulks:
        answer = script.call("GET", f"push/1/statistics?bulkId={bulk['bulkId']}")

        assert answer.status_code == 200
        assert set(read(answer)) == {"totalSent", "delivered", "seen", "errors", "delivery"}
        assert answer["X-Pushadmin-Not-Reported"] == "delivered,seen"


def test_an_unknown_bulk_is_not_found_in_the_older_envelope(script):
    answer = script.call("GET", "push/1/statistics?bulkId=nobody")

    assert answer.status_code == 404
    assert read(answer)["requestError"]["serviceException"]["messageId"] == "NOT_FOUND"


def test_each_family_has_its_own_envelope(script):
    new = script.call("POST", SEND, {})
    old = script.call("POST", "push/2/message/single", {})

    assert (new.status_code, old.status_code) == (400, 400)
    assert read(new)["violations"][0]["property"] == "messages"
    assert read(old)["requestError"]["serviceException"]["messageId"] == "BAD_REQUEST"


def test_applications_are_those_that_the_key_reaches(script, sender, workspace):
    builders.make_app(workspace, "other")

    rows = read(script.call("GET", "push/1/applications"))
    one = read(script.call("GET", f"push/1/applications/{sender}"))
    strange = script.call("GET", "push/1/applications/nobody")

    assert [row["applicationCode"] for row in rows] == [sender]
    assert one == rows[0]
    assert strange.status_code == 404


def write_basic(user: str, password: str) -> str:
    return f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"


def test_who_may_call(client, app, sender):
    key, text = make_key(app)
    secret = text.removeprefix(f"{key.public_id}.")
    exchanged = client.post(
        "/compat/infobip/auth/1/oauth2/token",
        json.dumps(
            {
                "client_id": key.public_id,
                "client_secret": secret,
                "grant_type": "client_credentials",
            }
        ),
        content_type="application/json",
    )
    token = read(exchanged)["access_token"]
    shown = {
        f"App {text}": 200,
        f"app {text}": 200,
        write_basic(key.public_id, secret): 200,
        f"Bearer {token}": 200,
        f"IBSSO {token}": 200,
        f"App {text}x": 401,
        write_basic(key.public_id, "wrong"): 401,
        "Basic !": 401,
        "Bearer wrong": 401,
        "OAuth abc": 401,
        "": 401,
    }

    for header, status in shown.items():
        headers = {"Authorization": header} if header else {}
        answer = client.get("/compat/infobip/push/1/applications", headers=headers)
        assert (header, answer.status_code) == (header, status)


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "application/json"])
def test_client_credentials_come_as_a_form_or_as_json(client, app, kind):
    key, text = make_key(app)
    fields = {
        "client_id": key.public_id,
        "client_secret": text.removeprefix(f"{key.public_id}."),
        "grant_type": "client_credentials",
    }
    body = json.dumps(fields) if kind.endswith("json") else urlencode(fields)

    answer = client.post("/compat/infobip/auth/1/oauth2/token", body, content_type=kind)

    assert answer.status_code == 200
    assert set(read(answer)) == {"access_token", "token_type", "expires_in"}


def test_another_grant_than_client_credentials_is_refused(client, app):
    answer = client.post(
        "/compat/infobip/auth/1/oauth2/token",
        urlencode({"client_id": "a", "client_secret": "b", "grant_type": "password"}),
        content_type="application/x-www-form-urlencoded",
    )

    assert answer.status_code == 400
    assert "grant_type" in read(answer)["requestError"]["serviceException"]["validationErrors"]


def test_explicit_nulls_are_what_was_left_out(script, sender):
    body = write_send(sender, options=None, type="text")
    body["messages"][0] |= {"webhooks": None, "options": {"badge": None, "validityPeriod": None}}

    assert script.call("POST", SEND, body).status_code == 200


def test_our_client_sends_through_our_door_and_asks_for_its_totals(app, connect, sender):
    client, led = connect(DIALECT, sender=sender)
    references = ("1.2.3.abc", "1.2.4.abc")
    targets = Targets("push_registration_id", ("a", "b"), references)
    push = SendPush(
        parts=(PushPart(PushMessage(title="Hi", body="There"), (targets,)),),
        tag="spring",
        client_key="4711",
    )

    with led:
        checked = client.check()
        receipt = client.send(client.write(push))
        totals = client.fetch_totals("4711", "2026-11-20")

    transfer = Transfer.objects.get()
    assert checked.is_good
    assert app.name in checked.words
    assert receipt.reference == "4711"
    assert (transfer.app, transfer.tag) == (app, "spring")
    # Two installations in a row: what the first does not report is no 0 of the second.
    assert [total.value for total in totals] == [0, None, None]


@pytest.fixture
def told(script, sender, app, now):
    """A bulk to ann, who has a device that was sent to and heard of, and to nobody."""
    person = builders.make_person(app.workspace, "ann")
    device = builders.make_device(app, "t1", person=person)
    ann = {"type": "EXTERNAL_USER_ID", "externalUserId": "ann", "messageId": "m-ann"}
    nobody = {"type": "EXTERNAL_USER_ID", "externalUserId": "nobody", "messageId": "m-nobody"}
    body = write_send(sender, ann, nobody, options={"schedule": {"bulkId": "told"}})
    body["messages"][0]["options"] = {"campaignReferenceId": "spring"}
    body["messages"][0]["webhooks"] = {"callbackData": "mine"}
    script.call("POST", SEND, body)
    part = Part.objects.get()
    Delivery.objects.create(part=part, recipient=device.pk, outcome="sent", at=now, cohort_id=1)
    ReceiptRow.objects.create(part=part, recipient=device.pk, kind="delivered", at=now)
    Transfer.objects.update(finished_at=now)
    return part


def list_ids(answer):
    return sorted(row["messageId"] for row in read(answer)["results"])


def test_each_report_is_given_once(script, told, sender):
    first = script.call("GET", "push/3/reports?bulkId=told&limit=1")
    second = script.call("GET", "push/1/reports")
    third = script.call("GET", "push/3/reports")

    assert list_ids(first) == ["m-ann"]
    assert list_ids(second) == ["m-nobody"]
    assert list_ids(third) == []
    (row,) = read(first)["results"]
    assert (row["bulkId"], row["to"], row["sender"]) == ("told", "ann", sender)
    assert (row["status"]["id"], row["error"]["id"]) == (5, 0)
    assert (row["campaignReferenceId"], row["callbackData"]) == ("spring", "mine")
    assert row["price"] == {"pricePerMessage": 0, "currency": "UNKNOWN"}
    (row,) = read(second)["results"]
    assert (row["channel"], row["status"]["name"]) == ("PUSH", "UNDELIVERABLE_NO_DESTINATION")


def test_a_second_key_is_given_the_reports_too(script, told, speak):
    script.call("GET", "push/3/reports")

    second = speak(DIALECT).call("GET", "push/3/reports")

    assert list_ids(second) == ["m-ann", "m-nobody"]


def test_a_report_that_nobody_asked_for_is_gone_after_two_days(script, told, now):
    Transfer.objects.update(due_at=now - timedelta(hours=49))

    assert list_ids(script.call("GET", "push/3/reports")) == []


@pytest.mark.values(11)
@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("", ["m-ann", "m-nobody"]),
        ("bulkId=told,other", ["m-ann", "m-nobody"]),
        ("bulkId=other", []),
        ("messageId=m-ann", ["m-ann"]),
        ("destination=nobody", ["m-nobody"]),
        ("campaignReferenceId=spring", ["m-ann", "m-nobody"]),
        ("campaignReferenceId=autumn", []),
        ("generalStatus=DELIVERED", ["m-ann"]),
        ("generalStatus=UNDELIVERABLE", ["m-nobody"]),
        ("sentUntil=2020-01-01T00:00:00.000%2B0000", []),
        ("sentSince=2020-01-01T00:00:00.000%2B0000", ["m-ann"]),
    ],
)
def test_logs_are_asked_for_by_all_that_a_target_has(script, told, query, ids):
    answer = script.call("GET", f"push/3/logs?{query}")

    assert list_ids(answer) == ids
    assert list_ids(script.call("GET", f"push/3/logs?{query}")) == ids


def test_logs_go_on_where_a_page_ended(script, told):
    first = script.call("GET", "push/3/logs?limit=1&useCursor=true")
    cursor = read(first)["cursor"]
    second = script.call("GET", f"push/3/logs?limit=1&cursor={cursor['nextCursor']}")
    strange = script.call("GET", "push/3/logs?cursor=x")

    assert cursor["limit"] == 1
    assert [list_ids(first), list_ids(second)] == [["m-nobody"], ["m-ann"]]
    assert strange.status_code == 400


def test_logs_go_on_where_one_call_looks_at_no_more(script, told, monkeypatch):
    monkeypatch.setattr(intake_tracked, "MOST_LOOKED_AT", 1)
    asked = "push/3/logs?generalStatus=DELIVERED&useCursor=true"

    first = script.call("GET", asked)
    second = script.call("GET", f"{asked}&cursor={read(first)['cursor']['nextCursor']}")

    assert [list_ids(first), list_ids(second)] == [[], ["m-ann"]]


def test_what_is_pending_is_logged_and_not_reported(script, told):
    Delivery.objects.all().delete()
    ReceiptRow.objects.all().delete()
    Transfer.objects.update(finished_at=None)

    logged = script.call("GET", "push/3/logs")
    reported = script.call("GET", "push/3/reports")

    assert {row["status"]["id"] for row in read(logged)["results"]} == {7}
    assert list_ids(reported) == []


def test_an_id_is_used_once_and_the_rest_of_the_call_is_taken(script, told, sender):
    again = {"type": "EXTERNAL_USER_ID", "externalUserId": "ann", "messageId": "m-ann"}
    fresh = {"type": "EXTERNAL_USER_ID", "externalUserId": "ann", "messageId": "m-fresh"}

    answer = script.call("POST", SEND, write_send(sender, again, fresh))

    messages = read(answer)["messages"]
    assert [item["status"]["id"] for item in messages] == [23, 7]


def test_a_strangers_targets_are_not_told(told, speak, workspace, now):
    other = builders.make_app(workspace, "other")
    _key, text = make_key(other)

    answer = speak(DIALECT, text).call("GET", "push/3/logs")

    assert list_ids(answer) == []


def test_our_client_asks_for_a_bulk_by_its_own_id(told, connect, sender):
    client, led = connect(DIALECT, sender=sender)

    with led:
        known = client.fetch_status(FetchStatus(client_key="told"))
        unknown = client.fetch_status(FetchStatus(client_key="nobody"))
        page = client.fetch_receipts(FetchReceipts())

    assert (known.transfer, known.state, known.tag) == ("told", TransferState.SENT, "spring")
    assert unknown is None
    assert [(type(event).__name__, event.reference) for event in page.events] == [
        ("ReceiptEvent", "m-ann"),
        ("OutcomeEvent", "m-nobody"),
    ]


def test_only_the_listed_inbox_topics_are_taken_once_there_is_a_list(script, app, sender, now):
    def send(topic: str) -> int:
        body = write_send(sender)
        body["messages"][0]["options"] = {"inboxTopic": topic}
        return read(script.call("POST", SEND, body))["messages"][0]["status"]["id"]

    before = send("Any")
    door = ensure_door(app, DIALECT, now)
    set_options(door, DIALECT, {"inbox_topics": "Offers, News"}, actor="owner", now=now)

    assert (before, send("News"), send("news"), send("Any")) == (66, 66, 73, 73)
