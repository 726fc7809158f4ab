"""What a simulated vendor knows: its calls, what callers keep with it, and who calls.

Everything is in a journal on disk before it is answered, so a killed process knows it again.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from providers.commands import Answer, Command, GroupRow
from providers.contract import Dialect
from providers.simulator.behaviour import Behaviour
from providers.simulator.journal import Journal
from providers.simulator.plan import GivenFault
from providers.simulator.receipts import Inbox
from providers.simulator.rows import Rows, Shelf
from providers.simulator.transfers import SentTransfer, read_transfer, write_transfer

Clock = Callable[[], datetime]
KEPT_FOR_SURE = timedelta(hours=1)  # no call that is younger is ever forgotten


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who calls, how the vendor behaves to them, and the faults that the call suffers."""

    dialect: Dialect
    account: str
    behaviour: Behaviour = field(default_factory=Behaviour)
    given: Sequence[GivenFault] = ()

    def name_shelf(self, what: str, app: str = "", *others: str) -> Shelf:
        """Where the vendor keeps `what` of an app, or of the account where no app is named."""
        return (what, self.dialect.key, app or self.account, *others)


class Memory:
    """Groups, transfers, receipts and rows of every dialect."""

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self.journal = journal
        self.clock = clock
        self.last_moment = 0.0
        self.rows = Rows(journal)
        self.groups: dict[tuple[str, str], GroupRow] = {}
        self.transfers: dict[int, SentTransfer] = {}
        self.keys: dict[tuple[str, str, str, str], SentTransfer] = {}
        self.receipts: dict[tuple[str, str], Inbox] = {}
        self.next_id = 1
        self.replayed = 0
        self.forgotten: Counter[str] = Counter()

    def now(self) -> datetime:
        """The time, later than at every question before."""
        moment = max(self.clock().timestamp(), self.last_moment + 1e-5)
        self.last_moment = moment
        return datetime.fromtimestamp(moment, UTC)

    def keep_group(self, dialect: Dialect, group: GroupRow) -> GroupRow:
        line = {"dialect": dialect.key, "group": asdict(group)}
        self.journal.append("group", line)
        self.apply({"event": "group", **line})
        return group

    def keep_transfer(self, transfer: SentTransfer) -> None:
        """Remember an accepted call, or what has become of it since."""
        self.journal.append("send", write_transfer(transfer))
        self._add_transfer(transfer)

    def note_replay(self, transfer: SentTransfer) -> None:
        self.journal.append("replay", {"id": transfer.id})
        self.replayed += 1

    def list_transfers(self, visitor: Visitor) -> list[SentTransfer]:
        """The caller's calls, oldest first."""
        owner = (visitor.dialect.key, visitor.account)
        return [item for item in self.transfers.values() if (item.dialect, item.account) == owner]

    def apply(self, line: Mapping[str, Any]) -> None:
        """Remember a line that an earlier process has written."""
        match line["event"]:
            case "group":
                group = GroupRow(**line["group"])
                self.groups[line["dialect"], group.id] = group
            case "send":
                self._add_transfer(read_transfer(line))
            case "rows":
                self.rows.apply(line)
            case "replay":
                self.replayed += 1
            case "forgotten":
                self.forgotten.update(line["counts"])
                self.replayed = line["replayed"]
                self.next_id = line["next_id"]

    def forget(self, size_kept: int) -> None:
        """Forget the oldest calls until the others' journal lines have so many bytes."""
        kept, size = set(), 0
        for transfer in reversed(self.transfers.values()):
            is_young = transfer.at > self.now() - KEPT_FOR_SURE
            size += len(json.dumps(write_transfer(transfer)))
            if is_young or size <= size_kept:
                kept.add(transfer.id)
        for transfer in list(self.transfers.values()):
            if transfer.id not in kept:
                self._forget_one(transfer)
        self.receipts = {}
        for transfer in self.transfers.values():
            self._expect_receipts(transfer)

    def _forget_one(self, transfer: SentTransfer) -> None:
        del self.transfers[transfer.id]
        key = _find_key(transfer)
        if self.keys.get(key) is transfer:
            del self.keys[key]
        self.forgotten["calls"] += 1
        self.forgotten["recipients"] += sum(1 for _ in transfer.list_recipients())

    def list_lines(self) -> Iterator[dict[str, Any]]:
        """All that is known, as journal lines."""
        yield {
            "event": "forgotten",
            "counts": self.forgotten,
            "replayed": self.replayed,
            "next_id": self.next_id,
        }
        for (dialect, _), group in self.groups.items():
            yield {"event": "group", "dialect": dialect, "group": asdict(group)}
        yield from self.rows.list_lines()
        for transfer in self.transfers.values():
            yield {"event": "send", **write_transfer(transfer)}

    def _add_transfer(self, transfer: SentTransfer) -> None:
        earlier = self.transfers.get(transfer.id)
        self.transfers[transfer.id] = transfer
        self.next_id = max(self.next_id, transfer.id + 1)
        self.last_moment = max(self.last_moment, transfer.at.timestamp())
        self._use_key(transfer, earlier)
        if earlier is None:
            self._expect_receipts(transfer)
        else:
            self.receipts[transfer.dialect, transfer.account].replace(transfer)

    def _use_key(self, transfer: SentTransfer, earlier: SentTransfer | None) -> None:
        # A key is used up by sending; a call that is to be repeated whole has sent nothing.
        has_sent = len(transfer.excuses) < transfer.count_named() or _has_end(transfer)
        if not transfer.client_key or not (has_sent or transfer.audience):
            return
        key = _find_key(transfer)
        if earlier is not None and self.keys.get(key) is earlier:
            self.keys[key] = transfer
        self.keys.setdefault(key, transfer)

    def _expect_receipts(self, transfer: SentTransfer) -> None:
        key = (transfer.dialect, transfer.account)
        self.receipts.setdefault(key, Inbox()).unread.append(transfer)

    def summarize(self, dialect: str = "", tag: str = "") -> dict[str, Any]:
        """What was accepted, for tests that count from outside.

        A recipient is doubled when two accepted calls with one tag went to it.
        """
        chosen = [
            transfer
            for transfer in self.transfers.values()
            if dialect in ("", transfer.dialect) and tag in ("", transfer.tag)
        ]
        times = Counter(
            (transfer.dialect, transfer.tag, recipient)
            for transfer in chosen
            for _, recipient in transfer.list_recipients()
        )
        return {
            "accepted_calls": len(chosen),
            "accepted_recipients": times.total(),
            "distinct_recipients": len(times),
            "doubled_recipients": sum(count > 1 for count in times.values()),
            "most_per_recipient": max(times.values(), default=0),
            "audience_calls": sum(bool(transfer.audience) for transfer in chosen),
            "recalled_calls": sum(transfer.recalled_at is not None for transfer in chosen),
            "replayed_calls": self.replayed,
            "calls_accepted_again": sum(transfer.is_again for transfer in chosen),
            "forgotten_calls": self.forgotten["calls"],
            "forgotten_recipients": self.forgotten["recipients"],
        }


def _find_key(transfer: SentTransfer) -> tuple[str, str, str, str]:
    return (transfer.dialect, transfer.account, transfer.group, transfer.client_key)


def _has_end(transfer: SentTransfer) -> bool:
    """Whether anybody who was not sent to is not to be tried again."""
    return any(result.retry_after is None for result in transfer.excuses)


Act = Callable[[Memory, Visitor, Any], Answer]
Acts = Mapping[type[Command], Act]
