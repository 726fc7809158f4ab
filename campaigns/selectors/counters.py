"""The nine numbers of a transfer, a part or a campaign."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Counters:
    """The books of one or more transfers; `audience` is the sum of all but `resent`."""

    audience: int = 0
    sent: int = 0
    failed: int = 0
    skipped: int = 0
    expired: int = 0
    cancelled: int = 0
    unknown: int = 0
    pending: int = 0
    resent: int = 0

    @property
    def settled(self) -> int:
        """Recipients whose outcome is known."""
        return self.audience - self.pending

    @property
    def share(self) -> int:
        """Settled, as a whole percentage; of nobody none."""
        return 100 * self.settled // self.audience if self.audience else 0

    def as_dict(self) -> dict[str, int]:
        """The nine numbers by their names, as the API shows them."""
        return asdict(self)


def balance_counters(outcomes: Mapping[str, int], audience: int, resent: int) -> Counters:
    """Counts by outcome with the audience that they are of; what is left of it is pending."""
    settled = sum(outcomes.values())
    whole = max(audience, settled)
    return Counters(audience=whole, pending=whole - settled, resent=resent, **outcomes)
