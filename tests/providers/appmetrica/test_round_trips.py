"""Whatever we write to the vendor, our own door reads to the same value, and back."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given

from providers.commands import (
    Accepted,
    CreateGroup,
    FetchStatus,
    GroupRow,
    GroupRows,
    ListGroups,
    SendPush,
    TransferStatus,
    UpdateGroup,
)
from providers.inbound import Call
from providers.message import AndroidContent, IosContent
from providers.reports import FetchReport, ReportTable
from providers.vendors.appmetrica import (
    wire,
    wire_filters,
    wire_messages,
    wire_query,
    wire_report,
    wire_sends,
    wire_status,
)
from providers.vendors.appmetrica.wire_values import Block

from . import strategies


def travel(body: Any) -> Any:
    """A body as the other side gets it."""
    return json.loads(json.dumps(body))


@given(strategies.android_blocks)
def test_an_android_block_comes_back(android: AndroidContent) -> None:
    body = travel(wire_messages.write_android(android))

    assert wire_messages.read_android(Block(body)) == android


@given(strategies.ios_blocks)
def test_an_ios_block_comes_back(ios: IosContent) -> None:
    body = travel(wire_messages.write_ios(ios))

    assert wire_messages.read_ios(Block(body)) == ios


@given(strategies.pushes)
def test_a_send_comes_back(push: SendPush) -> None:
    body = travel(wire_sends.write_send(push))

    assert wire_sends.read_send(Call(body=body)) == push


@given(strategies.accepted)
def test_an_accepted_send_comes_back(accepted: Accepted) -> None:
    body = travel(wire_sends.write_accepted(accepted))

    assert wire_sends.read_accepted(body) == accepted


@given(strategies.groups)
def test_a_group_comes_back(group: GroupRow) -> None:
    body = travel(wire.write_group_reply(group))

    assert wire.read_group_reply(body) == group


@given(strategies.groups, strategies.groups)
def test_a_list_of_groups_comes_back(first: GroupRow, second: GroupRow) -> None:
    rows = GroupRows((first, second))

    body = travel(wire.write_groups(rows))

    assert wire.read_groups(body) == rows


@given(strategies.new_groups)
def test_a_new_group_comes_back(command: CreateGroup) -> None:
    body = travel(wire.write_create_group(command))

    assert wire.read_create_group(Call(body=body)) == command


@given(strategies.changed_groups)
def test_a_changed_group_comes_back(command: UpdateGroup) -> None:
    body = travel(wire.write_update_group(command))

    assert wire.read_update_group(Call(body=body, path={"group": command.group})) == command


@given(strategies.numbers)
def test_the_question_for_groups_comes_back(app: str) -> None:
    query = wire.write_list_groups(ListGroups(app))

    assert wire.read_list_groups(Call(query=query)) == ListGroups(app)


@given(strategies.statuses)
def test_a_status_comes_back(status: TransferStatus) -> None:
    body = travel(wire_status.write_status(status))

    assert wire_status.read_status(body) == status


@given(strategies.numbers, strategies.numbers)
def test_the_question_for_a_status_comes_back(group: str, key: str) -> None:
    path = wire_status.write_status_path(FetchStatus(group=group, client_key=key))

    *_, group_text, key_text = path.split("/")
    call = Call(path={"group": group_text, "client_transfer": key_text})
    assert wire_status.read_fetch_client_status(call) == FetchStatus(group=group, client_key=key)


@given(strategies.expressions)
def test_a_filter_comes_back(expression: Any) -> None:
    text = wire_filters.write_filters(expression)

    assert wire_filters.read_filters(text) == expression


@given(strategies.reports())
def test_the_question_for_a_report_comes_back(command: FetchReport) -> None:
    query = wire_query.write_fetch_report(command)
    reads = {False: wire_query.read_table_query, True: wire_query.read_drilldown_query}

    found = reads[command.is_drilldown](Call(query=query))

    asked = {"filters": query.get("filters", "")}
    assert found == FetchReport(**{**_list_fields(command), "asked": asked})


@given(strategies.tables())
def test_a_report_comes_back(table: ReportTable) -> None:
    body = travel(wire_report.write_report(table).body)

    assert wire_report.read_report(table.command, body) == table


def _list_fields(command: FetchReport) -> dict[str, Any]:
    return {name: getattr(command, name) for name in command.__slots__}
