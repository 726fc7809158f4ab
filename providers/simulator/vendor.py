"""What a vendor does with the contract's commands, whatever dialect they came in: well, but for
the faults that a call is given.

Everything accepted is in a journal on disk before it is answered, so a killed process knows its
groups, keys and transfers again.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Any

from providers.commands import (
    Accepted,
    ArchiveGroup,
    Command,
    CreateGroup,
    Done,
    FetchGroup,
    FetchReceipts,
    FetchReport,
    FetchStatus,
    GroupRow,
    GroupRows,
    ListGroups,
    PushPart,
    ReceiptPage,
    ReportTable,
    RestoreGroup,
    SendPush,
    Targets,
    TransferState,
    TransferStatus,
    UpdateGroup,
)
from providers.contract import Dialect
from providers.message import BLOCKS
from providers.message_fields import Platform
from providers.outcomes import Refusal, RefusalKind
from providers.simulator import acceptance
from providers.simulator.behaviour import Behaviour
from providers.simulator.journal import (
    Journal,
    SentTransfer,
    Stretch,
    read_transfer,
    write_transfer,
)
from providers.simulator.plan import GivenFault
from providers.simulator.receipts import Inbox
from providers.simulator.report import build_report

Clock = Callable[[], datetime]
DEFAULT_SEND_RATE = 5000
KEPT_FOR_SURE = timedelta(hours=1)  # no call that is younger is ever forgotten


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who calls, how the vendor behaves to them, and the faults that the call suffers."""

    dialect: Dialect
    account: str
    behaviour: Behaviour
    given: Sequence[GivenFault] = ()


class SimulatedVendor:
    """Keeps groups, transfers and receipts of every dialect, and executes commands."""

    def __init__(self, journal: Journal, clock: Clock = lambda: datetime.now(UTC)) -> None:
        self.journal = journal
        self.clock = clock
        self.lock = Lock()
        self.last_moment = 0.0
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

    def execute(self, visitor: Visitor, command: Command) -> Any:
        """Do what a caller asks and give the contract's result; raises `Refusal`."""
        with self.lock:
            match command:
                case SendPush():
                    return self._send(visitor, command)
                case FetchStatus():
                    status = self._fetch_status(visitor, command)
                    return acceptance.spoil_status(status, visitor.given, self.now())
                case FetchReceipts():
                    return self._fetch_receipts(visitor, command)
                case FetchReport():
                    table = self._fetch_report(visitor.dialect, command)
                    return acceptance.spoil_report(table, visitor.given)
            return self._keep_groups(visitor.dialect, command)

    def _keep_groups(self, dialect: Dialect, command: Command) -> Any:
        match command:
            case CreateGroup(app, name, send_rate):
                self._refuse_taken_name(dialect, app, name)
                number = str(1 + sum(key[0] == dialect.key for key in self.groups))
                group = GroupRow(number, app, name, send_rate or DEFAULT_SEND_RATE)
                return self._save_group(dialect, group)
            case ListGroups(app):
                rows = [row for key, row in self.groups.items() if key[0] == dialect.key]
                return GroupRows(tuple(row for row in rows if row.app == app))
            case FetchGroup(group=number):
                return self._find_group(dialect, number)
            case UpdateGroup(number, name, send_rate):
                group = self._find_group(dialect, number)
                self._refuse_taken_name(dialect, group.app, name, but=number)
                rate = send_rate or group.send_rate
                return self._save_group(dialect, replace(group, name=name, send_rate=rate))
            case ArchiveGroup(group=number) | RestoreGroup(group=number):
                group = self._find_group(dialect, number)
                is_archived = isinstance(command, ArchiveGroup)
                self._save_group(dialect, replace(group, is_archived=is_archived))
                return Done()
        raise Refusal(RefusalKind.NOT_FOUND, "The simulated vendor does not know this call.")

    def _find_group(self, dialect: Dialect, number: str) -> GroupRow:
        group = self.groups.get((dialect.key, number))
        if group is None:
            raise Refusal(RefusalKind.NOT_FOUND, f"There is no group {number}.")
        return group

    def _refuse_taken_name(self, dialect: Dialect, app: str, name: str, but: str = "") -> None:
        for (key, number), row in self.groups.items():
            if (key, row.app, row.name) == (dialect.key, app, name) and number != but:
                raise Refusal(RefusalKind.CONFLICT, f"There is a group {name} already.")

    def _save_group(self, dialect: Dialect, group: GroupRow) -> GroupRow:
        line = {"dialect": dialect.key, "group": asdict(group)}
        self.journal.append("group", line)
        self.apply({"event": "group", **line})
        return group

    def _send(self, visitor: Visitor, push: SendPush) -> Accepted:
        dialect = visitor.dialect
        # What is left of its life shrinks from one try to the next: it is the same call.
        lasting = repr(replace(push, expires_in=None))
        fingerprint = hashlib.sha256(lasting.encode("utf-8", "replace")).hexdigest()
        earlier = self.keys.get((dialect.key, visitor.account, push.group, push.client_key))
        if earlier is not None and not acceptance.find(visitor.given, "forgets_key"):
            return self._replay(dialect, earlier, fingerprint)
        if dialect.has_groups and self._find_group(dialect, push.group).is_archived:
            raise Refusal(RefusalKind.INVALID, f"Group {push.group} is archived.")
        transfer = self._make_transfer(visitor, push, fingerprint)
        if earlier is not None:
            transfer = replace(transfer, is_again=True)
        self.journal.append("send", write_transfer(transfer))
        self._add_transfer(transfer)
        return _answer_send(dialect, transfer)

    def _make_transfer(self, visitor: Visitor, push: SendPush, fingerprint: str) -> SentTransfer:
        dialect, behaviour = visitor.dialect, visitor.behaviour
        excuses = acceptance.find_results(push, visitor.given)
        return SentTransfer(
            id=self.next_id,
            dialect=dialect.key,
            account=visitor.account,
            group=push.group,
            tag=push.tag,
            client_key=push.client_key,
            fingerprint=fingerprint,
            at=self.now(),
            stretches=tuple(
                _read_stretch(dialect, part, targets)
                for part in push.parts
                for targets in part.targets
            ),
            refused=_find_decayed(push, behaviour) | excuses.keys(),
            faults=dialect.find_faults(push) if dialect.find_faults else (),
            behaviour=behaviour,
            excuses=tuple(excuses.values()),
            quirks=acceptance.find_quirks(push, visitor.given),
        )

    def _replay(self, dialect: Dialect, earlier: SentTransfer, fingerprint: str) -> Accepted:
        if earlier.fingerprint != fingerprint:
            raise Refusal(RefusalKind.CONFLICT, "This key was used for another call.")
        self.journal.append("replay", {"id": earlier.id})
        self.replayed += 1
        return _answer_send(dialect, earlier)

    def _fetch_status(self, visitor: Visitor, command: FetchStatus) -> TransferStatus:
        transfer = self._find_transfer(visitor, command)
        return TransferStatus(
            transfer=str(transfer.id),
            group=transfer.group,
            tag=transfer.tag,
            state=_find_state(transfer, self.now()),
            created_at=transfer.at.replace(microsecond=0),
            faults=transfer.faults,
            client_key=transfer.client_key if command.client_key else "",
        )

    def _find_transfer(self, visitor: Visitor, command: FetchStatus) -> SentTransfer:
        found = self._look_up(visitor, command)
        if found is None:
            raise Refusal(RefusalKind.NOT_FOUND, "There is no such transfer.")
        return found

    def _look_up(self, visitor: Visitor, command: FetchStatus) -> SentTransfer | None:
        owner = (visitor.dialect.key, visitor.account)
        if command.client_key:
            return self.keys.get((*owner, command.group, command.client_key))
        number = command.transfer
        found = self.transfers.get(int(number)) if _is_number(number) else None
        return found if found and (found.dialect, found.account) == owner else None

    def list_named(self, visitor: Visitor, command: Command) -> list[str]:
        """Ids of the recipients that a call is about, as far as it is about any."""
        if isinstance(command, SendPush):
            return acceptance.list_targets(command)
        if isinstance(command, FetchStatus):
            with self.lock:
                found = self._look_up(visitor, command)
            return [name for _, name in found.list_recipients()] if found else []
        return []

    def _fetch_report(self, dialect: Dialect, command: FetchReport) -> ReportTable:
        groups = {row.id: row for key, row in self.groups.items() if key[0] == dialect.key}
        transfers = [
            transfer
            for transfer in self.transfers.values()
            if transfer.dialect == dialect.key
            and (not dialect.has_groups or groups[transfer.group].app in command.apps)
        ]
        return build_report(command, transfers, groups, self.now())

    def _fetch_receipts(self, visitor: Visitor, command: FetchReceipts) -> ReceiptPage:
        inbox = self.receipts.setdefault((visitor.dialect.key, visitor.account), Inbox())
        return inbox.fetch(command, self.now().timestamp())

    def apply(self, line: Mapping[str, Any]) -> None:
        """Remember a line that an earlier process has written."""
        match line["event"]:
            case "group":
                group = GroupRow(**line["group"])
                self.groups[line["dialect"], group.id] = group
            case "send":
                self._add_transfer(read_transfer(line))
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
        key = (transfer.dialect, transfer.account, transfer.group, transfer.client_key)
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
        for transfer in self.transfers.values():
            yield {"event": "send", **write_transfer(transfer)}

    def _add_transfer(self, transfer: SentTransfer) -> None:
        self.transfers[transfer.id] = transfer
        self.next_id = max(self.next_id, transfer.id + 1)
        self.last_moment = max(self.last_moment, transfer.at.timestamp())
        # A key is used up by sending; a call that is to be repeated whole has sent nothing.
        has_sent = len(transfer.excuses) < transfer.count_named() or _has_end(transfer)
        if transfer.client_key and has_sent:
            key = (transfer.dialect, transfer.account, transfer.group, transfer.client_key)
            self.keys.setdefault(key, transfer)
        self._expect_receipts(transfer)

    def _expect_receipts(self, transfer: SentTransfer) -> None:
        key = (transfer.dialect, transfer.account)
        self.receipts.setdefault(key, Inbox()).unread.append(transfer)

    def summarize(self, dialect: str = "", tag: str = "") -> dict[str, Any]:
        """What was accepted, for tests that count from outside.

        A recipient is doubled when two accepted calls with one tag went to it.
        """
        with self.lock:
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
            "replayed_calls": self.replayed,
            "calls_accepted_again": sum(transfer.is_again for transfer in chosen),
            "forgotten_calls": self.forgotten["calls"],
            "forgotten_recipients": self.forgotten["recipients"],
        }


def _read_stretch(dialect: Dialect, part: PushPart, targets: Targets) -> Stretch:
    platforms = {kind.name: kind.platform for kind in dialect.identifier_kinds}
    platform = platforms.get(targets.kind) or _find_platform(part)
    return Stretch(platform.value, targets.references or targets.values)


def _find_platform(part: PushPart) -> Platform:
    blocks = [item for item in BLOCKS if getattr(part.message, item.value) is not None]
    # A message for one platform has that one's block; the fourth platform has none.
    return blocks[0] if blocks else Platform.HMOS


def _find_decayed(push: SendPush, behaviour: Behaviour) -> frozenset[int]:
    if not behaviour.decay_percent:
        return frozenset()
    tokens = (token for part in push.parts for targets in part.targets for token in targets.values)
    return frozenset(
        index
        for index, token in enumerate(tokens)
        if behaviour.draw("token", token)[0] * 100 < behaviour.decay_percent
    )


def _answer_send(dialect: Dialect, transfer: SentTransfer) -> Accepted:
    """The same answer at every replay. Only dialects that take references answer per recipient."""
    results = tuple(transfer.list_results()) if dialect.wants_references else ()
    accepted = transfer.count_named() - len(results) if dialect.wants_references else None
    return Accepted(str(transfer.id), transfer.client_key, results, accepted)


def _has_end(transfer: SentTransfer) -> bool:
    """Whether anybody who was not sent to is not to be tried again."""
    return any(result.retry_after is None for result in transfer.excuses)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19


def _find_state(transfer: SentTransfer, now: datetime) -> TransferState:
    if transfer.faults:
        return TransferState.FAILED
    age, whole = now - transfer.at, timedelta(seconds=transfer.behaviour.sending_seconds)
    if age >= whole:
        return TransferState.SENT
    return TransferState.ACCEPTED if age < whole / 4 else TransferState.SENDING
