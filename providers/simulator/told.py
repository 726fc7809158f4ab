"""What a simulated vendor tells of what became of pushes: totals, single outcomes, days."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from providers.outcomes import Outcome, Reason, Refusal, RefusalKind, Result
from providers.receipts import ReceiptKind
from providers.reports import (
    FetchDays,
    FetchOutcomes,
    FetchTotals,
    OutcomeRow,
    OutcomeRows,
    PlatformDay,
    PlatformDays,
    Totals,
    TotalsRows,
    TransferTotals,
)
from providers.simulator import acceptance
from providers.simulator.memory import Acts, Memory, Visitor
from providers.simulator.paging import cut_page
from providers.simulator.receipts import list_of_one
from providers.simulator.sends import find_state
from providers.simulator.transfers import Place, SentTransfer

COUNTED = (ReceiptKind.DELIVERED, ReceiptKind.OPENED)  # a simulated vendor hears of no other


def list_rows(transfer: SentTransfer, now: datetime) -> Iterator[OutcomeRow]:
    """One row for everybody whom a call named, as it stands."""
    ends = {result.index: result for result in transfer.list_results()}
    for place in transfer.list_named():
        yield _write_row(transfer, place, ends.get(place.index), now)


def _write_row(
    transfer: SentTransfer, place: Place, end: Result | None, now: datetime
) -> OutcomeRow:
    row = OutcomeRow(
        reference=transfer.reference or transfer.client_key or str(transfer.id),
        id=place.name,
        kind=place.kind,
        value=place.value,
        outcome=None,
        platform=place.platform,
        channel=transfer.channel,
        tag=transfer.tag,
        text=transfer.text,
        callback_data=str((transfer.callback or {}).get("data", "")),
        transfer=str(transfer.id),
    )
    if transfer.was_withdrawn():
        words = "The push was taken back."
        row = replace(row, outcome=Outcome.FAILED, reason=Reason.CANCELLED, words=words)
        return replace(row, done_at=transfer.recalled_at)
    if now < transfer.sent_at:
        return row
    row = replace(row, sent_at=transfer.sent_at, done_at=transfer.sent_at)
    if transfer.faults:
        words = transfer.faults[0].detail
        return replace(row, outcome=Outcome.FAILED, reason=Reason.VENDOR, words=words)
    if end is not None:
        row = replace(row, outcome=end.outcome, reason=end.reason, words=end.message)
    else:
        row = _add_receipts(transfer, place, replace(row, outcome=Outcome.ACCEPTED), now)
    return _go_on(transfer, place, row, now)


def _go_on(transfer: SentTransfer, place: Place, row: OutcomeRow, now: datetime) -> OutcomeRow:
    """Whom the first step has not reached once all of its receipts are in, the next one does."""
    channel = transfer.failover.get(place.name)
    at = transfer.sent_at + timedelta(seconds=transfer.behaviour.receipt_seconds)
    if channel is None or row.outcome is Outcome.DELIVERED:
        return row
    if now < at:
        return replace(row, outcome=Outcome.ACCEPTED, reason=None, words="")
    return replace(
        row,
        outcome=Outcome.DELIVERED,
        reason=None,
        words="",
        channel=channel,
        done_at=at,
        receipts={ReceiptKind.DELIVERED: at},
    )


def _add_receipts(
    transfer: SentTransfer, place: Place, row: OutcomeRow, now: datetime
) -> OutcomeRow:
    receipts = {
        kind: datetime.fromtimestamp(at, UTC)
        for comes_at, kind, at in list_of_one(transfer, place.index, place.recipient)
        if comes_at <= now.timestamp()
    }
    delivered_at = receipts.get(ReceiptKind.DELIVERED)
    if delivered_at is None:
        return replace(row, receipts=receipts)
    return replace(row, outcome=Outcome.DELIVERED, done_at=delivered_at, receipts=receipts)


def _fetch_outcomes(memory: Memory, visitor: Visitor, command: FetchOutcomes) -> OutcomeRows:
    now = memory.now()
    told = memory.rows.list(visitor.name_shelf("told")) if command.is_once else {}
    rows = [
        row
        for transfer in reversed(_list_known(memory, visitor, now))
        if _is_asked(transfer, command)
        for row in list_rows(transfer, now)
        if _is_wanted(row, command) and f"{row.transfer} {row.id}" not in told
    ]
    if not command.is_once:
        page, cursor = cut_page(rows, command.limit, command.cursor)
        return OutcomeRows(tuple(page), cursor)
    page = rows[: command.limit]
    memory.rows.change(visitor.name_shelf("told"), {f"{row.transfer} {row.id}": {} for row in page})
    return OutcomeRows(tuple(page))


def _list_known(memory: Memory, visitor: Visitor, now: datetime) -> list[SentTransfer]:
    """The caller's calls that the vendor already knows of."""
    lag = acceptance.find(visitor.given, "status_lag")
    seconds = lag.find_number("seconds") if lag else 0.0
    return [
        transfer
        for transfer in memory.list_transfers(visitor)
        if (now - transfer.at).total_seconds() >= seconds
    ]


def _is_asked(transfer: SentTransfer, command: FetchOutcomes) -> bool:
    names = {transfer.reference, transfer.client_key, str(transfer.id)} - {""}
    return (
        (not command.references or not names.isdisjoint(command.references))
        and (not command.transfers or str(transfer.id) in command.transfers)
        and (not command.tags or transfer.tag in command.tags)
    )


def _is_wanted(row: OutcomeRow, command: FetchOutcomes) -> bool:
    if command.is_once and row.outcome in (None, Outcome.ACCEPTED):
        return False
    at = row.sent_at
    return (
        (not command.ids or row.id in command.ids)
        and command.channel in ("", row.channel)
        and (not command.values or row.value in command.values)
        and command.kind in ("", row.kind)
        and command.value in ("", row.value)
        and command.state in (None, row.outcome)
        and (command.since is None or (at is not None and at >= command.since))
        and (command.until is None or (at is not None and at <= command.until))
    )


def _fetch_totals(memory: Memory, visitor: Visitor, command: FetchTotals) -> TotalsRows:
    now = memory.now()
    known = _list_known(memory, visitor, now)
    found = [transfer for transfer in known if _is_counted(transfer, command)]
    if command.reference and not found:
        raise Refusal(RefusalKind.NOT_FOUND, "There is no such push.")
    return TotalsRows(tuple(_count_transfer(transfer, now) for transfer in found))


def _is_counted(transfer: SentTransfer, command: FetchTotals) -> bool:
    day = transfer.at.date()
    if command.date_from and day < command.date_from:
        return False
    if command.date_to and day > command.date_to:
        return False
    if command.reference:
        names = (transfer.reference, transfer.client_key, str(transfer.id))
        return command.reference in names
    if command.transfers:
        return str(transfer.id) in command.transfers
    return not command.tags or transfer.tag in command.tags


def _count_transfer(transfer: SentTransfer, now: datetime) -> TransferTotals:
    rows = list(list_rows(transfer, now))
    by_platform: dict[str, list[OutcomeRow]] = defaultdict(list)
    for row in rows:
        by_platform[row.platform].append(row)
    moments = [at for row in rows for at in row.receipts.values()]
    return TransferTotals(
        transfer=str(transfer.id),
        app=transfer.app,
        tag=transfer.tag,
        name=transfer.name,
        state=find_state(transfer, now),
        created_at=transfer.at,
        total=_count_rows(rows),
        by_platform={platform: _count_rows(some) for platform, some in by_platform.items()},
        body=transfer.text,
        last_at=max(moments, default=None),
    )


def _count_rows(rows: Iterable[OutcomeRow]) -> Totals:
    rows = list(rows)
    outcomes = Counter(row.outcome for row in rows)
    failed = Counter(row.reason or Reason.VENDOR for row in rows if row.outcome is Outcome.FAILED)
    cancelled = failed.pop(Reason.CANCELLED, 0)
    return Totals(
        targets=len(rows),
        sent=outcomes[Outcome.ACCEPTED] + outcomes[Outcome.DELIVERED],
        failed=dict(failed),
        cancelled=cancelled,
        pending=outcomes[None],
        receipts={kind: sum(kind in row.receipts for row in rows) for kind in COUNTED},
    )


def _fetch_days(memory: Memory, visitor: Visitor, command: FetchDays) -> PlatformDays:
    now = memory.now()
    rows: dict[tuple[date, str], list[OutcomeRow]] = defaultdict(list)
    for transfer in memory.list_transfers(visitor):
        day = transfer.at.date()
        if command.date_from <= day <= command.date_to and command.app in ("", transfer.app):
            for row in list_rows(transfer, now):
                rows[day, row.platform].append(row)
    return PlatformDays(
        tuple(
            PlatformDay(day, platform, _count_rows(some))
            for (day, platform), some in rows.items()
            if command.platform in ("", platform)
        )
    )


ACTS: Acts = {
    FetchOutcomes: _fetch_outcomes,
    FetchTotals: _fetch_totals,
    FetchDays: _fetch_days,
}
