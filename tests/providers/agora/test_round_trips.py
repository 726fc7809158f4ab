"""What we write we can read, and what was read is written again, for every noun of the wire."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from providers.audience_calls import CreateLabel, FetchDevices, LabelRow, SaveDevice
from providers.inbound import Call
from providers.message import IosContent, PushMessage
from providers.outcomes import Outcome
from providers.recipients import PersonKind
from providers.reports import FetchDays
from providers.vendors.agora import (
    wire,
    wire_devices,
    wire_labels,
    wire_messages,
    wire_sends,
    wire_stats,
    wire_tokens,
)
from providers.vendors.agora.wire_errors import refuse_message
from providers.vendors.agora.wire_values import Block
from tests.providers.agora import strategies as some

PATH = {"org_name": "acme", "app_name": "shop"}


def make_call(body: Any = None, **path: str) -> Call:
    return Call(body=body, path={**PATH, **path})


def read_message(body: Any) -> PushMessage:
    return wire_messages.read_message(Block(body, "pushMessage", refuse_message))


@given(some.messages)
def test_a_message_is_read_as_it_was_written(message: PushMessage) -> None:
    plain = replace(message, channel="")

    assert read_message(wire_messages.write_message(plain)) == plain


@given(some.bodies)
def test_nothing_of_a_message_is_lost(body: dict[str, Any]) -> None:
    before = copy.deepcopy(body)

    written = wire_messages.write_message(read_message(body))

    assert written == body
    assert body == before


@given(some.pushes_to_users)
def test_a_send_to_users_is_read_as_it_was_written(push: Any) -> None:
    read = wire_sends.read_single(make_call(wire_sends.write_single(push)))

    assert (read.parts, read.app, read.kind) == (push.parts, "acme#shop", "")


@given(some.pushes_to_users)
def test_a_send_to_one_user_is_read_as_it_was_written(push: Any) -> None:
    name = push.parts[0].targets[0].values[0]

    read = wire_sends.read_sync(make_call(wire_sends.write_sync(push), target=name))

    assert read.parts[0].message == push.parts[0].message
    assert read.parts[0].targets[0].values == (name,)


@given(some.pushes_to_labels)
def test_a_send_to_labels_is_read_as_it_was_written(push: Any) -> None:
    read = wire_sends.read_labels(make_call(wire_sends.write_labels(push)))

    assert (read.parts, read.kind) == (push.parts, "task")


@given(some.pushes_to_all)
def test_a_send_to_everyone_is_read_as_it_was_written(push: Any) -> None:
    read = wire_sends.read_task(make_call(wire_sends.write_task(push)))

    assert (read.parts, read.kind) == (push.parts, "task")


@given(some.results)
def test_what_became_of_a_recipient_is_read_as_it_was_written(result: Any) -> None:
    read = wire_sends.read_status(wire_sends.write_status(result))

    if result.outcome is Outcome.ACCEPTED:
        assert read is None
    else:
        assert (read.outcome, read.reason) == (result.outcome, result.reason)


@given(some.accepted)
def test_the_id_of_a_task_is_read_as_it_was_written(accepted: Any) -> None:
    label = wire_sends.read_label_task(wire_sends.write_label_task(accepted))
    whole = wire_sends.read_whole_task(wire_sends.write_whole_task(accepted))

    assert label == whole == accepted


@given(some.statuses)
def test_the_state_of_a_task_is_told_by_a_word_of_the_table(status: Any) -> None:
    assert wire_sends.write_task_status(status)["status"] == wire_sends.STATES[status.state]


@given(some.labels, st.text(some.letters, max_size=20))
def test_a_new_label_is_read_as_it_was_written(name: str, description: str) -> None:
    command = CreateLabel("acme#shop", name, description)

    assert wire_labels.read_create_label(make_call(wire_labels.write_create_label(command))) == (
        command
    )


@given(some.label_rows)
def test_a_label_is_read_as_it_was_written(row: LabelRow) -> None:
    bare = wire_labels.write_label(row, has_count=False)

    assert wire_labels.read_label(wire_labels.write_label(row)) == row
    assert wire_labels.read_label(bare) == replace(row, count=0)


@given(some.label_pages, some.member_pages)
def test_pages_are_read_as_they_were_written(labels: Any, members: Any) -> None:
    label_body = wire.write_envelope(wire_labels.write_labels(labels), 0, labels.cursor)
    member_body = wire.write_envelope(wire_labels.write_member_rows(members), 0, members.cursor)

    assert wire_labels.read_labels(label_body) == labels
    assert wire_labels.read_member_rows(member_body) == members


@given(st.text(some.letters, max_size=30))
def test_a_cursor_is_read_as_it_was_written(cursor: str) -> None:
    call = Call(query={"cursor": wire_labels.write_cursor(cursor)})

    assert wire_labels.read_cursor(call) == cursor


@given(some.member_rows, some.changes)
def test_members_are_read_as_they_were_written(row: Any, changed: Any) -> None:
    assert wire_labels.read_member(wire_labels.write_member(row)) == row
    written = wire_labels.write_members_changed(changed)
    assert wire_labels.read_members_changed(written) == changed


@given(st.lists(some.users, min_size=1, max_size=5, unique=True).map(tuple))
def test_names_of_members_are_read_as_they_were_written(names: tuple[str, ...]) -> None:
    call = make_call(wire_labels.write_members(names), label="a")

    assert wire_labels.read_add_members(call).add == names
    assert wire_labels.read_remove_members(call).remove == names


@given(some.bindings)
def test_a_binding_is_read_as_it_was_written(device: SaveDevice) -> None:
    call = make_call(wire_devices.write_binding(device), user=device.external_user_id)

    assert wire_devices.read_binding(call) == device
    assert wire_devices.read_fetch_bindings(call) == FetchDevices(
        "acme#shop", PersonKind.EXTERNAL_USER_ID, (device.external_user_id,)
    )


@given(some.device_rows)
def test_a_bound_device_is_read_as_it_was_written(row: Any) -> None:
    said = {"entities": wire_devices.write_bindings(row)}
    body = wire.write_long_envelope(make_call(user="u"), wire_devices.BINDING_PATH, said, 0, "GET")

    assert wire_devices.read_bindings(body) == (
        {
            "device_id": row.ids[wire_devices.DEVICE_KIND],
            "device_token": row.token,
            "notifier_name": row.attributes[wire_devices.NOTIFIER],
        },
    )


@given(some.days, some.days, st.sampled_from(["", *wire_stats.PLATFORMS]))
def test_days_that_are_asked_for_are_read_as_they_were_written(
    one: Any, other: Any, platform: str
) -> None:
    first, last = sorted((one, other))
    command = FetchDays(app="acme#shop", date_from=first, date_to=last, platform=platform)
    begin, end = wire_stats.write_stats_path(command).split("/")[-3::2]
    call = Call(
        path={**PATH, "begin": begin, "end": end}, query=wire_stats.write_stats_query(command)
    )

    assert wire_stats.read_fetch_days(call) == command


@given(some.day_reports())
def test_counts_are_read_as_they_were_written(days: Any) -> None:
    read = wire_stats.read_days(wire_stats.write_days(days))

    assert sorted(read.rows, key=lambda row: (row.day, row.platform)) == list(days.rows)


@given(some.issue_tokens, some.tokens)
def test_a_tokens_call_and_answer_are_read_as_they_were_written(command: Any, token: Any) -> None:
    body = wire_tokens.write_issue_token(command)

    assert wire_tokens.read_issue_token(make_call(body), "acme#shop") == command
    assert wire_tokens.read_token(wire_tokens.write_token(token)) == token


def test_a_channel_is_a_strategy_and_back() -> None:
    for channel in ("", *wire_sends.STRATEGIES):
        message = PushMessage(title="a", body="b", ios=IosContent(badge=1), channel=channel)
        body = wire_sends.write_push(message)
        assert body.get("strategy") == wire_sends.STRATEGIES.get(channel)
        assert wire_sends.read_push(Block(body)) == message
