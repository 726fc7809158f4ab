"""One campaign through a vendor with faults: real sockets, a clock that jumps, counts from both
sides.
"""

from __future__ import annotations

import json
from collections import Counter as Tally
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from campaigns.dispatch.engine import drain
from campaigns.dispatch.plan import start_campaign
from campaigns.dispatch.receipt_tokens import read_receipt_token
from campaigns.dispatch.verify import check_books
from campaigns.models import (
    Account,
    App,
    Campaign,
    Delivery,
    Device,
    DeviceIdentifier,
    Part,
    ReceiptRow,
    Route,
    Transfer,
)
from campaigns.models.audience import hash64
from campaigns.services.campaigns import resume_campaign
from providers import vault
from providers.contract import Dialect
from providers.simulator import Simulator, read_plan
from tests import builders
from tests.vendor_cases.accounts import make_account

RECIPIENTS = 12
HOURS = 60  # more than batches are ever tried, also one after the other


@dataclass
class Rehearsal:
    """An app with a route to a simulated vendor, and one campaign to everybody."""

    app: App
    dialect: Dialect
    simulator: Simulator
    url: str
    aftermath: int = 1  # hours in which status and receipts come; totals need eight
    start: datetime = field(default_factory=lambda: datetime.now(UTC))
    hour: int = 0
    pauses: int = 0

    def __post_init__(self) -> None:
        self.ticks = count()
        self.simulator.clock = self.simulator.vendor.memory.clock = self.read_clock
        config = make_account(self.dialect, self.url)
        self.account = Account.objects.create(
            workspace=self.app.workspace,
            name="Vendor",
            dialect=self.dialect.key,
            credentials=vault.encrypt(dict(config.credentials)),
            base_urls=dict(config.base_urls),
        )
        platform = min(self.dialect.platforms)
        Route.objects.create(
            app=self.app, platform=platform, account=self.account, options=dict(config.options)
        )
        for number in range(RECIPIENTS):
            # Some vendors know devices, some persons, by whatever names they call them.
            person = builders.make_person(self.app.workspace, f"t{number}")
            device = builders.make_device(self.app, f"t{number}", platform, person=person)
            for kind in self.dialect.identifier_kinds:
                if not kind.is_token and kind.platform in (None, platform):
                    DeviceIdentifier.objects.create(
                        app=self.app,
                        device=device,
                        kind=kind.name,
                        value=f"t{number}",
                        value_hash=hash64(f"t{number}"),
                    )

    def read_clock(self) -> datetime:
        return self.start + timedelta(hours=self.hour, seconds=next(self.ticks) / 20)

    def follow(self, *faults: str) -> None:
        self.simulator.follow(read_plan({"faults": faults, "seed": 7}))

    def send(self, *, resumes: bool = True, **fields: Any) -> Transfer:
        """Send it to the end; a person resumes what was paused, at the next hour, or it is one."""
        campaign = builders.make_campaign(self.app, self.start, **fields)
        start_campaign(campaign, actor="owner", now=self.read_clock())
        transfer = Transfer.objects.get(campaign=campaign)
        end = HOURS
        while self.hour < end:
            drain(clock=self.read_clock)
            self.hour += 1
            campaign.refresh_from_db()
            transfer.refresh_from_db()
            if transfer.finished_at is not None:
                end = min(end, self.hour + self.aftermath)
            if campaign.status == Campaign.Status.PAUSED:
                self.pauses += 1
                if not resumes:
                    break
                resume_campaign(campaign, actor="owner", now=self.read_clock())
        return transfer

    def list_ends(self) -> set[str]:
        """How recipients ended, in the words of the docs."""
        ends = {
            f"{outcome} ({reason})" if reason else outcome
            for outcome, reason in Delivery.objects.values_list("outcome", "reason")
        }
        return ends | ({"paused"} if self.pauses else set())

    def count_reached(self) -> Tally[int]:
        """How often each recipient was really sent to, as the journal on disk says."""
        tokens = dict(Device.objects.values_list("token", "pk"))
        return Tally(_identify(name, tokens) for name in self._list_named())

    def _list_named(self) -> Iterator[str]:
        tells = self.dialect.wants_references
        for line in self.simulator.journal.path.read_text().splitlines():
            sent = json.loads(line)
            names = [name for _, names, *_more in sent.get("stretches", ()) for name in names]
            # Who does not answer per recipient has told nobody whom it left out.
            refused = set(sent.get("refused", ())) if tells else set()
            yield from (name for place, name in enumerate(names) if place not in refused)

    def find_faults(self, *, is_over: bool = True) -> list[str]:
        """What is wrong with the books, seen from inside and from outside; [] is good."""
        faults = [str(fault) for fault in check_books().faults]
        reached = self.count_reached()
        outcomes = dict(Delivery.objects.values_list("recipient", "outcome"))
        for recipient in Device.objects.values_list("pk", flat=True):
            outcome, times = outcomes.get(recipient), reached[recipient]
            if outcome is None and is_over:
                faults.append(f"{recipient} is lost")
            elif outcome == "sent" and not times:
                faults.append(f"{recipient} is called sent and was not")
            elif outcome not in ("sent", "unknown") and times:
                faults.append(f"{recipient} is called {outcome} and was sent to")
        told = ReceiptRow.objects.values_list("recipient", flat=True)
        doubted = sorted(set(told) - {pk for pk, outcome in outcomes.items() if outcome == "sent"})
        faults += [f"{recipient} has a receipt and is not called sent" for recipient in doubted]
        doubled = sum(times - 1 for times in reached.values() if times > 1)
        if doubled > sum(Part.objects.values_list("resent", flat=True)):
            faults.append(f"{doubled} doubled and not declared")
        return faults


def _identify(name: str, tokens: dict[str, int]) -> int:
    found = read_receipt_token(name) if name not in tokens else None
    return found[1] if found else tokens[name]
