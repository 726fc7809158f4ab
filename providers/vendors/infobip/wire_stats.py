"""Statistics of a bulk (seed section "Get Stats over API", wire facts, section 6).

The rate is a percentage with two decimals, as the vendor's sample has it, and the shape demands a
whole number everywhere: what nobody reports is 0, and a header says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from providers.inbound import Call, Reply
from providers.outcomes import Reason
from providers.receipts import ReceiptKind
from providers.reports import FetchTotals, Metric, Totals, TotalsRows, VendorTotal

from .wire_values import read_query_text, refuse

STATISTICS_PATH = "push/1/statistics"
NOT_REPORTED = "X-Pushadmin-Not-Reported"
_METRICS = (
    (Metric.SENT, "totalSent"),
    (Metric.DELIVERED, "delivered"),
    (Metric.SHOWN, "seen"),
)
_GONE = frozenset({Reason.TOKEN, Reason.NO_TOKEN, Reason.GONE})
_OVER = frozenset({Reason.TOO_LATE, Reason.HOUR_PASSED, Reason.OPTED_OUT, Reason.SUPPRESSED})


def read_statistics_query(call: Call) -> FetchTotals:
    bulk = read_query_text(call.query, "bulkId", 100)
    if not bulk:
        raise refuse("bulkId", "must not be null")
    return FetchTotals(reference=bulk)


def write_statistics_query(bulk: str) -> dict[str, str]:
    return {"bulkId": bulk}


def write_statistics(rows: TotalsRows, call: Call) -> Reply:
    totals = [row.total for row in rows.rows]
    delivered = _add_receipts(totals, ReceiptKind.DELIVERED)
    seen = _find_seen(totals)
    sent = sum(map(count_sent, totals))
    moments = [row.last_at or row.created_at for row in rows.rows]
    missing = [name for name, value in (("delivered", delivered), ("seen", seen)) if value is None]
    body = {
        "totalSent": sent,
        "delivered": delivered or 0,
        "seen": seen or 0,
        "errors": _write_errors(totals),
        "delivery": {
            "rate": round(100 * (delivered or 0) / sent, 2) if sent else 0,
            "time": _write_millis(max(moments)) if moments else 0,
        },
    }
    return Reply(200, body, headers={NOT_REPORTED: ",".join(missing)} if missing else {})


def count_sent(total: Totals) -> int:
    """What was handed on, or would have been had its time not run out: so that the errors and
    what was delivered add up to it in the end. Who was skipped or cancelled is not in it."""
    return total.sent + total.expired + total.unknown + sum(total.failed.values())


def _write_errors(totals: Iterable[Totals]) -> dict[str, int]:
    found = {"registration": 0, "expired": 0, "cloud": 0}
    for total in totals:
        found["expired"] += total.expired
        found["cloud"] += total.unknown
        for reason, count in total.failed.items():
            name = "registration" if reason in _GONE else "cloud"
            found["expired" if reason in _OVER else name] += count
    return found


def _add_receipts(totals: Iterable[Totals], kind: ReceiptKind) -> int | None:
    """None where nobody reports it."""
    known = [total.receipts.get(kind) for total in totals]
    counts = [count for count in known if count is not None]
    return sum(counts) if counts else None


def _find_seen(totals: list[Totals]) -> int | None:
    found = [_add_receipts(totals, kind) for kind in (ReceiptKind.SHOWN, ReceiptKind.OPENED)]
    counts = [count for count in found if count is not None]
    return max(counts) if counts else None


def _write_millis(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def read_statistics(body: Any, headers: Mapping[str, str]) -> tuple[VendorTotal, ...]:
    """The vendor's own totals; raises KeyError and the like.

    Where another installation of ours stands in the vendor's place, a 0 may mean "not reported".
    """
    missing = {name.strip() for name in headers.get(NOT_REPORTED.lower(), "").split(",")}
    return tuple(
        VendorTotal(metric, None if name in missing else int(body[name]))
        for metric, name in _METRICS
    )
