"""The vendor's page on sending at once, and the samples of the pages that it points to."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from string import Template
from typing import Any

import pytest

from providers import registry
from providers.audience_calls import CheckIn, DeviceRow, ReportEvent, SaveDevice
from providers.commands import Done
from providers.inbound import Call
from providers.message_fields import Platform
from providers.outcomes import Refusal, RefusalKind
from providers.receipts import ReceiptKind
from providers.routing import find_route
from providers.schedules import RecordRow, SaveRecord, SaveSchedule, ScheduleRow
from providers.vendors.pushexpress import wire, wire_errors, wire_pushes, wire_sends
from tests.fixtures.pushexpress import (
    CHECKSUM,
    INSTANT,
    SUBSTITUTIONS,
    World,
    read_calls,
    read_document,
    read_error,
    read_examples,
    read_parameters,
)

DIALECT = registry.get("pushexpress")
EXAMPLES = read_examples()
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
UUID = "2f0a7c86-5f0e-4f2a-9f4e-0f6d6a2b9c11"
APP = "0123456789abcdef0123456789abcdef"


def read(name: str) -> Any:
    """What our door reads of an example."""
    example = EXAMPLES[name]
    route, pieces = find_route(DIALECT.routes, example["method"], fill(example["path"]))
    return route.read(Call(body=example["call"], path=pieces))


def answer(name: str, result: Any) -> tuple[int, Any]:
    example = EXAMPLES[name]
    route, pieces = find_route(DIALECT.routes, example["method"], fill(example["path"]))
    reply = route.write(result, Call(body=example["call"], path=pieces))
    return reply.status, reply.body


def fill(path: str) -> str:
    return path.format(app=APP, instance=UUID)


def make_record(body: Any, number: str = "12345") -> RecordRow:
    return RecordRow(id=number, body=body, created_at=NOW, updated_at=NOW)


def make_row(command: SaveSchedule) -> ScheduleRow:
    records = tuple(make_record(record.body) for record in command.records)
    return ScheduleRow(
        id="7", name=command.name, body=command.body, is_enabled=True, created_at=NOW,
        records=records,
    )  # fmt: skip


def test_the_document_is_unchanged() -> None:
    assert sha256(INSTANT.read_bytes()).hexdigest() == CHECKSUM


def test_only_the_listed_places_differ_from_the_document() -> None:
    marks = World(
        base="\x01b", key="\x01k", sched_type="\x01t", sched_id="\x01i", words="\x01w",
        req_id="\x01r",
    )  # fmt: skip
    text = read_document(marks)

    for item in SUBSTITUTIONS:
        mark = Template(item.new).substitute(asdict(marks))
        assert text.count(mark) == item.count
        text = text.replace(mark, item.old)

    assert text == INSTANT.read_text(encoding="utf-8")


def test_the_two_calls_of_the_document_have_routes() -> None:
    found = [
        find_route(DIALECT.routes, method, address.removeprefix(f"{World().base}/"))
        for method, address in read_calls()
    ]

    assert [route.path for route, _pieces in found] == [wire.INSTANT_PATH, wire.BIND_PATH]
    assert found[1][1] == {"sched_type": "onesend", "schedule": "1"}


def test_the_header_of_the_document_is_understood_and_written() -> None:
    line = f'"Authorization: {wire.write_authorization("k3y")}"'

    credentials = wire.read_authorization(Call(headers={"authorization": "Bearer k3y"}))

    assert line in read_document()
    assert credentials.key == "k3y"


def test_the_fields_of_the_document_are_those_of_the_call_and_the_answer() -> None:
    parameters = read_parameters()
    asked, told = parameters[:3], parameters[3:]

    command = read("instant")
    _status, body = answer("instant", make_row(command))

    assert asked == [
        ("name", True, "string"),
        ("filters", True, "object"),
        ("push", True, "object"),
    ]
    assert [(name, kind) for name, _must, kind in told] == [
        ("sched_id", "int"), ("push_id", "int"), ("translations", "object"),
    ]  # fmt: skip
    assert list(body) == [name for name, _must, _kind in told]


@pytest.mark.parametrize("name", ["name", "filters", "push"])
def test_what_the_document_requires_is_required(name: str) -> None:
    body = {key: value for key, value in EXAMPLES["instant"]["call"].items() if key != name}

    with pytest.raises(Refusal) as told:
        wire_sends.read_instant(Call(body=body))

    assert told.value.field == name
    assert wire_errors.write_refusal(told.value).body["error"] == (
        f"validation error: {name}: is required"
    )


def test_the_error_of_the_document_is_what_we_write_and_read() -> None:
    refusal = Refusal(RefusalKind.INVALID, "is required", field="name")
    refusal.request_id = World().req_id

    reply = wire_errors.write_refusal(refusal)

    assert (reply.status, reply.body, reply.content_type) == (
        400, read_error(), "application/json",
    )  # fmt: skip
    assert wire_errors.read_error_words(read_error()) == (
        "validation error: name: is required (req_id 0f)"
    )


@pytest.mark.parametrize(
    ("kind", "status"),
    [("invalid", 400), ("unauthenticated", 401), ("forbidden", 403), ("not_found", 404)],
)
def test_the_statuses_of_the_document_are_ours(kind: str, status: int) -> None:
    assert wire_errors.write_refusal(Refusal(RefusalKind(kind), "No")).status == status
    assert f"{status} " in read_document()


def test_at_once_is_two_minutes_later_as_the_document_says() -> None:
    planned = wire_sends.plan_schedule(make_row(read("instant")))

    assert planned.push.due_at == NOW + timedelta(minutes=2)
    assert "due moment 2 minutes after request" in read_document()


def test_the_example_of_a_sending_at_once_is_read_answered_and_written() -> None:
    example = EXAMPLES["instant"]

    command = read("instant")
    row = make_row(command)
    fetched = wire_sends.write_fetched(row, Call()).body
    message = wire_pushes.read_message(command.records[0].body)

    assert answer("instant", row) == (201, example["answer"])
    assert wire_sends.read_sent(example["answer"]).reference == "7"
    # Kept flat, with the time that it was given.
    times = {"date": "2026-11-20", "time": "12:02", "local_time": False, "timezone": "+00:00"}
    filters = example["call"]["filters"]
    assert fetched == {"name": "Scheduler name", **filters, **times, "id": 7, "pushes": [12345]}
    written = wire_sends.write_instant(command.name, filters, wire_pushes.write_push(message, "xx"))
    assert written == example["call"]


def test_the_example_of_a_one_time_sending_is_read_answered_and_echoed() -> None:
    example = EXAMPLES["onesend"]

    command = read("onesend")
    row = make_row(command)

    assert command.push.due_at == datetime(2026, 12, 24, 12, 4, tzinfo=UTC)
    assert answer("onesend", row) == (201, example["answer"])
    assert wire_sends.write_fetched(row, Call()).body == {**example["call"], "id": 7, "pushes": []}


def test_the_example_of_a_push_is_read_answered_and_written() -> None:
    example = EXAMPLES["push"]

    command = read("push")
    message = wire_pushes.read_message(command.body)

    assert command == SaveRecord(kind="push", body=example["call"])
    assert answer("push", make_record(command.body)) == (201, example["answer"])
    assert wire_pushes.write_push(message, "xx") == example["call"]


def test_the_example_of_an_event_is_read_and_answered() -> None:
    command = read("event")

    assert command == SaveRecord(kind="event", body=EXAMPLES["event"]["call"])
    assert answer("event", make_record(command.body, "9")) == (201, EXAMPLES["event"]["answer"])


def test_the_examples_of_a_device_are_read_and_answered() -> None:
    row = DeviceRow(id=5, platform="android", ids={"pushexpress_ic_token": UUID}, is_new=True)
    base = SaveDevice(app=APP, kind="pushexpress_ic_token", id=UUID, external_user_id="ann")

    assert read("register") == CheckIn(APP, "pushexpress_ic_token", UUID)
    assert read("update") == replace(
        base,
        platform=Platform.ANDROID,
        transport="fcm",
        token="fcm-token-0123456789",
        values={
            "language": "en-US", "country": "US", "timezone": "Etc/GMT-3",
            "notifications_enabled": True,
        },
        attributes={"plan": "gold"},
    )  # fmt: skip
    assert read("notification") == ReportEvent(APP, "1.2.3.abc", ReceiptKind.DELIVERED)
    for name, result in (("register", row), ("update", row), ("notification", Done())):
        assert answer(name, result) == (EXAMPLES[name]["status"], EXAMPLES[name]["answer"])
