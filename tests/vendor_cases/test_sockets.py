"""Every vendor's client against the simulator, over a real socket."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import UTC, datetime

import pytest
import requests

from providers import http
from providers.checks import check_account
from providers.commands import CreateGroup, FetchStatus, TransferState
from providers.contract import Dialect, Idempotency
from providers.outbound import AccountConfig
from providers.outcomes import Failure, Outcome, Reason, Receipt
from providers.receipts import FetchReceipts
from providers.reports import Metric
from providers.simulator import Simulator
from tests.vendor_cases.accounts import (
    GROUPED,
    RECEIPTS,
    REPORTING,
    SIMULATED,
    load_own_data,
    make_account,
    make_text,
)
from tests.vendor_cases.strategies import make_push
from tests.vendor_cases.test_wire import each
from tests.vendor_cases.totals import fetch_totals


def connect(dialect: Dialect, simulator: Simulator, **credentials: str):
    return dialect.connect(make_account(dialect, simulator.url, **credentials))


def find_group(dialect: Dialect, client) -> str:
    return client.ensure_group(CreateGroup("", "News")) if dialect.has_groups else ""


def send(dialect: Dialect, client, count: int = 1, key: str = "17", **values: str) -> Receipt:
    group = find_group(dialect, client)
    return client.send(client.write(make_push(dialect, count, key, group, **values)))


def fail_send(dialect: Dialect, client, count: int = 1) -> Failure:
    group = "1" if dialect.has_groups else ""
    with pytest.raises(Failure) as caught:
        client.send(client.write(make_push(dialect, count, "17", group)))
    return caught.value


def spoil_credentials(dialect: Dialect) -> dict[str, str]:
    return {spec.name: "refused" for spec in dialect.credentials if spec.kind == "secret"}


def summarize(simulator: Simulator, dialect: Dialect) -> dict[str, int]:
    with requests.Session() as session:
        session.trust_env = False
        url = f"{simulator.url}/_journal/summary"
        return session.get(url, params={"dialect": dialect.key}, timeout=5).json()


@each(SIMULATED)
def test_a_good_account_checks_out_and_a_refused_one_says_why(dialect, simulator):
    good = make_account(dialect, simulator.url)
    refused = make_account(dialect, simulator.url, **spoil_credentials(dialect))

    assert check_account(dialect, good).is_good
    assert not check_account(dialect, refused).is_good
    assert "Invalid push credentials" in check_account(dialect, refused).words


@each(SIMULATED)
def test_a_send_is_accepted_once(dialect, simulator):
    receipt = send(dialect, connect(dialect, simulator), 3)

    assert bool(receipt.reference) is not bool(load_own_data(dialect).get("answers_no_id"))
    assert receipt.outcome is Outcome.ACCEPTED
    assert summarize(simulator, dialect)["accepted_recipients"] == 3


@each(SIMULATED)
def test_the_largest_call_is_accepted_and_a_larger_one_is_not(dialect, simulator):
    client = connect(dialect, simulator)
    send(dialect, client, dialect.limits.batch_size)

    failure = fail_send(dialect, client, dialect.limits.batch_size + 1)

    assert failure.is_permanent
    assert failure.reason in {Reason.PAYLOAD, Reason.OURS}
    assert summarize(simulator, dialect)["accepted_calls"] == 1


@each(SIMULATED)
def test_a_refused_key_is_a_fault_of_the_account(dialect, simulator):
    client = connect(dialect, simulator, **spoil_credentials(dialect))

    failure = fail_send(dialect, client)

    assert (failure.reason, failure.is_permanent) == (Reason.CREDENTIAL, True)
    assert "Invalid push credentials" in failure.message


@each(SIMULATED)
def test_too_many_calls_are_told_when_to_come_back(dialect, simulator):
    client = connect(dialect, simulator)
    group = find_group(dialect, client)
    simulator.behaviour = replace(simulator.behaviour, requests_per_second=1)
    push = make_push(dialect, group=group)
    client.send(client.write(push))

    with pytest.raises(Failure) as caught:
        client.send(client.write(push))

    assert caught.value.reason is Reason.THROTTLED
    assert caught.value.retry_after >= 1


@each(SIMULATED)
def test_a_failing_vendor_can_be_tried_again(dialect, simulator):
    client = connect(dialect, simulator)
    find_group(dialect, client)
    simulator.behaviour = replace(simulator.behaviour, vendor_percent=100)

    failure = fail_send(dialect, client)

    assert failure.reason is Reason.VENDOR
    assert failure.retry_after is not None
    assert not failure.is_permanent


@each(SIMULATED)
def test_a_malformed_message_is_refused_for_good(dialect, simulator):
    client = connect(dialect, simulator)
    find_group(dialect, client)
    simulator.behaviour = replace(simulator.behaviour, payload_percent=100)

    failure = fail_send(dialect, client)

    assert (failure.reason, failure.is_permanent) == (Reason.PAYLOAD, True)
    assert summarize(simulator, dialect)["accepted_calls"] == 0


@each([dialect for dialect in SIMULATED if dialect.idempotency is Idempotency.KEY])
def test_the_same_key_is_accepted_once_and_answered_the_same(dialect, simulator):
    client = connect(dialect, simulator)

    receipts = [send(dialect, client, 2), send(dialect, client, 2)]

    assert receipts[0] == receipts[1]
    assert summarize(simulator, dialect)["accepted_calls"] == 1
    assert summarize(simulator, dialect)["replayed_calls"] == 1


@each([dialect for dialect in SIMULATED if dialect.idempotency is Idempotency.LOOKUP])
def test_a_call_can_be_looked_up_by_our_own_id(dialect, simulator):
    client = connect(dialect, simulator)
    group = find_group(dialect, client)
    question = FetchStatus(group=group, client_key="17")

    before = client.fetch_status(question)
    receipt = send(dialect, client)

    assert before is None
    assert client.fetch_status(question).transfer == receipt.reference


@each(GROUPED)
def test_a_group_is_created_once(dialect, simulator):
    client = connect(dialect, simulator)

    assert find_group(dialect, client) == find_group(dialect, client)


@each(REPORTING)
def test_totals_count_what_the_vendor_sent(dialect, simulator):
    simulator.behaviour = replace(
        simulator.behaviour, decay_percent=50, delivered_percent=100, receipt_seconds=0
    )
    client = connect(dialect, simulator)
    began = datetime.now(UTC)
    receipt = send(dialect, client, 40)

    totals = fetch_totals(client, receipt.reference, began)

    status = client.fetch_status(FetchStatus(transfer=receipt.reference))
    sent = summarize(simulator, dialect)["accepted_recipients"]
    assert status.state is TransferState.SENT
    assert 0 < sent < 40
    assert totals[Metric.SENT] == sent
    assert totals[Metric.DELIVERED] == sent


@each(RECEIPTS)
def test_receipts_name_the_references_that_were_sent_along(dialect, simulator):
    simulator.behaviour = replace(simulator.behaviour, delivered_percent=100, receipt_seconds=0)
    client = connect(dialect, simulator)
    push = make_push(dialect, 5)
    client.send(client.write(push))

    first = client.fetch_receipts(FetchReceipts("", 3))
    rest = client.fetch_receipts(FetchReceipts(first.cursor, 100))

    named = {event.reference for event in first.events + rest.events}
    assert len(first.events) == 3
    assert named == set(push.parts[0].targets[0].references)
    assert client.fetch_receipts(FetchReceipts(rest.cursor, 100)).events == ()


@each(SIMULATED)
@pytest.mark.parametrize("vendor_percent", [0, 100])
def test_no_secret_and_no_recipient_is_kept_or_said(dialect, simulator, caplog, vendor_percent):
    caplog.set_level(logging.DEBUG)
    client = connect(dialect, simulator)
    group = find_group(dialect, client)
    simulator.behaviour = replace(simulator.behaviour, vendor_percent=vendor_percent)

    with http.recording() as exchanges:
        said = try_all(client, make_push(dialect, 3, group=group))

    secrets = [make_text(spec) for spec in dialect.credentials if spec.kind == "secret"]
    everything = f"{exchanges} {said} {caplog.text} {simulator.journal.path.read_text()}"
    assert len(exchanges) >= 2
    assert all(secret not in everything for secret in secrets)
    assert "recipient-canary" not in f"{exchanges} {said} {caplog.text}"


def try_all(client, push) -> list[str]:
    said = []
    for act in (client.check, lambda: client.send(client.write(push))):
        try:
            said.append(repr(act()))
        except Failure as failure:
            said.append(f"{failure!r} {failure.message} {failure.__cause__!r}")
    return said


@each(SIMULATED)
def test_a_dead_vendor_was_certainly_not_sent_to(dialect, settings):
    settings.OUTBOUND_ALLOW = ["http://127.0.0.1:1"]
    settings.SANDBOX_URL = "http://127.0.0.1:1"
    account: AccountConfig = make_account(dialect, "http://127.0.0.1:1")

    failure = fail_send(dialect, dialect.connect(account))

    assert (failure.reason, failure.was_sent) == (Reason.VENDOR, False)
