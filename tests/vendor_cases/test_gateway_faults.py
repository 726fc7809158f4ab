"""Every fault that can befall a gateway, by the engine over HTTP/2: nobody is lost, who is sent to
twice is counted, and *at most once* sends to nobody twice (R20).

Faults that concern one call meet one campaign, each another call of it; what stops all calls, or
ends a connection, has a campaign of its own: under each policy at one gateway in turn, and at all
of them in the long form (PUSHADMIN_CHAOS=full).
"""

from __future__ import annotations

import json
import os
from collections import Counter as Tally
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from campaigns.dispatch.engine import drain
from campaigns.dispatch.verify import check_books
from campaigns.models import App, Campaign, Delivery, Device, Part, Policy, Transfer
from campaigns.services.campaigns import resume_campaign
from providers.contract import Dialect
from providers.fanout import close_fanouts
from providers.simulator import FAULTS, read_plan
from providers.simulator.faults import STREAM_FAULTS, CallKind, FaultType, Stage
from providers.simulator.gateways import GatewayServer
from tests.campaigns.dispatch.gateways import make_clock
from tests.gateways import server
from tests.vendor_cases.accounts import GATEWAYS, name_taken
from tests.vendor_cases.codes import read_codes
from tests.vendor_cases.gateway_apps import fill_app, start_transfer
from tests.vendor_cases.test_every_code import start_afresh

__all__ = ["server"]
pytestmark = pytest.mark.django_db(transaction=True)
IS_FULL = os.environ.get("PUSHADMIN_CHAOS") == "full"
HOURS = 40  # more than anybody is tried
# A worker that waited to the end would wait for ever.
SETTINGS = {
    "silence": "seconds=100000",
    "slow_headers": "seconds=100000",
    "slow_body": "seconds=100000",
    "bandwidth": "bytes_per_second=1",
    "connect_refused": "seconds=0.02",
    "connect_timeout": "seconds=0.1",
    "latency": "low=1,high=5",
}


def befalls_gateways(fault: FaultType) -> bool:
    """Their calls are sends of one recipient, without results, receipts, and keys that count."""
    is_elsewhere = fault.stage is Stage.RESULTS or fault.name.startswith("receipts_")
    is_on_send = fault.on in (CallKind.SEND, CallKind.ANY)
    return is_on_send and not is_elsewhere and fault.name != "forgets_key"


# Each of these keeps others from being called, or from being answered.
ALONE = {
    *("error_401", "error_403", "token_expired", "redirect", "error_429", "quota_exhausted"),
    *("error_404", "error_503", "goaway", "goaway_after", "close_before_acceptance"),
    *("accepted_answer_lost", "close_before_reading", "connect_refused", "connect_timeout"),
    *("tls_error", "tls_expired"),
}
MET = [name for name, fault in {**FAULTS, **STREAM_FAULTS}.items() if befalls_gateways(fault)]

SINGLE = [name for name in MET if name not in ALONE]
DEVICES = len(SINGLE) + 3


@dataclass
class Trial:
    """One gateway behind an app of some devices."""

    app: App
    dialect: Dialect
    server: GatewayServer

    def meet(self, rules: Mapping[str, str], policy: Policy) -> Iterator[str]:
        """What is wrong after a campaign of which calls suffer these faults."""
        start_afresh(self.dialect)
        close_fanouts()
        written = [f"{name}:{when},{SETTINGS.get(name, '')}" for name, when in rules.items()]
        self.server.simulator.follow(read_plan({"faults": written, "seed": 7}))
        before = len(self._read_accepted())
        transfer = self._send(policy)
        reached = Tally(self._read_accepted()[before:])
        told = next(iter(rules)) if len(rules) == 1 else "all"
        for fault in self._find_faults(transfer, reached):
            yield f"{told}, {policy}: {fault}"
        given = self.server.simulator.book.given
        yield from (f"{name}, {policy}: was never met" for name in rules if not given[name])

    def _send(self, policy: Policy) -> Transfer:
        """To the end; a person resumes what was paused at the next hour."""
        now = datetime.now(UTC)
        transfer = start_transfer(self.app, now, policy=policy)
        for hour in range(HOURS):
            drain(clock=make_clock(now, hour))
            transfer.refresh_from_db()
            if transfer.finished_at is not None:
                break
            read_codes(self.dialect).forget()  # an hour of the engine's is none of this process's
            campaign = transfer.campaign
            if campaign is not None and campaign.status == Campaign.Status.PAUSED:
                resume_campaign(campaign, actor="owner", now=now + timedelta(hours=hour))
        return transfer

    def _read_accepted(self) -> list[str]:
        """Recipients as the gateway's own journal on disk has them, once per send."""
        path = self.server.simulator.ledger.path
        lines = path.read_text().splitlines() if path.exists() else []
        return [json.loads(line)["recipient"] for line in lines]

    def _find_faults(self, transfer: Transfer, reached: Tally[str]) -> Iterator[str]:
        rows = Delivery.objects.filter(part__transfer=transfer)
        outcomes = dict(rows.values_list("recipient", "outcome"))
        for number, device in enumerate(Device.objects.order_by("pk")):
            taken = name_taken(self.dialect, self.server.url, number)
            yield from judge(outcomes.get(device.pk), reached[taken])
        doubled = reached.total() - len(reached)
        resent = sum(Part.objects.filter(transfer=transfer).values_list("resent", flat=True))
        if doubled > (resent if transfer.policy == Policy.AT_LEAST_ONCE else 0):
            yield f"{doubled} doubled, {resent} declared"


def judge(outcome: str | None, times: int) -> Iterator[str]:
    """What is wrong with how somebody ended who was really sent to so often."""
    if outcome is None:
        yield "somebody is lost"
    elif outcome == "sent" and not times:
        yield "somebody is called sent and was not"
    elif outcome not in ("sent", "unknown") and times:
        yield f"somebody is called {outcome} and was sent to"


@pytest.mark.parametrize("turn", range(len(GATEWAYS)), ids=[one.key for one in GATEWAYS])
def test_whatever_befalls_a_gateway_the_books_say_who_was_sent_to(
    app: App, server: GatewayServer, settings: Any, turn: int
) -> None:
    settings.CALL_SECONDS = 0.3
    settings.PAUSE_PERCENT = 100
    dialect = GATEWAYS[turn]
    fill_app(app, dialect, server.url, DEVICES, datetime.now(UTC) - timedelta(days=1))
    trial = Trial(app, dialect, server)
    each = {name: f"nth={number + 1}" for number, name in enumerate(SINGLE)}
    alone = [{name: "times=2"} for name in MET if name in ALONE]
    cases = [
        (rules, policy)
        for place, policy in enumerate((Policy.AT_LEAST_ONCE, Policy.AT_MOST_ONCE))
        for rules in (
            each,
            *(alone if IS_FULL else alone[(turn + place) % len(GATEWAYS) :: len(GATEWAYS)]),
        )
    ]

    wrong = [fault for rules, policy in cases for fault in trial.meet(rules, policy)]

    assert wrong == []
    assert check_books().faults == []
