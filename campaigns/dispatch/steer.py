"""What the engine itself does to a whole transfer; what people do to it is in services.

Only the status moves. What is then owed is settled by the workers, batch by batch.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from campaigns.dispatch.plan import write_fault
from campaigns.models import Transfer
from providers.commands import Fault


def pause_transfer(transfer: Transfer, note: str, *, actor: str, now: datetime) -> None:
    """Claim nothing more of it and say why; calls in flight end. Raises what `move_to` raises."""
    transfer.move_to(Transfer.Status.PAUSED, actor=actor, now=now, note=note[:500])


def fail_transfer(transfer: Transfer, fault: Fault, *, actor: str, now: datetime) -> None:
    """End it as failed; who is still owed is settled `failed`. Raises what `move_to` raises."""
    fields: dict[str, Any] = {"faults": [*transfer.faults, write_fault(fault)]}
    transfer.move_to(Transfer.Status.FAILED, actor=actor, now=now, note=fault.detail, **fields)
