"""Pushes at a simulated vendor: taken, repeated, taken back, asked about."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta

from providers.commands import (
    Accepted,
    AcceptedMany,
    AcceptedTarget,
    FetchStatus,
    Recalled,
    RecallPush,
    SendPush,
    SendPushes,
    TransferState,
    TransferStatus,
)
from providers.contract import Dialect, Idempotency
from providers.inbound import DoorApp
from providers.outcomes import Outcome, Refusal, RefusalKind, Result
from providers.receipts import FetchReceipts, ReceiptPage
from providers.recipients import Targets
from providers.reports import FetchReport, ReportTable
from providers.simulator import acceptance
from providers.simulator.audiences import list_stretches, write_audiences
from providers.simulator.behaviour import Behaviour
from providers.simulator.groups import find_group
from providers.simulator.memory import Acts, Memory, Visitor
from providers.simulator.receipts import Inbox, list_receipts
from providers.simulator.report import build_report
from providers.simulator.transfers import SentTransfer

RECALLABLE = timedelta(days=1)
GROUP_APPS = 2  # how many apps every app group of a simulated vendor has


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """What is known of a send beside its push."""

    channel: str = "push"
    text: str = ""
    reference: str = ""
    failover: Mapping[str, str] = field(default_factory=dict)


def send(
    memory: Memory, visitor: Visitor, push: SendPush, sending: Sending | None = None
) -> Accepted:
    """Take a send, or say again what was said of it before; raises `Refusal`."""
    dialect = visitor.dialect
    # What is left of its life shrinks from one try to the next: it is the same call.
    lasting = repr(replace(push, expires_in=None))
    fingerprint = hashlib.sha256(lasting.encode("utf-8", "replace")).hexdigest()
    earlier = memory.keys.get((dialect.key, visitor.account, push.group, push.client_key))
    if earlier is not None and _knows_keys(visitor):
        return _replay(memory, earlier, push, dialect, fingerprint)
    if dialect.has_groups and find_group(memory, dialect, push.group).is_archived:
        raise Refusal(RefusalKind.INVALID, f"Group {push.group} is archived.")
    _refuse_another(memory, visitor, push)
    transfer = _make_transfer(memory, visitor, push, fingerprint, sending or Sending())
    if earlier is not None:
        transfer = replace(transfer, is_again=True)
    if not push.is_dry_run:
        memory.keep_transfer(transfer)
    return _answer_send(push, dialect, transfer)


def _knows_keys(visitor: Visitor) -> bool:
    if visitor.dialect.idempotency is Idempotency.NONE:
        return False
    return acceptance.find(visitor.given, "forgets_key") is None


def _refuse_another(memory: Memory, visitor: Visitor, push: SendPush) -> None:
    """Of some kinds of calls only so many may run at once."""
    limit = visitor.dialect.running_limits.get(push.kind)
    if limit is None:
        return
    now = memory.now()
    running = [
        transfer
        for transfer in memory.list_transfers(visitor)
        if (transfer.kind, transfer.app) == (push.kind, push.app)
        and transfer.starts_at <= now
        and find_state(transfer, now) in (TransferState.ACCEPTED, TransferState.SENDING)
    ]
    if len(running) >= limit:
        raise Refusal(RefusalKind.BUSY, f"At most {limit} of these run at once.")


def _make_transfer(
    memory: Memory, visitor: Visitor, push: SendPush, fingerprint: str, sending: Sending
) -> SentTransfer:
    dialect, behaviour = visitor.dialect, visitor.behaviour
    stretches = list_stretches(memory, visitor, push)
    names = [value for stretch in stretches for value in stretch.list_values()]
    excuses = acceptance.find_results(names, visitor.given)
    message = push.parts[0].message
    return SentTransfer(
        id=memory.next_id,
        dialect=dialect.key,
        account=visitor.account,
        group=push.group,
        tag=push.tag,
        client_key=push.client_key,
        fingerprint=fingerprint,
        at=memory.now(),
        stretches=stretches,
        refused=_find_decayed(names, behaviour) | excuses.keys(),
        faults=dialect.find_faults(push) if dialect.find_faults else (),
        behaviour=behaviour,
        excuses=tuple(excuses.values()),
        quirks=acceptance.find_quirks(names, visitor.given),
        name=push.name,
        app=push.app,
        reference=sending.reference,
        channel=sending.channel,
        kind=push.kind,
        text=sending.text or message.body or message.title,
        callback=asdict(push.callback) if push.callback else None,
        audience=write_audiences(push),
        due_at=push.due_at,
        failover=sending.failover,
    )


def _find_decayed(names: Sequence[str], behaviour: Behaviour) -> frozenset[int]:
    if not behaviour.decay_percent:
        return frozenset()
    return frozenset(
        index
        for index, name in enumerate(names)
        if behaviour.draw("token", name)[0] * 100 < behaviour.decay_percent
    )


def _replay(
    memory: Memory, earlier: SentTransfer, push: SendPush, dialect: Dialect, fingerprint: str
) -> Accepted:
    if earlier.fingerprint != fingerprint:
        raise Refusal(RefusalKind.CONFLICT, "This key was used for another call.")
    memory.note_replay(earlier)
    return _answer_send(push, dialect, earlier)


def _answer_send(push: SendPush, dialect: Dialect, transfer: SentTransfer) -> Accepted:
    """The same answer at every replay. A dialect that takes references answers per recipient,
    and so does every one whose caller waits.
    """
    results = tuple(transfer.list_results()) if dialect.wants_references or push.wait else ()
    accepted = transfer.count_named() - len(results) if dialect.wants_references else None
    if push.wait:
        results = _name_everybody(transfer, results)
    return Accepted(
        str(transfer.id),
        transfer.client_key,
        results,
        accepted,
        _list_targets(push, transfer) if push.is_tracked else (),
    )


def _name_everybody(transfer: SentTransfer, results: Sequence[Result]) -> tuple[Result, ...]:
    known = {result.index: result for result in results}
    return tuple(
        known.get(index) or Result(index, Outcome.ACCEPTED)
        for index in range(transfer.count_named())
    )


def _list_targets(push: SendPush, transfer: SentTransfer) -> tuple[AcceptedTarget, ...]:
    """One for each target that the call named, and one for each audience."""
    targets = []
    for number, part in enumerate(push.parts):
        places = [place for place in transfer.list_named() if place.part == number]
        if part.audience is None:
            targets += [
                AcceptedTarget(id=place.name, kind=place.kind, value=place.value, count=1)
                for place in places
            ]
        else:
            name = part.id or f"{transfer.id}-part-{number}"
            targets.append(AcceptedTarget(id=name, count=len(places)))
    return tuple(targets)


def _send_push(memory: Memory, visitor: Visitor, push: SendPush) -> Accepted | AcceptedMany:
    if not push.app_group:
        return send(memory, visitor, push)
    reference = f"{push.app_group}-{memory.next_id}"
    entries, names = [], []
    for app in _list_group_apps(visitor.dialect, push.app_group):
        key = push.client_key and f"{push.client_key}@{app}"  # each app's own
        one = replace(push, app=app, app_group="", client_key=key)
        entries.append(send(memory, visitor, one, Sending(reference=reference)))
        names.append(app)
    first = memory.transfers.get(int(entries[0].transfer))
    reference = first.reference if first else reference  # a repeat hears the first answer
    return AcceptedMany(
        entries=tuple(entries),
        reference=reference,
        client_key=push.client_key,
        names=tuple(names),
    )


def _list_group_apps(dialect: Dialect, group: str) -> list[str]:
    apps = []
    for number in range(1, GROUP_APPS + 1):
        slug = f"{group}-{number}"
        app = DoorApp(id=number, slug=slug, workspace="simulated")
        apps.append(str(next(iter(dialect.door_identifiers(app).values()), slug)))
    return apps


def _send_pushes(memory: Memory, visitor: Visitor, command: SendPushes) -> AcceptedMany:
    reference = command.client_key or f"many-{memory.next_id}"
    entries: list[Accepted | Refusal] = []
    for push in command.pushes:
        try:
            entries.append(send(memory, visitor, push, Sending(reference=reference)))
        except Refusal as refusal:
            entries.append(refusal)
    return AcceptedMany(entries=tuple(entries), reference=reference, client_key=command.client_key)


def _recall(memory: Memory, visitor: Visitor, command: RecallPush) -> Recalled:
    """Taken back from those from whom nothing has come yet: they will not get it."""
    transfer = _find_transfer(memory, visitor, FetchStatus(command.transfer))
    now = memory.now()
    if now > transfer.at + RECALLABLE:
        raise Refusal(RefusalKind.INVALID, "It is too late to take this push back.")
    if transfer.recalled_at is None:
        transfer = replace(transfer, recalled_at=now)
        memory.keep_transfer(transfer)
    return Recalled(_list_taken(transfer))


def _list_taken(transfer: SentTransfer) -> tuple[Targets, ...]:
    reached = {coming.recipient for coming in list_receipts(transfer)}
    by_kind: dict[str, list[str]] = {}
    for place in transfer.list_named():
        if place.recipient not in reached and place.index not in transfer.refused:
            by_kind.setdefault(place.kind, []).append(place.value)
    return tuple(Targets(kind, tuple(values)) for kind, values in by_kind.items())


def _fetch_status(memory: Memory, visitor: Visitor, command: FetchStatus) -> TransferStatus:
    transfer = _find_transfer(memory, visitor, command)
    status = TransferStatus(
        transfer=str(transfer.id),
        group=transfer.group,
        tag=transfer.tag,
        state=find_state(transfer, memory.now()),
        created_at=transfer.at.replace(microsecond=0),
        faults=transfer.faults,
        client_key=transfer.client_key if command.client_key else "",
    )
    return acceptance.spoil_status(status, visitor.given, memory.now())


def _find_transfer(memory: Memory, visitor: Visitor, command: FetchStatus) -> SentTransfer:
    found = look_up(memory, visitor, command)
    if found is None:
        raise Refusal(RefusalKind.NOT_FOUND, "There is no such transfer.")
    return found


def look_up(memory: Memory, visitor: Visitor, command: FetchStatus) -> SentTransfer | None:
    """The caller's transfer by its number, or by his own id."""
    owner = (visitor.dialect.key, visitor.account)
    if command.client_key:
        return memory.keys.get((*owner, command.group, command.client_key))
    number = command.transfer
    found = memory.transfers.get(int(number)) if _is_number(number) else None
    return found if found and (found.dialect, found.account) == owner else None


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19


def find_state(transfer: SentTransfer, now: datetime) -> TransferState:
    if transfer.faults:
        return TransferState.FAILED
    if transfer.recalled_at is not None:
        return TransferState.CANCELLED
    age, whole = now - transfer.starts_at, transfer.sent_at - transfer.starts_at
    if age >= whole:
        return TransferState.SENT
    return TransferState.ACCEPTED if age < whole / 4 else TransferState.SENDING


def _fetch_report(memory: Memory, visitor: Visitor, command: FetchReport) -> ReportTable:
    dialect = visitor.dialect
    groups = {row.id: row for key, row in memory.groups.items() if key[0] == dialect.key}
    transfers = [
        transfer
        for transfer in memory.transfers.values()
        if transfer.dialect == dialect.key
        and (not dialect.has_groups or groups[transfer.group].app in command.apps)
    ]
    table = build_report(command, transfers, groups, memory.now())
    return acceptance.spoil_report(table, visitor.given)


def _fetch_receipts(memory: Memory, visitor: Visitor, command: FetchReceipts) -> ReceiptPage:
    inbox = memory.receipts.setdefault((visitor.dialect.key, visitor.account), Inbox())
    return inbox.fetch(command, memory.now().timestamp())


ACTS: Acts = {
    SendPush: _send_push,
    SendPushes: _send_pushes,
    RecallPush: _recall,
    FetchStatus: _fetch_status,
    FetchReport: _fetch_report,
    FetchReceipts: _fetch_receipts,
}
