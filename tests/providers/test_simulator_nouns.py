"""What a simulated vendor does beside plain sends: audiences, labels, devices, tokens, plans."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from providers.audience import And, Condition, Not, Op
from providers.audience_calls import (
    ChangeMembers,
    ChangeTag,
    CountTags,
    CreateLabel,
    DeleteLabel,
    DropAlias,
    DropDevice,
    FetchAlias,
    FetchDevices,
    FetchLabel,
    FetchMember,
    FetchPerson,
    ListApps,
    ListLabels,
    ListMembers,
    ListTags,
    SaveDevice,
    SaveDevices,
    SavePerson,
)
from providers.commands import (
    Callback,
    FetchStatus,
    IssueToken,
    PushPart,
    RecallPush,
    SendPush,
    SendPushes,
    TransferState,
)
from providers.inbound import ApiCredentials
from providers.message import PushMessage
from providers.message_fields import Platform
from providers.outcomes import Outcome, Reason, Refusal, RefusalKind
from providers.receipts import FetchReceipts, ReceiptKind
from providers.recipients import Audience, PersonKind, Targets
from providers.reports import FetchDays, FetchOutcomes, FetchTotals
from providers.scenarios import (
    Channel,
    FetchScenario,
    ListScenarios,
    SaveScenario,
    SendByScenario,
    SendText,
    Step,
    TextMessage,
)
from providers.schedules import (
    BindRecords,
    DropRecord,
    DropSchedule,
    FetchRecord,
    FetchSchedule,
    ListRecords,
    ListSchedules,
    SaveRecord,
    SaveSchedule,
)
from providers.simulator import Behaviour
from tests.providers.simulated import NOW
from tests.providers.test_simulator import SANDBOX, Simulator, refuse, run

MESSAGE = PushMessage(title="Hi", body="There")
USER = PersonKind.EXTERNAL_USER_ID.value


def push_to(audience: Audience | None = None, *persons: str, **fields) -> SendPush:
    targets = (Targets(USER, persons),) if persons else ()
    return SendPush(parts=(PushPart(MESSAGE, targets, audience),), **fields)


def fill(simulator: Simulator) -> None:
    """Three devices of two persons; the first is VIP and the second too, but not gold."""
    for number, (platform, person, country) in enumerate(
        [("android", "ann", "DE"), ("ios", "ann", "FR"), ("android", "bob", "DE")]
    ):
        run(
            simulator,
            SaveDevice(
                app="7",
                kind="token",
                id=f"t{number}",
                token=f"t{number}",
                platform=Platform(platform),
                external_user_id=person,
                values={"country": country},
                add_tags=("new",) if number else (),
            ),
        )
    for name, members in (("vip", ("ann", "bob")), ("gold", ("ann",))):
        run(simulator, CreateLabel("7", name))
        run(simulator, ChangeMembers(app="7", label=name, add=members))


def list_reached(simulator: Simulator) -> list[str]:
    [transfer] = simulator.vendor.transfers.values()
    return sorted(recipient for _, recipient in transfer.list_recipients())


@pytest.mark.parametrize(
    ("audience", "reached"),
    [
        (Audience(), ["t0", "t1", "t2"]),
        (Audience(labels=("vip",)), ["ann", "bob"]),
        (Audience(labels=("vip", "gold")), ["ann"]),
        (Audience(expression=Condition("device.country", Op.EQ, "DE")), ["t0", "t2"]),
        (Audience(expression=Condition("device.tag", Op.IN, ("new", "old"))), ["t1", "t2"]),
        (Audience(expression=Condition("person.label", Op.EQ, "gold")), ["t0", "t1"]),
        (
            Audience(
                labels=("vip",),
                expression=And(
                    (
                        Not(Condition("device.tag", Op.EXISTS, True)),
                        Condition("device.platform", Op.EQ, "android"),
                    )
                ),
            ),
            ["t0"],
        ),
        (Audience(expression=Condition("device.id.token", Op.EQ, "t2")), ["t2"]),
        (Audience(expression=Condition("device.country", Op.GT, 5)), []),
    ],
)
def test_an_audience_means_those_whom_the_vendor_knows(start, audience, reached):
    simulator = start()
    fill(simulator)

    run(simulator, push_to(audience, app="7"))

    assert list_reached(simulator) == reached
    assert list_reached(start()) == reached
    assert simulator.vendor.summarize()["audience_calls"] == 1


def test_a_label_that_is_not_there_is_refused(start):
    assert refuse(start(), push_to(Audience(labels=("vip",)))) is RefusalKind.NOT_FOUND


def test_who_waits_is_told_of_everybody(start):
    simulator = start(Behaviour(decay_percent=50))
    persons = tuple(f"p{number}" for number in range(20))

    accepted = run(simulator, push_to(None, *persons, wait=5.0))

    assert [result.index for result in accepted.results] == list(range(20))
    said = {result.outcome for result in accepted.results}
    assert said == {Outcome.ACCEPTED, Outcome.FAILED}


def test_a_tracked_send_names_each_target(start):
    simulator = start()
    fill(simulator)
    parts = (
        PushPart(MESSAGE, (Targets(USER, ("ann", "bob"), ids=("m1", "")),)),
        PushPart(MESSAGE, audience=Audience(), id="m3"),
    )

    accepted = run(simulator, SendPush(parts=parts, app="7", is_tracked=True))

    assert [(target.id, target.value, target.count) for target in accepted.targets] == [
        ("m1", "ann", 1),
        ("1-1", "bob", 1),
        ("m3", "", 3),
    ]


def test_every_app_of_a_group_gets_the_push(start):
    simulator = start()

    sent = run(simulator, push_to(None, "ann", app_group="grp"))

    assert [entry.transfer for entry in sent.entries] == ["1", "2"]
    assert len(set(sent.names)) == 2
    totals = run(simulator, FetchTotals(reference=sent.reference))
    assert [row.transfer for row in totals.rows] == ["1", "2"]


def test_each_of_several_pushes_is_taken_or_refused_on_its_own(start):
    simulator = start()
    command = SendPushes((push_to(None, "ann"), push_to(Audience(labels=("no",)))), "whole")

    sent = run(simulator, command)

    assert sent.reference == "whole"
    assert sent.entries[0].transfer == "1"
    assert isinstance(sent.entries[1], Refusal)


def test_a_dry_run_leaves_nothing(start):
    simulator = start()

    run(simulator, push_to(None, "ann", is_dry_run=True))

    assert simulator.vendor.summarize()["accepted_calls"] == 0


def test_only_so_many_of_a_kind_run_at_once(start, clock):
    simulator = start(Behaviour(sending_seconds=10))
    dialect = replace(SANDBOX, running_limits={"task": 1})
    run(simulator, push_to(None, "ann", kind="task"), dialect)
    later = push_to(None, "bob", kind="task", due_at=NOW + timedelta(hours=1))

    assert refuse(simulator, later, dialect) is RefusalKind.BUSY
    clock.advance(11)
    run(simulator, later, dialect)
    run(simulator, push_to(None, "cyd", kind="task"), dialect)


def test_a_push_is_taken_back_before_it_is_due(start, clock):
    simulator = start()
    transfer = run(simulator, push_to(None, "ann", due_at=NOW + timedelta(minutes=2))).transfer

    recalled = run(simulator, RecallPush(transfer))
    clock.advance(600)

    assert [item.values for item in recalled.taken] == [("ann",)]
    assert run(simulator, FetchStatus(transfer)).state is TransferState.CANCELLED
    assert run(simulator, FetchReceipts()).events == ()
    assert list_reached(start()) == []
    [row] = run(simulator, FetchOutcomes(transfers=(transfer,))).rows
    assert (row.outcome, row.reason) == (Outcome.FAILED, Reason.CANCELLED)
    assert simulator.vendor.summarize()["recalled_calls"] == 1


def test_what_is_taken_back_later_tells_nothing_more(start, clock):
    simulator = start()
    transfer = run(simulator, push_to(None, *(f"p{number}" for number in range(50)))).transfer
    clock.advance(5)
    before = run(simulator, FetchReceipts()).events

    recalled = run(simulator, RecallPush(transfer))
    clock.advance(600)

    reached = {event.reference for event in before}
    taken = {value for item in recalled.taken for value in item.values}
    assert (reached & taken, len(reached | taken)) == (set(), 50)
    assert 0 < len(before) < 100
    assert run(simulator, FetchReceipts()).events == before
    assert len(list_reached(simulator)) == 50


def test_a_push_is_too_old_to_be_taken_back(start, clock):
    simulator = start()
    transfer = run(simulator, push_to(None, "ann")).transfer
    clock.advance(86_500)

    assert refuse(simulator, RecallPush(transfer)) is RefusalKind.INVALID
    assert refuse(simulator, RecallPush("99")) is RefusalKind.NOT_FOUND


def test_outcomes_are_told_once_and_only_when_they_are_known(start, clock):
    simulator = start(Behaviour(sending_seconds=10, delivered_percent=50, receipt_seconds=10))
    persons = tuple(f"p{number}" for number in range(20))
    callback = Callback(url="https://shop.example/hook", data="d1")
    run(simulator, push_to(None, *persons, client_key="bulk", tag="t", callback=callback))
    pending = run(simulator, FetchOutcomes(references=("bulk",))).rows
    clock.advance(30)

    told = run(simulator, FetchOutcomes(is_once=True)).rows
    again = run(start(), FetchOutcomes(is_once=True)).rows

    assert {row.outcome for row in pending} == {None}
    assert len(run(simulator, FetchOutcomes(tags=("t",), limit=100)).rows) == 20
    assert 0 < len(told) < 20
    assert {(row.outcome, row.callback_data) for row in told} == {(Outcome.DELIVERED, "d1")}
    assert again == ()


def test_outcomes_come_in_pages(start):
    simulator = start()
    run(simulator, push_to(None, "a", "b", "c"))

    first = run(simulator, FetchOutcomes(limit=2))
    rest = run(simulator, FetchOutcomes(limit=2, cursor=first.cursor))

    assert [row.value for row in (*first.rows, *rest.rows)] == ["a", "b", "c"]
    assert rest.cursor == ""


def test_totals_count_everybody_once(start, clock):
    simulator = start(Behaviour(decay_percent=30, receipt_seconds=10, sending_seconds=5))
    persons = tuple(f"p{number}" for number in range(100))
    run(simulator, push_to(None, *persons, client_key="bulk"))
    [pending] = run(simulator, FetchTotals(reference="bulk")).rows
    clock.advance(60)

    [row] = run(simulator, FetchTotals(reference="bulk")).rows

    assert pending.total.pending == 100
    total = row.total
    assert total.targets == 100 == total.sent + sum(total.failed.values())
    assert total.failed.keys() == {Reason.TOKEN}
    assert 0 < total.receipts[ReceiptKind.DELIVERED] < total.sent
    assert ReceiptKind.SHOWN not in total.receipts
    assert refuse(simulator, FetchTotals(reference="other")) is RefusalKind.NOT_FOUND
    [day] = run(simulator, FetchDays(app="", date_from=NOW.date(), date_to=NOW.date())).rows
    assert day.total == total


def test_a_label_lives_like_a_vendors_label(start):
    simulator = start()
    fill(simulator)

    run(simulator, ChangeMembers(app="7", label="vip", add=("cyd", "ann"), remove=("bob", "eve")))

    row = run(simulator, FetchLabel("7", "vip"))
    assert (row.count, row.created_at.date()) == (2, NOW.date())
    members = run(start(), ListMembers("7", "vip")).rows
    assert [member.person for member in members] == ["ann", "cyd"]
    assert run(simulator, FetchMember("7", "vip", "cyd")).person == "cyd"
    assert refuse(simulator, FetchMember("7", "vip", "bob")) is RefusalKind.NOT_FOUND
    assert refuse(simulator, CreateLabel("7", "vip")) is RefusalKind.CONFLICT
    first = run(simulator, ListLabels("7", limit=1))
    rest = run(simulator, ListLabels("7", limit=1, cursor=first.cursor))
    assert [label.name for label in (*first.rows, *rest.rows)] == ["vip", "gold"]
    run(simulator, DeleteLabel("7", "vip"))
    assert refuse(simulator, FetchLabel("7", "vip")) is RefusalKind.NOT_FOUND
    run(simulator, CreateLabel("7", "vip"))
    assert run(simulator, ListMembers("7", "vip")).rows == ()


def test_a_cursor_that_was_never_given_is_refused(start):
    assert refuse(start(), ListLabels("7", cursor="x")) is RefusalKind.INVALID


def test_a_device_is_saved_found_and_forgotten(start):
    simulator = start()
    fill(simulator)

    change = SaveDevice(app="7", kind="token", id="t0", alias="a", tags=("x",), values={"lang": 1})
    missing = SaveDevice(app="7", kind="token", id="t9", must_exist=True)
    rows = run(simulator, SaveDevices("7", (change, missing)))

    [device, nothing] = rows.rows
    assert nothing is None
    assert list(rows.faults) == [1]
    assert (device.alias, device.tags, device.external_user_id) == ("a", ("x",), "ann")
    assert device.values == {"country": "DE", "lang": 1}
    found = run(start(), FetchDevices("7", "token", ("t0", "t9"))).rows
    assert [row and row.token for row in found] == ["t0", None]
    assert len(run(simulator, FetchDevices("7", USER, ("ann", "eve"))).rows) == 2
    run(simulator, DropDevice("7", "token", "t0"))
    assert refuse(simulator, DropDevice("7", "token", "t0")) is RefusalKind.NOT_FOUND


def test_what_is_said_of_a_person_is_merged_and_kept(start):
    simulator = start()
    first = SavePerson(
        app="7", person="ann", values={"language": "de"}, attributes={"mode": {"a": 1, "b": 2}}
    )
    second = SavePerson(app="7", person="ann", attributes={"mode": {"a": None, "c": 3}})

    run(simulator, first)
    saved = run(simulator, second)
    found = run(start(), FetchPerson("7", "ann"))
    other = run(start(), FetchPerson("7", "bob"))

    assert found == saved
    assert (found.values, found.attributes) == ({"language": "de"}, {"mode": {"b": 2, "c": 3}})
    assert (other.values, other.attributes, other.id) == ({}, {}, 2)


def test_devices_carry_tags_and_an_alias(start):
    simulator = start()
    fill(simulator)
    run(simulator, SaveDevice(app="7", kind="token", id="t1", alias="ann-1"))

    run(simulator, ChangeTag(app="7", tag="x", kind="token", add=("t0", "t2"), remove=("t1",)))

    assert run(simulator, ListTags("7")).counts == {"new": 2, "x": 2}
    ios = CountTags("7", ("new", "x"), Platform.IOS)
    assert run(simulator, ios).counts == {"new": 1, "x": 0}
    run(simulator, ChangeTag(app="7", tag="new", is_dropped=True, platforms=(Platform.IOS,)))
    assert run(simulator, ListTags("7")).counts == {"new": 1, "x": 2}
    assert [row.token for row in run(simulator, FetchAlias("7", "ann-1")).rows] == ["t1"]
    run(simulator, DropAlias("7", "ann-1"))
    assert run(simulator, FetchAlias("7", "ann-1")).rows == ()


def test_a_token_means_the_account_that_it_was_issued_to(start, clock):
    simulator = start()
    vendor = simulator.vendor
    token = run(simulator, IssueToken("client", "secret", ttl=60, app="7"))

    known = vendor.find_account(SANDBOX, ApiCredentials(token.text, is_token=True))

    assert known == start().vendor.find_account(SANDBOX, ApiCredentials("client", "secret"))
    assert token.text not in vendor.memory.journal.path.read_text()
    clock.advance(61)
    for text in (token.text, "issued-never", "refused"):
        with pytest.raises(Refusal) as caught:
            vendor.find_account(SANDBOX, ApiCredentials(text, is_token=True))
        assert caught.value.kind is RefusalKind.UNAUTHENTICATED
    assert refuse(simulator, IssueToken("refused", "x")) is RefusalKind.UNAUTHENTICATED


def test_plans_and_records_are_kept_as_they_were_written(start):
    simulator = start()
    text = SaveRecord(kind="text", body={"title": "Hi"})
    plan = run(
        simulator,
        SaveSchedule(name="Daily", push=None, body={"a": 1, "b": 1}, records=(text,)),
    )
    other = run(simulator, SaveRecord(kind="text", body={"title": "Other"}))

    run(simulator, SaveSchedule(name="", push=None, body={"b": 2}, id=plan.id, is_enabled=False))
    run(simulator, BindRecords(plan.id, "text", (other.id,)))
    run(simulator, SaveRecord(kind="text", body=None, id=other.id, is_archived=True))

    row = run(start(), FetchSchedule(plan.id))
    assert (row.name, row.body, row.is_enabled) == ("Daily", {"a": 1, "b": 2}, False)
    assert [record.body for record in row.records] == [{"title": "Other"}]
    assert run(simulator, ListSchedules(size=10)).total == 1
    archived = run(simulator, ListRecords(kind="text", is_archived=True, search="OTHER"))
    assert [record.id for record in archived.rows] == [other.id]
    run(simulator, DropRecord("text", other.id))
    assert refuse(simulator, FetchRecord("text", other.id)) is RefusalKind.NOT_FOUND
    assert run(simulator, FetchSchedule(plan.id)).records == ()
    run(simulator, DropSchedule(plan.id))
    assert refuse(simulator, FetchSchedule(plan.id)) is RefusalKind.NOT_FOUND


def test_a_scenario_sends_by_its_first_step(start):
    simulator = start()
    steps = (Step(Channel.SMS, "Shop", 60), Step(Channel.PUSH, "7"))
    old = run(simulator, SaveScenario(steps=steps[::-1], is_default=True))
    new = run(simulator, SaveScenario(steps=steps, name="Text first", is_default=True))
    texts = {Channel.SMS: TextMessage(text="Hello")}

    run(simulator, SendByScenario(push=push_to(None, "ann"), texts=texts))

    [transfer] = start().vendor.transfers.values()
    assert (transfer.channel, transfer.text) == ("sms", "Hello")
    assert run(simulator, FetchScenario(new.id)).steps == steps
    assert run(simulator, ListScenarios(is_default=True)).rows == (new,)
    assert not run(simulator, FetchScenario(old.id)).is_default
    assert refuse(simulator, FetchScenario("0")) is RefusalKind.NOT_FOUND


def test_a_text_is_a_call_of_its_channel(start):
    simulator = start()
    message = TextMessage(text="Hello")

    run(simulator, SendText(push=push_to(None, "ann"), channel=Channel.SMS, message=message))

    [row] = run(simulator, FetchOutcomes(channel="sms")).rows
    assert (row.value, row.text) == ("ann", "Hello")
    assert run(simulator, FetchOutcomes(channel="push")).rows == ()


def test_every_app_that_is_named_exists(start):
    [row] = run(start(), ListApps("7")).rows

    assert row.slug == "7"
