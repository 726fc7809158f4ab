"""How a simulated vendor behaves. The same seed and the same calls give the same fates."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """How a simulated vendor behaves. Percentages are of calls (`payload`, `vendor`), of
    recipients (`decay`), of what was sent (`delivered`) and of what was delivered (`opened`).
    """

    latency_ms: int = 0
    requests_per_second: int = 0  # 0: no limit
    decay_percent: int = 0
    payload_percent: int = 0
    vendor_percent: int = 0
    is_refused: bool = False
    delivered_percent: int = 90
    opened_percent: int = 10
    receipt_seconds: int = 30
    sending_seconds: int = 0  # how long a transfer is on its way
    seed: int = 0

    def change(self, wishes: Mapping[str, Any]) -> Behaviour:
        """The same with some values changed; what is unknown or of another type is left out."""
        known = {item.name: type(getattr(self, item.name)) for item in fields(self)}
        fitting = {name: value for name, value in wishes.items() if known.get(name) is type(value)}
        return replace(self, **fitting)

    def draw(self, *salt: object) -> tuple[float, float, float, float]:
        """Four numbers from 0 to 1 that depend on the seed and `salt` alone."""
        text = "\0".join(map(str, (self.seed, *salt)))
        digest = hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=16).digest()
        numbers = [int.from_bytes(digest[at : at + 4]) / 2**32 for at in (0, 4, 8, 12)]
        return numbers[0], numbers[1], numbers[2], numbers[3]
