"""The ways of a send beside a vendor's plain call: each is made ready, gone, and looked back at.

An audience that a vendor is told of, and our own channel to a device; steps are in `stairs`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter as Tally
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from campaigns.dispatch.engine import Clock, drain, pump, tick
from campaigns.dispatch.receipt_tokens import read_receipt_token
from campaigns.dispatch.verify import check_books
from campaigns.models import (
    Account,
    App,
    Delivery,
    DeviceSession,
    InboxItem,
    Label,
    LabelMember,
    Part,
    Policy,
    Transfer,
    VendorLabel,
    VendorLabelMember,
)
from campaigns.services.device_inbox import pull_inbox
from providers import vault
from providers.commands import FetchStatus
from providers.contract import Idempotency
from providers.recipients import PersonKind
from providers.simulator import Simulator
from tests import builders
from tests.campaigns.dispatch import telling
from tests.campaigns.dispatch.journeys import (
    CONTENT,
    EVERYBODY,
    HOUR,
    Figures,
    begin_run,
    count_outcomes,
    count_receipts,
    count_resent,
    freeze_audience,
    make_clock,
)
from tests.chaos.dialects import STATUS_ROUTE, Teller

USER = PersonKind.EXTERNAL_USER_ID
DAYS = 24 * 8  # hours until the inbox keeps nothing any more


@dataclass(frozen=True, slots=True)
class Passage:
    """One send on its way, by the id of its transfer. `since` is how many calls vendors had taken
    before."""

    pk: int
    now: datetime
    since: int

    @property
    def transfer(self) -> Transfer:
        return Transfer.objects.get(pk=self.pk)

    def clock(self, hour: float = 0) -> Clock:
        return make_clock(self.now + hour * HOUR)


class Path(ABC):
    """One way, on an app of its own. `begin` gives the passage that `go` sends."""

    recovery: tuple[float, ...] = (
        10,
        11,
        12,
    )  # hours: each later worker comes when leases are over
    size = 0  # recipients, over all parts

    def __init__(self, app: App, simulator: Simulator, now: datetime) -> None:
        self.app = app
        self.simulator = simulator
        self.now = now

    @abstractmethod
    def begin(self) -> Passage: ...

    def freeze(self, **fields: Any) -> Passage:
        """A campaign that is about to be sent."""
        run = begin_run(self.app, Policy.AT_LEAST_ONCE, self.now, **fields)
        freeze_audience(run)
        return self.start(run.transfer.pk)

    def start(self, transfer: int) -> Passage:
        return Passage(transfer, self.now, len(self.simulator.vendor.transfers))

    @abstractmethod
    def go(self, run: Passage) -> None: ...

    @abstractmethod
    def judge(self, run: Passage) -> Mapping[str, bool]:
        """Rules of this way, and whether they hold after the recovery."""

    def recover(self, run: Passage) -> None:
        for hour in self.recovery:
            drain(clock=run.clock(hour))

    def count(self, run: Passage) -> Figures:
        outcomes = count_outcomes(run.transfer)
        taken = self.list_taken(run).values()
        doubled = sum(taken) - len(taken)
        lost = self.size - outcomes.total()
        return Figures(outcomes, count_resent(run.transfer), doubled, lost)

    def list_taken(self, run: Passage) -> Tally[tuple[int, int]]:
        """How often vendors have taken whom we named: part and recipient."""
        taken: Tally[tuple[int, int]] = Tally()
        for transfer in list(self.simulator.vendor.transfers.values())[run.since :]:
            for _platform, recipient in transfer.list_recipients():
                taken[self.identify(run, recipient)] += 1
        return taken

    def identify(self, run: Passage, recipient: str) -> tuple[int, int]:
        """Part and recipient by what a vendor has called somebody."""
        return read_receipt_token(recipient) or (0, 0)

    def find_faults(self, run: Passage) -> list[str]:
        figures = self.count(run)
        rules = {
            "books": not check_books(Transfer.objects.filter(pk=run.transfer.pk)).faults,
            "it has ended": run.transfer.finished_at is not None,
            "nobody is lost": figures.lost == 0,
            "what is twice is counted": figures.doubled <= figures.resent,
            "receipts once": count_receipts(run.transfer),
            **self.judge(run),
        }
        return [f"{rule}: {figures}" for rule, holds in rules.items() if not holds]


def list_sent(part: Part, *outcomes: str) -> set[tuple[int, int]]:
    """Part and recipient of everybody who has one of these outcomes and went to a vendor."""
    rows = Delivery.objects.filter(part_id=part.pk, outcome__in=outcomes or ["sent"])
    named = rows.exclude(account_id=0).values_list("recipient", flat=True)
    return {(part.pk, recipient) for recipient in named}


class ToldTeller(telling.Told, Teller):
    """A vendor that is told of audiences, and can be asked by our own id."""

    def fetch_status(self, command: FetchStatus) -> Any:
        return Teller.fetch_status(self, command)


class AudienceCall(Path):
    """One call for everybody meant, after their label is kept there as it is here."""

    recovery = (10, 11)
    size = 6

    def __init__(
        self,
        app: App,
        simulator: Simulator,
        now: datetime,
        *,
        audience: Mapping[str, Any] = EVERYBODY,
        idempotency: Idempotency = Idempotency.KEY,
    ) -> None:
        super().__init__(app, simulator, now)
        self.audience = audience
        self.may_be_unknown = idempotency is Idempotency.NONE
        self.dialect = self._make_dialect(idempotency)
        telling.serve(simulator, self.dialect)
        for platform in ("android", "ios"):
            builders.make_route(app, platform)
        label = Label.objects.create(app=app, name="vip")
        for number in range(self.size // 2):
            person = builders.make_person(app.workspace, f"p{number}")
            builders.make_device(app, f"a{number}", "android", person=person)
            builders.make_device(app, f"i{number}", "ios", person=person)
            LabelMember.objects.create(label=label, person=person)
        Account.objects.update(
            credentials=vault.encrypt({"api_key": "good"}),
            base_urls={"api": f"{simulator.url}/{self.dialect.key}"},
        )

    def _make_dialect(self, idempotency: Idempotency) -> Any:
        dialect = telling.make_dialect(idempotency=idempotency)
        if idempotency is not Idempotency.LOOKUP:
            return dialect
        return replace(dialect, connect=ToldTeller, routes=(*dialect.routes, STATUS_ROUTE))

    def begin(self) -> Passage:
        """The vendor is told of the label anew; it knows somebody who carries it no more."""
        VendorLabel.objects.all().delete()
        kept = VendorLabel.objects.create(account=Account.objects.get(), label=Label.objects.get())
        VendorLabelMember.objects.create(vendor_label=kept, name="gone")
        return self.freeze(audience=self.audience)

    def go(self, run: Passage) -> None:
        clock = run.clock()
        while pump("worker", clock=clock):
            pass

    def count(self, run: Passage) -> Figures:
        """Whom an audience means is its vendor's business: a second call doubles everybody."""
        calls = len(self.simulator.vendor.transfers) - run.since
        return replace(super().count(run), doubled=max(0, calls - 1) * self.size)

    def judge(self, run: Passage) -> Mapping[str, bool]:
        calls = list(self.simulator.vendor.transfers.values())[run.since :]
        outcomes = set(count_outcomes(run.transfer))
        carried = set(LabelMember.objects.values_list("person__external_user_id", flat=True))
        kept = set(VendorLabelMember.objects.values_list("name", flat=True))
        has_label = "labels" in self.audience
        return {
            "all batches share the end of one call": len(outcomes) == 1,
            "outcomes": outcomes <= {"sent", *(["unknown"] if self.may_be_unknown else [])},
            "who is sent was meant by a call": outcomes != {"sent"} or len(calls) == 1,
            "the label is kept there as it is here": not has_label or kept == carried,
            "and so the vendor knows it": not has_label or self.list_members() == carried,
        }

    def list_members(self) -> set[str]:
        shelves = self.simulator.vendor.memory.rows
        [shelf] = [key for key in shelves.shelves if key[-1] == "vip"]
        return set(shelves.list(shelf))


class OwnChannel(Path):
    """Our own way first, a vendor for the others, our own again for whom no vendor reaches."""

    recovery = (10, DAYS)
    size = 5
    AWAY = timedelta(days=1)

    def __init__(self, app: App, simulator: Simulator, now: datetime) -> None:
        super().__init__(app, simulator, now)
        builders.make_route(app, "android")
        # What came back whenever it liked would make every passage another one.
        silent = {"delivered_percent": 0}
        Account.objects.update(credentials=vault.encrypt({"api_key": "good"}), options=silent)
        # No route leads to iOS.
        for name, platform in (("mute", "android"), ("lost", "ios")):
            builders.make_device(app, name, platform)
        for name, platform in (("online", "android"), ("offline", "android"), ("caught", "ios")):
            DeviceSession.objects.create(
                device=builders.make_device(app, name, platform), secret_hash="x", created_at=now
            )

    def begin(self) -> Passage:
        InboxItem.objects.all().delete()
        DeviceSession.objects.update(pulled_at=self.now - self.AWAY)
        DeviceSession.objects.filter(device__token="online").update(pulled_at=self.now)
        return self.freeze(content={**CONTENT, "channel": "own_first"})

    def go(self, run: Passage) -> None:
        """Sent; who is online pulls; what nobody has pulled expires."""
        drain(clock=run.clock())
        self.pull(1)
        tick("scheduler", clock=run.clock(DAYS))

    def pull(self, hour: float) -> None:
        sessions = DeviceSession.objects.select_related("device__app", "device__person")
        session = sessions.get(device__token="online")
        pull_inbox(session, after=None, topic=None, now=self.now + hour * HOUR)

    def recover(self, run: Passage) -> None:
        drain(clock=run.clock(10))
        self.pull(11)
        drain(clock=run.clock(DAYS))

    def judge(self, run: Passage) -> Mapping[str, bool]:
        part = Part.objects.get(transfer=run.transfer)
        rows = dict(Delivery.objects.filter(part_id=part.pk).values_list("recipient", "outcome"))
        fates = {device.token: rows.get(device.pk, "") for device in self.app.devices.all()}
        own = Delivery.objects.filter(part_id=part.pk, account_id=0, outcome="sent")
        items = InboxItem.objects.filter(part=part).values_list("device", flat=True)
        return {
            "who pulls in time is sent, who does not is expired": fates
            == {
                "online": "sent",
                "offline": "sent",
                "mute": "sent",
                "caught": "expired",
                "lost": "skipped",
            },
            "nobody goes both ways": set(self.list_taken(run)) == list_sent(part),
            "what was sent our own way waits once": sorted(items)
            == sorted(own.values_list("recipient", flat=True)),
        }
