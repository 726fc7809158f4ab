"""A vendor whose client ends the process when it has to encode one certain recipient."""

from __future__ import annotations

import os

from providers.commands import SendPush
from providers.contract import Limits
from providers.outbound import Request
from providers.vendors.sandbox.outbound import Sandbox
from tests.chaos.dialects import make_dialect

DEADLY = "0000013"
BATCH = 2  # few halves until it stands alone


class Fragile(Sandbox):
    """Dies as a fault in a C library would let it die."""

    def write(self, push: SendPush) -> Request:
        tokens = [value for part in push.parts for item in part.targets for value in item.values]
        if any(token.endswith(DEADLY) for token in tokens):
            os._exit(139)
        return super().write(push)


DIALECT = make_dialect("fragile", connect=Fragile, limits=Limits(batch_size=BATCH, in_flight=16))
