"""Our client over real HTTP: against our own routes, and against answers of every kind."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from providers import http
from providers.audience import Condition, Op
from providers.commands import PushPart, SendPush
from providers.http_session import VendorSession
from providers.message import AndroidContent, IosContent, PushMessage
from providers.outbound import AccountConfig
from providers.outcomes import Failure, Outcome, Reason, Receipt
from providers.recipients import Audience, PersonKind, Targets
from providers.simulator import Simulator, open_server
from providers.vendors.agora import DIALECT, wire_tokens
from providers.vendors.agora.outbound import Agora, TokenCache
from tests.providers.conftest import write_answer

OPTIONS = {"org_name": "acme", "app_name": "shop"}
MESSAGE = PushMessage(title="Hello", body="World")
CERTIFICATE, APP_ID = "5cfd2fd1755d40ecb72977518be15d3b", "970ca35de60c44645bbae8a215061b33"
TOKEN = {"access_token": "t-1", "expires_in": 100, "application": "x"}
TAKEN = {"data": [{"id": "u1", "pushStatus": "ASYNC_SUCCESS", "desc": "async success."}]}
CORRUPT = {"error": "auth_bad_access_token", "error_description": "Unable to authenticate"}


def make_push(*names: str, audience: Audience | None = None, **fields: Any) -> SendPush:
    targets = (Targets(PersonKind.EXTERNAL_USER_ID, names),) if names else ()
    return SendPush(parts=(PushPart(MESSAGE, targets, audience),), **fields)


def make_client(url: str, session: VendorSession, **values: Any) -> Agora:
    account = AccountConfig(
        public_id="acc",
        credentials=values.get("credentials", {"token": "s3cr3t-t0ken"}),
        base_urls={"api": f"{url}/"},
        options={**OPTIONS, **values.get("options", {})},
    )
    return Agora(account, session, values.get("tokens", TokenCache()))


@pytest.fixture
def client(tmp_path: Path, settings: Any, session: VendorSession) -> Iterator[Agora]:
    """Led to our own routes on a loopback port, behind a vendor that does what it is asked."""
    simulator = Simulator([DIALECT], tmp_path / "journal")
    server = open_server(simulator)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    origin = f"http://127.0.0.1:{server.server_address[1]}"
    settings.OUTBOUND_ALLOW = [origin]
    yield make_client(f"{origin}/{DIALECT.key}", session)
    server.shutdown()
    thread.join()
    server.server_close()
    simulator.close()


Script = list[tuple[int, Any]]


@pytest.fixture
def play(open_vendor: Any, session: VendorSession) -> Callable[..., tuple[Agora, Any]]:
    """A client of a vendor that gives these answers, one after the other."""

    def open_play(*answers: tuple[int, Any], **values: Any) -> tuple[Agora, Any]:
        left = list(answers)

        def talk(link: Any, request: bytes) -> None:
            status, body = left.pop(0)
            link.sendall(write_answer(status, json.dumps(body).encode()))

        vendor = open_vendor(talk)
        return make_client(vendor.url, session, **values), vendor

    return open_play


def send(client: Agora, push: SendPush) -> Receipt:
    return client.send(client.write(push))


def read_request(request: bytes) -> tuple[str, str, Any]:
    """Its first line without the protocol, its token, its body."""
    head, _, body = request.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    shown = [line for line in lines if line.lower().startswith("authorization:")]
    token = shown[0].split(" ")[-1] if shown else ""
    return lines[0].rsplit(" ", 1)[0], token, json.loads(body) if body else None


def test_named_users_are_sent_to_by_name(client: Agora) -> None:
    receipt = send(client, make_push("u1", "u2"))

    assert (receipt.outcome, receipt.results, receipt.reference) == (Outcome.ACCEPTED, (), "")
    assert receipt.raw == {"ASYNC_SUCCESS": 2}


def test_a_label_is_made_filled_and_sent_to(client: Agora) -> None:
    names = tuple(f"u{number}" for number in range(250))

    client.ensure_label("vip", names, ())
    client.ensure_label("vip", ("u250",), names[:150])
    receipt = send(client, make_push(audience=Audience(labels=("vip",))))

    assert receipt.reference
    assert "vip" in client.check().words


def test_everyone_is_one_task(client: Agora) -> None:
    receipt = send(client, make_push(audience=Audience()))

    assert (receipt.outcome, receipt.raw) == (Outcome.ACCEPTED, {"taskId": receipt.reference})


def test_an_account_of_an_app_id_uses_the_other_form_of_a_path(play: Any) -> None:
    client, vendor = play((200, TAKEN), options={"org_name": "", "app_id": APP_ID})

    send(client, make_push("u1"))

    assert read_request(vendor.requests[0])[0] == f"POST /app-id/{APP_ID}/push/single"


def test_one_users_outcome_comes_with_the_answer(play: Any) -> None:
    answer = {"data": [{"pushStatus": "FAIL", "desc": "no push binding"}]}
    client, vendor = play((200, answer), (200, {"data": {"pushStatus": "SUCCESS"}}))

    with http.recording() as exchanges:
        unbound = send(client, make_push("ann/b@x", wait=5.0))
        sent = send(client, make_push("ann/b@x", wait=5.0))

    assert read_request(vendor.requests[0])[0] == "POST /acme/shop/push/sync/ann%2Fb%40x"
    assert [result.reason for result in unbound.results] == [Reason.NO_TOKEN]
    assert sent.results == ()
    assert "ann" not in repr(exchanges)


def test_each_user_has_an_outcome_of_his_own(play: Any) -> None:
    statuses = [
        ("u3", "ERROR", "read timeout"),
        ("u1", "SUCCESS", ""),
        ("u2", "FAIL", "bad device token"),
    ]
    entries = [{"id": name, "pushStatus": word, "desc": desc} for name, word, desc in statuses]
    client, _vendor = play((200, {"data": entries}))

    receipt = send(client, make_push("u1", "u2", "u3"))

    told = {result.index: (result.reason, result.retry_after) for result in receipt.results}
    assert told == {1: (Reason.TOKEN, None), 2: (Reason.VENDOR, 60.0)}


@pytest.mark.parametrize(
    "entries",
    [
        [],
        [{"id": "u1", "pushStatus": "SUCCESS"}],
        [{"id": "u1", "pushStatus": "SUCCESS"}] * 2,
        [{"id": "u1", "pushStatus": "SUCCESS"}, {"id": "u3", "pushStatus": "SUCCESS"}],
    ],
)
def test_an_answer_that_names_others_tells_nothing(play: Any, entries: Any) -> None:
    client, _vendor = play((200, {"data": entries}))

    with pytest.raises(Failure) as caught:
        send(client, make_push("u1", "u2"))

    assert (caught.value.reason, caught.value.was_sent) == (Reason.NO_ANSWER, None)


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_post_is_not_made_again_when_the_vendor_fails(play: Any, status: int) -> None:
    client, vendor = play((status, {"error": "x"}))

    with pytest.raises(Failure) as caught:
        send(client, make_push("u1"))

    assert (caught.value.reason, caught.value.was_sent) == (Reason.VENDOR, None)
    assert len(vendor.requests) == 1


def test_a_fixed_token_is_shown_as_it_is(play: Any) -> None:
    client, vendor = play((200, TAKEN))

    send(client, make_push("u1"))

    assert read_request(vendor.requests[0])[1] == "s3cr3t-t0ken"


CLIENT = {"client_id": "id-1", "client_secret": "s3cret-client"}


def test_a_token_is_fetched_once_and_kept(play: Any) -> None:
    client, vendor = play((200, TOKEN), (200, TAKEN), (200, TAKEN), credentials=CLIENT)

    for _call in range(2):
        send(client, make_push("u1"))

    lines = [read_request(request) for request in vendor.requests]
    assert [line[0] for line in lines] == [
        "POST /acme/shop/token", "POST /acme/shop/push/single", "POST /acme/shop/push/single",
    ]  # fmt: skip
    assert lines[0][2] == {"grant_type": "client_credentials", **CLIENT}
    assert [line[1] for line in lines] == ["", "t-1", "t-1"]


def test_a_token_is_kept_for_half_of_its_life(play: Any) -> None:
    moments = iter([0.0, 0.0, 49.9, 50.0, 50.0])
    answers = [
        (200, TOKEN),
        (200, TAKEN),
        (200, TAKEN),
        (200, {**TOKEN, "access_token": "t-2"}),
        (200, TAKEN),
    ]
    client, vendor = play(*answers, credentials=CLIENT, tokens=TokenCache(lambda: next(moments)))

    for _call in range(3):
        send(client, make_push("u1"))

    shown = [read_request(request)[1] for request in vendor.requests]
    assert shown == ["", "t-1", "t-1", "", "t-2"]


def test_a_token_that_is_refused_is_fetched_anew_once(play: Any) -> None:
    again = (200, {**TOKEN, "access_token": "t-2"})
    client, vendor = play((200, TOKEN), (401, CORRUPT), again, (200, TAKEN), credentials=CLIENT)

    receipt = send(client, make_push("u1"))

    assert receipt.outcome is Outcome.ACCEPTED
    assert [read_request(request)[1] for request in vendor.requests] == ["", "t-1", "", "t-2"]


def test_a_second_refusal_is_final(play: Any) -> None:
    client, vendor = play(
        (200, TOKEN), (401, CORRUPT), (200, TOKEN), (401, CORRUPT), credentials=CLIENT
    )

    with pytest.raises(Failure) as caught:
        send(client, make_push("u1"))

    assert (caught.value.reason, caught.value.is_permanent) == (Reason.CREDENTIAL, True)
    assert len(vendor.requests) == 4


@pytest.mark.parametrize(
    ("status", "body", "reason", "is_permanent"),
    [
        (400, {"error": "invalid_grant", "error_description": "no"}, Reason.CREDENTIAL, True),
        (404, {"error": "organization_application_not_found"}, Reason.CREDENTIAL, True),
        (429, {"error": "reach_limit"}, Reason.THROTTLED, False),
        (503, {"error": "x"}, Reason.VENDOR, False),
    ],
)
def test_without_a_token_nothing_was_sent(
    play: Any, status: int, body: Any, reason: Reason, is_permanent: bool
) -> None:
    client, _vendor = play((status, body), credentials=CLIENT)

    with pytest.raises(Failure) as caught:
        send(client, make_push("u1"))

    assert (caught.value.reason, caught.value.is_permanent) == (reason, is_permanent)
    assert caught.value.was_sent is False


def test_no_secret_is_kept_of_a_tokens_call(play: Any) -> None:
    client, _vendor = play((200, TOKEN), (200, TAKEN), credentials=CLIENT)

    with http.recording() as exchanges:
        send(client, make_push("u1"))

    assert len(exchanges) == 2
    for secret in ("s3cret-client", "t-1", "u1"):
        assert secret not in repr(exchanges)


def test_with_a_certificate_a_token_is_built(play: Any) -> None:
    credentials = {"app_certificate": CERTIFICATE}
    client, vendor = play((200, TAKEN), credentials=credentials, options={"app_id": APP_ID})

    send(client, make_push("u1"))

    token = wire_tokens.read_access_token(read_request(vendor.requests[0])[1])
    assert token.app_id == APP_ID
    assert token.is_good(CERTIFICATE, datetime.now(UTC))


@pytest.mark.parametrize(
    ("credentials", "options"),
    [
        ({}, {}),
        ({"client_id": "a"}, {}),
        ({"app_certificate": CERTIFICATE}, {}),
        ({"token": "x"}, {"org_name": ""}),
    ],
)
def test_an_account_that_lacks_something_says_what(
    session: VendorSession, credentials: Any, options: Any
) -> None:
    client = make_client("http://vendor.example", session, credentials=credentials, options=options)

    with pytest.raises(Failure) as caught:
        client.check()

    assert (caught.value.reason, caught.value.was_sent) == (Reason.CREDENTIAL, False)
    assert caught.value.message.startswith("Give a")


SEGMENT = Audience(expression=Condition("person.country", Op.EQ, "DE"))
LABELS = Audience(labels=("a", "b"))
SIX = Audience(labels=tuple("abcdef"))
CROWD = make_push(*(f"u{number}" for number in range(101)))
TOKENS = SendPush(parts=(PushPart(MESSAGE, (Targets("token", ("t",)),)),))


@pytest.mark.parametrize(
    ("push", "options", "reason"),
    [
        (make_push(audience=SEGMENT), {}, Reason.NOT_ADDRESSABLE),
        (make_push(audience=SIX), {}, Reason.NOT_ADDRESSABLE),
        (make_push(audience=LABELS), {"service": "easemob"}, Reason.NOT_ADDRESSABLE),
        (TOKENS, {}, Reason.NOT_ADDRESSABLE),
        (CROWD, {}, Reason.OURS),
        (make_push(), {}, Reason.NOT_ADDRESSABLE),
        (replace(CROWD, parts=CROWD.parts * 2), {}, Reason.OURS),
    ],
)
def test_what_the_vendor_cannot_address_is_not_sent(
    session: VendorSession, push: SendPush, options: Any, reason: Reason
) -> None:
    client = make_client("http://vendor.example", session, options=options)

    with pytest.raises(Failure) as caught:
        client.write(push)

    assert (caught.value.reason, caught.value.is_permanent) == (reason, True)


@pytest.mark.parametrize("name", ["", "a b", "ä", "x" * 65, "a/b"])
def test_a_label_that_the_vendor_cannot_have_is_not_made(session: VendorSession, name: str) -> None:
    with pytest.raises(Failure) as caught:
        make_client("http://vendor.example", session).ensure_label(name, ("u",), ())

    assert caught.value.reason is Reason.NOT_ADDRESSABLE


def test_who_cannot_be_taken_out_of_a_label_stops_the_send(play: Any) -> None:
    label = {"data": {"name": "vip", "description": "", "count": 1, "createdAt": 1}}
    client, vendor = play(
        (200, label),
        (200, {"data": {"success": [], "fail": {"u1": "unknown"}}}),
        (200, {"data": {"success": [], "fail": {"u2": "later"}}}),
    )

    with pytest.raises(Failure) as caught:
        client.ensure_label("vip", ("u1",), ("u2",))

    assert caught.value.reason is Reason.VENDOR
    assert [read_request(request)[0] for request in vendor.requests] == [
        "GET /acme/shop/push/label/vip",
        "POST /acme/shop/push/label/vip/user",
        "DELETE /acme/shop/push/label/vip/user",
    ]


@pytest.mark.parametrize(
    ("message", "path"),
    [
        (PushMessage(title="a" * 33, body="x"), "title"),
        (PushMessage(title="本" * 17, body="x"), "title"),
        (PushMessage(title="a", body="x" * 101), "body"),
        (PushMessage(title="a", body="x", ios=IosContent(subtitle="x" * 11)), "ios.subtitle"),
        (PushMessage(title="a", body="x", android=AndroidContent(data="x" * 1021)), "android.data"),
        (
            PushMessage(
                title="a",
                body="x",
                android=AndroidContent(data=json.dumps({str(number): 1 for number in range(11)})),
            ),
            "android.data",
        ),
    ],
)
def test_what_is_too_long_is_refused_and_never_cut(
    session: VendorSession, message: PushMessage, path: str
) -> None:
    push = make_push("u1")
    push = replace(push, parts=(replace(push.parts[0], message=message),))
    find_faults = DIALECT.find_message_faults

    with pytest.raises(Failure) as caught:
        make_client("http://vendor.example", session).write(push)

    assert caught.value.reason is Reason.PAYLOAD
    assert find_faults is not None
    assert set(find_faults(message)) == {path}


@pytest.mark.parametrize(
    "message",
    [
        PushMessage(title="a" * 32, body="x" * 100, ios=IosContent(subtitle="x" * 10)),
        PushMessage(title="本" * 16, body="本" * 50),
        PushMessage(title="a", body="x", android=AndroidContent(data="x" * 1020)),
        PushMessage(android=AndroidContent(title="a" * 32, body="x")),
    ],
)
def test_what_is_just_short_enough_is_written(session: VendorSession, message: PushMessage) -> None:
    push = make_push("u1")
    push = replace(push, parts=(replace(push.parts[0], message=message),))

    request = make_client("http://vendor.example", session).write(push)

    assert json.loads(request.body)["targets"] == ["u1"]
