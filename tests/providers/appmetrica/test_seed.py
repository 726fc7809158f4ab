"""The vendor's own use cases: our door reads each call and writes each answer."""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256

import pytest

from providers import registry
from providers.commands import (
    Accepted,
    CreateGroup,
    Fault,
    FaultKind,
    FetchStatus,
    GroupRow,
    TransferState,
    TransferStatus,
)
from providers.inbound import Call, Route
from providers.message_fields import Platform
from providers.reports import Cell, FetchReport, Metric, ReportField, ReportRow, ReportTable
from providers.vendors.appmetrica import wire, wire_report, wire_sends, wire_status
from tests.fixtures.appmetrica import (
    CHECKSUM,
    NUMBERS,
    PLACEHOLDER,
    SUBSTITUTIONS,
    USE_CASES,
    Example,
    World,
    list_blocks,
    read_blocks,
    read_examples,
)

EXAMPLES = read_examples()
ROUTES: dict[str, Route] = {
    f"{route.method} {route.path}": route for route in registry.get("appmetrica").routes
}


def make_call(example: Example, **path: str) -> Call:
    return Call(body=example.body, path=path, query=example.query, headers=example.headers)


def test_the_document_is_unchanged() -> None:
    assert sha256(USE_CASES.read_bytes()).hexdigest() == CHECKSUM


def test_only_the_listed_places_differ_from_the_document() -> None:
    marks = World(
        app_id=PLACEHOLDER,
        group_id=PLACEHOLDER,
        transfer_id=PLACEHOLDER,
        token="\x01t",
        push_url="\x01p",
        report_url="\x01r",
        ios_ifa="\x01i",
        google_aid="\x01g",
    )
    text = "\x00".join(read_blocks(marks))

    for item in SUBSTITUTIONS[:5]:
        text = text.replace(getattr(marks, item.new.removeprefix("$")), item.old)
    for item in SUBSTITUTIONS[5:7]:
        text = text.replace(item.new, item.old)

    assert text + "...\n" == "\x00".join(list_blocks(USE_CASES.read_text(encoding="utf-8")))
    assert len(NUMBERS) == text.count(PLACEHOLDER)


@pytest.mark.parametrize("name", list(EXAMPLES))
def test_every_example_shows_a_key_that_is_understood(name: str) -> None:
    credentials = wire.read_authorization(make_call(EXAMPLES[name]))

    assert credentials.key == World().token


def test_the_group_example_is_read_and_answered() -> None:
    example = EXAMPLES["create_group"]
    route = ROUTES[f"{example.method} {example.path}"]

    command = route.read(make_call(example))
    reply = route.write(GroupRow("2", "1", "the_name_of_the_group", 5000), Call())

    assert command == CreateGroup("1", "the_name_of_the_group", None)
    assert reply.status == 200
    # The seed's answer has no rate; ours always says it.
    assert reply.body["group"].pop("send_rate") == 5000
    assert reply.body == example.answer


def test_the_send_example_is_read_field_by_field() -> None:
    example = EXAMPLES["send"]

    push = ROUTES[f"{example.method} {example.path}"].read(make_call(example))

    (part,) = push.parts
    assert (push.group, push.tag, push.client_key) == ("2", "some_tag", "")
    assert [(item.kind, item.values) for item in part.targets] == [
        ("ios_ifa", (World().ios_ifa,)),
        ("google_aid", (World().google_aid,)),
    ]
    android, ios = part.message.android, part.message.ios
    assert (android.title, android.body) == ("Sample android title", "Sample android text")
    assert (android.priority, android.vibration, android.silent) == (-2, (0, 500), False)
    assert (ios.title, ios.body, ios.badge, ios.sound) == (None, "Sample iOS text", 0, "disable")


def test_the_send_example_has_nothing_that_fails_later() -> None:
    push = wire_sends.read_send(make_call(EXAMPLES["send"]))

    assert wire_sends.find_faults(push) == ()


def test_the_send_example_is_written_as_it_stands_but_for_the_badge() -> None:
    example = EXAMPLES["send"]
    push = wire_sends.read_send(make_call(example))

    body = wire_sends.write_send(push)

    expected = example.body
    content = expected["push_batch_request"]["batch"][0]["messages"]["iOS"]["content"]
    content["badge"] = int(content["badge"])  # the reference says a number
    assert body == expected


def test_the_send_example_is_answered() -> None:
    example = EXAMPLES["send"]

    reply = ROUTES[f"{example.method} {example.path}"].write(Accepted("99"), Call())

    assert (reply.status, reply.body) == (200, example.answer)
    assert wire_sends.read_accepted(example.answer) == Accepted("99")


def test_the_status_example_is_read_and_answered() -> None:
    example = EXAMPLES["status"]
    route = ROUTES["GET push/v1/status/{transfer}"]
    fault = Fault(FaultKind.CREDENTIALS, Platform.ANDROID.value)
    status = TransferStatus(
        transfer="99",
        group="2",
        tag="some_tag",
        state=TransferState.FAILED,
        created_at=datetime.fromisoformat("2017-11-03T18:29:25+03:00"),
        faults=(fault,),
    )

    command = route.read(make_call(example, transfer=example.path.rsplit("/", 1)[1]))
    reply = route.write(status, Call())

    assert command == FetchStatus(transfer="99")
    assert (reply.status, reply.body) == (200, example.answer)
    assert wire_status.read_status(example.answer) == status


def test_the_report_example_is_read_and_its_row_answered() -> None:
    example = EXAMPLES["report"]
    route = ROUTES[f"{example.method} {example.path}"]

    command = route.read(make_call(example))
    cells = (Cell("the_name_of_the_group", "1"), Cell("some_tag"), Cell("99"))
    reply = route.write(make_table(command, ReportRow(cells, (1.0,))), Call())

    assert command == FetchReport(
        apps=("1",),
        metrics=(Metric.USERS,),
        dimensions=(ReportField.GROUP, ReportField.TAG, ReportField.TRANSFER),
        date_from="today",
        date_to="today",
        sort=(("users", True),),
        limit=10,
        asked={"filters": ""},
    )
    assert reply.status == 200
    assert reply.body["data"] == example.answer["data"]
    assert wire_report.read_report(command, reply.body).rows == (ReportRow(cells, (1.0,)),)


def make_table(command: FetchReport, *rows: ReportRow) -> ReportTable:
    return ReportTable(
        command=command,
        rows=rows,
        total_rows=len(rows),
        totals=(1.0,),
        minima=(1.0,),
        maxima=(1.0,),
        date_from="2026-11-20",
        date_to="2026-11-20",
    )
