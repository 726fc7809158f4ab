"""A gateway whose client ends the process: over one device when it writes a call, over another one
when it reads an answer."""

from __future__ import annotations

import json
import os

from providers.commands import SendPush
from providers.contract import Idempotency, Limits
from providers.outbound import AccountConfig, AddressRests, CheckResult, DeviceAnswer, DeviceCall
from providers.outcomes import Outcome, Reason, Result
from tests.chaos.dialects import make_dialect
from tests.gateways import GATEWAY

DEADLY_TO_WRITE, DEADLY_TO_READ = "-0000013-", "-0000045-"
BATCH, STREAMS = 8, 4  # few halves until it stands alone


class Calls:
    """One body per device; nothing else."""

    certificate = None
    caller = ""
    rests: AddressRests | None = None

    def __init__(self, url: str, push: SendPush) -> None:
        self.url = url
        self.key = push.client_key
        self.tokens = [
            value for part in push.parts for targets in part.targets for value in targets.values
        ]
        self.count = len(self.tokens)

    def write(self, place: int) -> DeviceCall:
        token = self.tokens[place]
        if DEADLY_TO_WRITE in token:
            os._exit(139)
        body = json.dumps({"to": token}).encode()
        return DeviceCall(place, f"{self.url}/send", (f"x-key: {token}",), body)

    def find_rest(self, call: DeviceCall) -> Result | None:
        return None

    def read(self, answer: DeviceAnswer) -> Result:
        if DEADLY_TO_READ in self.tokens[answer.place]:
            os._exit(139)
        if answer.status == 200:
            return Result(answer.place, Outcome.ACCEPTED)
        return Result(answer.place, Outcome.FAILED, Reason.VENDOR, f"HTTP {answer.status}")


class Brittle:
    """Dies as a fault in a C library would let it die."""

    def __init__(self, account: AccountConfig) -> None:
        self.url = account.base_urls["api"]

    def check(self) -> CheckResult:
        return CheckResult(True, "It works.")

    def write_calls(self, push: SendPush) -> Calls:
        return Calls(self.url, push)


DIALECT = make_dialect(
    "brittle",
    connect=Brittle,
    gateway=GATEWAY,
    fans_out=True,
    blind_resend=True,
    idempotency=Idempotency.NONE,
    has_groups=False,
    has_labels=False,
    can_report=False,
    limits=Limits(batch_size=BATCH, streams=STREAMS, in_flight=16),
)
