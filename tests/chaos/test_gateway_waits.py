"""A gateway that asks for time gets it, from that answer on, and nobody else waits (R9)."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import pytest

from providers.contract import Dialect
from tests.chaos.conftest import BOTH, on
from tests.chaos.gateways import (
    find_busy,
    find_silence,
    list_moments,
)
from tests.chaos.machine import Machine
from tests.vendor_cases.accounts import GATEWAYS, name_taken

WORKERS = 2
BUSY, AWAY = "error_429", "error_503"
HOUR = 3600
USUAL = 10  # seconds at least, where nobody understands what is asked for
# What a refusal asks for, and for how many seconds the account is then left alone at least.
ASKED = {"1": 1, "3": 3, "30": 30, "date:30": 28, "3600": HOUR, "99999": HOUR}
# What libcurl reads no number from, or none but 0.
GARBLED = dict.fromkeys(("0", "-5", "date:-30", "garbage", "huge"), USUAL)
CALM = "nothing"
SHORT = 5  # so long a wait is waited for
WATCHED = 6.0  # seconds in which who has to wait longer must not be called
RECIPIENTS, RATE, REFUSED = 150, 30, 70
LATENCY_MS = 100
BLOCKED = (
    "SELECT blocked_until FROM campaigns_throttle WHERE app_id = ? AND blocked_until IS NOT NULL"
)


def find_block(machine: Machine, app: int) -> float:
    """Until when an app's account is to be left alone, in seconds; 0.0 for not at all."""
    rows = machine.ask(BLOCKED, app)
    if not rows:
        return 0.0
    moment = datetime.fromisoformat(str(rows[0][0]))
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def number_all(place: int) -> range:
    """The devices of one app of many: no two have one in common."""
    return range(place * RECIPIENTS, (place + 1) * RECIPIENTS)


def ask_for_time(
    machine: Machine, dialect: Dialect, fault: str, texts: Iterable[str]
) -> dict[str, dict[str, Any]]:
    """An app for each text, of which one device's call is refused with it; and one that nobody
    asks for anything. Gives what was made, with the numbers of its devices."""
    cases = [*texts, CALM]
    refused = [number_all(place)[REFUSED] for place in range(len(cases) - 1)]
    names = [name_taken(dialect, machine.gateway_url, number) for number in refused]
    machine.start_simulator("--latency-ms", str(LATENCY_MS))
    machine.give_faults(
        *(
            f"{fault}:times=1,retry_after={text},id={name}"
            for text, name in zip(cases, names, strict=False)
        )
    )
    machine.start_workers(*(f"worker-{number}" for number in range(WORKERS)))
    made = machine.fill_all(
        *(
            {
                "slug": f"app-{place}",
                "dialect": dialect.key,
                "recipients": RECIPIENTS,
                "first": number_all(place).start,
                "campaign": {},
                "limits": {"requests_per_second": RATE},
            }
            for place, _text in enumerate(cases)
        )
    )
    return {
        text: {**item, "numbers": number_all(place)}
        for place, (text, item) in enumerate(zip(cases, made, strict=True))
    }


ACCOUNTS = [
    pytest.param(dialect, fault, id=f"{dialect.key}-{fault}")
    for dialect in GATEWAYS
    for fault in (BUSY, AWAY)
    if find_busy(dialect) == "account" or (find_busy(dialect) == "device" and fault == AWAY)
]


@on(*BOTH)
@pytest.mark.parametrize(("dialect", "fault"), ACCOUNTS)
def test_an_account_is_left_alone_for_as_long_as_was_asked(gateways, dialect, fault, tell):
    asked = ASKED | GARBLED if fault == BUSY else ASKED
    began = time.time()
    made = ask_for_time(gateways, dialect, fault, asked)
    for text in [text for text, seconds in asked.items() if seconds <= SHORT] + [CALM]:
        gateways.wait_for_end(made[text]["transfer"], 120)
    time.sleep(WATCHED)

    told = f"R9 {gateways.database.kind}, {dialect.key}, {fault}"
    for text, seconds in asked.items():
        moments = list_moments(gateways, dialect, made[text]["numbers"])
        is_over = len(moments) == RECIPIENTS
        silence = find_silence(moments, until=None if is_over else time.time())
        tell(
            f"{told} with Retry-After {text}: {len(moments)} of {RECIPIENTS} sent, "
            f"{'silent' if is_over else 'silent until now'} for {silence:.1f} s"
        )
        assert is_over or seconds > SHORT
        assert silence >= (seconds if is_over else WATCHED)
        block = find_block(gateways, made[text]["app"])
        assert began + seconds < block < time.time() + HOUR + 2
    calm = list_moments(gateways, dialect, made[CALM]["numbers"])
    tell(
        f"{told}: the app beside them got {len(calm)} of {RECIPIENTS} in "
        f"{calm[-1] - calm[0]:.1f} s at {RATE}/s, silent for {find_silence(calm):.1f} s at most"
    )
    assert len(calm) == RECIPIENTS
    assert find_block(gateways, made[CALM]["app"]) == 0.0
    assert "0 faults" in gateways.manage("verify")
