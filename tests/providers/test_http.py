"""Vendor calls over real sockets: what each kind of answer, and no answer, means."""

from __future__ import annotations

import gzip
import json
import logging
import socket
import time

import pytest

from providers import http
from providers.http_session import VendorSession
from providers.outcomes import Failure, Reason
from tests.providers.conftest import write_answer

SECRET = "s3cr3t/with+signs=="
FAST = {"connect_seconds": 0.5, "read_seconds": 0.3}


def fail_call(session, url, method="POST", **options) -> Failure:
    with pytest.raises(Failure) as caught:
        http.call(session, method, url, **options)
    return caught.value


def test_a_good_answer_is_parsed(open_vendor, session):
    vendor = open_vendor(write_answer(200, b'{"id": 7}'))

    body = http.call(session, "POST", vendor.url + "/push", json={"text": "\u00e9\ud800"})

    assert body == {"id": 7}
    assert b'{"text":"\\u00e9\\ud800"}' in vendor.requests[0]


def test_what_read_makes_of_the_body_is_returned(open_vendor, session):
    vendor = open_vendor(write_answer(201, b'{"id": 7}'))

    assert http.call(session, "GET", vendor.url, read=lambda body: body["id"]) == 7


@pytest.mark.parametrize(
    ("status", "reason", "is_permanent", "was_sent"),
    [
        (301, Reason.CREDENTIAL, True, True),
        (400, Reason.PAYLOAD, True, True),
        (401, Reason.CREDENTIAL, True, True),
        (403, Reason.CREDENTIAL, True, True),
        (404, Reason.PAYLOAD, True, True),
        (408, Reason.VENDOR, False, None),
        (413, Reason.PAYLOAD, True, True),
        (420, Reason.THROTTLED, False, True),
        (422, Reason.PAYLOAD, True, True),
        (429, Reason.THROTTLED, False, True),
        (500, Reason.VENDOR, False, True),
        (502, Reason.VENDOR, False, None),
        (503, Reason.VENDOR, False, True),
        (504, Reason.VENDOR, False, None),
    ],
)
def test_a_status_says_whose_fault_it_is(
    open_vendor, session, status, reason, is_permanent, was_sent
):
    vendor = open_vendor(write_answer(status, b"<html>no</html>", Location="http://127.0.0.1/"))

    failure = fail_call(session, vendor.url)

    assert (failure.reason, failure.is_permanent) == (reason, is_permanent)
    assert failure.was_sent is was_sent
    assert len(vendor.requests) == 1


def test_the_vendors_own_words_are_kept(open_vendor, session):
    vendor = open_vendor(write_answer(400, b'{"errors": [{"message": "bad tag"}], "code": 400}'))

    assert fail_call(session, vendor.url).message == "bad tag"


def test_a_vendors_hook_may_know_better_than_the_status(open_vendor, session):
    vendor = open_vendor(write_answer(400, b'{"code": 21}', Retry_After="7"))

    failure = fail_call(
        session,
        vendor.url,
        read_error=lambda status, body: Failure(Reason.THROTTLED, f"{status} {body['code']}"),
    )

    assert (failure.reason, failure.message, failure.retry_after) == (
        Reason.THROTTLED,
        "400 21",
        7.0,
    )


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0.0), ("30", 30.0), ("1e9", 3600.0), ("-5", None), ("soon", None), ("", None)],
)
def test_retry_after_is_read_with_care(open_vendor, session, text, seconds):
    vendor = open_vendor(write_answer(429, b"{}", Retry_After=text))

    assert fail_call(session, vendor.url).retry_after == seconds


def test_a_refused_connection_was_certainly_not_sent(session, settings):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    settings.OUTBOUND_ALLOW = [url]

    failure = fail_call(session, url, json={})

    assert (failure.reason, failure.was_sent) == (Reason.VENDOR, False)


def test_an_unknown_host_was_certainly_not_sent(session):
    failure = fail_call(session, "http://no-such-host.invalid/")

    assert (failure.reason, failure.was_sent) == (Reason.VENDOR, False)


def test_a_failed_handshake_was_certainly_not_sent(open_vendor, session, settings):
    vendor = open_vendor(b"this is no TLS")
    secure_url = vendor.url.replace("http:", "https:")
    settings.OUTBOUND_ALLOW = [secure_url]

    failure = fail_call(session, secure_url, **FAST)

    assert (failure.reason, failure.was_sent) == (Reason.VENDOR, False)


def close_at_once(link: socket.socket, request: bytes) -> None:
    link.shutdown(socket.SHUT_RDWR)


def answer_half(link: socket.socket, request: bytes) -> None:
    link.sendall(write_answer(200, b'{"id": 7}')[:-4])


def answer_nothing(link: socket.socket, request: bytes) -> None:
    link.settimeout(3)
    link.recv(1)


def drip_head(link: socket.socket, request: bytes) -> None:
    link.sendall(b"HTTP/1.1 200 OK\r\n")
    for _ in range(60):
        link.sendall(b"X-Slow: 1\r\n")
        time.sleep(0.05)


def drip_body(link: socket.socket, request: bytes) -> None:
    link.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
    for _ in range(60):
        link.sendall(b" ")
        time.sleep(0.05)


@pytest.mark.parametrize(
    "talk",
    [close_at_once, answer_half, answer_nothing, drip_head, drip_body],
    ids=lambda talk: talk.__name__,
)
def test_written_without_a_whole_answer_means_that_nobody_knows(open_vendor, session, talk):
    vendor = open_vendor(talk)

    failure = fail_call(session, vendor.url, json={"to": "all"}, **FAST)

    assert (failure.reason, failure.was_sent) == (Reason.NO_ANSWER, None)


@pytest.mark.parametrize(
    "answer",
    [
        write_answer(200, b"<html>Welcome to the hotel</html>"),
        write_answer(200, b'{"id": '),
        write_answer(200, b"[" * 100_000),
        write_answer(200, b""),
        write_answer(200, b'{"wrong": "shape"}'),
        write_answer(200, b'{"id": null}'),
        write_answer(200, b'"id"'),
        write_answer(200, b" " * 1_100_000 + b"{}"),
        write_answer(200, gzip.compress(b" " * 50_000_000, mtime=0), Content_Encoding="gzip"),
        write_answer(200, b"not gzip", Content_Encoding="gzip"),
        b"no HTTP at all\r\n\r\n",
    ],
    ids=lambda answer: answer[-12:].decode("latin-1"),
)
def test_an_answer_that_makes_no_sense_means_that_nobody_knows(open_vendor, session, answer):
    vendor = open_vendor(answer)

    failure = fail_call(session, vendor.url, read=lambda body: int(body["id"]))

    assert (failure.reason, failure.was_sent) == (Reason.NO_ANSWER, None)


def test_an_empty_answer_is_fine_where_it_is_allowed(open_vendor, session):
    vendor = open_vendor(write_answer(204, b""))

    assert http.call(session, "DELETE", vendor.url, allows_empty=True) is None


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/",
        "http://localhost:{port}/",
        "http://[::1]:{port}/",
        "http://0.0.0.0:{port}/",
        "http://2130706433:{port}/",
        "http://0x7f000001:{port}/",
        "http://[::ffff:127.0.0.1]:{port}/",
        "http://[::127.0.0.1]:{port}/",
        "http://[::ffff:0:127.0.0.1]:{port}/",
        "http://[fec0::1]:{port}/",
        "http://10.0.0.1/",
        "http://172.16.0.1/",
        "http://192.168.1.1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://100.64.0.1/",
        "http://168.63.129.16/",
        "http://[fd00::1]/",
        "http://[fe80::1]/",
        "http://224.0.0.1/",
        "http://127.0.0.1:{port}#@example.com/",
    ],
)
def test_an_inner_address_is_never_reached(open_vendor, session, settings, url):
    vendor = open_vendor(write_answer(200))
    settings.OUTBOUND_ALLOW = ["http://allowed.example"]
    settings.SANDBOX_URL = ""

    failure = fail_call(session, url.format(port=vendor.url.rpartition(":")[2]), **FAST)

    assert (failure.reason, failure.was_sent) == (Reason.CREDENTIAL, False)
    assert "PUSHADMIN_OUTBOUND_ALLOW" in failure.message


@pytest.mark.parametrize("login", ["allowed.example", "user:pass", ":", ""])
def test_an_address_with_a_login_is_never_called(open_vendor, session, settings, login):
    vendor = open_vendor(write_answer(200))
    settings.OUTBOUND_ALLOW = [vendor.url]

    failure = fail_call(session, vendor.url.replace("http://", f"http://{login}@"), **FAST)

    assert (failure.reason, failure.was_sent) == (Reason.CREDENTIAL, False)
    assert vendor.requests == []


@pytest.mark.parametrize("url", ["", "ftp://example.com/", "http://", "no address", "http://[/"])
def test_what_is_no_address_is_a_fault_of_the_account(session, url):
    failure = fail_call(session, url)

    assert failure.was_sent is False
    assert failure.reason in {Reason.CREDENTIAL, Reason.VENDOR}


def test_the_sandboxs_origin_is_allowed_and_its_neighbour_port_is_not(open_vendor, settings):
    sandbox = open_vendor(write_answer(200))
    neighbour = open_vendor(write_answer(200))
    settings.OUTBOUND_ALLOW = []
    settings.SANDBOX_URL = sandbox.url

    with VendorSession() as session:
        http.call(session, "GET", sandbox.url + "/v1/")
        failure = fail_call(session, neighbour.url)

    assert failure.reason is Reason.CREDENTIAL
    assert neighbour.requests == []


def test_cookies_proxies_and_netrc_are_not_used(open_vendor, session, monkeypatch, tmp_path):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login ann password pass\n")
    (tmp_path / "netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    vendor = open_vendor(write_answer(200, b"{}", Set_Cookie="a=1"))

    for _ in range(2):
        http.call(session, "GET", vendor.url)

    assert b"ookie" not in vendor.requests[1]
    assert b"uthorization: Basic" not in vendor.requests[1]


def test_a_thread_keeps_its_session():
    assert http.get_session() is http.get_session()
    http.get_session().close()


def test_an_exchange_shows_no_secret_and_no_recipient(open_vendor, session):
    echo = json.dumps({"you_sent": SECRET, "access_token": "fresh-token", "ids": ["a"] * 50})
    vendor = open_vendor(write_answer(200, echo.encode()))

    with http.recording() as exchanges:
        http.call(
            session,
            "POST",
            vendor.url + "/push",
            headers={"Authorization": f"App {SECRET}"},
            params={"api_key": "in-the-query"},
            json={"to": ["tok-1", "tok-2"], "text": "Hi", "password": "pw-in-body"},
            recipients={"to"},
        )

    [exchange] = exchanges
    everything = f"{exchange}"
    assert (exchange.method, exchange.status) == ("POST", 200)
    assert '"to": "[2 left out]"' in exchange.request
    assert '"text": "Hi"' in exchange.request
    for leak in (SECRET, "fresh-token", "tok-1", "in-the-query", "pw-in-body"):
        assert leak not in everything


def test_an_exchange_is_at_most_4_kb(open_vendor, session):
    vendor = open_vendor(write_answer(500, json.dumps({"e": "é" * 9000}).encode()))

    with http.recording() as exchanges:
        fail_call(session, vendor.url, json={"text": "ж" * 9000})

    assert len(exchanges[0].request.encode()) <= 4096
    assert len(exchanges[0].response.encode()) <= 4096


def test_a_call_without_an_answer_is_recorded_too(open_vendor, session):
    vendor = open_vendor(close_at_once)

    with http.recording() as exchanges:
        fail_call(session, vendor.url, json={"a": 1})

    assert [(item.status, item.response) for item in exchanges] == [(None, "")]


def test_no_secret_in_a_failure_or_a_log_line(open_vendor, session, caplog):
    body = f'{{"message": "unknown key {SECRET}"}}'.encode()
    vendor = open_vendor(write_answer(400, body))
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, "urllib3")  # some vendors' clients turn it down

    failure = fail_call(
        session,
        vendor.url,
        params={"token": SECRET},
        headers={"X-Api-Key": SECRET},
    )

    assert SECRET not in f"{failure} {failure!r} {failure.message}"
    assert failure.__cause__ is None
    assert "urllib3" in caplog.text
    assert SECRET not in caplog.text
    assert "s3cr3t" not in caplog.text


def test_a_chain_of_installations_counts_its_hops(open_vendor, session):
    vendor = open_vendor(write_answer(200))

    with http.hopping("inst-1", 2):
        http.call(session, "GET", vendor.url)
    http.call(session, "GET", vendor.url)

    assert b"X-Pushadmin-Hop: inst-1,2\r\n" in vendor.requests[0]
    assert b"X-Pushadmin-Hop" not in vendor.requests[1]


def test_a_name_is_resolved_once_and_its_address_is_pinned(session, monkeypatch):
    answers = ["8.8.8.8", "127.0.0.1"]
    dialled = []

    def resolve(host, port, *args, **kwargs):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (answers.pop(0), port))]

    def dial(address, *args, **kwargs):
        dialled.append(address[0])
        raise OSError("no network in a test")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr("urllib3.util.connection.create_connection", dial)

    failure = fail_call(session, "http://rebinding.example/")

    assert dialled == ["8.8.8.8"]
    assert (failure.reason, failure.was_sent) == (Reason.VENDOR, False)
