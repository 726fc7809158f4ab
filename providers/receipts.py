"""What comes back later about a recipient, from polls and hooks alike. Plain values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from providers.commands import Answer, Command
from providers.outcomes import Outcome, Reason


@dataclass(frozen=True, slots=True)
class FetchReceipts(Command):
    """What came back since `cursor` ("" = from the start), oldest first."""

    cursor: str = ""
    limit: int = 1000


class ReceiptKind(StrEnum):
    """What comes back later. Beside the books, never in them."""

    DELIVERED = "delivered"
    SHOWN = "shown"
    OPENED = "opened"
    CLICKED = "clicked"
    DISMISSED = "dismissed"
    UNREGISTERED = "unregistered"


@dataclass(frozen=True, slots=True)
class ReceiptEvent:
    """One recipient's receipt. `reference` is the receipt token we sent along; where we could
    send none, `transfer` is the vendor's id of the call, and `target_kind` and `target` say whom.
    `channel` is that of the step of a scenario by which the vendor has reached him, "" for the
    call's own.
    """

    reference: str
    kind: ReceiptKind
    at: datetime
    transfer: str = ""
    target_kind: str = ""
    target: str = ""
    channel: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeEvent:
    """What a vendor says later about one recipient of a call: `reference` is the receipt token we
    sent along, else `transfer` is the vendor's id of the call, and `target_kind` and `target` say
    whom. `channel` as in ReceiptEvent: of the last step that was tried.
    """

    outcome: Outcome
    at: datetime
    reference: str = ""
    transfer: str = ""
    target_kind: str = ""
    target: str = ""
    reason: Reason | None = None
    message: str = ""
    channel: str = ""


@dataclass(frozen=True, slots=True)
class ReceiptPage(Answer):
    events: tuple[ReceiptEvent | OutcomeEvent, ...]
    cursor: str
