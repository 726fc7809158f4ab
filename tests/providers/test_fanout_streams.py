"""Gateways that take few calls at once on a connection, and refuse more."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from providers.fanout import Fanout
from providers.outbound import DeviceAnswer, DeviceCall
from providers.outcomes import Reason
from providers.simulator import Behaviour, Simulator
from providers.simulator.gateways import server as gateway_server
from providers.simulator.gateways.http2 import Http2
from providers.simulator.gateways.requests import Request
from tests.gateways import GATEWAY, serving_gateways
from tests.providers.fanning import call_all, describe, make_calls

COUNT = 60
AT_ONCE = 12
UNSEEN = (Reason.VENDOR, False)


@pytest.fixture
def most(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """How many streams a connection held whenever something came in. What is begun above what it
    takes, perhaps before it could say so, is refused (RFC 9113, 5.1.2)."""
    found: list[int] = []

    class Strict(Http2):
        def __init__(self, streams: int) -> None:
            super().__init__(streams)
            self.most = streams

        def receive(self, data: bytes) -> list[Request]:
            requests = super().receive(data)
            for stream in sorted(self.streams)[self.most :]:
                self.reset(stream, is_refused=True)
            found.append(len(self.streams))
            return [request for request in requests if request.stream in self.streams]

    monkeypatch.setattr(gateway_server, "Http2", Strict)
    return found


def call_until_answered(fanout: Fanout, calls: list[DeviceCall]) -> dict[int, DeviceAnswer]:
    """As the engine does: who was certainly not looked at is called again."""
    answered: dict[int, DeviceAnswer] = {}
    for _round in range(COUNT):
        left = [call for call in calls if call.place not in answered]
        found = call_all(fanout, left, in_flight=AT_ONCE) if left else {}
        assert describe(found).keys() <= {200, UNSEEN}
        answered |= {at: one for at, one in found.items() if isinstance(one, DeviceAnswer)}
    return answered


@pytest.mark.parametrize("streams", [1, 3])
def test_a_gateway_that_takes_few_calls_at_once_answers_all_of_them_once(
    tmp_path: Any, settings: Any, most: list[int], streams: int
) -> None:
    simulator = Simulator((), tmp_path / "journal.jsonl")
    simulator.gateways = {"plain": GATEWAY}
    simulator.behaviour = Behaviour(latency_ms=20)
    with serving_gateways(simulator, tmp_path, settings, streams=streams) as server:
        fanout = Fanout(AT_ONCE)
        answered = call_until_answered(fanout, make_calls(server.url, COUNT))
        fanout.close()
    summary = simulator.summarize()
    simulator.close()
    assert {place: json.loads(answer.body)["id"] for place, answer in answered.items()} == {
        place: f"recipient-canary-{place}" for place in range(COUNT)
    }
    assert summary["distinct_recipients"] == summary["accepted_calls"] == COUNT
    assert max(most) == streams
