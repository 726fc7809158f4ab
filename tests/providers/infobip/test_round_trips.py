"""Whatever we write to the vendor, our own door reads to the same value, and back."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from hypothesis import given

from providers.audience import Expression
from providers.audience_calls import AppRow, AppRows
from providers.commands import Accepted, AcceptedMany, AcceptedTarget, SendPush, SendPushes, Token
from providers.inbound import Call
from providers.message import PushMessage
from providers.outcomes import Outcome
from providers.reports import FetchOutcomes, OutcomeRow, OutcomeRows
from providers.scenarios import ListScenarios, SaveScenario, ScenarioRow, SendByScenario, SendTexts
from providers.vendors.infobip import (
    wire_auth,
    wire_dates,
    wire_destinations,
    wire_filters,
    wire_messages,
    wire_omni,
    wire_reports,
    wire_scenarios,
    wire_sends,
    wire_sends_v2,
    wire_sms,
    wire_statuses,
)
from providers.vendors.infobip.wire_values import Block

from . import strategies


def travel(body: Any) -> Any:
    """A body as the other side gets it."""
    return json.loads(json.dumps(body))


@given(strategies.moments)
def test_a_moment_comes_back(moment: Any) -> None:
    assert wire_dates.read_date(wire_dates.write_date(moment)) == moment


@given(strategies.filters())
def test_a_filter_comes_back(expression: Expression) -> None:
    body = travel(wire_filters.write_filter(expression))

    assert wire_filters.read_filter(body.get("$or"), body.get("$and")) == expression


@given(strategies.messages())
def test_a_message_comes_back(message: PushMessage) -> None:
    body = travel(wire_messages.write_content(message))

    assert wire_messages.read_content(Block(body)) == message


@given(strategies.messages())
def test_a_message_of_the_older_call_comes_back(message: PushMessage) -> None:
    body = travel(wire_messages.write_old(message))

    assert wire_messages.read_old(Block(body)) == message


@given(strategies.parts())
def test_destinations_come_back(parts: Any) -> None:
    written = [item for part in parts for item in wire_destinations.write_destinations(part)]

    found = wire_destinations.read_destinations(Block({"destinations": travel(written)}))

    assert wire_destinations.build_parts(parts[0].message, found) == parts


@given(strategies.many)
def test_a_send_comes_back(command: SendPushes) -> None:
    body = travel(wire_sends.write_send(command))

    assert wire_sends.read_send(Call(body=body)) == command


@given(strategies.old_pushes())
def test_a_send_of_the_older_call_comes_back(push: SendPush) -> None:
    body = travel(wire_sends_v2.write_single(push))

    command = wire_sends_v2.read_single(Call(body=body))

    assert command.pushes == (replace(push, client_key=command.client_key),)
    assert len(command.client_key) == 20


@given(strategies.old_pushes(), strategies.old_pushes())
def test_several_sends_of_the_older_call_come_back(first: SendPush, second: SendPush) -> None:
    body = travel(wire_sends_v2.write_multi(SendPushes((first, second))))

    found = wire_sends_v2.read_multi(Call(body=body)).pushes

    assert [replace(push, client_key="") for push in found] == [first, second]


@given(strategies.statuses)
def test_a_status_is_read_by_its_group(number: int) -> None:
    said = wire_statuses.read_said(travel(wire_statuses.write_status(number)))

    group = wire_statuses.STATUSES[number].group
    known = {1: {None, Outcome.ACCEPTED}, 3: {Outcome.ACCEPTED, Outcome.DELIVERED}}
    late = {Outcome.EXPIRED, Outcome.UNKNOWN}
    lost = {Outcome.FAILED, Outcome.ACCEPTED}
    assert said.outcome in (known.get(group) or (late if group == 4 else lost))


@given(strategies.pushes)
def test_an_answer_comes_back(push: SendPush) -> None:
    command = SendPushes((push,), "bulk")
    call = Call(body=travel(wire_sends.write_send(command)))
    answer = AcceptedMany(entries=(Accepted("9"),), client_key="bulk")

    body = travel(wire_sends.write_sent(answer, call).body)
    receipt = wire_sends.read_sent(body, [item["messageId"] for item in body["messages"]])

    assert (receipt.reference, receipt.results) == ("bulk", ())
    assert len(body["messages"]) == count_destinations(command)


def count_destinations(command: SendPushes) -> int:
    parts = [part for push in command.pushes for part in push.parts]
    named = sum(len(targets.values) for part in parts for targets in part.targets)
    return named + sum(part.audience is not None for part in parts)


@given(strategies.rows())
def test_a_report_comes_back(row: OutcomeRow) -> None:
    body = travel(wire_reports.write_row(row, wire_reports.REPORT))

    found = wire_reports.read_row(body, wire_reports.REPORT)

    assert replace(found, words="") == replace(row, text="")


@given(strategies.rows())
def test_a_log_comes_back(row: OutcomeRow) -> None:
    call = Call(query={"useCursor": "true"})

    body = travel(wire_reports.write_logs(OutcomeRows((row,), "next"), call).body)

    page = wire_reports.read_logs(body)
    assert (replace(page.rows[0], words=""), page.cursor) == (row, "next")


@given(strategies.questions)
def test_the_question_for_logs_comes_back(command: FetchOutcomes) -> None:
    query = wire_reports.write_logs_query(command)

    assert wire_reports.read_logs_query(Call(query=query)) == command


@given(strategies.questions)
def test_the_question_for_reports_comes_back(command: FetchOutcomes) -> None:
    asked = FetchOutcomes(
        references=command.references,
        ids=command.ids,
        tags=command.tags,
        channel="push",
        is_once=True,
        limit=command.limit,
    )

    query = wire_reports.write_reports_query(asked)

    assert wire_reports.read_reports_query(Call(query=query)) == asked


@given(strategies.apps)
def test_an_application_comes_back(row: AppRow) -> None:
    body = travel(wire_auth.write_apps(AppRows((row,)), Call()).body)

    assert wire_auth.read_apps(body) == AppRows((row,))


@given(strategies.tokens)
def test_a_token_comes_back(token: Token) -> None:
    assert wire_auth.read_token(travel(wire_auth.write_token(token, Call()).body)) == token


@given(strategies.saves)
def test_a_new_scenario_comes_back(command: SaveScenario) -> None:
    assert (
        wire_scenarios.read_create(Call(body=travel(wire_scenarios.write_save(command)))) == command
    )


@given(strategies.saves)
def test_a_changed_scenario_comes_back(command: SaveScenario) -> None:
    call = Call(body=travel(wire_scenarios.write_save(command)), path={"key": "ABC"})

    assert wire_scenarios.read_update(call) == replace(command, id="ABC")


@given(strategies.scenarios)
def test_a_scenario_comes_back(row: ScenarioRow) -> None:
    body = travel(wire_scenarios.write_found(row, Call()).body)

    assert wire_scenarios.read_scenario(body) == row


@given(strategies.scenario_questions)
def test_the_question_for_scenarios_comes_back(command: ListScenarios) -> None:
    query = wire_scenarios.write_list_query(command)

    assert wire_scenarios.read_list(Call(query=query)) == command


@given(strategies.sends_by_scenario())
def test_a_send_by_a_scenario_comes_back(command: SendByScenario) -> None:
    body = travel(wire_omni.write_send(command))

    assert wire_omni.read_send(Call(body=body)) == command


@given(strategies.many_sms(is_old=False))
def test_texts_come_back(command: SendTexts) -> None:
    body = travel(wire_sms.write_send(command))

    assert wire_sms.read_send(Call(body=body)) == command


@given(strategies.many_sms(is_old=True))
def test_texts_of_the_older_call_come_back(command: SendTexts) -> None:
    body = travel(wire_sms.write_old_send(command))

    assert wire_sms.read_old_send(Call(body=body)) == command


@given(strategies.many_sms(is_old=False))
def test_the_answer_to_texts_names_each_number(command: SendTexts) -> None:
    call = Call(body=travel(wire_sms.write_send(command)))
    numbers = [
        value for text in command.texts for targets in text.push.parts[0].targets
        for value in targets.values
    ]  # fmt: skip
    entries = tuple(
        Accepted(
            "9",
            targets=tuple(
                AcceptedTarget(id=f"m-{value}", count=1)
                for value in text.push.parts[0].targets[0].values
            ),
        )
        for text in command.texts
    )

    body = wire_sms.write_sent(AcceptedMany(entries=entries, client_key="b"), call).body

    assert [item["destination"] for item in body["messages"]] == numbers
    assert [item["messageId"] for item in body["messages"]] == [f"m-{item}" for item in numbers]
