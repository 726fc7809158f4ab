"""Sends a claimed batch to a gateway that takes one device per call: many calls at once, settled
as their answers come.

Everything is encoded before the first call is written down. Then a window rolls over the batch:
a call may be written when the window that holds its place is committed, and each flush settles
what came back, moves the window on and looks whether anybody wants the sending to stop.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from django.conf import settings

from campaigns.dispatch import bursts, gates, outbound, pace, quick_flush, rests, settle, windows
from campaigns.dispatch.answers import fail_unsent, has_other_way, settle_reply
from campaigns.dispatch.claim import is_over
from campaigns.dispatch.fan_out_calls import Clock, Ready, Start, prepare
from campaigns.dispatch.fan_out_end import Ending
from campaigns.dispatch.harvest import TAKEN, Harvest, Judge, Recent, find_reason, read_failure
from campaigns.dispatch.unanswered import POISON
from campaigns.dispatch.windows import Opening, Reach, Record, find_no_reach
from campaigns.models import Attempt, Policy
from providers import fanout, http
from providers.contract import Idempotency
from providers.device_exchanges import hide_secrets, write_exchange
from providers.failures import MISREADINGS, describe_misreading
from providers.outbound import DeviceAnswer, DeviceCall
from providers.outcomes import Failure, Outcome, Reason, Result

ShouldStop = Callable[[], bool]
LEAST_FLUSH = 25  # results
LAST_TRY = POISON - 1
FLUSH_SECONDS = 1.0
POLL_SECONDS = 0.25
FLUSHING_POLL_SECONDS = 0.005  # while a flush is on its way
TURN = timedelta(seconds=5)  # for so long calls of one batch are begun


def go_on() -> bool:
    """Nobody asks to stop."""
    return False


def fan_out(start: Start, clock: Clock, should_stop: ShouldStop) -> None:
    """Make all calls, as far as nobody stops it, and give the batch back. Raises LeaseLost."""
    if not start.addressed.members:
        windows.close_unsent(start.lease, start.skipped, start.repeats, clock())
        return
    try:
        ready = prepare(start.lease, start.addressed, start.key, clock)
    except Failure as failure:
        _settle_unready(start, failure, clock)
        return
    if is_over(start.lease.batch, clock()):
        # Making it ready took until it expired; given back, it is settled as what is over.
        settle.flush(start.lease, settle.Flush(), clock())
        return
    run = FanOut(start, ready, clock, should_stop)
    try:
        with http.hopping(*outbound.find_hop(start.lease.transfer)):
            run.run()
    finally:
        if run.flush is not None:
            run.flush.abandon()
        if run.fanout.in_flight:
            fanout.close_fanouts()  # whoever comes next must not get our answers


def _settle_unready(start: Start, failure: Failure, clock: Clock) -> None:
    """Nothing could be encoded, so nothing leaves; what was left open stays so."""
    lease, attempt = start.lease, start.repeats
    failure.was_sent = False
    if attempt is None:
        call = settle.Call(start.key, start.skipped, failure=failure)
        attempt = settle.begin_attempt(lease, call, clock())
    else:
        failure.was_sent = None
    if attempt is not None:
        settle_reply(lease, attempt, start.addressed, outbound.Reply(failure), clock())


class FanOut:
    """One pass over a batch."""

    def __init__(self, start: Start, ready: Ready, clock: Clock, should_stop: ShouldStop) -> None:
        lease, way = start.lease, start.lease.find_way()
        self.lease, self.start, self.ready = lease, start, ready
        self.clock, self.should_stop = clock, should_stop
        # Whoever had the batch before has died with it: each time it is called for more warily, so
        # that something is settled between two deaths and fewer are in doubt after the next. The
        # last time they are called one by one, and of whom a worker dies then, that one is known.
        deaths = lease.batch.attempts - 1
        self.streams = max(1, way.limits.streams >> 2 * deaths) if deaths < LAST_TRY else 1
        self.chunk = self.streams if deaths else max(LEAST_FLUSH, self.streams)
        self.is_quick = quick_flush.can_flush_quickly()
        # A flush that nobody waits for comes when half of the window is left to be written.
        half = max(LEAST_FLUSH, self.chunk // 2)
        self.portion = min(self.chunk, half) if self.is_quick else self.chunk  # results
        self.flush: quick_flush.QuickFlush | None = None
        self.flush_end = 0
        self.gate = gates.open_gate(way, clock)
        self.board = rests.RestBoard(way.account.pk, ready.calls.rests, clock)
        calls, account = ready.calls, way.account.public_id
        self.fanout = fanout.get_fanout(self.streams, calls.certificate, account, calls.caller)
        is_at_most_once = lease.transfer.policy == Policy.AT_MOST_ONCE
        can_repeat = way.dialect.blind_resend or way.idempotency is Idempotency.KEY
        self.counts_resent = way.idempotency is not Idempotency.KEY
        self.judge = Judge(
            start.addressed.tokens,
            lease.batch.retries,
            can_repeat and not is_at_most_once,
            start.doubts,
            bursts.find_faults(way.dialect),
        )
        self.harvest, self.recent = Harvest(), Recent(self.judge.faults)
        self.record = Record(lease)
        self.flying: dict[int, int] = {}  # place in the push -> place in the batch
        self.resting: list[Result] = []  # of those whose addresses have asked to wait
        self.written = self.allowed = 0  # places in the queue
        self.is_stopping = self.is_vouched = False  # vouched: taken where the account is known
        self.heeded: Failure | None = None
        self.flushed_at = time.monotonic()
        self.safe_until = clock()
        self.ends_at = self.safe_until + TURN  # others have a turn, then it goes on
        self.attempt: Attempt

    def run(self) -> None:
        """Until every call has ended, or those that were made when it was told to stop."""
        self._open()
        for result in self.ready.settled:
            self._sort(result, result.index)
        self._write()
        while self.flying or not self._has_written_all():
            self._wait()
            if self.flush is not None and self._wants_flush():
                self._end_flush()
            self._write()
            if self._is_flush_due():
                self._flush()
                self._write()
        self._end_flush()
        self._end()

    def _wait(self) -> None:
        """For answers, and no longer than until something else can be done."""
        seconds = FLUSHING_POLL_SECONDS if self.flush else POLL_SECONDS
        if wait := self.gate.find_wait():
            seconds = min(seconds, wait)
        if not self.flying and (wait or self.flush is not None):
            time.sleep(seconds)  # with nothing in flight a poll would not wait
            return
        self._read(self.fanout.poll(seconds))

    def _wants_flush(self) -> bool:
        """Whether the database has answered, or nothing is left to be done until it has."""
        assert self.flush is not None  # noqa: S101 asked of one that was begun
        is_held_up = not self.flying and self.written == self.allowed
        return is_held_up or self.flush.is_answered()

    def _has_written_all(self) -> bool:
        return self.is_stopping or self.written == len(self.ready.queue)

    def _open(self) -> None:
        now, end = self.clock(), self._find_end()
        opening = Opening(
            self.start.key,
            self._find_reach(end),
            self.start.skipped,
            self.start.doubts,
            self.start.repeats,
        )
        self.attempt = windows.open_window(self.lease, opening, now)
        self._note_flush(now, end)

    def _find_reach(self, end: int) -> Reach:
        """The window that begins with what is in flight and ends before a call of the queue."""
        queue = self.ready.queue
        coming = queue[self.allowed : end]
        places = [*self.flying.values(), *(place for place, _call in queue[self.written : end])]
        if not places:
            return find_no_reach(self.lease.batch)
        return Reach(min(places), max(places), self._count_doubted(coming))

    def _find_end(self) -> int:
        """How far calls may be written after the next flush: as many as it holds."""
        if self.is_stopping:
            return self.written
        return min(len(self.ready.queue), self.written + self.chunk)

    def _count_doubted(self, coming: list[tuple[int, DeviceCall]]) -> int:
        if not self.start.doubts or not self.counts_resent:
            return 0
        members = self.start.addressed.members
        return sum(members[call.place][0] in self.start.doubts for _place, call in coming)

    def _note_flush(self, now: datetime, allowed: int) -> None:
        """A window is committed: calls before `allowed` may be written, while the lease lasts."""
        self.allowed = allowed
        self.flushed_at = time.monotonic()
        self.safe_until = min(self.ends_at, now + timedelta(seconds=settings.LEASE_SECONDS))

    def _write(self) -> None:
        self.board.share(can_ask=self.flush is None)
        is_held = self.judge.stop is not None  # the vendor has just asked for no further call
        if is_held or self.should_stop() or self.clock() >= self.safe_until:
            self.is_stopping = True
        if self.is_stopping:
            self._withdraw()
            return
        room = min(self.streams - len(self.flying), self.allowed - self.written)
        room = self.gate.admit(room, can_ask=self.flush is None)
        coming = self.ready.queue[self.written : self.written + room]
        submit, flying, find_rest = self.fanout.submit, self.flying, self.ready.calls.find_rest
        for place, call in coming:
            self.written += 1
            rest = find_rest(call)
            if rest is None:
                submit(call)
                flying[call.place] = place
            else:
                self.resting.append(rest)  # nobody was called, so there is nothing to be judged
        for rest in self.fanout.admit(find_rest):
            del flying[rest.index]
            self.resting.append(rest)

    def _withdraw(self) -> None:
        """Whom the gateway had no place for is called next time, as nobody has looked at them."""
        for call in self.fanout.withdraw():
            self.ready.queue.append((self.flying.pop(call.place), call))

    def _read(self, answered: Sequence[fanout.Answered]) -> None:
        """Sort what came back. Mostly it was taken: that is all that is done for it here."""
        flying, members, sent = self.flying, self.start.addressed.members, self.harvest.sent
        has_taken, strangers = False, 0
        for call, answer in answered:
            place = call.place
            del flying[place]
            strangers += call.is_address_given
            if isinstance(answer, Failure):
                result = read_failure(call, answer)
            else:
                result = self._judge(call, answer)
            is_taken = result.outcome in TAKEN
            self.is_vouched |= is_taken and call.is_believed
            if is_taken and not self.record.wants_success:
                has_taken = True
                sent.append(members[place])
            else:
                self._sort(result, place)
                self._keep(call, answer, result)
        self.harvest.strangers += strangers
        if has_taken:
            self.judge.note_taken()

    def _judge(self, call: DeviceCall, answer: DeviceAnswer) -> Result:
        self.judge.is_answered = True
        try:
            result = self.ready.calls.read(answer)
        except MISREADINGS:
            words = describe_misreading(answer.status)
            return Result(answer.place, Outcome.UNKNOWN, Reason.NO_ANSWER, words)
        if not result.message:
            return result
        # Whoever answers may repeat what it was called with; its words are kept and shown.
        return replace(result, message=hide_secrets(result.message, call, self._find_token(call)))

    def _sort(self, result: Result, place: int) -> None:
        self.judge.sort(self.harvest, self.start.addressed.members[place], result)

    def _keep(self, call: DeviceCall, answer: DeviceAnswer | Failure, result: Result) -> None:
        """Some of what went over the wire is shown to people."""
        reason = "" if result.outcome in TAKEN else find_reason(result)
        if self.record.takes(reason):
            exchange = write_exchange(call, answer, self._find_token(call))
            if self.lease.batch.texts is not None:
                exchange = replace(exchange, request=outbound.NOT_KEPT)
            self.harvest.exchanges[reason].append(exchange)

    def _find_token(self, call: DeviceCall) -> str:
        recipient, _cohort = self.start.addressed.members[call.place]
        return self.start.addressed.tokens.get(recipient, "")

    def _is_flush_due(self) -> bool:
        if not self.flying and self._has_written_all():
            return False  # all settled and not ended, nobody would claim it: settled with the end
        waiting, since = len(self.harvest), time.monotonic() - self.flushed_at
        has_only_rests = not self.flying and self.written == self.allowed
        if waiting or has_only_rests:
            is_idle = not self.flying and not self.gate.find_wait()
            return waiting >= self.portion or since >= FLUSH_SECONDS or is_idle
        return since >= settings.LEASE_SECONDS / 4  # whoever waits for answers keeps the batch

    def _flush(self) -> None:
        self._end_flush()
        if not self._begin_flush():
            self._flush_stepwise()

    def _begin_flush(self) -> bool:
        """As most flushes are: everybody was sent to. While it is committed, calls go on within
        the window that stands. False where something is to be looked at."""
        now, end = self.clock(), self._find_end()
        is_simple = self.is_quick and self.harvest.is_plain and self.judge.stop is None
        if self.is_stopping or not is_simple or is_over(self.lease.batch, now):
            return False
        reach = self._find_reach(end)
        if reach.resent:
            return False
        self.gate.store(self.allowed - self.written)
        sent, self.harvest = self.harvest.sent, Harvest()
        self.flush = quick_flush.QuickFlush(self.lease, self.attempt, sent, reach, now)
        self.flush_end, self.flushed_at = end, time.monotonic()
        return True

    def _end_flush(self) -> None:
        """Wait for the flush that was begun, if there is one, and heed what came of it."""
        flush = self.flush
        if flush is None:
            return
        goes_on = flush.finish()
        self.flush = None
        if goes_on is None:
            self.harvest.sent[:0] = flush.sent
            self._flush_stepwise()
            return
        self.recent.note(Harvest(list(flush.sent)))
        self.is_stopping |= not goes_on
        self.attempt.first = flush.reach.first
        if goes_on:
            self.attempt.last = flush.reach.last
            self._note_flush(flush.now, self.flush_end)

    def _flush_stepwise(self) -> None:
        harvest, self.harvest, now = self.harvest, Harvest(), self.clock()
        if not self.is_stopping:
            # Of so many not one was settled: whatever is wrong there, the others wait for its end.
            is_vain = harvest.is_fruitless(LEAST_FLUSH)
            self.is_stopping = is_vain or not windows.may_go_on(self.lease, now)
        self.is_stopping |= self._heed(now) is not None
        end = self._find_end()
        windows.move_window(self.lease, self.attempt, harvest, self._find_reach(end), now)
        self._note_flush(now, end)
        self.recent.note(harvest)
        if harvest.fault is not None:
            bursts.watch_fault(self.lease, self.attempt, harvest.fault, now, self.recent.percent)
            self.is_stopping |= not windows.may_go_on(self.lease, now)

    def _heed(self, now: datetime) -> Failure | None:
        """Leave the account alone when its vendor asks for that; gives what it asks."""
        stop = self.judge.stop
        if stop is not None and stop is not self.heeded:
            batch, account = self.lease.batch, self.lease.find_account()
            pace.heed_failure(account.pk, batch.app_id, stop, batch.retries, now)
        self.heeded = stop
        return stop

    def _end(self) -> None:
        self.gate.give_back()
        now = self.clock()
        stop = self._heed(now)
        self.board.share(can_ask=True)
        members = self.start.addressed.members
        uncalled = [members[call.place] for _place, call in self.ready.queue[self.written :]]
        ending = Ending(self.lease, self.attempt, self.judge, members, uncalled, self.resting)
        refusal = stop if stop is not None and stop.reason is Reason.CREDENTIAL else None
        has_ended = refusal is not None and ending.is_over(refusal, now)
        what = ending.write_flush(stop, now, has_ended=has_ended)
        apart = None if has_ended else ending.find_apart(now)
        windows.close_window(self.lease, self.attempt, self.harvest, what, now, apart)
        if unsent := len(ending.list_unsent()):
            pace.give_back(self.lease.find_way(), self.lease.batch, unsent, now)
        self._tell(refusal, now, has_ended=has_ended)

    def _tell(self, refusal: Failure | None, now: datetime, *, has_ended: bool) -> None:
        """Let people know, and the account's health be seen."""
        transfer = self.lease.transfer
        if refusal is not None:
            if has_ended:
                fail_unsent(transfer, self.lease.batch.platform, refusal, now)
            elif not has_other_way(self.lease, self.attempt):
                bursts.watch_refusal(self.lease, self.attempt, refusal, now)
            return
        if self.harvest.fault is not None:
            bursts.watch_fault(self.lease, self.attempt, self.harvest.fault, now)
        if self.is_vouched:
            bursts.mark_taken(self.lease.find_account(), now)
