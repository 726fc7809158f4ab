"""The simulated vendor: what it accepts, remembers, reports and refuses."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from providers import registry
from providers.audience import And, Condition, Not, Op, Or
from providers.commands import (
    ArchiveGroup,
    CreateGroup,
    FaultKind,
    FetchGroup,
    FetchStatus,
    ListGroups,
    PushPart,
    RestoreGroup,
    SendPush,
    TransferState,
    UpdateGroup,
)
from providers.inbound import Reply
from providers.message import AndroidContent, IosContent, PushMessage
from providers.outcomes import Refusal, RefusalKind
from providers.receipts import FetchReceipts
from providers.recipients import Targets
from providers.reports import Cell, FetchReport, Metric, ReportField
from providers.simulator import Behaviour, Simulator, open_server
from providers.simulator.memory import Visitor
from providers.simulator.report import is_true, read_day, read_zone
from tests.providers.simulated import NOW

ROOT = Path(__file__).resolve().parents[2]
SANDBOX = registry.get("sandbox")
GROUPED = next(dialect for dialect in registry.all_dialects() if dialect.has_groups)


def make_send(
    *values: str, kind: str = "token", message: PushMessage | None = None, **fields: str
) -> SendPush:
    message = message or PushMessage(android=AndroidContent(title="Hi", body="There"))
    return SendPush(parts=(PushPart(message, (Targets(kind, values),)),), **fields)


def run(simulator: Simulator, command, dialect=SANDBOX, account: str = "a1"):
    return simulator.vendor.execute(Visitor(dialect, account, simulator.behaviour), command)


def refuse(simulator: Simulator, command, dialect=SANDBOX) -> RefusalKind:
    with pytest.raises(Refusal) as caught:
        run(simulator, command, dialect)
    return caught.value.kind


def ask(simulator: Simulator, method: str, target: str, body: object = None, **headers) -> Reply:
    content = b"" if body is None else json.dumps(body).encode()
    return simulator.answer(method, target, {"authorization": "Bearer k123", **headers}, content)


def test_a_group_lives_like_a_vendors_group(start):
    simulator = start()
    group = run(simulator, CreateGroup("7", "News"), GROUPED)

    run(simulator, UpdateGroup(group.id, "Old news", 100), GROUPED)
    run(simulator, ArchiveGroup(group.id), GROUPED)

    [row] = run(simulator, ListGroups("7"), GROUPED).rows
    assert (row.name, row.send_rate, row.is_archived) == ("Old news", 100, True)
    assert run(simulator, ListGroups("8"), GROUPED).rows == ()
    assert refuse(simulator, make_send("a", group=group.id), GROUPED) is RefusalKind.INVALID
    run(simulator, RestoreGroup(group.id), GROUPED)
    assert not run(simulator, FetchGroup(group.id), GROUPED).is_archived


def test_a_group_needs_a_name_of_its_own(start):
    simulator = start()
    first = run(simulator, CreateGroup("7", "News"), GROUPED)
    second = run(simulator, CreateGroup("7", "Sport"), GROUPED)

    assert refuse(simulator, CreateGroup("7", "News"), GROUPED) is RefusalKind.CONFLICT
    assert refuse(simulator, UpdateGroup(second.id, "News"), GROUPED) is RefusalKind.CONFLICT
    assert run(simulator, UpdateGroup(first.id, "News"), GROUPED).send_rate == 5000
    assert refuse(simulator, FetchGroup("99"), GROUPED) is RefusalKind.NOT_FOUND


def test_a_key_is_good_for_one_body_of_one_account(start):
    simulator = start()
    first = run(simulator, make_send("a", client_key="k"))

    again = run(simulator, make_send("a", client_key="k"))
    elsewhere = run(simulator, make_send("a", client_key="k"), account="a2")

    assert first == again
    assert elsewhere.transfer != first.transfer
    assert refuse(simulator, make_send("b", client_key="k")) is RefusalKind.CONFLICT


def test_the_same_tokens_are_unregistered_whatever_the_call(start):
    simulator = start(Behaviour(decay_percent=30))
    tokens = [f"t{number}" for number in range(200)]

    forth = run(simulator, make_send(*tokens)).results
    back = run(simulator, make_send(*reversed(tokens))).results

    assert 30 < len(forth) < 90
    assert {tokens[result.index] for result in forth} == {
        tokens[199 - result.index] for result in back
    }


def test_another_seed_gives_another_fate():
    assert Behaviour(seed=1).draw("a") == Behaviour(seed=1).draw("a")
    assert Behaviour(seed=1).draw("a") != Behaviour(seed=2).draw("a")


def test_a_behaviour_takes_only_wishes_that_fit():
    wished = Behaviour().change({"latency_ms": 5, "decay_percent": "all", "unknown": 1})

    assert wished == Behaviour(latency_ms=5)


def test_receipts_trickle_in_and_a_cursor_never_misses_one(start, clock):
    simulator = start()
    run(simulator, make_send(*"abcdefgh"))
    seen, cursor = [], ""

    for _ in range(30):
        clock.advance(0.5)
        page = run(simulator, FetchReceipts(cursor, 3))
        seen += page.events
        cursor = page.cursor
        run(simulator, make_send("late"))

    first = [event for event in seen if event.reference != "late"]
    assert len(first) == len(set(first)) == 16
    assert [event.at for event in seen] == sorted(event.at for event in seen)


def test_receipts_belong_to_the_account_that_sent(start, clock):
    simulator = start()
    run(simulator, make_send("a"), account="a1")
    clock.advance(60)

    assert run(simulator, FetchReceipts(), account="a2").events == ()
    assert len(run(simulator, FetchReceipts(), account="a1").events) == 2
    assert refuse(simulator, FetchReceipts("x")) is RefusalKind.INVALID


def test_a_new_process_goes_on_where_the_killed_one_was(start, clock):
    killed = start()
    group = run(killed, CreateGroup("7", "News"), GROUPED)
    first = run(killed, make_send("a", "b", client_key="k", tag="t"))
    run(killed, make_send("a", "b", client_key="k", tag="t"))
    clock.advance(60)
    page = run(killed, FetchReceipts(limit=3))

    simulator = start()

    assert run(simulator, FetchGroup(group.id), GROUPED) == group
    assert run(simulator, make_send("a", "b", client_key="k", tag="t")) == first
    assert run(simulator, FetchReceipts(limit=3)) == page
    assert simulator.vendor.summarize()["replayed_calls"] == 2
    assert int(run(simulator, make_send("c")).transfer) == int(first.transfer) + 1


def test_half_a_line_was_never_answered_and_is_dropped(start, tmp_path):
    run(start(), make_send("a", client_key="k1"))
    path = tmp_path / "journal.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:-20])

    simulator = start()
    run(simulator, make_send("b", client_key="k2"))

    assert simulator.vendor.summarize()["accepted_calls"] == 2
    assert start().vendor.summarize()["accepted_calls"] == 2


def test_the_journal_counts_who_was_sent_to_twice(start):
    simulator = start()
    for values in (("a", "b"), ("b", "c"), ("b",)):
        run(simulator, make_send(*values, tag="t"))
    run(simulator, make_send("a", tag="other"))

    summary = ask(simulator, "GET", "/_journal/summary?tag=t&dialect=sandbox").body

    assert summary == {
        "accepted_calls": 3,
        "accepted_recipients": 5,
        "distinct_recipients": 3,
        "doubled_recipients": 1,
        "most_per_recipient": 3,
        "audience_calls": 0,
        "recalled_calls": 0,
        "replayed_calls": 0,
        "calls_accepted_again": 0,
        "forgotten_calls": 0,
        "forgotten_recipients": 0,
        "faults": {},
    }
    assert ask(simulator, "GET", "/_journal/summary?dialect=none").body["accepted_calls"] == 0


@pytest.mark.parametrize(
    ("seconds", "state"),
    [(0, TransferState.ACCEPTED), (5, TransferState.SENDING), (11, TransferState.SENT)],
)
def test_a_transfer_takes_its_time(start, clock, seconds, state):
    simulator = start(Behaviour(sending_seconds=10))
    transfer = run(simulator, make_send("a")).transfer
    clock.advance(seconds)

    assert run(simulator, FetchStatus(transfer)).state is state


def test_what_a_vendor_finds_wrong_later_fails_the_transfer(start):
    simulator = start()
    group = run(simulator, CreateGroup("7", "News"), GROUPED)
    kind = next(kind for kind in GROUPED.identifier_kinds if kind.platform == "android")
    ios_only = PushMessage(ios=IosContent(title="Hi", body="There"))
    send = make_send("a", kind=kind.name, group=group.id, message=ios_only)

    transfer = run(simulator, send, GROUPED).transfer

    status = run(simulator, FetchStatus(transfer), GROUPED)
    assert status.state is TransferState.FAILED
    assert [fault.kind for fault in status.faults] == [FaultKind.NO_MESSAGE]
    assert simulator.vendor.summarize()["accepted_recipients"] == 0
    assert start().vendor.transfers[1].faults == status.faults


@pytest.mark.parametrize("number", ["0", "2", "x", "٣", ""])
def test_an_unknown_transfer_is_not_found(start, number):
    simulator = start()
    run(simulator, make_send("a"))

    assert refuse(simulator, FetchStatus(number)) is RefusalKind.NOT_FOUND


def make_report(**values) -> FetchReport:
    return FetchReport(
        apps=("7",),
        metrics=(Metric.SENT, Metric.DELIVERED, Metric.OPENED, Metric.OPEN_RATE, Metric.USERS),
        **values,
    )


@pytest.fixture
def reporting(start, clock) -> Simulator:
    simulator = start()
    for tag, values in (("a", "xyz"), ("b", "x"), ("a", "uv")):
        run(simulator, make_send(*values, tag=tag))
    ios = PushMessage(ios=IosContent(title="Hi", body="There"))
    run(simulator, make_send("i", tag="b", message=ios))
    clock.advance(60)
    return simulator


def test_a_report_counts_by_dimensions_with_totals_over_all_rows(reporting):
    table = run(
        reporting,
        make_report(dimensions=(ReportField.TAG,), sort=(("sent", True),), limit=1),
    )

    assert [(row.dimensions[0].name, row.metrics) for row in table.rows] == [
        ("a", (5, 5, 5, 100.0, None))
    ]
    assert table.total_rows == 2
    assert table.totals == (7, 7, 7, 100.0, None)
    assert (table.minima[0], table.maxima[0]) == (2, 5)
    assert (table.date_from, table.date_to) == ("2026-11-14", "2026-11-20")


def test_a_report_can_be_filtered_and_drilled_into(reporting):
    platforms = run(
        reporting,
        make_report(
            dimensions=(ReportField.TAG, ReportField.PLATFORM),
            parents=("b",),
            is_drilldown=True,
            sort=(("platform", False),),
        ),
    )
    only_b = run(reporting, make_report(where=Condition("tag", Op.EQ, "b")))

    assert [row.dimensions[0].name for row in platforms.rows] == ["android", "ios"]
    assert only_b.totals[0] == 2


def test_a_report_of_another_day_is_empty(reporting):
    table = run(reporting, make_report(date_from="yesterday", date_to="2026-11-19"))

    assert (table.rows, table.totals[0], table.minima[0]) == ((), 0, None)


def test_a_report_is_not_sorted_by_what_it_lacks(reporting):
    assert refuse(reporting, make_report(sort=(("tag", True),))) is RefusalKind.INVALID
    assert refuse(reporting, make_report(date_from="soon")) is RefusalKind.INVALID


def test_days_and_zones_are_read_as_callers_write_them():
    assert str(read_day("today", NOW, read_zone("+14:00"))) == "2026-11-21"
    assert str(read_day("7daysAgo", NOW, read_zone("-03:30"))) == "2026-11-13"
    assert str(read_day("2026-01-02", NOW, read_zone("Europe/Moscow"))) == "2026-01-02"


CELLS = {
    ReportField.GROUP: Cell("News", "5"),
    ReportField.TAG: Cell("sale"),
    ReportField.TRANSFER: Cell("9", "9"),
    ReportField.PLATFORM: Cell("ios"),
}


@pytest.mark.parametrize(
    ("expression", "holds"),
    [
        (Condition("group", Op.EQ, "5"), True),
        (Condition("group", Op.EQ, "News"), True),
        (Condition("group", Op.NE, "5"), False),
        (Condition("tag", Op.IN, ("sale", "x")), True),
        (Condition("tag", Op.CONTAINS, "al"), True),
        (Condition("tag", Op.STARTS_WITH, "al"), False),
        (Condition("tag", Op.EXISTS, True), True),
        (Condition("transfer", Op.EQ, 9), True),
        (And((Condition("tag", Op.EQ, "sale"), Not(Condition("platform", Op.EQ, "ios")))), False),
        (Or((Condition("tag", Op.EQ, "x"), Condition("platform", Op.EQ, "ios"))), True),
    ],
)
def test_filters_hold_or_do_not(expression, holds):
    assert is_true(expression, CELLS) is holds


def test_a_command_that_no_simulated_vendor_knows_is_refused(start):
    assert refuse(start(), object()) is RefusalKind.NOT_FOUND


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/nobody/v1/push", 404),
        ("GET", "/sandbox/v1/none", 404),
        ("DELETE", "/sandbox/v1/push", 405),
        ("GET", "/sandbox/v1/receipts?limit=0", 400),
    ],
)
def test_an_address_that_is_not_served_is_refused_in_the_vendors_shape(
    start, method, target, status
):
    reply = ask(start(), method, target)

    assert reply.status == status
    assert "error" in reply.body


def test_each_account_may_ask_for_its_own_behaviour(start):
    simulator = start()
    wish = json.dumps({"is_refused": True})

    refused = ask(simulator, "GET", "/sandbox/v1/receipts", **{"x-simulate": wish})
    ignored = ask(simulator, "GET", "/sandbox/v1/receipts", **{"x-simulate": "no JSON"})

    assert (refused.status, ignored.status) == (401, 200)


def test_the_pace_is_kept_per_account(start, clock):
    simulator = start(Behaviour(requests_per_second=1))
    target = "/sandbox/v1/receipts"

    statuses = [ask(simulator, "GET", target).status for _ in range(2)]
    other = ask(simulator, "GET", target, authorization="Bearer other")
    clock.advance(2)

    assert statuses == [200, 429]
    assert other.status == 200
    assert ask(simulator, "GET", target).status == 200


@given(body=st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists))
def test_no_body_breaks_the_sandbox(start, body):
    simulator = start()

    reply = ask(simulator, "POST", "/sandbox/v1/push", {"pushes": body})

    assert reply.status == 400


def test_a_body_that_is_no_json_is_refused(start):
    headers = {"authorization": "Bearer k123"}

    assert start().answer("POST", "/sandbox/v1/push", headers, b"{").status == 400
    assert start().answer("POST", "/sandbox/v1/push", {}, b"{}").status == 401


@contextmanager
def run_process(
    *arguments: str, fds: tuple[int, ...] = ()
) -> Iterator[tuple[subprocess.Popen, str]]:
    command = [sys.executable, str(ROOT / "manage.py"), "simulator", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, pass_fds=fds) as process:
        try:
            yield process, process.stdout.readline()
        finally:
            process.kill()


def test_a_killed_process_is_replaced_on_the_same_open_socket(tmp_path):
    journal = str(tmp_path / "journal.jsonl")
    body = {
        "idempotency_key": "k",
        "pushes": [{"message": {"body": "Hi"}, "recipients": [{"kind": "token", "ids": ["a"]}]}],
    }
    with socket.create_server(("127.0.0.1", 0)) as listener, requests.Session() as session:
        session.headers["Authorization"] = "Bearer k123"
        session.trust_env = False
        fd = listener.fileno()
        arguments = ("--fd", str(fd), "--journal", journal)

        with run_process(*arguments, fds=(fd,)) as (process, said):
            sentence, url = said.rstrip().rsplit(" ", 1)
            first = session.post(f"{url}/sandbox/v1/push", json=body, timeout=10).json()
            process.kill()
        with run_process(*arguments, fds=(fd,)) as (process, _said):
            second = session.post(f"{url}/sandbox/v1/push", json=body, timeout=10).json()
            summary = session.get(f"{url}/_journal/summary", timeout=10).json()
            os.kill(process.pid, signal.SIGTERM)
            ended = process.wait(120)

    assert first == second == {"transfer": "1", "accepted": 1}
    assert (summary["accepted_calls"], summary["replayed_calls"]) == (1, 1)
    assert ended == 0
    assert sentence == "The sandbox vendor answers on"  # beside the words of `manage.py up`


def test_a_connection_is_kept_for_many_calls(start):
    server = open_server(start())
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    url = f"http://127.0.0.1:{server.server_address[1]}/"

    with requests.Session() as session:
        session.trust_env = False
        for _ in range(3):
            session.get(url, timeout=5)
        pools = session.get_adapter(url).poolmanager.pools
        [pool] = [pools[key] for key in pools.keys()]  # noqa: SIM118 it has no iterator
        counts = (pool.num_connections, pool.num_requests)
    server.shutdown()
    thread.join()
    server.server_close()

    assert counts == (1, 3)
