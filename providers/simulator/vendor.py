"""What a well-behaved vendor does with the contract's commands, whatever dialect they came in.

Everything accepted is in a journal on disk before it is answered, so a killed process knows its
groups, keys and transfers again.
"""

from __future__ import annotations

import hashlib
import heapq
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
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
    ReceiptEvent,
    ReceiptKind,
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
from providers.outcomes import Outcome, Reason, Refusal, RefusalKind, Result
from providers.simulator.behaviour import Behaviour
from providers.simulator.journal import (
    Journal,
    SentTransfer,
    Stretch,
    read_transfer,
    write_transfer,
)
from providers.simulator.report import build_report

Clock = Callable[[], datetime]
DEFAULT_SEND_RATE = 5000


@dataclass(slots=True)
class _Receipts:
    """One account's receipts: those to come as a heap, those that came as a list."""

    unread: list[SentTransfer] = field(default_factory=list)
    coming: list[tuple[float, int, int, str, ReceiptKind]] = field(default_factory=list)
    came: list[tuple[float, str, ReceiptKind]] = field(default_factory=list)

    def advance(self, now: float) -> None:
        # A receipt never comes before its call, and a call's time is later than every reading
        # before it: so what has come only ever grows at its end, and a cursor is a place in it.
        for transfer in self.unread:
            for index, (at, recipient, kind) in enumerate(transfer.list_receipts()):
                heapq.heappush(self.coming, (at, transfer.id, index, recipient, kind))
        self.unread.clear()
        while self.coming and self.coming[0][0] <= now:
            at, _, _, recipient, kind = heapq.heappop(self.coming)
            self.came.append((at, recipient, kind))


class SimulatedVendor:
    """Keeps groups, transfers and receipts of every dialect, and executes commands."""

    def __init__(self, journal: Journal, clock: Clock = lambda: datetime.now(UTC)) -> None:
        self.journal = journal
        self.clock = clock
        self.lock = Lock()
        self.last_moment = 0.0
        self.groups: dict[tuple[str, str], GroupRow] = {}
        self.transfers: list[SentTransfer] = []
        self.keys: dict[tuple[str, str, str, str], SentTransfer] = {}
        self.receipts: dict[tuple[str, str], _Receipts] = {}
        self.replayed = 0
        for line in journal.read():
            self._apply(line)

    def now(self) -> datetime:
        """The time, later than at every question before."""
        moment = max(self.clock().timestamp(), self.last_moment + 1e-5)
        self.last_moment = moment
        return datetime.fromtimestamp(moment, UTC)

    def execute(
        self, dialect: Dialect, account: str, command: Command, behaviour: Behaviour
    ) -> Any:
        """Do what a caller asks and give the contract's result; raises `Refusal`."""
        with self.lock:
            match command:
                case SendPush():
                    return self._send(dialect, account, command, behaviour)
                case FetchStatus():
                    return self._fetch_status(dialect, account, command)
                case FetchReceipts():
                    return self._fetch_receipts(dialect, account, command)
                case FetchReport():
                    return self._fetch_report(dialect, command)
            return self._keep_groups(dialect, command)

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
        self._apply({"event": "group", **line})
        return group

    def _send(
        self, dialect: Dialect, account: str, push: SendPush, behaviour: Behaviour
    ) -> Accepted:
        fingerprint = hashlib.sha256(repr(push).encode("utf-8", "replace")).hexdigest()
        earlier = self.keys.get((dialect.key, account, push.group, push.client_key))
        if earlier is not None:
            return self._replay(dialect, earlier, fingerprint)
        if dialect.has_groups and self._find_group(dialect, push.group).is_archived:
            raise Refusal(RefusalKind.INVALID, f"Group {push.group} is archived.")
        transfer = SentTransfer(
            id=len(self.transfers) + 1,
            dialect=dialect.key,
            account=account,
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
            refused=_find_decayed(push, behaviour),
            faults=dialect.find_faults(push) if dialect.find_faults else (),
            behaviour=behaviour,
        )
        self.journal.append("send", write_transfer(transfer))
        self._add_transfer(transfer)
        return _answer_send(dialect, transfer)

    def _replay(self, dialect: Dialect, earlier: SentTransfer, fingerprint: str) -> Accepted:
        if earlier.fingerprint != fingerprint:
            raise Refusal(RefusalKind.CONFLICT, "This key was used for another call.")
        self.journal.append("replay", {"id": earlier.id})
        self.replayed += 1
        return _answer_send(dialect, earlier)

    def _fetch_status(self, dialect: Dialect, account: str, command: FetchStatus) -> TransferStatus:
        transfer = self._find_transfer(dialect, account, command)
        return TransferStatus(
            transfer=str(transfer.id),
            group=transfer.group,
            tag=transfer.tag,
            state=_find_state(transfer, self.now()),
            created_at=transfer.at.replace(microsecond=0),
            faults=transfer.faults,
            client_key=transfer.client_key if command.client_key else "",
        )

    def _find_transfer(self, dialect: Dialect, account: str, command: FetchStatus) -> SentTransfer:
        if command.client_key:
            key = (dialect.key, account, command.group, command.client_key)
            found = self.keys.get(key)
        else:
            found = self._find_numbered(command.transfer)
        if found is None or (found.dialect, found.account) != (dialect.key, account):
            raise Refusal(RefusalKind.NOT_FOUND, "There is no such transfer.")
        return found

    def _find_numbered(self, number: str) -> SentTransfer | None:
        if not (number.isascii() and number.isdigit() and 1 <= int(number) <= len(self.transfers)):
            return None
        return self.transfers[int(number) - 1]

    def _fetch_report(self, dialect: Dialect, command: FetchReport) -> ReportTable:
        groups = {row.id: row for key, row in self.groups.items() if key[0] == dialect.key}
        transfers = [
            transfer
            for transfer in self.transfers
            if transfer.dialect == dialect.key
            and (not dialect.has_groups or groups[transfer.group].app in command.apps)
        ]
        return build_report(command, transfers, groups, self.now())

    def _fetch_receipts(
        self, dialect: Dialect, account: str, command: FetchReceipts
    ) -> ReceiptPage:
        receipts = self.receipts.setdefault((dialect.key, account), _Receipts())
        receipts.advance(self.now().timestamp())
        if command.cursor and not (command.cursor.isascii() and command.cursor.isdigit()):
            raise Refusal(RefusalKind.INVALID, "This cursor was never given.", field="cursor")
        start = int(command.cursor or 0)
        came = receipts.came[start : start + command.limit]
        events = tuple(
            ReceiptEvent(recipient, kind, datetime.fromtimestamp(at, UTC))
            for at, recipient, kind in came
        )
        return ReceiptPage(events, str(start + len(events)))

    def _apply(self, line: Mapping[str, Any]) -> None:
        match line["event"]:
            case "group":
                group = GroupRow(**line["group"])
                self.groups[line["dialect"], group.id] = group
            case "send":
                self._add_transfer(read_transfer(line))
            case "replay":
                self.replayed += 1

    def _add_transfer(self, transfer: SentTransfer) -> None:
        self.transfers.append(transfer)
        self.last_moment = max(self.last_moment, transfer.at.timestamp())
        key = (transfer.dialect, transfer.account)
        if transfer.client_key:
            self.keys[(*key, transfer.group, transfer.client_key)] = transfer
        self.receipts.setdefault(key, _Receipts()).unread.append(transfer)

    def summarize(self, dialect: str = "", tag: str = "") -> dict[str, Any]:
        """What was accepted, for tests that count from outside.

        A recipient is doubled when two accepted calls with one tag went to it.
        """
        with self.lock:
            chosen = [
                transfer
                for transfer in self.transfers
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
    results: tuple[Result, ...] = ()
    if dialect.wants_references:
        results = tuple(
            Result(index, Outcome.FAILED, Reason.TOKEN, "The token is not registered.")
            for index in sorted(transfer.refused)
        )
    return Accepted(str(transfer.id), transfer.client_key, results)


def _find_state(transfer: SentTransfer, now: datetime) -> TransferState:
    if transfer.faults:
        return TransferState.FAILED
    age, whole = now - transfer.at, timedelta(seconds=transfer.behaviour.sending_seconds)
    if age >= whole:
        return TransferState.SENT
    return TransferState.ACCEPTED if age < whole / 4 else TransferState.SENDING
