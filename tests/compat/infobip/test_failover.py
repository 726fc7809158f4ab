"""Failover and SMS calls at our own door, up to the mail and the SMS that leave."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from campaigns.dispatch import engine
from campaigns.dispatch.verify import check_books
from campaigns.models import (
    Account,
    AuditEntry,
    Delivery,
    Device,
    Exchange,
    Part,
    Person,
    StepMember,
    Transfer,
)
from campaigns.models.audience import hash64
from campaigns.services.doors import ensure_door
from providers import registry, vault
from providers.commands import FetchStatus
from tests import builders
from tests.compat.conftest import Script, make_key
from tests.mail_server import serving_mail
from tests.vendor_cases.conftest import simulator

__all__ = ["simulator"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
DIALECT = registry.get("infobip")
SCENARIOS, SEND = "omni/1/scenarios", "omni/1/advanced"
SMS, OLD_SMS = "sms/3/messages", "sms/2/text/advanced"
NUMBERS = ("41793026727", "41793026834")


@pytest.fixture
def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def mails(settings):
    with serving_mail(settings) as server:
        yield server


@pytest.fixture
def routed(app, simulator, mails, settings):
    """Pushes and SMS leave through a simulated vendor, e-mails through a mail server."""
    settings.OUTBOUND_ALLOW = [simulator.url]
    for platform in ("android", "sms"):
        builders.make_route(app, platform, "infobip", options={"sender": "app"})
    Account.objects.update(
        credentials=vault.encrypt({"api_key": "good"}),
        base_urls={"api": f"{simulator.url}/infobip"},
    )
    builders.make_route(app, "email", dialect="mailserver")
    Account.objects.filter(dialect="mailserver").update(options={"sender": "a@shop.example"})
    return app


@pytest.fixture
def sender(routed, now) -> str:
    return ensure_door(routed, DIALECT, now).identifiers["sender"]


@pytest.fixture
def script(speak):
    return speak(DIALECT)


def read(answer: Any) -> Any:
    return json.loads(answer.content)


def write_flow(sender: str, *channels: str, **values: Any) -> dict[str, Any]:
    steps = [{"from": sender if name == "PUSH" else "Shop", "channel": name} for name in channels]
    return {"name": "Push, then a text", "flow": steps, "default": True, **values}


@pytest.fixture
def scenario(script, sender) -> str:
    return read(script.call("POST", SCENARIOS, write_flow(sender, "PUSH", "EMAIL")))["key"]


def write_send(*to: dict[str, str], **values: Any) -> dict[str, Any]:
    destinations = [{"messageId": f"m-{place}", "to": one} for place, one in enumerate(to)]
    return {
        "bulkId": "bulk-1", "destinations": destinations,
        "push": {"text": "Hi", "validityPeriod": 1},
        "email": {"subject": "Hello", "text": "Hi there"}, **values,
    }  # fmt: skip


def make_registered(app, **fields: Any) -> Device:
    device = builders.make_device(app, "a1", **fields)
    kind, value = "push_registration_id", "reg"
    device.identifiers.create(app=app, kind=kind, value=value, value_hash=hash64(value))
    return device


def drain(at) -> None:
    engine.drain(clock=lambda: at)


def find_channels(script: Any) -> dict[str, tuple[str, str]]:
    rows = read(script.call("GET", "omni/1/logs?bulkId=bulk-1"))["results"]
    return {row["messageId"]: (row["channel"], row["status"]["groupName"]) for row in rows}


def test_scenarios_are_made_listed_changed_and_read(script, sender):
    made = script.call("POST", SCENARIOS, write_flow(sender, "PUSH", "SMS"))
    key = read(made)["key"]
    changed = script.call(
        "PUT", f"{SCENARIOS}/{key}", write_flow(sender, "PUSH", "EMAIL", name="Mail")
    )

    found = script.call("GET", f"{SCENARIOS}/{key}")
    listed = script.call("GET", f"{SCENARIOS}?isDefault=true")

    assert (made.status_code, changed.status_code) == (201, 200)
    assert read(found) == read(changed)
    assert read(listed) == {"scenarios": [read(found)]}
    assert [step["channel"] for step in read(found)["flow"]] == ["PUSH", "EMAIL"]


@pytest.mark.parametrize(
    "channels", [["VIBER"], ["SMS", "PUSH"], [], ["PUSH", "SMS", "SMS", "SMS", "SMS", "EMAIL"]]
)
def test_a_scenario_that_cannot_be_run_is_refused_in_the_vendors_words(script, sender, channels):
    answer = script.call("POST", SCENARIOS, write_flow(sender, *channels))

    assert answer.status_code == 400
    assert read(answer)["requestError"]["serviceException"]["text"]


def test_another_workspaces_scenario_is_not_found(script, sender, scenario, client):
    stranger = builders.make_app(builders.make_workspace("other"))
    foreign = Script(client, DIALECT, make_key(stranger)[1])

    read_it = foreign.call("GET", f"{SCENARIOS}/{scenario}")
    sent = foreign.call("POST", SEND, write_send({"phoneNumber": "1"}, scenarioKey=scenario))

    assert (read_it.status_code, sent.status_code) == (404, 404)
    assert not Transfer.objects.exists()


def test_a_send_reaches_devices_then_persons_and_tells_the_channel(
    script, scenario, mails, app, now
):
    ann = builders.make_person(app.workspace, "ann", phone=NUMBERS[0])
    make_registered(app, person=ann)
    to = (
        {"phoneNumber": NUMBERS[0], "emailAddress": "ann@x.example"},
        {"emailAddress": "new@x.example"},
    )

    answer = script.call("POST", SEND, write_send(*to, scenarioKey=scenario))
    drain(now + timedelta(seconds=30))
    first = [address for address, _mail in mails.mails]
    drain(now + timedelta(minutes=3))

    assert answer.status_code == 200
    assert [one["status"]["groupName"] for one in read(answer)["messages"]] == ["PENDING"] * 2
    assert first == ["new@x.example"]
    assert [address for address, _mail in mails.mails] == ["new@x.example", "ann@x.example"]
    assert "Hi there" in str(mails.mails[0][1])
    assert {name for name, _group in find_channels(script).values()} == {"EMAIL"}
    transfer = Transfer.objects.get()
    assert (transfer.status, transfer.audience) == ("sent", 3)
    assert check_books().faults == []


def test_an_address_in_another_spelling_makes_nobody_new_and_changes_nothing(
    scenario, app, client, mails, now
):
    script = Script(client, DIALECT, make_key(app, scopes=["send", "compose"])[1])
    ann = builders.make_person(app.workspace, "ann", phone=f"00{NUMBERS[0]}", email="Ann@X.example")
    to = {"phoneNumber": f"+{NUMBERS[0]}", "emailAddress": "ann@x.example"}

    answer = script.call("POST", SEND, write_send(to, scenarioKey=scenario))
    drain(now + timedelta(minutes=3))

    assert answer.status_code == 200
    assert list(Person.objects.values_list("pk", "email")) == [(ann.pk, "Ann@X.example")]
    assert [address for address, _mail in mails.mails] == ["Ann@X.example"]
    assert check_books().faults == []


def test_what_is_told_of_an_address_is_told_in_the_script_s_spelling(script, scenario, mails, now):
    script.call("POST", SEND, write_send({"emailAddress": "New@X.example"}, scenarioKey=scenario))

    drain(now + timedelta(minutes=3))

    [row] = read(script.call("GET", "omni/1/logs?bulkId=bulk-1"))["results"]
    assert [address for address, _mail in mails.mails] == ["new@x.example"]
    assert (row["to"], row["channel"]) == ("New@X.example", "EMAIL")
    assert row["status"]["name"] == "PENDING_WAITING_DELIVERY"


def test_the_same_send_is_taken_once_and_another_under_its_id_is_refused(script, scenario, app):
    body = write_send({"emailAddress": "new@x.example"}, scenarioKey=scenario)
    other = write_send({"emailAddress": "else@x.example"}, scenarioKey=scenario)

    statuses = [script.call("POST", SEND, one).status_code for one in (body, body, other)]

    assert statuses == [200, 200, 409]
    assert Transfer.objects.count() == Person.objects.count() == StepMember.objects.count() == 1


def test_without_a_key_the_default_scenario_is_meant(script, scenario, app):
    answer = script.call("POST", SEND, write_send({"emailAddress": "new@x.example"}))

    assert answer.status_code == 200
    assert list(Part.objects.order_by("number").values_list("channel", flat=True)) == [
        "push", "email",
    ]  # fmt: skip


def test_a_device_without_an_owner_belongs_to_whom_the_script_names(script, scenario, app, now):
    make_registered(app)
    to = {"pushRegistrationId": "reg", "emailAddress": "ann@x.example"}

    script.call("POST", SEND, write_send(to, scenarioKey=scenario))

    assert Device.objects.get().person == Person.objects.get(email="ann@x.example")


@pytest.mark.parametrize(("scopes", "status"), [(None, 200), (["send", "compose"], 403)])
def test_another_address_takes_the_right_to_change_the_audience(
    scenario, app, client, scopes, status
):
    limits = {} if scopes is None else {"scopes": scopes}
    script = Script(client, DIALECT, make_key(app, **limits)[1])
    ann = builders.make_person(app.workspace, "ann", phone=NUMBERS[0], email="old@x.example")
    to = {"phoneNumber": NUMBERS[0], "emailAddress": "new@x.example"}

    answer = script.call("POST", SEND, write_send(to, scenarioKey=scenario))

    ann.refresh_from_db()
    changed = AuditEntry.objects.filter(target_type="person", verb="update")
    assert answer.status_code == status
    assert ann.email == ("new@x.example" if status == 200 else "old@x.example")
    assert [entry.fields for entry in changed] == ([["email"]] if status == 200 else [])
    assert Transfer.objects.count() == (status == 200)


def test_a_scenario_without_a_push_begins_with_persons(script, sender, mails, now):
    key = read(script.call("POST", SCENARIOS, write_flow(sender, "EMAIL")))["key"]
    body = write_send({"emailAddress": "ann@x.example"}, scenarioKey=key, push=None)

    answer = script.call("POST", SEND, body)
    drain(now + timedelta(seconds=30))

    assert answer.status_code == 200
    assert [address for address, _mail in mails.mails] == ["ann@x.example"]
    assert find_channels(script)["m-0"][0] == "EMAIL"
    assert check_books().faults == []


@pytest.mark.parametrize("path", [SMS, OLD_SMS])
def test_an_sms_goes_to_numbers_that_nobody_had(script, routed, now, path):
    numbers = [{"to": number} for number in NUMBERS]
    message = {"destinations": numbers, "sender": "Shop", "from": "Shop", "text": "Hi",
               "content": {"text": "Hi", "transliteration": "TURKISH"}, "flash": True,
               "transliteration": "TURKISH", "options": {"flash": True}}  # fmt: skip

    answer = script.call("POST", path, {"messages": [message]})

    assert answer.status_code == 200
    assert {one["status"]["groupName"] for one in read(answer)["messages"]} == {"PENDING"}
    part = Part.objects.get()
    assert (part.kind, part.channel, part.sender, part.audience) == ("person", "sms", "Shop", 2)
    assert set(Person.objects.values_list("phone", flat=True)) == set(NUMBERS)
    drain(now + timedelta(seconds=30))
    assert Delivery.objects.count() == 2
    assert check_books().faults == []
    left = json.loads(Exchange.objects.get().request)["messages"][0]
    assert (left["content"], left["options"]["flash"]) == (
        {"transliteration": "TURKISH", "text": "Hi"}, True,
    )  # fmt: skip


def test_our_client_finds_an_sms_by_its_bulk_and_no_push_by_that_id(script, routed, connect):
    message = {"destinations": [{"to": "4915", "messageId": "m"}], "content": {"text": "Hi"}}
    bulk = {"schedule": {"bulkId": "b"}}
    script.call("POST", SMS, {"messages": [message], "options": bulk})
    client, led = connect(DIALECT)

    with led:
        known, unknown = (client.fetch_status(FetchStatus(client_key=key)) for key in ("b", "c"))
    logs = read(script.call("GET", "sms/3/logs?bulkId=b"))["results"]

    assert known.transfer == "b"
    assert unknown is None
    assert [row["destination"] for row in logs] == ["4915"]
    assert read(script.call("GET", "push/3/logs?bulkId=b"))["results"] == []
    assert read(script.call("GET", "sms/3/reports"))["results"] == []


def test_an_sms_that_no_app_can_send_is_told_per_number(script, app):
    message = {"destinations": [{"to": NUMBERS[0]}], "content": {"text": "Hi"}}

    answer = script.call("POST", SMS, {"messages": [message]})

    assert not Transfer.objects.exists()
    assert answer.status_code in (200, 400)


@pytest.mark.parametrize("number", ["1" * 21, "\0", "\ud800"])
def test_a_number_that_cannot_be_kept_leaves_nothing(script, routed, number):
    message = {"destinations": [{"to": number}], "content": {"text": "Hi"}}

    answer = script.call("POST", SMS, {"messages": [message]})

    assert answer.status_code < 500
    assert not Transfer.objects.exists()
    assert not Person.objects.exists()
