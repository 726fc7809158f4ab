"""What workers that fan out may write: an account's rate in any five seconds, nearly reached."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest
from django.db import connection

from campaigns.dispatch import fan_out
from campaigns.dispatch.engine import pump
from campaigns.dispatch.gates import LONG_AGO, SCOPE, TRIES, TURN, Gate
from campaigns.models import Account, Allowance, Batch
from tests.campaigns.dispatch.gateways import Gateway
from tests.campaigns.dispatch.phones import PHONES, Start, count_outcomes

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
WINDOW = 5.0
ACCOUNT = 7


@dataclass
class Line:
    """Workers on one account; each writes at its speed, with a clock that all of them share.

    `written` are moments, in seconds, and how many were written then.
    """

    start: datetime
    seconds: float = 0.0
    written: list[tuple[float, int]] = field(default_factory=list)

    def read_clock(self) -> datetime:
        return self.start + timedelta(seconds=self.seconds)

    def open_gate(self, rate: float | None) -> Gate:
        return Gate(ACCOUNT, rate, self.read_clock)

    def write(self, gate: Gate, wanted: int) -> int:
        admitted = gate.admit(wanted)
        self.written.append((self.seconds, admitted))
        return admitted

    def count(self, start: float, end: float) -> int:
        return sum(count for moment, count in self.written if start <= moment < end)

    def find_busiest(self) -> int:
        moments = [moment for moment, _count in self.written]
        sums = [0]
        for _moment, count in self.written:
            sums.append(sums[-1] + count)
        ends = [bisect_left(moments, moment + WINDOW) for moment in moments]
        return max(sums[end] - sums[start] for start, end in enumerate(ends))


@pytest.fixture
def line(now: datetime) -> Line:
    return Line(now)


Work = Callable[[Random, int], int]


def work_steadily(_draw: Random, _step: int) -> int:
    return 150


def work_in_spells(_draw: Random, step: int) -> int:
    """Half a second of it, and as long nothing: a batch is made ready."""
    return 300 if step // 50 % 2 else 0


def work_by_chance(draw: Random, step: int) -> int:
    return draw.choice([0, 0, 5, 400]) if step // 100 % 3 else 0


@pytest.mark.values(4)
@pytest.mark.parametrize("work", [work_steadily, work_in_spells, work_by_chance])
@pytest.mark.parametrize(("rate", "workers"), [(10_000, 1), (10_000, 3), (2_000, 2), (40, 2)])
def test_no_five_seconds_have_two_percent_more_than_the_rate(
    line: Line, rate: float, workers: int, work: Work
) -> None:
    gates, draw = [line.open_gate(rate) for _ in range(workers)], Random(5)

    for step in range(800):  # of a hundredth of a second
        line.seconds = step / 100
        for gate in gates:
            line.write(gate, work(draw, step))

    assert line.find_busiest() <= 1.02 * rate * WINDOW + 1


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("rate", [10_000, 300, 20])
def test_who_always_has_something_to_write_nearly_reaches_the_rate(
    line: Line, rate: float, workers: int
) -> None:
    gates = [line.open_gate(rate) for _ in range(workers)]

    for step in range(2000):
        line.seconds = step / 200
        for gate in gates:
            line.write(gate, 500)

    assert line.count(0, 10) >= 0.97 * rate * 10


def test_what_nobody_wrote_while_a_batch_was_made_ready_is_made_up_for(line: Line) -> None:
    gate = line.open_gate(10_000)

    for step in range(2000):
        line.seconds = step / 200
        line.write(gate, 500 if step // 50 % 2 else 0)  # a quarter of a second of each

    assert line.count(0, 10) >= 0.97 * 10_000 * 10
    assert line.find_busiest() <= 1.02 * 10_000 * WINDOW


def test_after_a_long_pause_a_burst_is_small(line: Line) -> None:
    gate = line.open_gate(10_000)
    line.write(gate, 1)
    line.seconds = 60

    for step in range(100):
        line.seconds = 60 + step / 1000
        line.write(gate, 500)

    assert line.count(60, 60.1) <= 0.41 * 10_000


def test_who_writes_little_at_a_time_uses_up_no_more_than_it_writes(line: Line) -> None:
    slow, other = line.open_gate(1000), line.open_gate(1000)

    for step in range(1000):
        line.seconds = step / 100
        line.write(slow, 1)
        line.write(other, 500)

    assert line.count(0, 10) >= 0.97 * 1000 * 10
    assert Allowance.objects.get(scope=SCOPE).taken == line.count(0, 10)


def test_whose_places_come_free_one_by_one_hardly_waits_for_a_turn(line: Line) -> None:
    """A hundred calls at once of 40 to 60 ms each: 2,000 a second, a fifth of the rate."""
    gate, draw = line.open_gate(10_000), Random(5)
    free, coming_back = 100, [0] * 3100

    for step in range(3000):
        line.seconds = step / 1000
        free += coming_back[step]
        admitted = line.write(gate, free)
        free -= admitted
        for _call in range(admitted):
            coming_back[step + draw.randrange(40, 61)] += 1

    assert line.count(0, 3) >= 0.9 * 3 * 2000


def test_who_cannot_ask_writes_what_it_has_in_store(line: Line) -> None:
    gate = line.open_gate(1000)
    gate.store(30)

    admitted = [gate.admit(20, can_ask=False) for _time in range(3)]

    assert admitted == [20, 10, 0]


def test_what_was_stored_and_not_written_in_time_goes_back(line: Line) -> None:
    gate = line.open_gate(1000)
    gate.store(100)
    line.seconds = 0.06

    late = gate.admit(100, can_ask=False)
    admitted = gate.admit(10)

    [row] = Allowance.objects.filter(scope=SCOPE)
    assert (late, admitted) == (0, 10)
    assert sum(count for _tenth, count in row.recently) == 10
    assert row.level == pytest.approx(290)


def find_row() -> Allowance:
    return Allowance.objects.get(scope=SCOPE)


def count_taken() -> int:
    """How many calls of the last seconds the account's row says were written."""
    row = find_row()
    return sum(count for _tenth, count in row.recently)


def test_who_writes_nothing_more_leaves_what_it_held_to_others(line: Line) -> None:
    gate, other = line.open_gate(1000), line.open_gate(1000)
    gate.store(100)
    gate.admit(20)

    gate.give_back()

    assert count_taken() == 20
    # What was ever taken never comes down: whoever has read the row would not see that it changed.
    assert find_row().taken == 100
    assert (gate.admit(80, can_ask=False), other.admit(280)) == (0, 280)


@pytest.mark.parametrize("workers", [1, 3])
def test_a_store_lets_no_more_through(line: Line, workers: int) -> None:
    gates, draw = [line.open_gate(10_000) for _ in range(workers)], Random(7)

    for step in range(1500):
        line.seconds = step / 200
        for gate in gates:
            if draw.random() < 0.2:
                gate.store(draw.randrange(1, 500))
            admitted = gate.admit(draw.randrange(0, 500), can_ask=draw.random() < 0.5)
            line.written.append((line.seconds, admitted))
            if draw.random() < 0.1:
                gate.give_back()

    assert line.find_busiest() <= 1.02 * 10_000 * WINDOW
    assert line.count(0, 7.5) >= 0.95 * 10_000 * 7.5


def test_a_shut_gate_says_when_it_opens(line: Line) -> None:
    gate = line.open_gate(1000)
    while line.write(gate, 25):
        line.seconds += 0.001

    wait = gate.find_wait()
    line.seconds += wait

    assert 0 < wait < 0.03
    assert line.write(gate, 25) == 25


class Rival:
    """Takes of the same account whenever another is between what it reads and what it writes."""

    def __init__(self, gate: Gate) -> None:
        self.gate, self.taken, self.is_taking = gate, 0, False

    def __call__(self, execute: Any, sql: str, *others: Any) -> Any:
        if sql.startswith("UPDATE") and not self.is_taking:
            self.is_taking, self.gate.opens_at = True, LONG_AGO
            self.taken += self.gate.admit(1)
            self.is_taking = False
        return execute(sql, *others)


def test_two_that_take_at_the_same_moment_do_not_both_get_the_last(line: Line) -> None:
    gate, rival = line.open_gate(1), Rival(line.open_gate(1))

    with connection.execute_wrapper(rival):
        admitted = gate.admit(1)

    assert (admitted, rival.taken) == (0, 1)
    assert Allowance.objects.get(scope=SCOPE, owner_id=ACCOUNT).taken == 1


def test_who_is_always_too_late_asks_again_a_little_later_and_not_at_once(line: Line) -> None:
    gate, rival = line.open_gate(1000), Rival(line.open_gate(1000))

    with connection.execute_wrapper(rival):
        admitted = gate.admit(1)

    assert (admitted, rival.taken) == (0, TRIES)
    assert gate.find_wait() == TURN.total_seconds()
    line.seconds = TURN.total_seconds()
    assert gate.admit(1) == 1


def test_what_goes_back_undoes_nothing_that_others_have_just_taken(line: Line) -> None:
    gate, rival = line.open_gate(1000), Rival(line.open_gate(1000))
    gate.store(50)

    with connection.execute_wrapper(rival):
        gate.give_back()

    assert (gate.held, rival.taken) == (50, TRIES)
    assert count_taken() == 50 + TRIES


def test_who_is_alone_does_not_read_what_it_has_written_itself(
    line: Line, django_assert_num_queries: Callable[[int], object]
) -> None:
    gate = line.open_gate(1000)
    take_twice(line, gate)

    with django_assert_num_queries(1):  # type: ignore[attr-defined]
        admitted = line.write(gate, 25)

    assert admitted == 25
    assert count_taken() == 75


def test_who_was_alone_sees_at_once_what_others_take(line: Line) -> None:
    gate, other = line.open_gate(1000), line.open_gate(1000)
    take_twice(line, gate)

    taken = line.write(other, 290)
    admitted = line.write(gate, 100)

    assert (taken, admitted) == (290, 0)
    assert count_taken() == 50 + taken
    assert 0 < gate.find_wait() < 0.1


def take_twice(line: Line, gate: Gate) -> None:
    """As often as it has to, to know that nobody takes in between."""
    for _time in range(2):
        line.write(gate, 25)
        line.seconds += TURN.total_seconds()


def test_an_account_without_a_rate_is_held_back_by_nothing_and_costs_nothing(
    line: Line, django_assert_num_queries: Callable[[int], object]
) -> None:
    gate = line.open_gate(None)

    with django_assert_num_queries(0):  # type: ignore[attr-defined]
        assert gate.admit(1000) == 1000
        assert gate.find_wait() == 0
        gate.give_back()


class Pausing:
    """A clock that goes on by a millisecond whenever it is read, and by what is slept."""

    def __init__(self, now: datetime) -> None:
        self.moment = now

    def __call__(self) -> datetime:
        self.sleep(0.001)
        return self.moment

    def sleep(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


def test_a_batch_that_was_claimed_at_once_is_written_bit_by_bit(
    gateway: Gateway, begin: Start, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    transfer, clock = begin(), Pausing(now)
    Account.objects.update(limits={"requests_per_second": 200})
    moments: list[datetime] = []
    gateway.on_call = lambda _token: moments.append(clock.moment)
    gateway.streams = 100
    monkeypatch.setattr(fan_out.time, "sleep", clock.sleep)

    while not transfer.finished_at:
        pump("worker", clock=clock)
        clock.sleep(0.02)
        transfer.refresh_from_db()

    tenth = timedelta(seconds=0.1)
    most = max(sum(start <= one < start + tenth for one in moments) for start in moments)
    assert count_outcomes(transfer) == {"sent": PHONES}
    assert Batch.objects.order_by("-count").values_list("count", flat=True)[0] == 100
    assert most <= 60 + 200 * 0.15  # a burst, and what comes in


def test_a_fan_out_that_has_ended_has_taken_what_it_wrote_and_no_more(
    gateway: Gateway, begin: Start, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    transfer, clock = begin(), Pausing(now)
    Account.objects.update(limits={"requests_per_second": 2000})
    gateway.streams = 100
    monkeypatch.setattr(fan_out.time, "sleep", clock.sleep)

    while pump("worker", clock=clock):
        pass

    assert count_outcomes(transfer) == {"sent": PHONES}
    assert count_taken() == PHONES
