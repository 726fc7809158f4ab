"""What a simulated vendor has accepted, in memory and on disk."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from providers.commands import Fault, FaultKind, ReceiptKind
from providers.simulator.behaviour import Behaviour


@dataclass(frozen=True, slots=True)
class Stretch:
    """Recipients of one platform: our references where the call had them, else the ids."""

    platform: str
    recipients: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SentTransfer:
    """One accepted call. `refused` are places of recipients whose token was unregistered."""

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

    def list_recipients(self) -> Iterator[tuple[str, str]]:
        """Platform and recipient of everybody who was really sent to."""
        if self.faults:
            return
        index = 0
        for stretch in self.stretches:
            for recipient in stretch.recipients:
                if index not in self.refused:
                    yield stretch.platform, recipient
                index += 1

    def list_receipts(self) -> Iterator[tuple[float, str, ReceiptKind]]:
        """When (a timestamp) each recipient's receipts come, in no order."""
        how = self.behaviour
        accepted_at = self.at.timestamp()
        for _, recipient in self.list_recipients():
            delivered, opened, wait, read = how.draw("receipt", recipient)
            if delivered * 100 >= how.delivered_percent:
                continue
            at = accepted_at + wait * how.receipt_seconds / 2
            yield at, recipient, ReceiptKind.DELIVERED
            if opened * 100 < how.opened_percent:
                yield at + read * how.receipt_seconds / 2, recipient, ReceiptKind.OPENED


class Journal:
    """An append-only file, one JSON object a line; whole lines survive a killed process."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self.file = path.open("ab", buffering=0)

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

    def append(self, event: str, values: Mapping[str, Any]) -> None:
        line = json.dumps({"event": event, **values}, separators=(",", ":"))
        self.file.write(line.encode() + b"\n")

    def close(self) -> None:
        self.file.close()


def write_transfer(transfer: SentTransfer) -> dict[str, Any]:
    """A transfer as a journal line."""
    values = {name: getattr(transfer, name) for name in SentTransfer.__slots__}
    return {
        **values,
        "at": transfer.at.isoformat(),
        "refused": sorted(transfer.refused),
        "behaviour": asdict(transfer.behaviour),
        "stretches": [(stretch.platform, stretch.recipients) for stretch in transfer.stretches],
        "faults": [asdict(fault) for fault in transfer.faults],
    }


def read_transfer(line: Mapping[str, Any]) -> SentTransfer:
    """The transfer that `write_transfer` wrote."""
    values = {name: line[name] for name in SentTransfer.__slots__}
    values["at"] = datetime.fromisoformat(line["at"])
    values["refused"] = frozenset(line["refused"])
    values["behaviour"] = Behaviour(**line["behaviour"])
    values["stretches"] = tuple(
        Stretch(platform, tuple(recipients)) for platform, recipients in line["stretches"]
    )
    values["faults"] = tuple(
        Fault(**{**fault, "kind": FaultKind(fault["kind"])}) for fault in line["faults"]
    )
    return SentTransfer(**values)
