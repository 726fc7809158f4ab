"""What gateways have accepted: a line each on disk before it is answered, counted from there."""

from __future__ import annotations

import json
from collections import Counter
from json.encoder import encode_basestring_ascii as quote
from pathlib import Path
from threading import RLock
from typing import Any, BinaryIO

from providers.gateways import GatewaySend

Named = tuple[str, int]  # a gateway, and a hash of the recipient and the key of a send


class GatewayLedger:
    """An append-only file. Lines are gathered, so that one write holds all that came together."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines: list[str] = []
        self.file: BinaryIO | None = None
        self.lock = RLock()
        self.counted = 0  # bytes
        self.times: Counter[Named] = Counter()

    def note(self, gateway: str, send: GatewaySend, at: str) -> None:
        """Take a send down; `flush` writes it."""
        self.lines.append(
            f'{{"event":"sent","gateway":"{gateway}","recipient":{quote(send.recipient)},'
            f'"key":{quote(send.key)},"at":"{at}"}}\n'
        )

    def flush(self) -> None:
        """Put on disk what was noted; nothing of it may be answered before."""
        if not self.lines:
            return
        with self.lock:
            if self.file is None:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self.file = self.path.open("ab", buffering=0)
            self.file.write("".join(self.lines).encode())
        self.lines.clear()

    def summarize(self, gateway: str = "") -> dict[str, int]:
        """What was accepted, in this process or an earlier one.

        A recipient is doubled when two sends with one key went to it.
        """
        with self.lock:
            self._count()
            times = [count for (name, _), count in self.times.items() if gateway in ("", name)]
        return {
            "accepted_calls": sum(times),
            "accepted_recipients": sum(times),
            "distinct_recipients": len(times),
            "doubled_recipients": sum(count > 1 for count in times),
            "most_per_recipient": max(times, default=0),
        }

    def close(self) -> None:
        self.flush()
        if self.file is not None:
            self.file.close()

    def _count(self) -> None:
        if not self.path.exists():
            return
        with self.path.open("rb") as lines:
            lines.seek(self.counted)
            for line in lines:
                if not line.endswith(b"\n"):
                    break  # half written by a killed process: never answered
                self.counted += len(line)
                values: dict[str, Any] = json.loads(line)
                whom = hash((values["recipient"], values["key"]))
                self.times[values["gateway"], whom] += 1
