"""Events of vendors as JSON objects, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from providers.outcomes import Outcome, Reason
from providers.receipts import OutcomeEvent, ReceiptEvent, ReceiptKind

Event = ReceiptEvent | OutcomeEvent


def write_event(event: Event) -> dict[str, Any]:
    """The event as an object; what a vendor writes may hold a NUL, which no database takes."""
    values = {**asdict(event), "at": event.at.isoformat()}
    return {
        name: value.replace("\0", "") if isinstance(value, str) else value
        for name, value in values.items()
    }


def read_event(content: Mapping[str, Any]) -> Event:
    """What `write_event` has written."""
    values = {**content, "at": datetime.fromisoformat(content["at"])}
    if "kind" in values:
        return ReceiptEvent(**{**values, "kind": ReceiptKind(values["kind"])})
    reason = Reason(values["reason"]) if values["reason"] else None
    return OutcomeEvent(**{**values, "outcome": Outcome(values["outcome"]), "reason": reason})
