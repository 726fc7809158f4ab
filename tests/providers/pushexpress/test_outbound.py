"""One account at the vendor: what it is asked, and what its silence means."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from providers import http, registry
from providers.audience import Condition, Op
from providers.audience_calls import AppRow, AppRows, ListApps
from providers.commands import Command, PushPart, SendPush
from providers.message import PushMessage, Text
from providers.outcomes import Failure, Outcome, Reason, Refusal, RefusalKind
from providers.recipients import Audience, Targets
from providers.schedules import BindRecords, RecordRow, SaveRecord, SaveSchedule, ScheduleRow
from providers.simulator import Simulator, read_plan
from tests.vendor_cases.accounts import make_account
from tests.vendor_cases.conftest import simulator
from tests.vendor_cases.doors import DoorAdapter, entering_door

__all__ = ["simulator"]

DIALECT = registry.get("pushexpress")
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
GERMAN = Audience(expression=Condition("device.country", Op.EQ, "DE"))
MESSAGE = PushMessage(title="Hi", body="There", translations={"de": Text("Na", "Du")})


def make_push(**fields: Any) -> SendPush:
    values = {"parts": (PushPart(MESSAGE, audience=GERMAN),), "name": "News", "client_key": "17"}
    return SendPush(**values | fields)


def answer(command: Command) -> Any:
    match command:
        case SaveSchedule():
            records = tuple(make_record(record) for record in command.records)
            return ScheduleRow(
                id="7", name=command.name, body=command.body, is_enabled=True, created_at=NOW,
                records=records,
            )  # fmt: skip
        case SaveRecord():
            return make_record(command)
        case ListApps():
            return AppRows((AppRow(id="1", name="Shop", slug="shop"),))
    return None


def make_record(command: SaveRecord) -> RecordRow:
    return RecordRow(id="12", body=command.body, created_at=NOW, updated_at=NOW)


@pytest.fixture
def door() -> Iterator[DoorAdapter]:
    with entering_door(DIALECT, answer) as adapter:
        yield adapter


@pytest.fixture
def client() -> Any:
    return DIALECT.connect(make_account(DIALECT, "http://vendor.example"))


def test_the_check_lists_the_apps(client: Any, door: DoorAdapter) -> None:
    result = client.check()

    assert result.is_good
    assert "Shop" in result.words


def test_the_check_says_why_a_key_is_refused(client: Any) -> None:
    def refuse(command: Command) -> Any:
        raise Refusal(RefusalKind.UNAUTHENTICATED, "unauthorized")

    with entering_door(DIALECT, refuse):
        result = client.check()

    assert not result.is_good
    assert "unauthorized" in result.words


def test_a_send_is_one_call_that_is_written_before_anybody_is_called(
    client: Any, door: DoorAdapter
) -> None:
    request = client.write(make_push())
    before = list(door.bodies)
    receipt = client.send(request)

    [command] = door.commands
    assert before == []
    assert door.bodies == [request.body]
    assert (receipt.reference, receipt.outcome) == ("7", Outcome.ACCEPTED)
    assert (command.name, command.apps.apps) == ("News", ("1",))
    assert command.push.parts[0].message.translations == {"de": Text("Na", "Du")}
    assert json.loads(request.body)["filters"]["countries_include"] == ["DE"]
    assert "canary" not in repr(request)


@pytest.mark.parametrize("audience", [None, Audience()])
def test_without_an_audience_everybody_of_the_app_is_meant(client: Any, audience: Any) -> None:
    part = PushPart(MESSAGE, audience=audience)

    request = client.write(make_push(parts=(part,)))

    filters = json.loads(request.body)["filters"]
    assert filters == {
        "all_apps": False, "app_ids_include": [1], "all_countries": True, "all_languages": True,
        "all_audiences": True,
    }  # fmt: skip


def test_a_later_time_takes_three_calls_of_which_the_last_one_sends(
    client: Any, door: DoorAdapter
) -> None:
    due = datetime(2026, 12, 24, 9, 30, 59, tzinfo=UTC)

    receipt = client.send(client.write(make_push(due_at=due)))

    kinds = [type(command) for command in door.commands]
    assert kinds == [SaveSchedule, SaveRecord, BindRecords]
    assert door.commands[0].push.due_at == due.replace(second=0)
    assert door.commands[2] == BindRecords("7", "push", ("12",))
    assert receipt.reference == "7"


@pytest.mark.parametrize(
    ("refused", "was_sent"), [(SaveSchedule, False), (SaveRecord, False), (BindRecords, None)]
)
def test_a_later_time_was_certainly_not_sent_before_the_last_call(
    client: Any, refused: type, was_sent: Any
) -> None:
    def fail(command: Command) -> Any:
        if isinstance(command, refused):
            raise Refusal(RefusalKind.INTERNAL, "no")
        return answer(command)

    with entering_door(DIALECT, fail), pytest.raises(Failure) as told:
        client.send(client.write(make_push(due_at=NOW)))

    assert told.value.was_sent is was_sent


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"parts": (PushPart(MESSAGE, (Targets("pushexpress_ic_token", ("a",)),)),)},
         Reason.NOT_ADDRESSABLE),
        ({"parts": (PushPart(MESSAGE, audience=Audience(labels=("vip",))),)},
         Reason.NOT_ADDRESSABLE),
        ({"parts": (PushPart(MESSAGE, audience=GERMAN, only_primary=True),)},
         Reason.NOT_ADDRESSABLE),
        ({"parts": (PushPart(PushMessage(body="x"), audience=GERMAN),)}, Reason.PAYLOAD),
        ({"parts": (PushPart(PushMessage(title="x"), audience=GERMAN),)}, Reason.PAYLOAD),
        ({"parts": (PushPart(MESSAGE, audience=GERMAN),) * 2}, Reason.OURS),
        ({"wall_clock": "2026-12-24T09:00"}, Reason.OURS),
    ],
)  # fmt: skip
def test_what_a_call_cannot_carry_is_refused_before_it_is_made(
    client: Any, change: Any, reason: Reason
) -> None:
    with pytest.raises(Failure) as told:
        client.write(make_push(**change))

    assert (told.value.reason, told.value.is_permanent) == (reason, True)
    assert told.value.was_sent is False


def test_a_message_for_one_platform_goes_as_the_common_text(client: Any) -> None:
    resolved = MESSAGE.resolve(min(DIALECT.platforms), "de")
    push = make_push(parts=(PushPart(resolved, audience=GERMAN),))

    body = json.loads(client.write(push).body)["push"]

    assert body == {
        "default_lang": "en", "translations": [{"language": "en", "title": "Na", "text": "Du"}],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (RefusalKind.INVALID, Reason.PAYLOAD),
        (RefusalKind.UNAUTHENTICATED, Reason.CREDENTIAL),
        (RefusalKind.FORBIDDEN, Reason.CREDENTIAL),
        (RefusalKind.NOT_FOUND, Reason.PAYLOAD),
        (RefusalKind.THROTTLED, Reason.THROTTLED),
        (RefusalKind.INTERNAL, Reason.VENDOR),
    ],
)
def test_a_refusal_is_understood_as_what_it_means(
    client: Any, kind: RefusalKind, reason: Reason
) -> None:
    def refuse(command: Command) -> Any:
        raise Refusal(kind, "Words of the vendor")

    with entering_door(DIALECT, refuse), pytest.raises(Failure) as told:
        client.send(client.write(make_push()))

    assert told.value.reason is reason
    assert "Words of the vendor" in told.value.message
    assert told.value.was_sent is (None if reason is Reason.VENDOR else True)


@pytest.mark.parametrize(
    ("fault", "was_sent"),
    [
        ("accepted_answer_lost", None),
        ("accepted_504", None),
        ("accepted_500", None),
        ("error_503", None),
        ("silence:seconds=2", None),
        ("html", None),
        ("empty", None),
        ("missing_ids", None),
        ("wrong_types", None),
        ("error_400", True),
        ("error_429", True),
    ],
)
def test_whether_a_call_was_taken_is_never_guessed(
    simulator: Simulator, settings: Any, fault: str, was_sent: Any
) -> None:
    settings.CALL_SECONDS = 0.4 if fault.startswith("silence") else 20
    client = DIALECT.connect(make_account(DIALECT, simulator.url))
    simulator.follow(read_plan({"faults": [fault], "seed": 7}))

    with pytest.raises(Failure) as told:
        client.send(client.write(make_push()))

    assert told.value.was_sent is was_sent


def test_a_simulated_vendor_takes_every_call_and_knows_none_again(simulator: Simulator) -> None:
    client = DIALECT.connect(make_account(DIALECT, simulator.url))
    request = client.write(make_push())

    with http.recording() as exchanges:
        first, second = client.send(request), client.send(request)

    assert first.reference != second.reference
    assert [exchange.status for exchange in exchanges] == [201, 201]
    assert simulator.vendor.summarize()["accepted_calls"] == 2


def test_the_names_of_a_send_are_bounded(client: Any) -> None:
    push = replace(make_push(), name="x" * 300)

    assert len(json.loads(client.write(push).body)["name"]) == 255
