"""Every code that a gateway's pages have: what becomes of the one device that gets it as an answer,
of its token, of the account and of the campaign. Over HTTP/2, by the engine.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from campaigns.dispatch.engine import pump
from campaigns.dispatch.verify import check_books
from campaigns.models import (
    Account,
    AddressRest,
    App,
    Attempt,
    Batch,
    Delivery,
    Device,
    Throttle,
    Transfer,
)
from providers.contract import Dialect
from providers.gateways import GatewayCall, GatewayReply, GatewaySend
from providers.pacing import FIRST_WAIT
from providers.simulator.gateways import GatewayServer
from tests.gateways import server
from tests.vendor_cases.accounts import GATEWAYS
from tests.vendor_cases.codes import WISHES, Case, Fate, read_codes
from tests.vendor_cases.gateway_apps import fill_app, start_transfer

__all__ = ["server"]
pytestmark = pytest.mark.django_db(transaction=True)
USUAL = max(FIRST_WAIT.values())  # who is not told a time is tried again within it
DELAY = 20.0  # seconds that a busy machine may take from writing an answer to reading it
SLACK = DELAY + 2  # jitter, and the whole seconds of a date; waits are told apart by more
Seen = dict[str, Any]
Asker = Callable[[float | None], Case]
IS_FULL = os.environ.get("PUSHADMIN_CHAOS") == "full"
OpenApp = Callable[[Dialect], App]


def start_afresh(dialect: Dialect) -> None:
    """As if nothing had been answered before, and nobody were owed."""
    Batch.objects.update(due_at=datetime.now(UTC) + timedelta(days=1))
    Device.objects.update(token_state=Device.TokenState.ACTIVE, token_evidence="")
    Account.objects.update(health=Account.Health.UNKNOWN, health_words="")
    Throttle.objects.all().delete()
    AddressRest.objects.all().delete()
    read_codes(dialect).forget()


def say(server: GatewayServer, dialect: Dialect, reply: GatewayReply) -> None:
    """From now on every send is answered with it, read as a send that would have been taken."""

    def answer(call: GatewayCall, send: GatewaySend) -> GatewayReply:
        return reply

    gateway = server.simulator.gateways[dialect.key]
    server.simulator.gateways[dialect.key] = replace(gateway, write_accepted=answer)


def try_case(server: GatewayServer, dialect: Dialect, app: App, case: Case) -> str:
    """Send to the one device of the app; what is wrong with what became of it, "" for nothing."""
    start_afresh(dialect)
    say(server, dialect, case.write())
    now = datetime.now(UTC)
    transfer = start_transfer(app, now)
    while pump("worker", clock=lambda: now):
        pass
    seen = look(transfer, now) | {"rests": read_codes(dialect).find_rest()}
    return describe(case, seen, expect(case.fate))


def look(transfer: Transfer, now: datetime) -> Seen:
    transfer.refresh_from_db()
    attempt = Attempt.objects.get(batch__transfer=transfer)
    ends = Delivery.objects.filter(part__transfer=transfer).values_list("outcome", "reason")
    device, account = Device.objects.get(), Account.objects.get()
    blocks = Throttle.objects.filter(blocked_until__isnull=False)
    return {
        "end": "".join(" ".join(row).strip() for row in ends),
        "is_dead": device.token_state != Device.TokenState.ACTIVE,
        "is_refused": account.health == Account.Health.BAD,
        "is_paused": transfer.status == Transfer.Status.PAUSED,
        "in_doubt": attempt.answered_at is None,  # the call is left open
        "due": [count_seconds(one.due_at, now) for one in list_owed(transfer)],
        "blocked": [count_seconds(row.blocked_until, now) for row in blocks],
        "words": f"{attempt.words} {device.token_evidence}",
    }


def list_owed(transfer: Transfer) -> list[Batch]:
    return list(Batch.objects.filter(transfer=transfer).exclude(state=Batch.State.DONE))


def count_seconds(moment: datetime | None, now: datetime) -> float:
    assert moment is not None
    return (moment - now).total_seconds()


def expect(fate: Fate) -> Seen:
    """Exact values, and for waits the span in which they have to be."""
    is_owed = not fate.end
    span = [(0.0, USUAL)] if fate.seconds is None else [(fate.seconds, fate.seconds + SLACK)]
    return {
        "end": fate.end,
        "is_dead": fate.is_dead,
        "is_refused": fate.is_paused,
        "is_paused": fate.is_paused,
        "in_doubt": fate.in_doubt,
        "rests": (fate.rests - SLACK, fate.rests + SLACK),
        "due": span if is_owed else [],
        "blocked": span if fate.is_blocked else [],
    }


def describe(case: Case, seen: Seen, expected: Seen) -> str:
    wrong = [
        f"{name} is {seen[name]!r}, not {value!r}"
        for name, value in expected.items()
        if not fits(seen[name], value)
    ]
    wrong += [f"nobody reads {text!r}" for text in case.words if text not in seen["words"]]
    return f"{case.name}: {'; '.join(wrong)}" if wrong else ""


def fits(seen: Any, value: Any) -> bool:
    if isinstance(value, tuple):
        return bool(value[0] <= seen <= value[1])
    if isinstance(value, list):
        return len(seen) == len(value) and all(map(fits, seen, value))
    return bool(seen == value)


@pytest.fixture
def open_app(app: App, server: GatewayServer, settings: Any) -> Iterator[OpenApp]:
    """An app with one device, whose only fault is no burst of faults."""
    settings.PAUSE_PERCENT = 100
    filled: list[Dialect] = []

    def fill(dialect: Dialect) -> App:
        filled.append(dialect)
        fill_app(app, dialect, server.url, 1, datetime.now(UTC) - timedelta(days=1))
        return app

    yield fill
    for dialect in filled:
        read_codes(dialect).forget()


@pytest.mark.parametrize("dialect", GATEWAYS, ids=lambda dialect: dialect.key)
def test_every_code_of_the_pages_is_taken_for_what_it_is(open_app, server, dialect):
    app, cases = open_app(dialect), read_codes(dialect).CASES

    wrong = [try_case(server, dialect, app, case) for case in cases]

    assert len({case.name for case in cases}) == len(cases)
    assert [line for line in wrong if line] == []
    assert check_books().faults == []


@pytest.mark.parametrize("dialect", GATEWAYS, ids=lambda dialect: dialect.key)
def test_every_way_to_ask_for_time_is_heeded_by_whom_it_concerns(open_app, server, dialect):
    app = open_app(dialect)

    wrong = [
        f"{text!r}: {line}"
        for ask, text in list_wishes(dialect)
        if (line := try_case(server, dialect, app, write_wish(ask(WISHES[text]), text)))
    ]

    assert wrong == []
    assert check_books().faults == []


def list_wishes(dialect: Dialect) -> list[tuple[Asker, str]]:
    """Each way to be asked with each wish; in the short form every second, the next with others."""
    turn = GATEWAYS.index(dialect)
    return [
        (ask, text)
        for place, ask in enumerate(read_codes(dialect).ASKERS.values(), turn)
        for number, text in enumerate(WISHES, place)
        if IS_FULL or number % 2 == 0
    ]


def test_every_wish_is_asked_for_by_somebody():
    assert {text for dialect in GATEWAYS for _ask, text in list_wishes(dialect)} == set(WISHES)


def write_wish(case: Case, text: str) -> Case:
    """The same answer with such a Retry-After."""
    word, _, seconds = text.partition(":")
    if word == "date":
        moment = datetime.now(UTC) + timedelta(seconds=float(seconds) + DELAY)
        text = format_datetime(moment, usegmt=True)
    return replace(case, headers={"retry-after": text} if text else {})
