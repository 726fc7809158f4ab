"""What a simulated vendor has accepted, on disk before it is answered."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from threading import RLock
from typing import Any


class Journal:
    """An append-only file, one JSON object a line; whole lines survive a killed process.

    With a `limit` in bytes it says when it is full, and its owner writes it anew.
    """

    def __init__(self, path: Path, limit: int = 0) -> None:
        self.path = path
        self.limit = limit
        self.lock = RLock()  # an owner holds it over a reading and the rewrite that follows
        path.parent.mkdir(parents=True, exist_ok=True)
        self.file = path.open("ab", buffering=0)
        self.size = path.stat().st_size
        self.full_at = limit

    def read(self) -> Iterator[dict[str, Any]]:
        """Every whole line; what a killed process left half written was never answered."""
        good = 0
        with self.path.open("rb") as lines:
            for line in lines:
                if not line.endswith(b"\n"):
                    break
                good += len(line)
                yield json.loads(line)
        os.truncate(self.path, good)
        self.size = good

    def append(self, event: str, values: Mapping[str, Any]) -> None:
        line = _write_line({"event": event, **values})
        with self.lock:
            self.file.write(line)
            self.size += len(line)

    @property
    def is_full(self) -> bool:
        return bool(self.limit) and self.size >= self.full_at

    def rewrite(self, lines: Iterable[Mapping[str, Any]]) -> None:
        """Hold these lines and nothing else; a process that is killed meanwhile lost none."""
        draft = self.path.with_suffix(".new")
        with self.lock:
            with draft.open("wb") as file:
                file.writelines(map(_write_line, lines))
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self.path)
            self.file.close()
            self.file = self.path.open("ab", buffering=0)
            self.size = self.path.stat().st_size
            # What must be kept may be more than the limit: then it grows by half of it again.
            self.full_at = max(self.limit, self.size + self.limit // 2)

    def close(self) -> None:
        self.file.close()


def _write_line(values: Mapping[str, Any]) -> bytes:
    return json.dumps(values, separators=(",", ":")).encode() + b"\n"
