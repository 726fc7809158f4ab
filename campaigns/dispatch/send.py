"""Works off one claimed batch: what is unknown is cleared up, what is over is settled, the rest is
addressed and sent."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from campaigns.dispatch import folds, outbound, settle
from campaigns.dispatch.addresses import Addressed, address_members, list_owed
from campaigns.dispatch.answers import UNKNOWN, settle_reply
from campaigns.dispatch.books import Member, Verdict
from campaigns.dispatch.claim import Lease, claim_batch, is_over
from campaigns.dispatch.unanswered import POISON, Resolution, resolve_attempt
from campaigns.models import Attempt, Transfer
from providers.commands import FaultKind
from providers.outcomes import Failure, Reason

Clock = Callable[[], datetime]
FAULT_REASONS: dict[str, Reason] = {
    FaultKind.CREDENTIALS: Reason.CREDENTIAL,
    FaultKind.NO_MESSAGE: Reason.NO_MESSAGE,
    FaultKind.NO_TEXT: Reason.PAYLOAD,
    FaultKind.NO_ROUTE: Reason.NO_ROUTE,
    FaultKind.NOT_ADDRESSABLE: Reason.NOT_ADDRESSABLE,
    FaultKind.CANCELLED: Reason.CANCELLED,
}


def send_batch(transfer: Transfer, clock: Clock) -> bool:
    """Claim a batch of a transfer and work it off; False when none may be sent now."""
    lease = claim_batch(transfer, clock())
    if lease is None:
        return False
    try:
        _work(lease, clock)
    except settle.LeaseLost:
        return True  # its new holder goes on
    folds.fold_batches(lease.transfer)
    folds.finish_transfer(lease.transfer, clock())
    return True


def _work(lease: Lease, clock: Clock) -> None:
    owed = list_owed(lease.batch)
    stale = Attempt.objects.filter(batch=lease.batch, answered_at__isnull=True).first()
    resolution = Resolution()
    if stale is not None:
        resolution = resolve_attempt(lease, stale, owed, clock())
    if resolution.flush is not None:
        settle.flush(lease, resolution.flush, clock())
    elif (verdict := _find_end(lease, clock())) is not None:
        settle.flush(lease, settle.Flush(verdicts={verdict: owed}, stale=stale), clock())
    elif lease.batch.attempts > POISON:
        _isolate(lease, stale, owed, clock())
    else:
        _send(lease, owed, stale, resolution, clock)


def _find_end(lease: Lease, now: datetime) -> Verdict | None:
    """How the rest of a batch ends without a call, if it does."""
    transfer = lease.transfer
    if transfer.status == Transfer.Status.CANCELLED:
        return Verdict("cancelled", Reason.CANCELLED.value)
    if transfer.status == Transfer.Status.FAILED:
        kind = transfer.faults[0].get("kind", "") if transfer.faults else ""
        return Verdict("failed", FAULT_REASONS.get(str(kind), Reason.OURS).value)
    if is_over(lease.batch, now):
        return Verdict("expired", Reason.TOO_LATE.value)
    if lease.way is None:
        return Verdict("skipped", Reason.NO_ROUTE.value)
    return None


def _isolate(lease: Lease, stale: Attempt | None, owed: list[Member], now: datetime) -> None:
    if len(owed) == 1:
        ours = {Verdict("failed", Reason.OURS.value): owed}
        settle.flush(lease, settle.Flush(verdicts=ours, stale=stale), now)
    else:
        settle.split_batch(lease, owed, stale, now)


def _send(
    lease: Lease,
    owed: list[Member],
    stale: Attempt | None,
    resolution: Resolution,
    clock: Clock,
) -> None:
    assert lease.way is not None  # noqa: S101 told by _find_end
    addressed = address_members(lease.batch, lease.way, owed)
    skipped = _judge_skipped(addressed, resolution)
    key = stale.key if stale is not None else _find_key(lease, skipped)
    call = settle.Call(key, skipped, stale, resolution.resent)
    ready = _prepare(lease, addressed, call.key, clock())
    hop = outbound.find_hop(lease.transfer)
    if is_over(lease.batch, clock()):
        # Making it ready took until it expired; given back, it is settled as what is over.
        settle.flush(lease, settle.Flush(), clock())
        return
    attempt = settle.begin_attempt(lease, call, clock())
    if attempt is None:
        return
    reply = outbound.Reply(ready) if isinstance(ready, Failure) else ready.call(hop)
    settle_reply(lease, attempt, addressed, reply, clock())


def _judge_skipped(addressed: Addressed, resolution: Resolution) -> settle.Verdicts:
    """Why some are left out of a call; who was in an earlier one may have got that."""
    if resolution.may_have_gone:
        return {UNKNOWN: [member for cut in addressed.skipped.values() for member in cut]}
    return {Verdict("skipped", reason.value): cut for reason, cut in addressed.skipped.items()}


def _find_key(lease: Lease, skipped: settle.Verdicts) -> str:
    """A key that changes with the set of those who are owed, and with nothing else.

    A repeat has the key of the call that it repeats instead: whoever has been left out since, a
    vendor that took that call takes no second one.
    """
    done = lease.batch.settled + sum(map(len, skipped.values()))
    return f"t{lease.transfer.pk}-b{lease.batch.pk}-{done}"


def _prepare(
    lease: Lease, addressed: Addressed, key: str, now: datetime
) -> outbound.Ready | Failure:
    """Everything that can be done before the call is written down."""
    try:
        return outbound.prepare_call(lease, addressed, key, now)
    except Failure as failure:
        failure.was_sent = False  # the push itself never left
        return failure
