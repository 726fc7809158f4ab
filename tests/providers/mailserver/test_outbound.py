"""Mails over a real socket: taken, refused, broken off."""

from __future__ import annotations

import pytest

from providers.commands import PushPart, SendPush
from providers.message import PushMessage
from providers.outbound import AccountConfig
from providers.outcomes import Failure, Outcome, Reason
from providers.recipients import PersonKind, Targets
from providers.scenarios import Channel, SendText, TextMessage
from providers.vendors.mailserver import outbound
from tests.mail_server import serving_mail


@pytest.fixture
def server(settings):
    with serving_mail(settings) as server:
        yield server


@pytest.fixture
def client():
    options = {"sender": "Shop <news@shop.example>"}
    return outbound.connect(AccountConfig(public_id="a", credentials={}, options=options))


def write(client, *addresses, **fields):
    message = TextMessage(**{"text": "Grüße", "subject": "Sale", **fields})
    part = PushPart(PushMessage(), (Targets(PersonKind.EMAIL, addresses),))
    return client.write_text(
        SendText(push=SendPush(parts=(part,)), channel=Channel.EMAIL, message=message)
    )


def test_each_gets_a_mail_of_their_own(server, client):
    receipt = client.send(write(client, "ann@a.example", "bob@b.example"))

    assert (receipt.outcome, receipt.results) == (Outcome.ACCEPTED, ())
    assert [address for address, _mail in server.mails] == ["ann@a.example", "bob@b.example"]
    mail = server.mails[0][1]
    assert (mail["From"], mail["To"], mail["Subject"]) == (
        "Shop <news@shop.example>", "ann@a.example", "Sale",
    )  # fmt: skip
    assert mail.get_payload(decode=True).decode().strip() == "Grüße"


@pytest.mark.parametrize(
    ("answer", "is_final"), [("550 No such user", True), ("451 Try again", False)]
)
def test_who_is_refused_is_told_of_alone(server, client, answer, is_final):
    server.refused["bob@b.example"] = answer

    receipt = client.send(write(client, "ann@a.example", "bob@b.example", "cy@c.example"))

    [result] = receipt.results
    assert (result.index, result.outcome) == (1, Outcome.FAILED)
    assert (result.retry_after is None) == is_final
    assert len(server.mails) == 2


def test_a_connection_that_breaks_leaves_one_unknown_and_the_rest_for_later(server, client):
    server.hangs_up.add("bob@b.example")

    receipt = client.send(write(client, "ann@a.example", "bob@b.example", "cy@c.example"))

    assert [(one.index, one.outcome, one.retry_after is None) for one in receipt.results] == [
        (1, Outcome.UNKNOWN, True), (2, Outcome.FAILED, False),
    ]  # fmt: skip
    assert len(server.mails) == 1


def test_without_a_server_nothing_was_sent(settings, client):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1

    with pytest.raises(Failure) as caught:
        client.send(write(client, "ann@a.example"))

    assert (caught.value.reason, caught.value.was_sent) == (Reason.VENDOR, False)
    assert not client.check().is_good


def test_a_server_that_answers_is_good(server, client):
    assert client.check().is_good


def test_a_subject_that_would_add_headers_is_refused_before_anything_leaves(server, client):
    with pytest.raises(Failure) as caught:
        write(client, "ann@a.example", subject="Sale\r\nBcc: everybody@x.example")

    assert (caught.value.reason, caught.value.is_permanent) == (Reason.PAYLOAD, True)


def test_an_address_that_is_none_spoils_no_others(server, client):
    receipt = client.send(write(client, "ann@a.example", "x\n@b.example", "cy@c.example"))

    assert [(one.index, one.reason) for one in receipt.results] == [(1, Reason.PAYLOAD)]
    assert len(server.mails) == 2
