"""A clock that a test moves, and a vendor that behaves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from providers.simulator import Behaviour

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
PLAIN = Behaviour(delivered_percent=100, opened_percent=100, receipt_seconds=10)


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
