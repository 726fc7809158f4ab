"""What every vendor's client is told of single recipients, calls, receipts and totals by a
simulator that was asked to say it badly.
"""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from providers.commands import CreateGroup, FetchStatus, TransferState
from providers.contract import Dialect
from providers.outcomes import Failure, Outcome, Reason, Receipt
from providers.receipts import FetchReceipts, ReceiptKind
from providers.reports import Metric
from providers.simulator import Simulator, read_plan
from tests.vendor_cases.accounts import RECEIPTS, REPORTING, TELLING, make_account
from tests.vendor_cases.strategies import make_push
from tests.vendor_cases.test_wire import each
from tests.vendor_cases.totals import fetch_totals

COUNT = 40


@pytest.fixture(autouse=True)
def _talkative(simulator: Simulator) -> None:
    simulator.behaviour = replace(
        simulator.behaviour, delivered_percent=100, opened_percent=100, receipt_seconds=0
    )


def follow(simulator: Simulator, *faults: str) -> None:
    simulator.follow(read_plan({"faults": faults, "seed": 7}))


def connect(dialect: Dialect, simulator: Simulator) -> Any:
    return dialect.connect(make_account(dialect, simulator.url))


def send(dialect: Dialect, client: Any, key: str = "17") -> Any:
    group = client.ensure_group(CreateGroup("", "News")) if dialect.has_groups else ""
    return client.send(client.write(make_push(dialect, COUNT, key, group)))


def shift(simulator: Simulator, seconds: float) -> None:
    """The vendor's clock goes on."""
    moment = datetime.now(UTC) + timedelta(seconds=seconds)
    simulator.clock = simulator.vendor.memory.clock = lambda: moment


@each(TELLING)
@pytest.mark.parametrize(
    ("fault", "reason", "wait"),
    [
        ("unregistered", Reason.TOKEN, None),
        ("recipient_refused", Reason.PAYLOAD, None),
        ("recipient_later", Reason.VENDOR, 3.0),
    ],
)
def test_a_share_of_recipients_fares_otherwise(dialect, simulator, fault, reason, wait):
    settings = ",retry_after=3" if wait else ""
    follow(simulator, f"{fault}:recipient=0.3{settings}")

    receipt = send(dialect, connect(dialect, simulator))

    summary = simulator.vendor.summarize()
    assert 4 < len(receipt.results) < 22
    assert {(result.reason, result.retry_after) for result in receipt.results} == {(reason, wait)}
    assert summary["accepted_recipients"] == COUNT - len(receipt.results)


@each(TELLING)
def test_a_mixed_answer_says_each_thing_of_somebody(dialect, simulator):
    follow(simulator, "mixed")

    receipt = send(dialect, connect(dialect, simulator))

    reasons = {result.reason for result in receipt.results}
    assert reasons == {Reason.TOKEN, Reason.PAYLOAD, Reason.VENDOR}
    assert 0 < len(receipt.results) < COUNT
    assert receipt.outcome is Outcome.ACCEPTED


@each(TELLING)
def test_the_same_call_gets_the_same_results_again(dialect, simulator):
    follow(simulator, "mixed:nth=1", "unregistered:nth=2")
    client = connect(dialect, simulator)

    assert send(dialect, client).results == send(dialect, client).results


@each(TELLING)
@pytest.mark.parametrize("lie", ["fewer_results", "duplicate_results", "stranger_results"])
def test_results_that_cannot_be_true_mean_that_nobody_knows(dialect, simulator, lie):
    follow(simulator, lie, "unregistered:recipient=0.3")

    with pytest.raises(Failure) as caught:
        send(dialect, connect(dialect, simulator))

    assert (caught.value.reason, caught.value.was_sent) == (Reason.NO_ANSWER, None)


@each(TELLING)
def test_the_order_of_results_means_nothing(dialect, simulator):
    follow(simulator, "reordered_results", "unregistered:recipient=0.3")

    places = [result.index for result in send(dialect, connect(dialect, simulator)).results]

    assert places == sorted(places, reverse=True)


@each(REPORTING)
def test_a_vendor_may_be_slow_to_know_a_call(dialect, simulator):
    client = connect(dialect, simulator)
    reference = send(dialect, client).reference
    follow(simulator, "status_lag:seconds=60")

    before = client.fetch_status(FetchStatus(transfer=reference))
    shift(simulator, 61)
    after = client.fetch_status(FetchStatus(transfer=reference))

    assert before is None
    assert after.state is TransferState.SENT


@each(REPORTING)
def test_a_calls_state_may_go_backwards(dialect, simulator):
    client = connect(dialect, simulator)
    reference = send(dialect, client).reference
    follow(simulator, "status_backwards")

    states = [client.fetch_status(FetchStatus(transfer=reference)).state for _ in range(4)]

    assert len(set(states)) == 3
    assert states[0] is states[3]


@each(REPORTING)
def test_a_status_fault_can_be_of_one_recipients_calls(dialect, simulator):
    client = connect(dialect, simulator)
    references = [send(dialect, client, key).reference for key in ("17", "18")]
    follow(simulator, "status_lag:id=recipient-canary-18-0")

    found = [client.fetch_status(FetchStatus(transfer=reference)) for reference in references]

    assert [status is None for status in found] == [False, True]


@each(REPORTING)
def test_totals_may_change_and_shrink(dialect, simulator):
    client = connect(dialect, simulator)
    began = datetime.now(UTC)
    reference = send(dialect, client).reference
    follow(simulator, "totals_change")

    told = [fetch_totals(client, reference, began)[Metric.SENT] for _ in range(10)]

    assert len(set(told)) > 2
    assert min(told) < COUNT < max(told)


def fetch(client: Any) -> list[Any]:
    return list(client.fetch_receipts(FetchReceipts(limit=1000)).events)


@each(RECEIPTS)
def test_receipts_may_come_late(dialect, simulator):
    follow(simulator, "receipts_late:seconds=60,recipient=0.5")
    client = connect(dialect, simulator)
    send(dialect, client)

    before = fetch(client)
    shift(simulator, 61)

    assert 0 < len(before) < 2 * COUNT
    assert len(fetch(client)) == 2 * COUNT


@each(RECEIPTS)
def test_receipts_may_come_twice(dialect, simulator):
    follow(simulator, "receipts_twice")
    client = connect(dialect, simulator)
    send(dialect, client)
    shift(simulator, 5)

    events = fetch(client)

    assert (len(events), len(set(events))) == (4 * COUNT, 2 * COUNT)


@each(RECEIPTS)
def test_receipts_may_tell_the_end_before_the_beginning(dialect, simulator):
    simulator.behaviour = replace(simulator.behaviour, receipt_seconds=20)
    follow(simulator, "receipts_out_of_order")
    client = connect(dialect, simulator)
    send(dialect, client)
    shift(simulator, 60)

    events = fetch(client)

    first = {}
    for event in events:
        first.setdefault(event.reference, event.kind)
    assert set(first.values()) == {ReceiptKind.OPENED}
    assert [event.at for event in events] != sorted(event.at for event in events)


@each(RECEIPTS)
def test_receipts_may_come_before_the_answer_to_the_send(dialect, simulator):
    follow(simulator, "receipts_early:seconds=1000")
    account = make_account(dialect, simulator.url)
    answers: list[Receipt] = []
    sender = threading.Thread(
        target=lambda: answers.append(send(dialect, dialect.connect(account)))
    )
    sender.start()
    while not (events := fetch(dialect.connect(account))):
        time.sleep(0.02)

    answers_by_then = list(answers)
    simulator.closing.set()  # whoever waits is answered
    sender.join()

    assert answers_by_then == []
    assert len(events) == 2 * COUNT
    assert [answer.outcome for answer in answers] == [Outcome.ACCEPTED]
