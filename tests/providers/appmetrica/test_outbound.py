"""Our client over real HTTP: against our own routes, and against answers of every kind."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from providers import http
from providers.commands import CreateGroup, FetchStatus, PushPart, SendPush, TransferState
from providers.http_session import VendorSession
from providers.message import AndroidContent, IosContent, PushMessage, Text
from providers.message_fields import Platform
from providers.outbound import AccountConfig
from providers.outcomes import Failure, Outcome, Reason
from providers.recipients import Targets
from providers.reports import Metric, VendorTotal
from providers.simulator import Behaviour, Simulator, open_server
from providers.vendors.appmetrica import DIALECT
from providers.vendors.appmetrica.outbound import AppMetrica
from tests.providers.conftest import write_answer

SECRET = "s3cr3t-t0ken"
GROUP = CreateGroup("our-app", "News", 600)
PUSH = SendPush(
    parts=(
        PushPart(
            PushMessage(title="Hello", body="World"),
            (Targets("google_aid", ("aid-1", "aid-2")),),
        ),
    ),
    group="1",
    tag="sale",
    client_key="777",
)


def make_client(url: str, session: VendorSession, **options: Any) -> AppMetrica:
    account = AccountConfig(
        public_id="acc",
        credentials={"token": SECRET},
        base_urls={"push": f"{url}/", "reporting": url},
        options={"app_id": 5, **options},
    )
    return AppMetrica(account, session)


@pytest.fixture
def vendor_url(tmp_path: Path, settings: Any) -> Iterator[str]:
    """Our own routes on a loopback port, behind a vendor that does what it is asked."""
    behaviour = Behaviour(receipt_seconds=0, delivered_percent=100, opened_percent=0)
    simulator = Simulator([DIALECT], tmp_path / "journal", behaviour)
    server = open_server(simulator)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    origin = f"http://127.0.0.1:{server.server_address[1]}"
    settings.OUTBOUND_ALLOW = [origin]
    yield f"{origin}/{DIALECT.key}"
    server.shutdown()
    thread.join()
    server.server_close()
    simulator.close()


@pytest.fixture
def client(vendor_url: str, session: VendorSession) -> AppMetrica:
    return make_client(vendor_url, session)


def test_a_group_is_created_once_and_found_afterwards(client: AppMetrica) -> None:
    created = client.ensure_group(GROUP)

    assert client.ensure_group(GROUP) == created
    assert client.ensure_group(replace(GROUP, name="Offers")) != created


def test_a_send_is_accepted_and_known_by_both_ids(client: AppMetrica) -> None:
    push = replace(PUSH, group=client.ensure_group(GROUP))

    receipt = client.send(client.write(push))

    by_id = client.fetch_status(FetchStatus(transfer=receipt.reference))
    by_key = client.fetch_status(FetchStatus(group=push.group, client_key=push.client_key))
    assert receipt.outcome is Outcome.ACCEPTED
    assert receipt.raw["push_response"] == {"transfer_id": 1, "client_transfer_id": 777}
    assert by_id is not None
    assert by_key is not None
    assert (by_id.state, by_id.tag, by_id.faults) == (TransferState.SENT, "sale", ())
    assert by_key.transfer == by_id.transfer == receipt.reference


def test_a_send_again_with_the_same_id_is_the_same_transfer(client: AppMetrica) -> None:
    push = replace(PUSH, group=client.ensure_group(GROUP))

    request = client.write(push)

    assert client.send(request).reference == client.send(request).reference


def test_an_id_that_is_taken_leads_to_the_earlier_transfer(client: AppMetrica) -> None:
    push = replace(PUSH, group=client.ensure_group(GROUP))
    first = client.send(client.write(push))

    second = client.send(client.write(replace(push, tag="other")))

    assert (second.reference, second.outcome) == (first.reference, Outcome.ACCEPTED)


def test_a_key_that_is_no_number_is_found_again(client: AppMetrica) -> None:
    push = replace(PUSH, group=client.ensure_group(GROUP), client_key="batch-7f")

    receipt = client.send(client.write(push))

    status = client.fetch_status(FetchStatus(group=push.group, client_key="batch-7f"))
    assert status is not None
    assert status.transfer == receipt.reference


def test_what_the_vendor_does_not_know_is_none(client: AppMetrica) -> None:
    group = client.ensure_group(GROUP)

    assert client.fetch_status(FetchStatus(group=group, client_key="404")) is None
    assert client.fetch_status(FetchStatus(transfer="404")) is None


def test_totals_are_those_of_one_transfer(client: AppMetrica) -> None:
    push = replace(PUSH, group=client.ensure_group(GROUP))
    receipt = client.send(client.write(push))
    client.send(client.write(replace(push, client_key="778")))

    totals = client.fetch_totals(receipt.reference, "today")

    assert totals == (
        VendorTotal(Metric.SENT, 2),
        VendorTotal(Metric.DELIVERED, 2),
        VendorTotal(Metric.OPENED, 0),
    )


def test_a_transfer_without_a_row_has_no_totals(client: AppMetrica) -> None:
    client.ensure_group(GROUP)

    assert client.fetch_totals("99", "today") == ()


def test_a_good_account_is_told_by_its_groups(client: AppMetrica) -> None:
    client.ensure_group(GROUP)

    result = client.check()

    assert result.is_good
    assert result.words.endswith(": News")


def test_a_token_can_be_tried_before_any_app_is_known(
    vendor_url: str, session: VendorSession
) -> None:
    client = make_client(vendor_url, session)
    client.account = replace(client.account, options={})

    result = client.check()

    assert result.is_good
    assert result.words == "missing_parameter: Missing parameter: 'app_id'"


def test_a_refused_token_is_told_in_the_vendors_words(
    vendor_url: str, session: VendorSession
) -> None:
    client = make_client(vendor_url, session)
    client.account = replace(client.account, credentials={"token": "refused"}, options={})

    result = client.check()

    assert not result.is_good
    assert result.words == "unauthorized: Invalid push credentials"


# What leaves us.

Answer = Callable[..., Any]
SENT = write_answer(200, b'{"push_response": {"transfer_id": 9}}')


def read_sent_body(request: bytes) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(request.partition(b"\r\n\r\n")[2])["push_batch_request"]
    return body


def send_and_read(open_vendor: Answer, session: VendorSession, push: SendPush) -> dict[str, Any]:
    vendor = open_vendor(SENT)
    client = make_client(vendor.url, session)
    client.send(client.write(push))
    return read_sent_body(vendor.requests[0])


def test_a_call_carries_the_key_and_the_client_id(
    open_vendor: Answer, session: VendorSession
) -> None:
    vendor = open_vendor(SENT)
    client = make_client(vendor.url, session)

    client.send(client.write(PUSH))

    (request,) = vendor.requests
    assert request.startswith(b"POST /push/v1/send-batch HTTP/1.1\r\n")
    assert f"Authorization: OAuth {SECRET}".encode() in request
    assert read_sent_body(request) == {
        "group_id": 1,
        "client_transfer_id": 777,
        "tag": "sale",
        "batch": [
            {
                "messages": {"android": {"content": {"title": "Hello", "text": "World"}}},
                "devices": [{"id_type": "google_aid", "id_values": ["aid-1", "aid-2"]}],
            }
        ],
    }


@pytest.mark.parametrize(
    ("changes", "tag"),
    [({"tag": "t"}, "t"), ({"tag": "", "name": "n"}, "n"), ({"tag": ""}, "untagged")],
)
def test_the_vendor_always_gets_a_tag(
    open_vendor: Answer, session: VendorSession, changes: dict[str, str], tag: str
) -> None:
    body = send_and_read(open_vendor, session, replace(PUSH, **changes))

    assert body["tag"] == tag


def test_only_the_block_of_the_platform_leaves(open_vendor: Answer, session: VendorSession) -> None:
    message = PushMessage(
        body="Common",
        android=AndroidContent(title="A"),
        ios=IosContent(title="I"),
        translations={"de": Text(body="Welt")},
    )
    part = PushPart(message, (Targets("ios_push_token", ("t",)),))

    body = send_and_read(open_vendor, session, replace(PUSH, parts=(part,)))

    assert body["batch"][0]["messages"] == {"iOS": {"content": {"title": "I", "text": "Common"}}}


@pytest.mark.parametrize(
    ("chosen", "expires_in", "sent"),
    [(None, 60, 60), (600, 60, 60), (30, 60, 30), (30, None, 30), (None, 0, 1)],
)
def test_no_gateway_keeps_a_push_longer_than_its_send_lives(
    open_vendor: Answer,
    session: VendorSession,
    chosen: int | None,
    expires_in: int | None,
    sent: int,
) -> None:
    message = PushMessage(
        android=AndroidContent(body="A", time_to_live=chosen),
        ios=IosContent(body="I", expiration=chosen),
    )
    part = PushPart(message, (Targets("appmetrica_device_id", ("1",)),))

    body = send_and_read(open_vendor, session, replace(PUSH, parts=(part,), expires_in=expires_in))

    messages = body["batch"][0]["messages"]
    assert messages["android"]["content"]["time_to_live"] == sent
    assert messages["iOS"]["content"]["expiration"] == sent


@pytest.mark.parametrize(
    ("push", "reason"),
    [
        (replace(PUSH, client_key=""), Reason.OURS),
        (replace(PUSH, parts=PUSH.parts * 1001), Reason.OURS),
        (
            replace(
                PUSH,
                parts=(PushPart(PushMessage(body="x"), (Targets("google_aid", ("a",) * 50_001),)),),
            ),
            Reason.OURS,
        ),
        (
            replace(
                PUSH,
                parts=(
                    PushPart(
                        PushMessage(body="x"),
                        (Targets("google_aid", ("a",)), Targets("ios_ifa", ("b",))),
                    ),
                ),
            ),
            Reason.OURS,
        ),
        (
            replace(PUSH, parts=(PushPart(PushMessage(body="x"), (Targets("msisdn", ("1",)),)),)),
            Reason.NOT_ADDRESSABLE,
        ),
    ],
    ids=["no key", "too many parts", "too many", "two platforms", "unknown kind"],
)
def test_what_one_call_cannot_carry_never_leaves(
    open_vendor: Answer, session: VendorSession, push: SendPush, reason: Reason
) -> None:
    vendor = open_vendor(SENT)

    with pytest.raises(Failure) as caught:
        make_client(vendor.url, session).write(push)

    assert (caught.value.reason, caught.value.is_permanent) == (reason, True)
    assert caught.value.was_sent is False
    assert vendor.requests == []


def test_fifty_thousand_devices_fit_into_one_call(
    open_vendor: Answer, session: VendorSession
) -> None:
    values = tuple(f"aid-{number}" for number in range(DIALECT.limits.batch_size))
    part = PushPart(PushMessage(body="x"), (Targets("google_aid", values),))

    body = send_and_read(open_vendor, session, replace(PUSH, parts=(part,)))

    assert body["batch"][0]["devices"][0]["id_values"] == list(values)


# What comes back.


def fail(open_vendor: Answer, session: VendorSession, answer: Any) -> Failure:
    client = make_client(open_vendor(answer).url, session)
    with pytest.raises(Failure) as caught:
        client.send(client.write(PUSH))
    return caught.value


@pytest.mark.parametrize(
    ("status", "reason", "was_sent"),
    [
        (400, Reason.PAYLOAD, True),
        (401, Reason.CREDENTIAL, True),
        (403, Reason.CREDENTIAL, True),
        (404, Reason.PAYLOAD, True),
        (420, Reason.THROTTLED, True),
        (429, Reason.THROTTLED, True),
        (500, Reason.VENDOR, None),
        (503, Reason.VENDOR, None),
    ],
)
def test_a_failure_has_a_reason_and_the_vendors_words(
    open_vendor: Answer,
    session: VendorSession,
    status: int,
    reason: Reason,
    was_sent: bool | None,
) -> None:
    body = {"errors": [{"error_type": "x", "message": "Why not"}], "code": status}

    failure = fail(open_vendor, session, write_answer(status, json.dumps(body).encode()))

    assert (failure.reason, failure.was_sent) == (reason, was_sent)
    assert failure.message == "x: Why not"


def test_a_used_up_quota_says_how_long_to_wait(open_vendor: Answer, session: VendorSession) -> None:
    answer = write_answer(429, b'{"message": "Enough"}', Retry_After="120")

    assert fail(open_vendor, session, answer).retry_after == 120


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b"[]",
        b"5",
        b"<html>",
        b'{"push_response": null}',
        b'{"push_response": {"transfer_id": null}}',
        b'{"push_response": {"transfer_id": 1e400}}',
        b'{"push_response": {"transfer_id": "../1"}}',
    ],
)
def test_an_answer_that_is_not_understood_may_have_been_a_send(
    open_vendor: Answer, session: VendorSession, body: bytes
) -> None:
    failure = fail(open_vendor, session, write_answer(200, body))

    assert (failure.reason, failure.was_sent) == (Reason.NO_ANSWER, None)


def test_a_send_without_an_answer_is_unknown(open_vendor: Answer, session: VendorSession) -> None:
    failure = fail(open_vendor, session, lambda connection, request: connection.close())

    assert (failure.reason, failure.was_sent) == (Reason.NO_ANSWER, None)


def test_a_taken_id_that_nobody_knows_is_told(open_vendor: Answer, session: VendorSession) -> None:
    def talk(connection: Any, request: bytes) -> None:
        status = 409 if request.startswith(b"POST") else 404
        connection.sendall(write_answer(status, b'{"message": "Taken"}'))

    failure = fail(open_vendor, session, talk)

    assert (failure.reason, failure.was_sent) == (Reason.NO_ANSWER, None)
    assert failure.message == "Taken"


def test_a_group_that_another_worker_created_is_found(
    open_vendor: Answer, session: VendorSession
) -> None:
    row = {"id": 8, "app_id": 5, "name": "News"}
    lists = iter([[], [row]])

    def talk(connection: Any, request: bytes) -> None:
        if request.startswith(b"POST"):
            connection.sendall(write_answer(409))
        else:
            body = json.dumps({"groups": next(lists)}).encode()
            connection.sendall(write_answer(200, body))

    assert make_client(open_vendor(talk).url, session).ensure_group(GROUP) == "8"


def test_a_group_that_is_taken_and_not_listed_is_told(
    open_vendor: Answer, session: VendorSession
) -> None:
    def talk(connection: Any, request: bytes) -> None:
        is_list = request.startswith(b"GET")
        connection.sendall(write_answer(200 if is_list else 409, b'{"groups": []}'))

    with pytest.raises(Failure) as caught:
        make_client(open_vendor(talk).url, session).ensure_group(GROUP)

    assert caught.value.message == "HTTP 409"


def test_neither_the_key_nor_a_recipient_is_kept(
    open_vendor: Answer, session: VendorSession
) -> None:
    answer = write_answer(400, json.dumps({"message": f"No {SECRET}"}).encode())

    with http.recording() as exchanges:
        failure = fail(open_vendor, session, answer)

    assert SECRET not in failure.message
    assert len(exchanges) == 1
    assert SECRET not in repr(exchanges)
    assert "aid-1" not in repr(exchanges)


def test_platforms_are_those_that_the_client_can_reach() -> None:
    kinds = {kind.platform for kind in DIALECT.identifier_kinds} - {None}

    assert kinds == DIALECT.platforms == {Platform.ANDROID, Platform.IOS}


@pytest.mark.parametrize("metrics", [[1, 2], [1, 2, 3, 4], [1, 2, 1e400]])
def test_a_report_that_has_not_what_was_asked_for_is_no_answer(
    open_vendor: Answer, session: VendorSession, metrics: list[float]
) -> None:
    row = {"dimensions": [{"name": "9", "id": "9"}], "metrics": metrics}
    query = {"date1": "today", "date2": "today"}
    report = {"data": [row], "total_rows": 1, "totals": [], "query": query}
    client = make_client(open_vendor(write_answer(200, json.dumps(report).encode())).url, session)

    with pytest.raises(Failure) as caught:
        client.fetch_totals("9", "today")

    assert caught.value.reason is Reason.NO_ANSWER
