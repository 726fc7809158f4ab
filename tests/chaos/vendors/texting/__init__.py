"""A vendor that texts persons and tells of each text that has arrived, and a dialect whose scripts
are called back.
"""

from __future__ import annotations

from dataclasses import replace

from providers.commands import Callback, SendPush
from providers.inbound import CallbackRequest
from providers.message import PushMessage
from providers.outbound import Request
from providers.reports import OutcomeRow
from providers.scenarios import Channel, SendText
from providers.vendors.sandbox.outbound import Sandbox
from tests.chaos.dialects import make_dialect


class Texter(Sandbox):
    """Texts are the sandbox's pushes, to numbers."""

    def write_text(self, text: SendText) -> Request:
        message = PushMessage(body=text.message.text)
        parts = tuple(replace(part, message=message) for part in text.push.parts)
        push: SendPush = replace(text.push, parts=parts)
        return self.write(push)


def write_callback(callback: Callback, rows: tuple[OutcomeRow, ...]) -> CallbackRequest:
    told = [[row.value, str(row.outcome)] for row in rows]
    return CallbackRequest("POST", callback.url, {"data": callback.data, "told": told})


DIALECT = replace(
    make_dialect("texting", connect=Texter, channels=frozenset({Channel.SMS})),
    platforms=frozenset(),
    has_receipts=True,
    wants_references=True,
    write_callback=write_callback,
)
