"""What is written is read back to an equal value, for every noun of the wire."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from providers.inbound import Call
from providers.message import Text
from providers.outcomes import Refusal, RefusalKind
from providers.recipients import Audience
from providers.schedules import RecordRow, ScheduleRow
from providers.vendors.pushexpress import (
    wire,
    wire_apps,
    wire_devices,
    wire_errors,
    wire_filters,
    wire_pushes,
    wire_sends,
)
from providers.vendors.pushexpress.wire_values import Block
from tests.providers.pushexpress import strategies as own


@given(push=own.pushes())
def test_a_push_is_kept_as_it_was_written(push: dict[str, Any]) -> None:
    kept = wire_pushes.read_push(Block(push))

    assert kept == push
    assert wire_pushes.write_push(wire_pushes.read_message(kept), "xx") == push


@given(message=own.messages)
def test_a_message_is_read_as_it_was_written(message: Any) -> None:
    read = wire_pushes.read_message(
        wire_pushes.read_push(Block(wire_pushes.write_push(message, "en")))
    )

    assert (read.title, read.body, read.translations) == (
        message.title, message.body, message.translations,
    )  # fmt: skip
    assert read.extras == {"pushexpress": {"default_lang": "en"}}


@given(audience=own.audiences(), app=own.numbers)
def test_an_audience_is_read_as_it_was_written(audience: Audience, app: str) -> None:
    filters = wire_filters.read_filters(Block(wire_filters.write_filters(audience, app)))

    assert filters.audience == audience
    assert filters.apps.apps == (app,)


@given(filters=own.filters())
def test_filters_are_read_alike_flat_and_nested_and_kept_as_they_are(filters: Any) -> None:
    flat = wire_filters.read_filters(Block(filters))
    nested = wire_filters.read_filters(Block({"filters": filters}).take_block("filters"))
    without = {name: value for name, value in filters.items() if value is not None}

    assert flat == nested == wire_filters.read_filters(Block(without))
    assert wire_filters.keep_filters(Block({**filters, "name": "x"})) == filters


@given(filters=own.filters(), push=own.pushes(), name=own.texts)
def test_a_sending_at_once_is_read_as_it_was_written(
    filters: Any, push: dict[str, Any], name: str
) -> None:
    command = wire_sends.read_instant(Call(body=wire_sends.write_instant(name, filters, push)))

    assert (command.name, command.body) == (name, {"name": name, **filters})
    assert [record.body for record in command.records] == [push]
    assert command.push.parts[0].message == wire_pushes.read_message(push)


@given(moment=own.moments, filters=own.filters(), name=own.texts)
def test_a_one_time_sending_is_read_as_it_was_written(
    moment: datetime, filters: Any, name: str
) -> None:
    body = wire_sends.write_onesend(name, filters, moment)

    command = wire_sends.read_onesend(Call(body=body))

    assert command.push.due_at == moment.replace(second=0, microsecond=0)
    # What is null is not set.
    assert command.body == body


@given(
    wall=st.datetimes(datetime(2026, 1, 1), datetime(2099, 1, 1)),
    minutes=st.integers(-14 * 60, 14 * 60),
)
def test_any_offset_means_its_instant(wall: datetime, minutes: int) -> None:
    sign = "-" if minutes < 0 else "+"
    offset = f"{sign}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"
    body = {
        "name": "x", "all_apps": True, "date": wall.strftime("%Y-%m-%d"),
        "time": wall.strftime("%H-%M"), "timezone": offset,
    }  # fmt: skip

    command = wire_sends.read_onesend(Call(body=body))

    expected = wall.replace(second=0, microsecond=0, tzinfo=UTC) - timedelta(minutes=minutes)
    assert command.push.due_at == expected


@given(row=own.records)
def test_ids_of_translations_are_their_pushs_own(row: RecordRow) -> None:
    listed = wire_pushes.list_translations(row)

    assert len({item["id"] for item in listed}) == len(row.body["translations"])
    assert all(item["id"] < 2**53 for item in listed)
    assert {item["id"] // wire_pushes.PER_PUSH for item in listed} == {int(row.id)}
    fetched = wire_pushes.write_fetched(row, Call()).body
    assert wire_pushes.read_push(Block(fetched)) == row.body
    assert fetched["active"] is not row.is_archived


@given(number=own.numbers, rows=st.lists(own.numbers, max_size=3, unique=True))
def test_a_binding_is_read_in_each_of_its_forms(number: str, rows: list[str]) -> None:
    path = {"sched_type": "onesend", "schedule": number}
    ids = [int(row) for row in rows]

    read = [
        wire_sends.read_bind(Call(body=body, path=path))
        for body in ({"pushes": ids}, {"push_ids": ids}, ids)
    ]

    assert [(item.schedule, item.records) for item in read] == [(number, tuple(rows))] * 3
    one = wire_sends.read_bind(Call(body=wire_sends.write_bind(number), path=path))
    assert one.records == (number,)


@given(rows=st.lists(own.apps, max_size=3))
def test_apps_are_named_as_they_were_listed(rows: list[Any]) -> None:
    items = [wire_apps.write_app(row) for row in rows]

    names = tuple(row.name for row in rows)
    assert wire_apps.read_apps({"apps": items}) == wire_apps.read_apps(items) == names


@given(row=own.groups)
def test_an_app_group_says_its_apps_as_numbers(row: Any) -> None:
    body = wire_apps.write_group(row)

    assert (str(body["id"]), body["name"]) == (row.id, row.name)
    assert tuple(map(str, body["app_ids"])) == row.apps


@given(row=own.devices)
def test_a_device_calls_itself_by_what_it_was_answered(row: Any) -> None:
    body = wire_devices.write_registered(row, Call()).body
    path = {"app": "a" * 32, "instance": body["id"]}

    command = wire_devices.read_update(Call(body={}, path=path))

    assert (command.kind, command.id) == (wire_devices.IC_KIND, row.ids[wire_devices.IC_KIND])
    masked = wire_devices.write_instance(row)["transport_token_masked"]
    assert len(row.token) < 9 or row.token not in masked


@given(words=own.texts)
def test_words_of_an_error_are_read_as_they_were_written(words: str) -> None:
    reply = wire_errors.write_refusal(Refusal(RefusalKind.FORBIDDEN, words))

    assert words in wire_errors.read_error_words(reply.body)
    assert reply.body["req_id"] in wire_errors.read_error_words(reply.body)


@given(key=st.text("abc.012", min_size=1))
def test_a_key_is_read_as_it_was_written(key: str) -> None:
    headers = {name.lower(): value for name, value in wire.write_headers(key).items()}

    assert wire.read_authorization(Call(headers=headers)).key == key


def test_a_text_of_the_default_language_wins_over_the_common_one() -> None:
    message = wire_pushes.read_message(
        {"default_lang": "de", "translations": [
            {"language": "de", "title": "T", "text": "W"},
            {"language": "en", "title": "E", "text": "X"},
        ]}
    )  # fmt: skip

    assert (message.title, message.translations) == ("T", {"en": Text("E", "X")})


def test_a_kept_sending_plans_only_its_active_pushes() -> None:
    now = datetime(2026, 11, 20, tzinfo=UTC)
    push = {"default_lang": "en", "translations": [{"language": "en", "title": "T", "text": "W"}]}
    records = tuple(
        RecordRow(id=str(place), body=push, is_archived=place == 1, created_at=now, updated_at=now)
        for place in range(3)
    )
    body = {"name": "x", "all_apps": True}
    row = ScheduleRow(id="1", name="x", body=body, is_enabled=True, created_at=now, records=records)

    planned = wire_sends.plan_schedule(row)

    assert len(planned.push.parts) == 2
    assert planned.apps.is_all
