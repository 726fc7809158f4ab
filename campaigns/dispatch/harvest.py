"""What the calls of a fan-out have come to and nobody has written down yet."""

from __future__ import annotations

from collections import Counter as Tally
from collections import defaultdict, deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from campaigns.dispatch.answers import MAX_RETRIES, UNKNOWN, judge
from campaigns.dispatch.books import Member, Verdict
from campaigns.dispatch.settle import Answer
from campaigns.dispatch.tokens import DeadToken
from providers.outbound import DeviceCall, Exchange
from providers.outcomes import Failure, Outcome, Reason, Result

SENT = Verdict("sent")
TAKEN = frozenset({Outcome.ACCEPTED, Outcome.DELIVERED})
# The whole account has to wait, or a person has to look, before anybody else is called.
STOPPING = frozenset({Reason.CREDENTIAL, Reason.THROTTLED})
AGAIN = STOPPING | {Reason.VENDOR}
FAULTS = frozenset({Reason.PAYLOAD})
LASTING = FAULTS | {Reason.TOKEN, Reason.NOT_ADDRESSABLE}
RECENT = 500  # answers
REFUSED_PERCENT = 95
BAD_ADDRESS = "The device has named an address that cannot be called."


@dataclass(slots=True)
class Harvest:
    """Results since the last flush; who is in none of `verdicts` stays owed.

    `strangers` are those whose address nobody vouches for, `doubts` are recipients whom a call may
    have reached without an answer, `exchanges` are by reason, "" for a success.
    """

    sent: list[Member] = field(default_factory=list)
    verdicts: dict[Verdict, list[Member]] = field(default_factory=lambda: defaultdict(list))
    owed: int = 0  # answered, and to be called another time
    doubts: list[int] = field(default_factory=list)
    dead: list[DeadToken] = field(default_factory=list)
    exchanges: dict[str, list[Exchange]] = field(default_factory=lambda: defaultdict(list))
    fault: Failure | None = None
    strangers: int = 0
    given_up: int = 0  # failed because they were tried often enough

    def __len__(self) -> int:
        others = sum(map(len, self.verdicts.values()))
        return len(self.sent) + others + self.owed + len(self.doubts)

    def list_verdicts(self) -> Mapping[Verdict, Sequence[Member]]:
        """Everybody who is settled now."""
        return {SENT: self.sent, **self.verdicts} if self.sent else self.verdicts

    def count_settled(self) -> int:
        """Whom the vendor has answered for, for good."""
        return len(self) - self.owed - len(self.doubts)

    def count_failed(self, reasons: Collection[Reason]) -> int:
        """How many of these end for such a reason."""
        found = (members for verdict, members in self.verdicts.items() if verdict.reason in reasons)
        return sum(map(len, found))

    @property
    def is_plain(self) -> bool:
        """Whether everybody was sent to, and there is nothing else to be told."""
        return len(self) == len(self.sent) > 0 and not self.exchanges

    def is_fruitless(self, least: int) -> bool:
        """Whether the vendor has settled nobody at all, of so many. Strangers do not count: as many
        addresses where nobody answers as one likes are quickly made up."""
        settled = sum(len(self.verdicts[one]) for one in self.verdicts.keys() - {UNKNOWN})
        is_vain = not self.sent and settled == self.given_up
        return is_vain and len(self) - self.strangers >= least


@dataclass(slots=True)
class Recent:
    """The last answers of one pass. Where hundreds of thousands were sent to before, the share of
    all answers would hide for long that nobody is sent to any more. `reasons` are faults."""

    reasons: Collection[Reason] = FAULTS
    flushes: deque[tuple[int, int]] = field(default_factory=deque)  # settled, and faults of these
    settled: int = 0
    faults: int = 0

    def note(self, harvest: Harvest) -> None:
        """What a flush has settled; as much of the oldest is forgotten as can be."""
        self._add(harvest.count_settled(), harvest.count_failed(self.reasons))
        while self.settled - self.flushes[0][0] >= RECENT:
            settled, faults = self.flushes.popleft()
            self.settled, self.faults = self.settled - settled, self.faults - faults

    def _add(self, settled: int, faults: int) -> None:
        self.flushes.append((settled, faults))
        self.settled, self.faults = self.settled + settled, self.faults + faults

    @property
    def percent(self) -> int:
        """How many were refused, if these are enough, and nearly all; else 0."""
        percent = 100 * self.faults // self.settled if self.settled >= RECENT else 0
        return percent if percent >= REFUSED_PERCENT else 0


@dataclass(slots=True)
class Judge:
    """Sorts results. `may_repeat`: whom nobody knows about may be called again. `doubts` are those
    whom an earlier call may have reached, `faults` what only a person can set right.

    It keeps what the whole fan-out is closed with.
    """

    tokens: Mapping[int, str]
    retries: int
    may_repeat: bool
    doubts: Collection[int] = frozenset()
    faults: Collection[Reason] = FAULTS
    reasons: Tally[str] = field(default_factory=Tally)
    words: str = ""
    stop: Failure | None = None  # the vendor wants no further calls now
    has_reached: bool = False
    has_settled: bool = False
    is_answered: bool = False
    retried: list[Result] = field(default_factory=list)
    given_up: list[Result] = field(default_factory=list)
    refused: list[Result] = field(default_factory=list)

    def sort(self, harvest: Harvest, member: Member, result: Result) -> None:
        """Note what became of a recipient."""
        if result.outcome in TAKEN:
            self.note_taken()
            harvest.sent.append(member)
        elif result.outcome is Outcome.UNKNOWN:
            self._doubt(harvest, member, result)
        else:
            self._sort_failed(harvest, member, result)

    def note_taken(self) -> None:
        """Somebody was sent to."""
        self.has_reached = self.has_settled = True

    def _doubt(self, harvest: Harvest, member: Member, result: Result) -> None:
        self._note(result)
        self._heed(result)
        self.retried.append(result)
        if self.may_repeat:
            harvest.doubts.append(member[0])
        else:
            harvest.verdicts[UNKNOWN].append(member)

    def _sort_failed(self, harvest: Harvest, member: Member, result: Result) -> None:
        self._note(result)
        self._heed(result)
        if self._is_owed_still(result):
            harvest.owed += 1
            # Who is refused is decided about when nothing is in flight any more.
            (self.refused if result.reason is Reason.CREDENTIAL else self.retried).append(result)
            return
        if self._can_help(result):
            # It would have been tried again: that nobody is any more is no word of the vendor's.
            self.given_up.append(result)
            harvest.given_up += 1
        else:
            self.has_settled = True
        harvest.verdicts[self._judge(member, result)].append(member)
        if result.reason is Reason.TOKEN and member[0] in self.tokens:
            token = self.tokens[member[0]]
            harvest.dead.append(DeadToken(member[0], token, result.message, result.dead_since))
        if result.reason in self.faults and harvest.fault is None:
            harvest.fault = _blame(result)

    def _judge(self, member: Member, result: Result) -> Verdict:
        # What is wrong with a message or an address was wrong the first time too; nothing else that
        # is said of this call is said of the one that nobody answered.
        is_about_first = result.reason in LASTING or member[0] not in self.doubts
        return judge(result.outcome, result) if is_about_first else UNKNOWN

    def _note(self, result: Result) -> None:
        self.reasons[find_reason(result)] += 1
        self.words = self.words or result.message

    def _heed(self, result: Result) -> None:
        if result.reason not in STOPPING and not result.blocks_account:
            return  # whatever it waits for is its own matter
        # A refusal says more than a wait, and a longer wait more than a shorter one.
        if self.stop is None or _weigh(result) > _weigh(self.stop):
            self.stop = _blame(result)

    def _is_owed_still(self, result: Result) -> bool:
        if result.reason is Reason.CREDENTIAL:
            return True
        return self._can_help(result) and self.retries < MAX_RETRIES

    def _can_help(self, result: Result) -> bool:
        """Whether another try can."""
        return result.retry_after is not None or result.reason in AGAIN

    def sum_up(self, stop: Failure | None) -> Answer:
        """What the whole fan-out is closed with; `stop` is what ended it early."""
        most = self.reasons.most_common(1)
        reason = stop.reason.value if stop else most[0][0] if most and not self.has_reached else ""
        return Answer(
            outcome=self._find_outcome().value,
            was_sent=True if self.is_answered else None if self._is_unknown else False,
            reason=reason,
            words=self.words,
        )

    @property
    def _is_unknown(self) -> bool:
        return Reason.NO_ANSWER.value in self.reasons

    def _find_outcome(self) -> Outcome:
        if self.has_reached:
            return Outcome.ACCEPTED
        return Outcome.UNKNOWN if self._is_unknown else Outcome.FAILED


def find_reason(result: Result) -> str:
    """The word for a result that is no success."""
    if result.outcome is Outcome.UNKNOWN:
        return Reason.NO_ANSWER.value
    return (result.reason or Reason.VENDOR).value


def _weigh(stop: Result | Failure) -> tuple[bool, float]:
    return stop.reason is Reason.CREDENTIAL, stop.retry_after or 0.0


def _blame(result: Result) -> Failure:
    reason = result.reason or Reason.VENDOR
    return Failure(
        reason,
        result.message,
        retry_after=result.retry_after,
        is_permanent=reason in {Reason.PAYLOAD, Reason.CREDENTIAL},
        was_sent=True,
    )


def read_failure(call: DeviceCall, failure: Failure) -> Result:
    """What a call without an answer says about its recipient."""
    if failure.was_sent is None:
        outcome, reason = Outcome.UNKNOWN, Reason.NO_ANSWER
    else:
        outcome, reason = Outcome.FAILED, failure.reason
    if reason is Reason.CREDENTIAL and call.is_address_given:
        # Anybody may name an inner address for a device of theirs: nobody else is refused for it.
        return Result(call.place, Outcome.FAILED, Reason.NOT_ADDRESSABLE, BAD_ADDRESS)
    return Result(call.place, outcome, reason, failure.message, failure.retry_after)
