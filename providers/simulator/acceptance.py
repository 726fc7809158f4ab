"""Faults of accepted calls: who is not sent to, what becomes of receipts, status and totals."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from providers.commands import Accepted, SendPush, TransferState, TransferStatus
from providers.inbound import Reply
from providers.outcomes import Outcome, Reason, Refusal, RefusalKind, Result
from providers.reports import ReportTable
from providers.simulator.faults import Stage
from providers.simulator.plan import GivenFault
from providers.simulator.transfers import Quirk

RECEIPT_FAULTS = frozenset(
    {"receipts_late", "receipts_twice", "receipts_out_of_order", "receipts_early"}
)
BACKWARDS = (TransferState.SENT, TransferState.SENDING, TransferState.ACCEPTED)


def list_targets(push: SendPush) -> list[str]:
    """Ids of everybody that a call names, in its order."""
    return [value for part in push.parts for targets in part.targets for value in targets.values]


def find(given: Iterable[GivenFault], name: str) -> GivenFault | None:
    """The fault of that name among those of a call."""
    return next((item for item in given if item.name == name), None)


def find_results(names: Sequence[str], given: Sequence[GivenFault]) -> dict[int, Result]:
    """By place, what is to be said of recipients who are not sent to; the first rule wins."""
    results: dict[int, Result] = {}
    for item in given:
        judge = _JUDGES.get(item.name)
        if judge is None:
            continue
        for place, recipient in enumerate(names):
            result = judge(item, place, recipient) if item.concerns(recipient) else None
            if result is not None:
                results.setdefault(place, result)
    return results


def find_quirks(names: Sequence[str], given: Sequence[GivenFault]) -> tuple[Quirk, ...]:
    """How the receipts of the recipients `names` will fare."""
    return tuple(
        Quirk(
            item.name,
            item.find_number("seconds") if "seconds" in item.fault.options else 0.0,
            frozenset(place for place, value in enumerate(names) if item.concerns(value)),
        )
        for item in given
        if item.name in RECEIPT_FAULTS
    )


def _say_unregistered(given: GivenFault, place: int, recipient: str) -> Result | None:
    return Result(place, Outcome.FAILED, Reason.TOKEN, "The token is not registered.")


def _say_later(given: GivenFault, place: int, recipient: str) -> Result | None:
    wait = given.find_number("retry_after")
    return Result(place, Outcome.FAILED, Reason.VENDOR, "Try this recipient again.", wait)


def _say_refused(given: GivenFault, place: int, recipient: str) -> Result | None:
    return Result(place, Outcome.FAILED, Reason.PAYLOAD, "The message does not suit it.")


def _say_mixed(given: GivenFault, place: int, recipient: str) -> Result | None:
    quarter = int(4 * given.draw("mixed", recipient))
    says = (None, _say_unregistered, _say_later, _say_refused)[quarter]
    return says(given, place, recipient) if says else None


_JUDGES: Mapping[str, Callable[[GivenFault, int, str], Result | None]] = {
    "unregistered": _say_unregistered,
    "recipient_later": _say_later,
    "recipient_refused": _say_refused,
    "mixed": _say_mixed,
}


def spoil_status(
    status: TransferStatus, given: Sequence[GivenFault], now: datetime
) -> TransferStatus:
    """What the vendor says of a call; raises `Refusal` while it does not know it."""
    lag = find(given, "status_lag")
    if lag is not None and now < status.created_at + timedelta(seconds=lag.find_number("seconds")):
        raise Refusal(RefusalKind.NOT_FOUND, "There is no such transfer.")
    backwards = find(given, "status_backwards")
    if backwards is not None:
        return replace(status, state=BACKWARDS[backwards.count % len(BACKWARDS)])
    return status


def spoil_report(table: ReportTable, given: Sequence[GivenFault]) -> ReportTable:
    """The same table with other figures at every question."""
    fault = find(given, "totals_change")
    if fault is None:
        return table
    share = 2 * fault.draw("totals", fault.count)
    rows = tuple(replace(row, metrics=_scale(row.metrics, share)) for row in table.rows)
    return replace(table, rows=rows, totals=_scale(table.totals, share))


def _scale(numbers: tuple[float | None, ...], share: float) -> tuple[float | None, ...]:
    return tuple(None if number is None else int(number * share) for number in numbers)


def spoil_results(result: Any, given: Sequence[GivenFault]) -> Any:
    """An answer that says other things of single recipients than what was done for them."""
    fault = next((item for item in given if item.fault.stage is Stage.RESULTS), None)
    if fault is None or not isinstance(result, Accepted):
        return result
    said = result.results
    match fault.name:
        case "fewer_results":
            said = said[: len(said) // 2]
        case "reordered_results":
            said = said[::-1]
        case "duplicate_results":
            said += tuple(_contradict(item) for item in said)
        case "stranger_results":
            said += (Result(10**6, Outcome.FAILED, Reason.TOKEN, "Gone."),)
    return replace(result, results=said)


def mark_mixed(reply: Reply, given: Sequence[GivenFault]) -> Reply:
    """Say by the status too that recipients fared differently."""
    return replace(reply, status=207) if find(given, "mixed") else reply


def _contradict(result: Result) -> Result:
    if result.retry_after is None:
        return replace(result, retry_after=1.0)
    return replace(result, retry_after=None)
