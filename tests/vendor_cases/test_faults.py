"""Every vendor's client against every fault of the simulator, over a real socket: what it takes
the call for, and what the simulator's journal says was really accepted.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any

import pytest
import requests

from providers.commands import CreateGroup
from providers.contract import Dialect
from providers.outcomes import Failure, Outcome, Reason, Receipt
from providers.simulator import FAULTS, Simulator, read_plan
from providers.simulator.faults import CallKind, Stage
from tests.vendor_cases.accounts import SIMULATED, make_account
from tests.vendor_cases.strategies import make_push
from tests.vendor_cases.test_wire import each

COUNT = 8
SECONDS = 0.4  # as long as a client waits that has to notice that nobody answers


@dataclass(frozen=True)
class Fate:
    """What a client makes of a fault. `was_sent` None: nobody knows."""

    reason: Reason
    was_sent: bool | None
    is_permanent: bool = False


SILENT = Fate(Reason.NO_ANSWER, None)
FATES: dict[str, Fate] = {
    "close_before_reading": SILENT,
    "close_before_acceptance": SILENT,
    "silence": SILENT,
    "error_400": Fate(Reason.PAYLOAD, True, is_permanent=True),
    "error_401": Fate(Reason.CREDENTIAL, True, is_permanent=True),
    "error_403": Fate(Reason.CREDENTIAL, True, is_permanent=True),
    "token_expired": Fate(Reason.CREDENTIAL, True, is_permanent=True),
    "error_404": Fate(Reason.PAYLOAD, True, is_permanent=True),
    "error_410": Fate(Reason.PAYLOAD, True, is_permanent=True),
    "error_413": Fate(Reason.PAYLOAD, True, is_permanent=True),
    "error_422": Fate(Reason.PAYLOAD, True, is_permanent=True),
    "error_429": Fate(Reason.THROTTLED, True),
    "quota_exhausted": Fate(Reason.THROTTLED, True),
    "error_502": Fate(Reason.VENDOR, None),
    "error_504": Fate(Reason.VENDOR, None),
    "redirect": Fate(Reason.CREDENTIAL, True, is_permanent=True),
    "accepted_504": Fate(Reason.VENDOR, None),
    "ok_with_error": SILENT,
    "html": SILENT,
    "invalid_json": SILENT,
    "wrong_types": SILENT,
    "missing_ids": SILENT,
    "empty": SILENT,
    "huge": SILENT,
    "accepted_answer_lost": SILENT,
    "slow_headers": SILENT,
    "slow_body": SILENT,
    "bandwidth": SILENT,
    "half_body": SILENT,
    "wrong_length": SILENT,
}
SETTINGS = {
    "silence": "seconds=2",
    "slow_headers": "seconds=0.3",
    "slow_body": "seconds=0.1",
    "bandwidth": "bytes_per_second=10",
    "connect_refused": "seconds=0.5",
    "connect_timeout": "seconds=1.5",
}


def plan(simulator: Simulator, *faults: str) -> None:
    simulator.follow(read_plan({"faults": faults, "seed": 7}))


def plan_one(simulator: Simulator, name: str) -> None:
    plan(simulator, f"{name}:{SETTINGS.get(name, '')}")


def send(dialect: Dialect, simulator: Simulator, key: str = "17", count: int = COUNT) -> Receipt:
    client = dialect.connect(make_account(dialect, simulator.url))
    group = client.ensure_group(CreateGroup("", "News")) if dialect.has_groups else ""
    return client.send(client.write(make_push(dialect, count, key, group)))


def fail_send(dialect: Dialect, simulator: Simulator, key: str = "17") -> Failure:
    with pytest.raises(Failure) as caught:
        send(dialect, simulator, key)
    return caught.value


def ask(simulator: Simulator, path: str, method: str = "GET", **options: Any) -> requests.Response:
    with requests.Session() as session:
        session.trust_env = False
        return session.request(method, f"{simulator.url}{path}", timeout=5, **options)


def summarize(simulator: Simulator) -> dict[str, Any]:
    return ask(simulator, "/_journal/summary").json()


@pytest.mark.some(50)
@each(SIMULATED)
@pytest.mark.parametrize("name", FATES)
def test_a_fault_is_taken_for_what_it_is(dialect, simulator, settings, name):
    send(dialect, simulator, key="1")
    settings.CALL_SECONDS = SECONDS
    plan_one(simulator, name)
    started = time.monotonic()

    failure = fail_send(dialect, simulator)

    accepted = summarize(simulator)["accepted_calls"] - 1
    assert Fate(failure.reason, failure.was_sent, failure.is_permanent) == FATES[name]
    assert accepted == (1 if is_accepted(name) else 0)
    assert time.monotonic() - started < 10 * SECONDS
    assert summarize(simulator)["faults"][name] >= 1


def is_accepted(name: str) -> bool:
    accepted = FAULTS[name].is_accepted
    return bool(FAULTS[name].options["accepted"]) if accepted is None else accepted


@each(SIMULATED)
@pytest.mark.parametrize("name", ["error_500", "error_503", "accepted_500"])
def test_a_vendors_own_failure_may_be_tried_again(dialect, simulator, name):
    send(dialect, simulator, key="1")
    plan_one(simulator, name)

    failure = fail_send(dialect, simulator)

    assert (failure.reason, failure.is_permanent) == (Reason.VENDOR, False)
    # Who may have been sent to must be asked about, or called with the same key again.
    assert failure.was_sent is not False


@each(SIMULATED)
@pytest.mark.parametrize(
    "name",
    ["clock_skew", "latency:low=1,high=5", "bandwidth:bytes_per_second=50000", "receipts_late"],
)
def test_what_only_looks_bad_does_not_hinder_a_send(dialect, simulator, name):
    plan(simulator, name)

    receipt = send(dialect, simulator)

    assert receipt.outcome is Outcome.ACCEPTED
    assert summarize(simulator)["accepted_recipients"] == COUNT


@pytest.mark.parametrize(
    ("wish", "low", "high"),
    [
        ("0", 0, 0),
        ("1", 1, 1),
        ("3600", 3600, 3600),
        ("date:30", 28, 30),
        ("huge", 3600, 3600),
        ("-5", None, None),
        ("garbage", None, None),
        ("", None, None),
    ],
)
@each(SIMULATED)
def test_every_way_to_ask_for_patience_is_understood(dialect, simulator, wish, low, high):
    send(dialect, simulator, key="1")
    plan(simulator, f"error_429:retry_after={wish}")

    failure = fail_send(dialect, simulator)

    assert failure.reason is Reason.THROTTLED
    assert failure.retry_after is None if low is None else low <= failure.retry_after <= high


@each(SIMULATED)
@pytest.mark.parametrize("name", ["connect_refused", "connect_timeout"])
def test_a_shut_door_was_certainly_not_sent_to(dialect, simulator, settings, name):
    plan(simulator, f"{name}:nth=1,seconds={1.2}")
    first = send(dialect, simulator, key="1")

    settings.CALL_SECONDS = SECONDS
    failure = fail_send(dialect, simulator, key="2")
    settings.CALL_SECONDS = 20
    time.sleep(1.3)
    third = send(dialect, simulator, key="3")

    assert (failure.reason, failure.was_sent) == (Reason.VENDOR, False)
    assert {first.outcome, third.outcome} == {Outcome.ACCEPTED}
    assert summarize(simulator)["accepted_calls"] == 2


@each(SIMULATED)
@pytest.mark.parametrize("name", ["tls_error", "tls_expired"])
def test_a_bad_handshake_was_certainly_not_sent_to(dialect, simulator, settings, name):
    simulator.url = simulator.url.replace("http:", "https:")
    settings.SANDBOX_URL = simulator.url
    plan(simulator, name)

    failure = fail_send(dialect, simulator)

    assert (failure.reason, failure.was_sent) == (Reason.VENDOR, False)
    assert simulator.vendor.summarize()["accepted_calls"] == 0
    assert simulator.book.given[name] >= 1


@each(SIMULATED)
def test_a_name_that_does_not_resolve_was_certainly_not_sent_to(dialect, simulator):
    simulator.url = "http://nobody.invalid"

    failure = fail_send(dialect, simulator)

    assert (failure.reason, failure.was_sent) == (Reason.VENDOR, False)


def test_every_fault_is_tried_here_or_where_single_recipients_are():
    here = {*FATES, "error_500", "error_503", "accepted_500", "clock_skew", "latency",
            "connect_refused", "connect_timeout", "tls_error", "tls_expired"}  # fmt: skip
    later = {"unprintable"}
    of_recipients = {
        name
        for name, fault in FAULTS.items()
        if fault.stage in (Stage.ACCEPTANCE, Stage.RESULTS) or fault.on is not CallKind.SEND
    }

    assert set(FAULTS) == here | of_recipients | later


def test_a_plan_is_shown_changed_and_taken_away_while_it_runs(simulator):
    dialect = SIMULATED[0]
    changed = ask(simulator, "/_faults", "PUT", json={"faults": ["error_503:nth=2"], "seed": 3})
    send(dialect, simulator, key="1")
    failure = fail_send(dialect, simulator, key="2")
    shown = ask(simulator, "/_faults").json()
    ask(simulator, "/_faults", "DELETE")
    send(dialect, simulator, key="3")

    assert changed.json() == {
        "seed": 3,
        "faults": [{"fault": "error_503", "nth": "2"}],
        "given": [0],
    }
    assert failure.reason is Reason.VENDOR
    assert shown["given"] == [1]
    assert set(shown["known"]) == set(FAULTS)
    assert ask(simulator, "/_faults").json()["faults"] == []


@pytest.mark.parametrize(
    ("path", "method", "options", "status", "words"),
    [
        ("/_faults", "PUT", {"json": {"faults": ["lunch"]}}, 400, "Known are: accepted_500"),
        (
            "/_faults",
            "PUT",
            {"json": {"faults": ["html:dialect=x"]}},
            400,
            "There is no vendor 'x'",
        ),
        ("/_faults", "PUT", {"data": b"{"}, 400, "Expecting"),
        ("/_faults", "PUT", {"data": b"\xff"}, 400, "decode"),
        ("/_faults", "PUT", {"json": [1]}, 400, "A plan is an object"),
        ("/_faults", "PATCH", {}, 405, "GET, PUT or DELETE"),
        ("/_faults", "GET", {"headers": {"Host": "evil.example"}}, 403, "Only from this machine"),
        ("/_faults", "PUT", {"headers": {"Origin": "http://x.example"}}, 403, "no browser page"),
        ("/_nothing", "GET", {}, 404, "/_faults"),
    ],
)
def test_control_is_strict(simulator, path, method, options, status, words):
    answer = ask(simulator, path, method, **options)

    assert answer.status_code == status
    assert words in answer.json()["error"]


def test_control_calls_suffer_nothing_and_count_for_nothing(simulator):
    plan(simulator, "close_before_reading:nth=2", "error_503:nth=2")

    for _ in range(3):
        assert ask(simulator, "/_journal/summary").status_code == 200

    assert summarize(simulator)["faults"] == {}


def test_the_journal_says_what_every_fault_did(simulator):
    [dialect, *_] = [item for item in SIMULATED if item.is_sandbox]
    plan(simulator, "accepted_answer_lost:nth=1", "error_503:nth=2")
    for key in ("1", "2"):
        fail_send(dialect, simulator, key)

    lines = [json.loads(line) for line in simulator.journal.path.read_text().splitlines()]

    faults = [line for line in lines if line["event"] == "fault"]
    sends = [line["client_key"] for line in lines if line["event"] == "send"]
    assert sends == ["1"]
    assert [(line["fault"], line["client_key"], line["accepted"]) for line in faults] == [
        ("accepted_answer_lost", "1", True),
        ("error_503", "2", False),
    ]
