"""Whoever dies while an audience is told, our own channel is filled, a step hands on or a script
is called back loses nobody, and doubles nobody in secret.

Death is as in test_crashes. The short form tries some of the gaps, evenly spread;
PUSHADMIN_CHAOS=full every one.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest

from campaigns.dispatch import freeze, piles, vendor_labels
from campaigns.models import App
from campaigns.selectors import routes
from providers import http, registry
from providers.contract import Idempotency
from providers.simulator import Simulator
from tests.campaigns.dispatch.boundaries import Boundaries, crossing, die_by, passes
from tests.campaigns.dispatch.journeys import Figures
from tests.campaigns.dispatch.paths import AudienceCall, OwnChannel, Passage, Path
from tests.campaigns.dispatch.stairs import Steps
from tests.compat.receiver import Receiver, receiving
from tests.compat.small import make_dialect
from tests.compat.test_callbacks import write_callback

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
EVERY_GAP = os.environ.get("PUSHADMIN_CHAOS") == "full"
DEATHS = 3
EXPRESSION = {"expression": {"field": "person.label", "op": "eq", "value": "vip"}}
AUDIENCES = {
    "a label, key": ({"labels": ["vip"]}, Idempotency.KEY),
    "a filter, mute": (EXPRESSION, Idempotency.NONE),
    "everyone, lookup": ({"all": True}, Idempotency.LOOKUP),
}
DOOR = "small"


@pytest.fixture
def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def receiver(settings: Any, simulator: Simulator) -> Iterator[Receiver]:
    with receiving() as receiver:
        settings.OUTBOUND_ALLOW = [simulator.url, receiver.url]
        yield receiver
    http.get_session().close()


def choose_places(boundaries: Boundaries) -> list[int]:
    places = boundaries.list_places(every=EVERY_GAP)
    if EVERY_GAP or len(places) <= DEATHS:
        return places
    return [places[number * (len(places) - 1) // (DEATHS - 1)] for number in range(DEATHS)]


def rehearse(path: Path) -> Boundaries:
    """The boundaries of a passage in which nobody dies, twice: what a process asks once and
    remembers is no boundary of later ones."""
    for _ in range(2):
        boundaries, run = Boundaries(), path.begin()
        with crossing(boundaries):
            path.go(run)
        path.recover(run)
        assert path.find_faults(run) == []
    return boundaries


def die_everywhere(path: Path) -> tuple[str, int, list[tuple[int, str]]]:
    """What came of all deaths in words, how many there were, and what does not hold, by the gap
    of the death."""
    rehearsed = rehearse(path)
    places, faults, totals = choose_places(rehearsed), list[tuple[int, str]](), Figures()

    def attempt(boundaries: Boundaries) -> tuple[Passage, bool]:
        run = path.begin()
        return run, passes(boundaries, partial(path.go, run))

    for place in places:
        run, has_lived = die_by(place, attempt, path.recover)
        faults += [(place, fault) for fault in path.find_faults(run)]
        faults += [(place, "nobody died")] * has_lived
        totals.add(path.count(run))
    gaps = len(rehearsed.states)
    return f"{gaps} boundaries, {len(places)} deaths, {totals}", len(places), faults


Die = Callable[[str, Path], tuple[int, list[tuple[int, str]]]]


@pytest.fixture
def die(capsys: Any) -> Die:
    """Die everywhere on a path, and print what came of it; gives deaths and faults."""

    def die(name: str, path: Path) -> tuple[int, list[tuple[int, str]]]:
        words, deaths, faults = die_everywhere(path)
        with capsys.disabled():
            print(f"\n{name}: {words}")
        return deaths, faults

    return die


@pytest.mark.parametrize("name", AUDIENCES if EVERY_GAP else [next(iter(AUDIENCES))])
def test_a_death_while_an_audience_is_told(
    app: App, simulator: Simulator, now: datetime, monkeypatch: Any, die: Die, name: str
) -> None:
    audience, idempotency = AUDIENCES[name]
    path = AudienceCall(app, simulator, now, audience=audience, idempotency=idempotency)
    monkeypatch.setattr(routes, "find_dialect", lambda key: path.dialect)
    for module, what, size in (
        (piles, "MAX_BATCH", 4),
        (freeze, "CHUNK_DEVICES", 4),
        (vendor_labels, "MEMBERS_ONCE", 2),
        (vendor_labels, "CALLS_ONCE", 1),
    ):
        monkeypatch.setattr(module, what, size)

    deaths, faults = die(name, path)

    assert deaths >= DEATHS
    assert faults == []


def test_a_death_on_our_own_channel(
    app: App, simulator: Simulator, now: datetime, die: Die
) -> None:
    deaths, faults = die("our own channel", OwnChannel(app, simulator, now))

    assert deaths >= DEATHS
    assert faults == []


def test_a_death_between_steps_and_while_a_script_is_told(
    app: App,
    simulator: Simulator,
    now: datetime,
    monkeypatch: Any,
    receiver: Receiver,
    die: Die,
) -> None:
    dialect = make_dialect(DOOR, write_callback=write_callback)
    monkeypatch.setitem(registry._load_dialects(), DOOR, dialect)

    deaths, faults = die("steps and callbacks", Steps(app, simulator, now, DOOR, receiver))

    assert deaths >= DEATHS
    assert faults == []
