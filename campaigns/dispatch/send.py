"""Works off one claimed batch: what is unknown is cleared up, what is over is settled, the rest is
addressed and sent."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from campaigns.dispatch import (
    audience_calls,
    fan_out,
    folds,
    outbound,
    own_channel,
    rendering,
    settle,
)
from campaigns.dispatch.addresses import Addressed, address_members, list_owed
from campaigns.dispatch.answers import UNKNOWN, settle_reply
from campaigns.dispatch.bars import find_barred
from campaigns.dispatch.books import Member, Verdict
from campaigns.dispatch.claim import Lease, claim_batch, is_over
from campaigns.dispatch.fan_out_calls import Start
from campaigns.dispatch.texts import needs_rendering
from campaigns.dispatch.unanswered import POISON, Resolution, find_doubt, resolve_attempt, write_off
from campaigns.dispatch.windows import find_doubted
from campaigns.dispatch.wording import group_by_text
from campaigns.models import Attempt, Batch, Transfer
from providers.commands import FaultKind
from providers.outcomes import Failure, Reason

logger = logging.getLogger(__name__)

Clock = Callable[[], datetime]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
FAULT_REASONS: dict[str, Reason] = {
    FaultKind.CREDENTIALS: Reason.CREDENTIAL,
    FaultKind.NO_MESSAGE: Reason.NO_MESSAGE,
    FaultKind.NO_TEXT: Reason.PAYLOAD,
    FaultKind.NO_ROUTE: Reason.NO_ROUTE,
    FaultKind.NOT_ADDRESSABLE: Reason.NOT_ADDRESSABLE,
    FaultKind.CANCELLED: Reason.CANCELLED,
}


def send_batch(
    transfer: Transfer, clock: Clock, should_stop: fan_out.ShouldStop = fan_out.go_on
) -> bool:
    """Claim a batch of a transfer and work it off; False when none may be sent now."""
    lease = claim_batch(transfer, clock())
    if lease is None:
        return False
    try:
        _work(lease, clock, should_stop)
    except settle.LeaseLost:
        logger.warning("Batch %s was claimed by somebody else, who goes on.", lease.batch.pk)
        return True
    except outbound.NotReadyYet:
        _give_back(lease, clock())
    now = clock()
    folds.fold_batches(lease.transfer, now)
    folds.finish_transfer(lease.transfer, now)
    return True


def _give_back(lease: Lease, now: datetime) -> None:
    with suppress(settle.LeaseLost):
        settle.flush(lease, settle.Flush(), now)


def _work(lease: Lease, clock: Clock, should_stop: fan_out.ShouldStop) -> None:
    now = clock()
    owed = list_owed(lease.batch)
    leader = audience_calls.find_leader(lease.batch)
    if leader is not None:
        audience_calls.follow(lease, leader, owed, now)
        return
    stale = None if lease.is_first else find_doubt(lease.batch)
    resolution = _resolve(lease, stale, owed, now)
    if resolution.flush is not None:
        settle.flush(lease, resolution.flush, clock())
    elif not is_over(lease.batch, now) and needs_rendering(lease.batch):
        _fill_in(lease, owed, clock)
    elif not is_over(lease.batch, now) and (taken := _take_own(lease, owed, resolution, now)):
        settle.flush_own(lease, taken, now)
    elif (verdict := _find_end(lease, now)) is not None:
        settle.flush(lease, settle.Flush(verdicts={verdict: owed}, unsent=stale), clock())
    elif lease.batch.attempts > POISON:
        _isolate(lease, stale, owed, clock())
    elif lease.find_way().dialect.fans_out:
        fan_out.fan_out(_begin_fan_out(lease, owed, stale, clock), clock, should_stop)
    else:
        _make_call(lease, owed, stale, resolution, clock)


def _resolve(lease: Lease, stale: Attempt | None, owed: list[Member], now: datetime) -> Resolution:
    if stale is None:
        return Resolution()
    return resolve_attempt(lease, stale, find_doubted(lease.batch, stale, owed), now)


def _make_call(
    lease: Lease, owed: list[Member], stale: Attempt | None, resolution: Resolution, clock: Clock
) -> None:
    if resolution.repeats is not None:
        _repeat(lease, owed, resolution, clock)
    else:
        _send(lease, owed, stale, clock)


def _take_own(
    lease: Lease, owed: list[Member], resolution: Resolution, now: datetime
) -> dict[Verdict, list[Member]]:
    """Who is done with before a vendor is called: sent our own way, or not to be sent to at all."""
    if not own_channel.goes_first(lease.batch):
        return {}
    barred = find_barred(lease.batch, owed, now)
    out = {member for members in barred.values() for member in members}
    taken = own_channel.take(lease, [member for member in owed if member not in out], now)
    if resolution.repeats is None:  # whom a call is open for is cleared up with that
        taken |= {_leave_out(reason): members for reason, members in barred.items()}
    return taken


def _fill_in(lease: Lease, owed: list[Member], clock: Clock) -> None:
    if lease.batch.attempts > POISON:
        _isolate(lease, None, owed, clock())
    else:
        rendering.render_batch(lease, owed, clock())


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


def _isolate(lease: Lease, unsent: Attempt | None, owed: list[Member], now: datetime) -> None:
    if len(owed) == 1 or lease.batch.form != Batch.Form.DEVICE:  # one call cannot become two
        ours = {Verdict("failed", Reason.OURS.value): owed}
        settle.flush(lease, settle.Flush(verdicts=ours, unsent=unsent), now)
    else:
        settle.split_batch(lease, owed, unsent, now)


def _send(lease: Lease, owed: list[Member], unsent: Attempt | None, clock: Clock) -> None:
    """Call for everybody who is owed; no vendor has a call for them."""
    addressed = _address(lease, owed, clock())
    skipped = {_leave_out(reason): members for reason, members in addressed.skipped.items()}
    if not addressed.members:
        settle.flush(lease, settle.Flush(verdicts=skipped, unsent=unsent), clock())
        return  # nobody is left to be called, so no call is written
    # Should a call that a vendor did not know of arrive yet, the same key gives it away.
    key = unsent.key if unsent is not None else write_key(lease.batch, addressed)
    ready = _prepare(lease, addressed, key, clock, None)
    _call(lease, addressed, settle.Call(key, skipped, unsent=unsent), ready, clock)


def _begin_fan_out(lease: Lease, owed: list[Member], stale: Attempt | None, clock: Clock) -> Start:
    """A call of its own for everybody who is owed; after a `stale` fan-out for some once more."""
    addressed = _address(lease, owed, clock())
    doubted = find_doubted(lease.batch, stale, owed) if stale is not None else []
    doubts = frozenset(recipient for recipient, _cohort in doubted)
    skipped: dict[Verdict, list[Member]] = defaultdict(list)
    for reason, members in addressed.skipped.items():
        for member in members:
            skipped[UNKNOWN if member[0] in doubts else _leave_out(reason)].append(member)
    key = write_key(lease.batch, addressed)
    return Start(lease, addressed, skipped, key, stale, doubts)


def _leave_out(reason: Reason) -> Verdict:
    """How somebody is settled whom no vendor is asked to reach."""
    outcome = "cancelled" if reason is Reason.ANSWERED else "skipped"
    return Verdict(outcome, reason.value)


def _repeat(lease: Lease, owed: list[Member], resolution: Resolution, clock: Clock) -> None:
    """Make a call again that the vendor perhaps has: the very same one, or nobody knows."""
    first, way = resolution.repeats, lease.way
    assert first is not None and way is not None  # noqa: S101, PT018 told by the resolution
    addressed = _address(lease, owed, clock())
    lost = [member for members in addressed.skipped.values() for member in members]
    if lost and not resolution.resent:
        # A key stands for everybody who was in its call: what the vendor has said of the third is
        # said of the third. Without some of them it would be another call.
        settle.flush(lease, write_off(first, way, owed, clock()), clock())
        return
    call = settle.Call(first.key, {UNKNOWN: lost}, repeats=first)
    if resolution.resent:
        # A repeat that was turned down has been counted, and has doubled nobody.
        is_counted = first.answered_at is not None
        call.resent = 0 if is_counted else resolution.resent - len(lost)
    else:
        call.since = first.started_at  # its times are counted from then, as they were
    ready = _prepare(lease, addressed, call.key, clock, call.since)
    if isinstance(ready, Failure):
        ready.was_sent = None  # nothing new is known of the first call: it stays open
        settle_reply(lease, first, addressed, outbound.Reply(ready), clock())
    else:
        _call(lease, addressed, call, ready, clock)


def _address(lease: Lease, owed: list[Member], now: datetime) -> Addressed:
    assert lease.way is not None  # noqa: S101 told by _find_end
    addressed = address_members(lease.batch, lease.way, owed, now)
    return group_by_text(lease.batch, addressed)


def write_key(batch: Batch, addressed: Addressed) -> str:
    """The id of a call. It changes with the set of those who are owed, and with nothing else.

    Numbers of rows come again: in another installation that sends through the same account, or in
    a database that was restored. The instant at which the transfer was made does not.
    """
    done = batch.settled + sum(map(len, addressed.skipped.values()))
    made = (batch.transfer.created_at - EPOCH) // MICROSECOND
    return f"t{batch.transfer_id}-b{batch.pk}-{done}-{made}"


def _prepare(
    lease: Lease, addressed: Addressed, key: str, clock: Clock, since: datetime | None
) -> outbound.Ready | Failure:
    """Everything that can be done before the call is written down."""
    try:
        return outbound.prepare_call(lease, addressed, key, clock, since)
    except Failure as failure:
        failure.was_sent = False  # the push itself never left
        return failure


def _call(
    lease: Lease,
    addressed: Addressed,
    call: settle.Call,
    ready: outbound.Ready | Failure,
    clock: Clock,
) -> None:
    hop = outbound.find_hop(lease.transfer)
    if is_over(lease.batch, clock()):
        # Making it ready took until it expired; given back, it is settled as what is over.
        settle.flush(lease, settle.Flush(), clock())
        return
    if isinstance(ready, Failure):
        call.failure = ready
    else:
        call.runs_at_vendor = ready.runs_at_vendor
    attempt = settle.begin_attempt(lease, call, clock())
    if attempt is None:
        return
    reply = outbound.Reply(ready) if isinstance(ready, Failure) else ready.call(hop)
    settle_reply(lease, attempt, addressed, reply, clock())
