"""Kept messages: read, and sent by a vendor that does what it is asked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.inbound import Call
from providers.outcomes import Refusal
from providers.recipients import Audience
from providers.schedules import RecordRow
from providers.simulator import Simulator
from providers.vendors.agora import DIALECT, wire_kept
from tests.providers.agora import strategies as some

MESSAGE = {"title": "Hello", "content": "World"}
PATH = {"org_name": "acme", "app_name": "shop"}
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def make_call(body: Any, **path: str) -> Call:
    return Call(body=body, path={**PATH, **path})


@given(some.bodies)
def test_a_message_is_kept_as_it_was_written(body: dict[str, Any]) -> None:
    kept = wire_kept.read_keep(make_call(body))

    row = RecordRow(id="7", body=kept.body, created_at=NOW, updated_at=NOW)
    shown = wire_kept.write_kept(row, "acme#shop")
    assert (kept.body, wire_kept.write_kept_id(row)) == (body, 7)
    assert shown == {**body, "appkey": "acme#shop", "timestamp": 1795176000000}


@given(some.numbers, st.none() | st.integers(0, 4))
def test_a_broadcast_is_read_as_it_was_written(number: str, strategy: int | None) -> None:
    command = wire_kept.read_broadcast(make_call(wire_kept.write_broadcast(number, strategy)))

    push = command.read(MESSAGE)
    (part,) = push.parts
    assert (command.id, command.app, push.app, push.kind) == (
        number,
        "acme#shop",
        "acme#shop",
        "task",
    )
    assert (part.audience, part.message.title) == (Audience(), "Hello")
    assert bool(part.message.channel) is (strategy is not None)
    assert (push.expires_in is not None) is (strategy in (1, 3))


def test_a_kept_message_that_is_no_good_any_more_is_refused() -> None:
    command = wire_kept.read_broadcast(make_call(wire_kept.write_broadcast("7")))

    with pytest.raises(Refusal):
        command.read({"title": "a" * 33})


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[Simulator]:
    simulator = Simulator([DIALECT], tmp_path / "journal")
    yield simulator
    simulator.close()


def test_the_simulated_vendor_sends_what_it_has_kept(simulator: Simulator) -> None:
    def ask(path: str, body: Any) -> Any:
        headers = {"authorization": "Bearer some-key"}
        target = f"/agora/acme/shop/{path}"
        return simulator.answer("POST", target, headers, json.dumps(body).encode())

    kept = ask("push/message", MESSAGE)
    sent = ask("push/task/broadcast", wire_kept.write_broadcast(str(kept.body["data"])))
    strange = ask("push/task/broadcast", wire_kept.write_broadcast("999"))

    assert (kept.status, sent.status, strange.status) == (200, 200, 404)
    assert simulator.vendor.summarize()["accepted_calls"] == 1
