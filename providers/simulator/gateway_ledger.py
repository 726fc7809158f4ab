"""What gateways have accepted: a line each on disk before it is answered, counted from there."""

from __future__ import annotations

import json
import mmap
import os
import shutil
from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import datetime
from json.encoder import encode_basestring_ascii as quote
from pathlib import Path
from threading import RLock
from typing import BinaryIO

from providers.gateways import GatewaySend
from providers.simulator.memory import KEPT_FOR_SURE


class GatewayLedger:
    """An append-only file. Lines are gathered, so that one write holds all that came together.

    Beyond `limit` bytes (0: no bound) it forgets what is oldest and older than an hour, until half
    of that is free; its first line then says how much that was.
    """

    def __init__(self, path: Path, limit: int = 0) -> None:
        self.path = path
        self.limit = self.full_at = limit
        self.lines: list[str] = []
        self.newest: datetime | None = None
        self.file: BinaryIO | None = None
        self.size = 0
        self.lock = RLock()
        self._begin_count()

    def _begin_count(self) -> None:
        self.counted = 0  # bytes
        # By gateway: how often each pair of a recipient and a key came, by its hash.
        self.times: dict[str, Counter[int]] = defaultdict(Counter)
        self.forgotten: Counter[str] = Counter()

    def note(self, gateway: str, send: GatewaySend, at: datetime) -> None:
        """Take a send down; `flush` writes it."""
        self.newest = at
        self.lines.append(
            f'{{"event":"sent","gateway":"{gateway}","recipient":{quote(send.recipient)},'
            f'"key":{quote(send.key)},"at":"{at.isoformat()}"}}\n'
        )

    def flush(self) -> None:
        """Put on disk what was noted; nothing of it may be answered before."""
        if not self.lines:
            return
        text = "".join(self.lines).encode()
        self.lines.clear()
        with self.lock:
            self._open().write(text)
            self.size += len(text)
            if self.limit and self.size >= self.full_at:
                self._forget()

    def _open(self) -> BinaryIO:
        if self.file is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.file = self.path.open("ab", buffering=0)
            self.size = _find_whole(self.path)
            os.truncate(self.path, self.size)  # what is half written was never answered
        return self.file

    def _forget(self) -> None:
        """Write the file anew; a process that is killed meanwhile has lost nothing of it."""
        forgotten: Counter[str] = Counter()
        draft = self.path.with_suffix(".new")
        with self.path.open("rb") as lines, draft.open("wb") as file:
            start = self._find_kept(lines, forgotten)
            first = {"event": "forgotten", "counts": forgotten}
            file.write(json.dumps(first, separators=(",", ":")).encode() + b"\n")
            lines.seek(start)
            shutil.copyfileobj(lines, file)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self.path)
        self.close()
        self.file = None
        self._open()
        # What must be kept may be more than the limit: then it grows by half of it again.
        self.full_at = max(self.limit, self.size + self.limit // 2)
        self._begin_count()

    def _find_kept(self, lines: BinaryIO, forgotten: Counter[str]) -> int:
        """Where the lines that are kept begin; those before them are counted."""
        assert self.newest is not None  # noqa: S101 told by what was just written
        start, young = 0, self.newest - KEPT_FOR_SURE
        for line in lines:
            values = json.loads(line)
            if values["event"] == "forgotten":
                forgotten.update(values["counts"])
            elif self.size - start > self.limit // 2 and _read_moment(values) <= young:
                forgotten[values["gateway"]] += 1
            else:
                break
            start += len(line)
        return start

    def summarize(self, gateway: str = "") -> dict[str, int]:
        """What was accepted, in this process or an earlier one.

        A recipient is doubled when two sends with one key went to it.
        """
        with self.lock:
            self._count()
            chosen = [count for name, count in self.times.items() if gateway in ("", name)]
            times = [count for counter in chosen for count in counter.values()]
            gone = sum(n for name, n in self.forgotten.items() if gateway in ("", name))
        return {
            "accepted_calls": sum(times),
            "accepted_recipients": sum(times),
            "distinct_recipients": len(times),
            "doubled_recipients": sum(count > 1 for count in times),
            "most_per_recipient": max(times, default=0),
            "forgotten_calls": gone,
            "forgotten_recipients": gone,
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
                values = json.loads(line)
                if values["event"] == "forgotten":
                    self.forgotten = Counter(values["counts"])
                else:
                    whom = hash((values["recipient"], values["key"]))
                    self.times[values["gateway"]][whom] += 1


def _read_moment(values: Mapping[str, str]) -> datetime:
    return datetime.fromisoformat(values["at"])


def _find_whole(path: Path) -> int:
    """How many bytes of a file are whole lines."""
    if not path.stat().st_size:
        return 0
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
        return text.rfind(b"\n") + 1
