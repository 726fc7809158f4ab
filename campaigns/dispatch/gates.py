"""When the calls of a fan-out may be written, so that an account's rate holds over any few seconds.

A claim takes as many calls as its batch has, long before they are ready. Several batches may then
leave in the same second, and none in the next. So who is about to write takes what it writes from
a second allowance, that all workers share: what nobody wrote while batches were made ready may be
made up for, as far as no five seconds get more than the rate's worth of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from campaigns.dispatch.fan_out_calls import Clock
from campaigns.models import Allowance
from campaigns.selectors.routes import Way
from providers.pacing import Bucket, Recently

SCOPE = "written"
WINDOW = 5.0  # seconds
BURST = 0.3  # seconds' worth that may be made up for at once
# What is taken is written at once; with what the database takes to answer meanwhile, a window has
# at most 2 % more than the rate's worth.
MOST = 1.01
KEPT = timedelta(seconds=0.03)  # what was taken in store is written within this time, or goes back
# So often it is asked at most, and for no less than comes in meanwhile.
TURN = timedelta(seconds=0.025)
HOUR = 3600.0  # seconds
MOMENT = timedelta(microseconds=1)  # what rounding takes off a wait
TRIES = 3  # others take at the same moment
LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(slots=True)
class Gate:
    """What one worker may write to an account of so many calls a second; None holds nobody back."""

    account_id: int
    rate: float | None
    clock: Clock
    opens_at: datetime = LONG_AGO
    held: int = 0
    held_since: datetime = LONG_AGO
    went: int = 0  # since it was last asked for
    seen: int | None = None  # what was ever taken, after it took last
    known: Allowance | None = None  # the row as it left it, while nobody else takes of it

    def admit(self, wanted: int, *, can_ask: bool = True) -> int:
        """How many of `wanted` calls may be written at once; they count as written.

        Who cannot ask, as its connection is busy, has what it took in store.
        """
        if self.rate is None or not wanted:
            return wanted
        now = self.clock()
        if can_ask and now >= self.opens_at and self._count_held(now) < wanted:
            self._take(wanted, self.rate, now)
        admitted = min(wanted, self._count_held(now))
        self.held -= admitted
        self.went += admitted
        return admitted

    def store(self, wanted: int) -> None:
        """Take what will be written while nobody can ask."""
        now = self.clock()
        if self.rate is not None and self._count_held(now) < wanted:
            self._take(wanted, self.rate, now)

    def _count_held(self, now: datetime) -> int:
        return self.held if now - self.held_since <= KEPT else 0

    def find_wait(self) -> float:
        """Seconds until it is worth asking again; 0: now."""
        if self.rate is None or self._count_held(self.clock()):
            return 0.0
        return max(0.0, (self.opens_at - self.clock()).total_seconds())

    def give_back(self) -> None:
        """Nothing more is written: what is held may be written by others."""
        now = self.clock()
        for _ in range(TRIES):
            if self.rate is None or not self.held:
                return
            row, bucket, recently = self._read(self.rate, now)
            # Not taken off what was ever taken: that must not become again what somebody has read.
            if self._save(row, bucket, recently, 0):
                self.held = 0

    def _take(self, wanted: int, rate: float, now: datetime) -> None:
        """What is held still goes back, as nobody has written it, and is taken anew."""
        least = min(wanted, max(1, int(rate * TURN.total_seconds())))
        for _ in range(TRIES):
            row, bucket, recently = self._read(rate, now)
            wait = max(bucket.find_wait(least, now), recently.find_wait(least, now))
            if wait:
                self.opens_at = now + timedelta(seconds=wait) + MOMENT
                return
            free = min(bucket.refill(now).level, recently.count_free(now))
            # As many as went in the turn before go in this one, too: else what comes up after the
            # first of them would wait for the next.
            amount = max(least, min(max(wanted, self.went), int(free)))
            if self._save(row, bucket.take(amount, now), recently.take(amount, now), amount):
                self.opens_at, self.held, self.held_since = now + TURN, amount, now
                self.went = 0
                return
        self.opens_at = now + TURN  # others had all the turns

    def _read(self, rate: float, now: datetime) -> tuple[Allowance, Bucket, Recently]:
        """The account's row, and what may be taken of it when what is held has gone back."""
        row = self.known or self._find_row(rate, now)
        bucket = _open_bucket(rate, row).take(-self.held, now)
        return row, bucket, _open_recently(rate, row).give_back(self.held, self.held_since)

    def _find_row(self, rate: float, now: datetime) -> Allowance:
        kept = {"level": _find_burst(rate), "filled_at": now}
        row, _ = Allowance.objects.get_or_create(
            scope=SCOPE, owner_id=self.account_id, defaults=kept
        )
        return row

    def _save(self, row: Allowance, bucket: Bucket, recently: Recently, amount: int) -> bool:
        """Without a lock: what was ever taken is another number as soon as anybody took of it.

        So who is alone need not read what it has written itself.
        """
        is_alone = row is self.known or row.taken == self.seen
        same = Allowance.objects.filter(pk=row.pk, taken=row.taken)
        row.level, row.filled_at, row.recently = bucket.level, bucket.filled_at, recently.taken
        row.taken += amount
        changed = same.update(
            level=row.level, filled_at=row.filled_at, recently=row.recently, taken=row.taken
        )
        self.known = row if changed and is_alone else None
        self.seen = row.taken if changed else None
        return bool(changed)


def _open_bucket(rate: float, row: Allowance) -> Bucket:
    # Refilled with nearly the whole rate: what it lets go above that, the seconds' bound takes off.
    return Bucket(rate, _find_burst(rate), row.level, row.filled_at, counted=HOUR)


def _open_recently(rate: float, row: Allowance) -> Recently:
    taken = tuple((tenth, count) for tenth, count in row.recently)
    return Recently(max(1.0, MOST * rate * WINDOW), WINDOW, taken)


def _find_burst(rate: float) -> float:
    return max(1.0, BURST * rate)


def open_gate(way: Way, clock: Clock) -> Gate:
    """The gate of a way's account: a recipient is a call there, so the lower rate holds."""
    limits = way.limits
    rates = [rate for rate in (limits.requests_per_second, limits.recipients_per_second) if rate]
    return Gate(way.account.pk, min(rates, default=None), clock)
