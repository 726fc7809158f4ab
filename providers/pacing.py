"""How fast one account may be called. Pure arithmetic: whoever keeps the values gives the time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from email.utils import parsedate_to_datetime
from math import sqrt
from zoneinfo import ZoneInfo

from providers.outcomes import Reason

MAX_RETRY_AFTER = 3600.0
MAX_BACKOFF = 3600.0
WINDOW = 10.0  # seconds
MAX_SKEW = 10.0  # seconds that a caller may have waited for its turn
RAMP_START = 0.1
TENTH = 0.1  # seconds
LEAST_WAIT = 1e-6

# First waits in seconds, when a vendor names none.
FIRST_WAIT = {Reason.VENDOR: 10.0, Reason.THROTTLED: 60.0}
DEFAULT_FIRST_WAIT = 5.0


@dataclass(frozen=True, slots=True)
class Bucket:
    """A token bucket: at most `burst` at once and never more than `rate` promises.

    It is refilled a little slower than `rate`, so that a burst and what follows it stay within
    the promise over any `window`. `level` may be a debt: an amount above `burst` is taken when
    the bucket is full. `counted` is the seconds over which whoever made the limit counts.
    """

    rate: float
    burst: float
    level: float
    filled_at: datetime
    counted: float = WINDOW

    @classmethod
    def full(
        cls, rate: float, *, now: datetime, burst: float = 0.0, counted: float = WINDOW
    ) -> Bucket:
        """A full bucket; `burst` 0 means one second's worth, at least 1."""
        size = burst or max(1.0, rate)
        return cls(rate=rate, burst=size, level=size, filled_at=now, counted=counted)

    @property
    def window(self) -> float:
        """Seconds over which the promise holds: `counted`, or as long as ten bursts take."""
        return max(self.counted, 10.0 * self.burst / self.rate)

    @property
    def steady(self) -> float:
        """What comes in per second."""
        return self.rate - self.burst / self.window

    def refill(self, now: datetime) -> Bucket:
        """The bucket at `now`. A clock that went back adds nothing and is followed.

        Less than MAX_SKEW is no clock that went back but a caller who had to wait.
        """
        seconds = (now - self.filled_at).total_seconds()
        level = min(self.burst, self.level + max(0.0, seconds) * self.steady)
        is_behind = -MAX_SKEW < seconds < 0
        return replace(self, level=level, filled_at=self.filled_at if is_behind else now)

    def find_wait(self, amount: float, now: datetime) -> float:
        """Seconds until `amount` may be taken; 0 means now."""
        missing = min(amount, self.burst) - self.refill(now).level
        # What rounding leaves over is nothing that anybody should wait for.
        return missing / self.steady if missing > 1e-6 else 0.0

    def take(self, amount: float, now: datetime) -> Bucket:
        """The bucket after `amount` was taken, which `find_wait` must have allowed."""
        filled = self.refill(now)
        return replace(filled, level=filled.level - amount)


@dataclass(frozen=True, slots=True)
class Recently:
    """At most `most` in any `seconds`, whatever came before; what was taken is counted by tenths.

    Unlike a bucket, that forgets what nobody took, it lets a pause be made up for within them.
    """

    most: float
    seconds: float
    taken: tuple[tuple[int, int], ...] = ()  # a tenth since 1970, and how many in it; oldest first

    def find_wait(self, amount: int, now: datetime) -> float:
        """Seconds until `amount` may be taken; 0 means now. More than `most` waits for nothing
        else."""
        kept = self._forget(now).taken
        excess = sum(count for _tenth, count in kept) + min(amount, self.most) - self.most
        wait = 0.0
        for tenth, count in kept:
            if excess > 0:
                excess -= count
                wait = max(LEAST_WAIT, (tenth + 1) * TENTH + self.seconds - now.timestamp())
        return wait

    def count_free(self, now: datetime) -> float:
        """How many may be taken now."""
        return self.most - sum(count for _tenth, count in self._forget(now).taken)

    def take(self, amount: int, now: datetime) -> Recently:
        """The same after `amount` was taken, which `find_wait` must have allowed."""
        kept, tenth = dict(self._forget(now).taken), _find_tenth(now)
        kept[tenth] = kept.get(tenth, 0) + amount
        return replace(self, taken=tuple(sorted(kept.items())))

    def give_back(self, amount: int, taken_at: datetime) -> Recently:
        """The same as if so many had not been taken at that moment."""
        tenth = _find_tenth(taken_at)
        kept = ((one, count - amount if one == tenth else count) for one, count in self.taken)
        return replace(self, taken=tuple(kept))

    def _forget(self, now: datetime) -> Recently:
        """Without what is over, and what a clock that went back has left in the future."""
        first = _find_tenth(now - timedelta(seconds=self.seconds))
        last = _find_tenth(now + timedelta(seconds=MAX_SKEW))
        return replace(self, taken=tuple(one for one in self.taken if first <= one[0] <= last))


def _find_tenth(moment: datetime) -> int:
    return int(moment.timestamp() // TENTH)


def find_ramped(rate: float, seconds: float | None, taken: int) -> float:
    """The rate of a ramp-up after `taken` were sent: from a tenth it grows linearly to `rate`.

    After `t` seconds it is `rate * (0.1 + 0.9 * t / seconds)`; what was sent until then is the
    integral of that, and is what is known: so a pause, or another limit, loses nothing of it.
    """
    if not seconds:
        return rate
    share = RAMP_START**2 + 2 * (1 - RAMP_START) * taken / (rate * seconds)
    return rate * min(1.0, sqrt(share))


def find_ramp_seconds(rate: float, seconds: float, amount: int) -> float:
    """How long it takes to send so many when the rate grows over `seconds`."""
    whole = rate * seconds * (1 + RAMP_START) / 2  # what the ramp-up itself sends
    if amount >= whole:
        return seconds + (amount - whole) / rate
    reached = find_ramped(1.0, rate * seconds, amount)
    return seconds * (reached - RAMP_START) / (1 - RAMP_START)


@dataclass(frozen=True, slots=True)
class DayQuota:
    """So many calls a day; the day begins at midnight in `zone`."""

    limit: int
    zone: str = "UTC"
    day: date | None = None
    used: int = 0

    def find_wait(self, amount: int, now: datetime) -> float:
        """Seconds until `amount` fits: 0, or the time until the next reset."""
        if self.find_used(now) + amount <= self.limit:
            return 0.0
        return (find_reset(now, self.zone) - now).total_seconds()

    def find_used(self, now: datetime) -> int:
        """Calls of the day that it is now."""
        return self.used if self.day == find_day(now, self.zone) else 0

    def take(self, amount: int, now: datetime) -> DayQuota:
        """The quota after `amount` was used."""
        used = self.find_used(now)
        return replace(self, day=find_day(now, self.zone), used=used + amount)


def find_day(now: datetime, zone: str) -> date:
    """The calendar day that it is in `zone`."""
    return now.astimezone(ZoneInfo(zone)).date()


def find_reset(now: datetime, zone: str) -> datetime:
    """The next midnight in `zone`, in UTC."""
    tomorrow = find_day(now, zone) + timedelta(days=1)
    return datetime.combine(tomorrow, time(), ZoneInfo(zone)).astimezone(UTC)


def read_retry_after(text: str, now: datetime) -> float | None:
    """Seconds that a Retry-After header asks for, at most an hour.

    A date that has passed is 0; what is neither a date nor a positive number is None.
    """
    try:
        seconds = float(text)
    except ValueError:
        return _read_retry_date(text, now)
    if not seconds >= 0:  # NaN too
        return None
    return min(seconds, MAX_RETRY_AFTER)


def _read_retry_date(text: str, now: datetime) -> float | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return min(max(0.0, (moment - now).total_seconds()), MAX_RETRY_AFTER)


def find_backoff(tries: int, draw: float, first: float, cap: float = MAX_BACKOFF) -> float:
    """Full jitter: a share `draw` (0 to 1) of `first` doubled for each earlier try."""
    return draw * min(cap, first * 2.0 ** min(tries, 64))


def find_retry_wait(
    reason: Reason, tries: int, draw: float, retry_after: float | None = None
) -> float:
    """Seconds until the next try. What the vendor asked for wins, within its cap.

    `tries` counts earlier retries, `draw` is a random number from 0 to 1.
    """
    if retry_after:  # 0 names no time: taken at its word, all tries would be used up in seconds
        # A little more than asked, so that those who wait for it do not come back at once.
        return min(max(0.0, retry_after), MAX_RETRY_AFTER) + draw
    return find_backoff(tries, draw, FIRST_WAIT.get(reason, DEFAULT_FIRST_WAIT))
