"""How a fan-out ends: who is called again and when, and who goes on without waiting for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from campaigns.dispatch import bursts, settle
from campaigns.dispatch.answers import find_next_try, has_other_way
from campaigns.dispatch.books import Member, Verdict
from campaigns.dispatch.claim import Lease
from campaigns.dispatch.harvest import Judge
from campaigns.dispatch.windows import Apart
from campaigns.models import Attempt, Batch
from providers.outcomes import Failure, Reason, Result


@dataclass(frozen=True, slots=True)
class Ending:
    """One pass over a batch, when nothing is in flight any more. `members` are those whom it was
    for, by the places of results. Nobody has called those who are `uncalled`, as it ended before,
    and those of the `resting`, whose addresses have asked to wait."""

    lease: Lease
    attempt: Attempt
    judge: Judge
    members: Sequence[Member]
    uncalled: list[Member]
    resting: list[Result]

    def list_unsent(self) -> list[Member]:
        """Whom nobody has called, for either reason."""
        return self.uncalled + [self.members[rest.index] for rest in self.resting]

    def is_over(self, refusal: Failure, now: datetime) -> bool:
        """Note that the account was refused; whether nobody can help those who are left: no other
        account, and no person who would mend this one."""
        bursts.mark_refused(self.lease.find_account().pk, refusal, now)
        has_campaign = self.lease.transfer.campaign_id is not None
        return not has_campaign and not has_other_way(self.lease, self.attempt)

    def write_flush(self, stop: Failure | None, now: datetime, *, has_ended: bool) -> settle.Flush:
        """What the pass is closed with; `stop` is what ended it early. Nobody goes on after one
        that `has_ended` it all."""
        what = settle.Flush(
            due_at=self._find_next_pass(now),
            is_retry=bool(self.judge.retried),
            answer=self._sum_up(stop),
        )
        if has_ended:
            refused = [self.members[result.index] for result in self.judge.refused]
            unsent = self.list_unsent() + refused
            what.verdicts = {Verdict("failed", Reason.CREDENTIAL.value): unsent}
        return what

    def _sum_up(self, stop: Failure | None) -> settle.Answer:
        """What is said of a pass in which nobody was called is why."""
        answer = self.judge.sum_up(stop)
        if self.resting and not self.judge.reasons and not self.judge.has_reached:
            answer.reason, answer.words = Reason.VENDOR.value, self.resting[0].message
        return answer

    def find_apart(self, now: datetime) -> Apart | None:
        """Who was not called where others have to wait: they neither wait nor are tried for them.

        A vendor that has settled nobody is left alone by all, each time for longer.
        """
        if not self._is_split:
            return None
        due_at = self._find_due(now) if self.uncalled else self._find_rest_end(now)
        return Apart(self.list_unsent(), due_at)

    @property
    def _is_split(self) -> bool:
        is_mixed = self.judge.retried and self.judge.has_settled and (self.uncalled or self.resting)
        return bool(is_mixed) and self.lease.batch.form == Batch.Form.DEVICE

    def _find_next_pass(self, now: datetime) -> datetime:
        others = self.uncalled or self.judge.retried or self.judge.refused
        if self.resting and not others:
            return self._find_rest_end(now)
        return self._find_next_try(now) if self._is_split else self._find_due(now)

    def _find_rest_end(self, now: datetime) -> datetime:
        """When the first of the addresses may be called that have asked to wait."""
        first = min(self.resting, key=lambda rest: rest.retry_after or 0)
        return find_next_try(self.lease, [first], now) or now

    def _find_due(self, now: datetime) -> datetime:
        """At once for those who were not called, unless it was for the vendor's sake."""
        is_vain = self.judge.stop is not None or not self.judge.has_settled
        return now if self.uncalled and not is_vain else self._find_next_try(now)

    def _find_next_try(self, now: datetime) -> datetime:
        waiting = [*self.judge.retried, *self.judge.given_up]
        return find_next_try(self.lease, waiting, now) or now
