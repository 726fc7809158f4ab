"""Gateways that take few calls at once on a connection, and refuse more or keep them waiting."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from providers.fanout import Fanout
from providers.fanout_narrows import Narrow
from providers.fanout_slots import Slot, read_setting
from providers.http_session import CONNECT_SECONDS
from providers.outbound import DeviceAnswer, DeviceCall
from providers.outcomes import Outcome, Reason, Result
from providers.simulator import Behaviour, Simulator, read_plan
from providers.simulator.gateways import GatewayServer
from tests.gateways import GATEWAY, most, serving_gateways
from tests.providers.fanning import Found, call_all, describe, make_calls

__all__ = ["most"]
COUNT = 60
AT_ONCE = 12
UNSEEN = (Reason.VENDOR, False)


@contextmanager
def serve(folder: Path, settings: Any, streams: int, latency_ms: int) -> Iterator[GatewayServer]:
    """A gateway of which a connection takes so many calls."""
    simulator = Simulator((), folder / "journal.jsonl")
    simulator.gateways = {"plain": GATEWAY}
    simulator.behaviour = Behaviour(latency_ms=latency_ms)
    with serving_gateways(simulator, folder, settings, streams=streams) as server:
        yield server
    simulator.close()


def rest(call: DeviceCall) -> Result:
    """Its address has asked to wait."""
    return Result(call.place, Outcome.FAILED, Reason.VENDOR)


def submit_all(url: str) -> Fanout:
    """More calls than the gateway takes at once are on their way."""
    fanout = Fanout(COUNT)
    for call in make_calls(url, COUNT):
        fanout.submit(call)
    return fanout


def list_ids(found: Found) -> dict[int, str]:
    answers = {at: one for at, one in found.items() if isinstance(one, DeviceAnswer)}
    return {place: json.loads(answer.body)["id"] for place, answer in answers.items()}


def test_each_round_of_answers_makes_room_for_one_more() -> None:
    narrow = Narrow()
    slots = [Slot(read_setting(), None, keeps_headers=False) for _ in range(COUNT)]
    for slot in slots:
        narrow.hold(slot, 0)
    rounds = []
    while coming := narrow.let_in(0, lambda slot: False):
        rounds.append(len(coming))
        for _slot in coming:
            narrow.note_answer()
    assert sum(rounds) == COUNT
    assert rounds[:2] == [1, 2]
    assert all(later <= earlier + 1 for earlier, later in pairwise(rounds))
    assert max(rounds) > COUNT // 10


@pytest.mark.parametrize("streams", [1, 3])
def test_a_gateway_that_takes_few_calls_at_once_answers_all_of_them_once(
    tmp_path: Path, settings: Any, most: list[int], streams: int
) -> None:
    with serve(tmp_path, settings, streams, latency_ms=20) as server:
        fanout = Fanout(AT_ONCE)
        found = call_all(fanout, make_calls(server.url, COUNT), in_flight=AT_ONCE)
        summary = server.simulator.summarize()
        fanout.close()
    assert describe(found) == {200: COUNT}
    assert list_ids(found) == {place: f"recipient-canary-{place}" for place in range(COUNT)}
    assert summary["distinct_recipients"] == summary["accepted_calls"] == COUNT
    assert max(most) == streams


def test_whoever_waits_for_a_place_longer_than_for_a_connection_is_called_all_the_same(
    tmp_path: Path, settings: Any, most: list[int]
) -> None:
    with serve(tmp_path, settings, 1, latency_ms=20) as server:
        fanout = Fanout(COUNT)
        call_all(fanout, make_calls(server.url, COUNT), in_flight=AT_ONCE)  # connections stand
        server.simulator.behaviour = Behaviour(latency_ms=700)
        found = call_all(fanout, make_calls(server.url, COUNT, COUNT), in_flight=COUNT)
        fanout.close()
    assert describe(found) == {200: COUNT}
    assert max(most) == 1


def test_a_gateway_that_refuses_for_ever_is_not_called_for_ever(
    tmp_path: Path, settings: Any
) -> None:
    with serve(tmp_path, settings, 100, latency_ms=0) as server:
        server.simulator.follow(read_plan({"faults": ["stream_refused"], "seed": 7}))
        fanout = Fanout(COUNT)
        found = call_all(fanout, make_calls(server.url, COUNT), in_flight=COUNT)
        given = server.simulator.book.given["stream_refused"]
        server.simulator.follow(read_plan({"faults": [], "seed": 7}))
        after = call_all(fanout, make_calls(server.url, COUNT, COUNT), in_flight=AT_ONCE)
        fanout.close()
    assert describe(found) == {UNSEEN: COUNT}
    # The library calls each six times, and one of them is tried alone for all.
    assert 6 * COUNT < given < 9 * COUNT
    assert describe(after) == {200: COUNT}


def test_who_waits_at_a_gateway_that_falls_silent_is_not_called_one_by_one(
    tmp_path: Path, settings: Any, most: list[int]
) -> None:
    settings.CALL_SECONDS = CONNECT_SECONDS  # it bounds handshakes, too
    with serve(tmp_path, settings, 1, latency_ms=20) as server:
        fanout = Fanout(COUNT)
        call_all(fanout, make_calls(server.url, COUNT, COUNT), in_flight=AT_ONCE)  # connections
        server.simulator.behaviour = Behaviour(latency_ms=600_000)
        before = server.simulator.summarize()["distinct_recipients"]
        ended = describe(call_all(fanout, make_calls(server.url, COUNT), in_flight=COUNT))
        taken = server.simulator.summarize()["distinct_recipients"] - before
        fanout.close()
    doubted = ended[Reason.NO_ANSWER, None]
    assert ended == {(Reason.NO_ANSWER, None): doubted, UNSEEN: COUNT - doubted}
    assert 0 < taken <= doubted < COUNT / 2


def test_who_waits_for_a_place_can_be_called_back(
    tmp_path: Path, settings: Any, most: list[int]
) -> None:
    with serve(tmp_path, settings, 1, latency_ms=100) as server:
        fanout, answered = submit_all(server.url), list[int]()
        withdrawn: list[int] = []
        while fanout.in_flight:
            answered += [call.place for call, _answer in fanout.poll(1)]
            withdrawn += [call.place for call in fanout.withdraw()]
            fanout.admit()
        accepted = server.simulator.summarize()["distinct_recipients"]
        fanout.close()
    assert sorted(answered + withdrawn) == list(range(COUNT))
    assert withdrawn
    assert accepted == len(answered)


def test_who_waits_for_a_place_is_called_when_its_caller_says_so_alone(
    tmp_path: Path, settings: Any, most: list[int]
) -> None:
    with serve(tmp_path, settings, 1, latency_ms=20) as server:
        fanout, answered = submit_all(server.url), list[int]()
        while fanout.in_flight > len(fanout.waiting):
            answered += [call.place for call, _answer in fanout.poll(1)]
        waiting = [call.place for call in fanout.waiting]
        rests = fanout.admit(rest)
        accepted = server.simulator.summarize()["distinct_recipients"]
        fanout.close()
    assert sorted(answered + waiting) == list(range(COUNT))
    assert waiting
    assert accepted == len(answered)
    assert [one.index for one in rests] == waiting
