"""What a simulated vendor has accepted, on disk before it is answered."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from threading import RLock
from typing import Any

from providers.commands import Fault, FaultKind
from providers.outcomes import Outcome, Reason, Result
from providers.simulator.behaviour import Behaviour


@dataclass(frozen=True, slots=True)
class Stretch:
    """Recipients of one platform: our references where the call had them, else the ids."""

    platform: str
    recipients: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Quirk:
    """A fault of a transfer's receipts. `places` are those of the recipients it concerns."""

    name: str
    seconds: float
    places: frozenset[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class SentTransfer:
    """One accepted call. `refused` are places of recipients who were not sent to: because
    their token was unregistered, unless `excuses` says why. `is_again` says that a call of the
    same key had been accepted before.
    """

    id: int
    dialect: str
    account: str
    group: str
    tag: str
    client_key: str
    fingerprint: str
    at: datetime
    stretches: tuple[Stretch, ...]
    refused: frozenset[int]
    faults: tuple[Fault, ...]
    behaviour: Behaviour
    excuses: tuple[Result, ...] = ()
    quirks: tuple[Quirk, ...] = ()
    is_again: bool = False

    def count_named(self) -> int:
        """How many recipients the call named."""
        return sum(len(stretch.recipients) for stretch in self.stretches)

    def list_places(self) -> Iterator[tuple[int, str, str]]:
        """Place, platform and name of everybody who was really sent to."""
        if self.faults:
            return
        index = 0
        for stretch in self.stretches:
            for recipient in stretch.recipients:
                if index not in self.refused:
                    yield index, stretch.platform, recipient
                index += 1

    def list_recipients(self) -> Iterator[tuple[str, str]]:
        """Platform and recipient of everybody who was really sent to."""
        return ((platform, recipient) for _, platform, recipient in self.list_places())

    def list_results(self) -> Iterator[Result]:
        """What is to be said of those who were not sent to."""
        excuses = {result.index: result for result in self.excuses}
        for index in sorted(self.refused):
            yield excuses.get(index) or Result(
                index, Outcome.FAILED, Reason.TOKEN, "The token is not registered."
            )


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


def write_transfer(transfer: SentTransfer) -> dict[str, Any]:
    """A transfer as a journal line; what it does not have is left out."""
    values = {name: getattr(transfer, name) for name in SentTransfer.__slots__}
    values.update(
        at=transfer.at.isoformat(),
        refused=sorted(transfer.refused),
        behaviour=asdict(transfer.behaviour),
        stretches=[(stretch.platform, stretch.recipients) for stretch in transfer.stretches],
        faults=[asdict(fault) for fault in transfer.faults],
        excuses=[asdict(result) for result in transfer.excuses],
        quirks=[(item.name, item.seconds, sorted(item.places)) for item in transfer.quirks],
    )
    rare = ("excuses", "quirks", "is_again")
    return {name: value for name, value in values.items() if value or name not in rare}


def read_transfer(line: Mapping[str, Any]) -> SentTransfer:
    """The transfer that `write_transfer` wrote."""
    values = {name: line[name] for name in SentTransfer.__slots__ if name in line}
    values["at"] = datetime.fromisoformat(line["at"])
    values["refused"] = frozenset(line["refused"])
    values["behaviour"] = Behaviour(**line["behaviour"])
    values["stretches"] = tuple(
        Stretch(platform, tuple(recipients)) for platform, recipients in line["stretches"]
    )
    values["faults"] = tuple(
        Fault(**{**fault, "kind": FaultKind(fault["kind"])}) for fault in line["faults"]
    )
    values["excuses"] = tuple(_read_result(item) for item in line.get("excuses", ()))
    values["quirks"] = tuple(
        Quirk(name, seconds, frozenset(places)) for name, seconds, places in line.get("quirks", ())
    )
    return SentTransfer(**values)


def _read_result(item: Mapping[str, Any]) -> Result:
    known = {"outcome": Outcome(item["outcome"]), "reason": Reason(item["reason"])}
    return Result(**{**item, **known})
