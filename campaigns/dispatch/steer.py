"""Pause, resume, cancel: what stops and starts a transfer; services decide who may.

They only move the status. What is then owed is settled by the workers, batch by batch.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from campaigns.dispatch.plan import write_fault
from campaigns.models import Transfer
from providers.commands import Fault


def pause_transfer(transfer: Transfer, *, actor: str, now: datetime, note: str = "") -> None:
    """Claim nothing more of it; calls in flight end. Raises what `move_to` raises."""
    transfer.move_to(Transfer.Status.PAUSED, actor=actor, now=now, note=note[:500])


def resume_transfer(transfer: Transfer, *, actor: str, now: datetime) -> None:
    """Send exactly the rest."""
    is_frozen = transfer.frozen_at is not None
    new = Transfer.Status.SENDING if is_frozen else Transfer.Status.ACCEPTED
    transfer.move_to(new, actor=actor, now=now)


def cancel_transfer(transfer: Transfer, *, actor: str, now: datetime, note: str = "") -> None:
    """Send no more; who is still owed is settled `cancelled`."""
    transfer.move_to(Transfer.Status.CANCELLED, actor=actor, now=now, note=note[:500])


def fail_transfer(transfer: Transfer, fault: Fault, *, actor: str, now: datetime) -> None:
    """End it as failed; who is still owed is settled `failed`."""
    fields: dict[str, Any] = {"faults": [*transfer.faults, write_fault(fault)]}
    transfer.move_to(Transfer.Status.FAILED, actor=actor, now=now, note=fault.detail, **fields)
