"""A script's scenario, as a path: steps hand people over, and its end is called back."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from campaigns.dispatch.engine import drain
from campaigns.dispatch.receipt_tokens import write_receipt_token
from campaigns.dispatch.receipts import keep_receipts
from campaigns.models import (
    Account,
    App,
    Batch,
    Handover,
    OutboxRow,
    Person,
    Scenario,
    StepMember,
    Transfer,
)
from campaigns.models.packing import unpack_ids
from campaigns.services import intake
from campaigns.services.callers import Caller
from providers import registry, vault
from providers.commands import Callback, PushPart, SendPush
from providers.message import PushMessage
from providers.receipts import ReceiptEvent, ReceiptKind
from providers.recipients import PersonKind, Targets
from providers.scenarios import Channel, SendByScenario, TextMessage
from providers.simulator import Simulator
from tests import builders
from tests.campaigns.dispatch.journeys import CONTENT, HOUR, count_outcomes, forget_runs
from tests.campaigns.dispatch.paths import Passage, Path, list_sent
from tests.compat.conftest import make_key
from tests.compat.receiver import Receiver
from tests.vendor_cases.accounts import make_account

USER = PersonKind.EXTERNAL_USER_ID


@dataclass(frozen=True, slots=True)
class Guest:
    """Somebody whom the script names, with the devices that the push can go to."""

    name: str
    phone: str
    tokens: tuple[str, ...]


GUESTS = (
    Guest("ann", "411", ("ann-1", "ann-2")),
    Guest("bo", "412", ("bo-1",)),
    Guest("cy", "413", ()),  # begins with the text
    Guest("dee", "414", ("",)),  # has a device that cannot be reached
)


class Steps(Path):
    """A script's scenario: a push that nobody answers, a text, and calls back to the script."""

    size = 4 + 4  # devices, then persons

    def __init__(
        self, app: App, simulator: Simulator, now: datetime, door: str, receiver: Receiver
    ) -> None:
        super().__init__(app, simulator, now)
        self.door = registry.get(door)
        self.receiver = receiver
        self.key = make_key(app)[0]
        builders.make_route(app, "android")
        silent = {"delivered_percent": 0}
        Account.objects.update(credentials=vault.encrypt({"api_key": "good"}), options=silent)
        self.texter = next(one for one in registry.all_dialects() if Channel.SMS in one.channels)
        config = make_account(self.texter, simulator.url)
        builders.make_route(app, "sms", self.texter.key, options=config.options)
        Account.objects.filter(dialect=self.texter.key).update(
            credentials=vault.encrypt(config.credentials),
            base_urls=config.base_urls,
            options=silent,
        )
        self.scenario = Scenario.objects.create(
            workspace=app.workspace,
            name="Push, SMS",
            steps=[
                {"channel": "push", "sender": "", "wait": 60, "price": ""},
                {"channel": "sms", "sender": "Shop", "wait": None, "price": ""},
            ],
        )
        for guest in GUESTS:
            person = builders.make_person(app.workspace, guest.name, phone=guest.phone)
            for token in guest.tokens:
                state = {} if token else {"token_state": "missing"}
                builders.make_device(app, token, person=person, **state)

    def begin(self) -> Passage:
        forget_runs()
        names = tuple(guest.name for guest in GUESTS)
        number = Transfer.objects.count()
        ids = tuple(f"{number}-{name}" for name in names)
        part = PushPart(PushMessage(**CONTENT), (Targets(USER, names, ids=ids),))
        callback = Callback(url=self.receiver.url, data=str(number))
        push = SendPush(parts=(part,), is_tracked=True, callback=callback)
        command = SendByScenario(
            push=push, scenario=self.scenario.key, texts={"sms": TextMessage(text="Hi")}
        )
        accepted = intake.execute(command, Caller(self.key, self.door, self.now))
        return self.start(int(accepted.transfer))

    def go(self, run: Passage) -> None:
        """The push, the text, and long after it a receipt."""
        for hour in range(2):
            drain(clock=run.clock(hour))
        self.answer(run, 2)
        drain(clock=run.clock(2))

    def recover(self, run: Passage) -> None:
        for hour in (10, 11, 12):
            drain(clock=run.clock(hour))
        self.answer(run, 13)
        drain(clock=run.clock(13))

    def answer(self, run: Passage, hour: float) -> None:
        """Bo's text has arrived."""
        text, bo = run.transfer.parts.get(step=1), Person.objects.get(external_user_id="bo")
        arrived = ReceiptEvent(
            write_receipt_token(text.pk, bo.pk), ReceiptKind.DELIVERED, self.now + hour * HOUR
        )
        with transaction.atomic():
            keep_receipts([arrived], 0, arrived.at)

    def judge(self, run: Passage) -> Mapping[str, bool]:
        push, text = run.transfer.parts.order_by("step")
        taken = self.list_taken(run)
        members = list(StepMember.objects.filter(part=text).values_list("person_id", flat=True))
        owed = [
            one for batch in Batch.objects.filter(part=text) for one in unpack_ids(batch.recipients)
        ]
        told = self.list_told(run)
        return {
            "outcomes": count_outcomes(run.transfer) == {"sent": 7, "skipped": 1},
            "each step sends to whom its vendor took": set(taken)
            == list_sent(push) | list_sent(text),
            "everybody is handed over once": sorted(members) == sorted(owed) == sorted(set(owed)),
            "nobody waits any more": not Handover.objects.filter(
                transfer=run.transfer, done_at=None
            ).exists(),
            "the script is told of everybody": {name for name, _state in told}
            == {guest.name for guest in GUESTS},
            "and of what arrives late": ("bo", "delivered") in told,
            "and again by one call at most": told.total() - len(told) <= len(GUESTS),
            "nobody has to be told": not OutboxRow.objects.exists(),
        }

    def identify(self, run: Passage, recipient: str) -> tuple[int, int]:
        """A text is taken by its number."""
        person = Person.objects.filter(phone=recipient).first()
        if person is None:
            return super().identify(run, recipient)
        return run.transfer.parts.get(step=1).pk, person.pk

    def list_told(self, run: Passage) -> Tally[tuple[str, str]]:
        """How often the script was told what of each target."""
        data = run.transfer.submission.callback["data"]
        bodies = [body for body in self.receiver.bodies if body["data"] == data]
        return Tally((row[0], row[1]) for body in bodies for row in body["told"])
