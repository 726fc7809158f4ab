"""What a script asked to be told, in the vendor's own form, and whom nobody may make us call."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest

from campaigns.dispatch.engine import drain
from campaigns.dispatch.verify import check_books
from campaigns.models import Account, OutboxRow, Submission
from campaigns.models.audience import hash64
from campaigns.services.doors import ensure_door
from providers import http, registry, vault
from tests import builders
from tests.compat.receiver import receiving
from tests.vendor_cases.conftest import simulator

__all__ = ["simulator"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
DIALECT = registry.get("infobip")
INNER = [
    "http://127.0.0.1:{port}/x",
    "http://localhost:{port}/x",  # a name that resolves to it
    "http://[::1]:{port}/x",
    "http://[::ffff:127.0.0.1]:{port}/x",
    "http://10.0.0.1/x",
    "http://100.64.0.1/x",
    "http://169.254.169.254/latest/meta-data",
    "http://[fe80::1]/x",
    "http://[fd00::1]/x",
    "ftp://127.0.0.1:{port}/x",
    "file:///etc/passwd",
]


@pytest.fixture
def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def receiver():
    with receiving() as receiver:
        yield receiver
    http.get_session().close()


@pytest.fixture
def sender(app, simulator, settings, now) -> str:
    """An app that sends through the simulated vendor, and knows one device."""
    settings.OUTBOUND_ALLOW = [simulator.url]
    builders.make_route(app, "android", "infobip", options={"sender": "code"})
    Account.objects.update(
        credentials=vault.encrypt({"api_key": "good"}),
        base_urls={"api": f"{simulator.url}/infobip"},
    )
    device = builders.make_device(app, "a1")
    kind, value = "push_registration_id", "reg"
    device.identifiers.create(app=app, kind=kind, value=value, value_hash=hash64(value))
    return ensure_door(app, DIALECT, now).identifiers["sender"]


def write_newer(sender: str, url: str, number: str = "m-1", to: str = "reg") -> dict[str, Any]:
    target = {"type": "REGISTRATION", "pushRegistrationId": to, "messageId": number}
    message = {
        "sender": sender, "destinations": [target], "content": {"type": "TEXT", "text": "Hi"},
        "webhooks": {"delivery": {"url": url}, "callbackData": "mine"},
    }  # fmt: skip
    return {"messages": [message]}


def write_older(sender: str, url: str) -> dict[str, Any]:
    return {
        "from": sender, "to": {"pushRegistrationId": "reg"}, "text": "Hi",
        "notifyUrl": url, "callbackData": "mine",
    }  # fmt: skip


def test_a_script_of_either_version_is_told_as_the_vendor_tells(
    speak, sender, receiver, settings, now
):
    settings.OUTBOUND_ALLOW = [*settings.OUTBOUND_ALLOW, receiver.url]
    script = speak(DIALECT)

    newer = script.call("POST", "push/3/messages", write_newer(sender, receiver.url))
    older = script.call("POST", "push/2/message/single", write_older(sender, receiver.url))
    for seconds in (10, 100):
        drain(clock=lambda: now + timedelta(seconds=seconds))  # noqa: B023

    told = [row for body in receiver.bodies for row in body["results"]]
    bulks = {json.loads(newer.content)["bulkId"], json.loads(older.content)["bulks"][0]["bulkId"]}
    assert {row["bulkId"] for row in told} == bulks
    assert {(row["to"], row["sender"], row["callbackData"]) for row in told} == {
        ("reg", sender, "mine")
    }
    assert {row["status"]["groupName"] for row in told} == {"DELIVERED"}
    assert all("channel" not in row and row["sentAt"].endswith("+0000") for row in told)
    assert not OutboxRow.objects.exists()
    assert check_books().faults == []


def tell_about_nobody(script: Any, sender: str, urls: list[str], now: datetime) -> dict[str, str]:
    """One call with a message per address to nobody, whose end is known at once; what was noted."""
    messages = [
        write_newer(sender, url, f"m-{place}", to="nobody")["messages"][0]
        for place, url in enumerate(urls)
    ]
    answer = script.call("POST", "push/3/messages", {"messages": messages})
    for seconds in (10, 11):
        drain(clock=lambda: now + timedelta(seconds=seconds))  # noqa: B023
    assert answer.status_code == 200
    rows = OutboxRow.objects.values_list("submission__callback__url", "words")
    return {url: words for url, words in rows if words}


def test_no_script_makes_us_call_an_inner_address(speak, sender, receiver, now):
    port = urlsplit(receiver.url).port
    urls = [url.format(port=port) for url in INNER]

    told = tell_about_nobody(speak(DIALECT), sender, urls, now)

    assert receiver.heard == []
    assert set(told) == set(urls)
    assert set(told.values()) == {
        "The address cannot be called: it is private, or none at all.",
        "The address cannot be reached.",  # another scheme than HTTP
    }


def test_neither_a_redirect_nor_a_login_in_the_address_leads_anywhere(
    speak, sender, receiver, settings, simulator, now
):
    """The receiver itself may be called here; whereto it sends us is another matter."""
    settings.OUTBOUND_ALLOW = [*settings.OUTBOUND_ALLOW, receiver.url]
    receiver.status = 307
    receiver.headers = {"Location": f"{simulator.url}/_faults"}
    named = receiver.url.replace("http://", "http://user:pass@")
    hidden = receiver.url.replace("http://", "http://***@")

    told = tell_about_nobody(speak(DIALECT), sender, [receiver.url, named], now)

    assert "redirects, which is not followed" in told[receiver.url]
    kept = set(Submission.objects.values_list("callback__url", flat=True))
    assert "cannot be called" in told[hidden]
    assert kept == {receiver.url, hidden}  # nobody finds the login in our database
    assert len(receiver.heard) == 1
    assert "Authorization" not in receiver.heard[0]
