"""What became of messages (vendor pages "Statistics API", "Message Statistics").

The vendor's names are irregular: a message has `targets` and `clicks`, its kinds under `sub` have
`target` and `click`, their channels the plural again. What nobody reports is left out: no client
demands it, and 0 would say that it was counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from providers.audience_calls import DeviceDays, FetchDeviceDays
from providers.inbound import Call
from providers.message_fields import Platform
from providers.outcomes import Outcome
from providers.receipts import ReceiptKind
from providers.reports import (
    FetchOutcomes,
    FetchTotals,
    Metric,
    OutcomeRow,
    OutcomeRows,
    Totals,
    TotalsRows,
    TransferTotals,
    VendorTotal,
)

from .wire_sends import MAX_PLAN, take_msg_id
from .wire_targets import MAX_IDS, REGISTRATION_ID
from .wire_values import refuse_missing, refuse_value, split_list

DETAIL_PATH = "v4/status/detail"
WEB_DETAIL_PATH = "v4/messages/details"
MESSAGE_PATH = "v4/status/message"
MESSAGES_PATH = "v4/status/batch/message"
USERS_PATH = "v4/status/users"
PLAN_DETAIL_PATH = "v4/status/plan/detail"
PLAN_MESSAGES_PATH = "v4/status/plan/msg/"

MAX_MESSAGES = 100
MAX_PLANS = 100
MAX_DAYS = 60
COUNTS = {
    "sent": Metric.SENT,
    "delivered": Metric.DELIVERED,
    "impressions": Metric.SHOWN,
    "clicks": Metric.OPENED,
}
# One cell per way that the vendor would have taken; ours is the platform's own.
OWN_CHANNELS = {
    Platform.ANDROID: "engageLab_android",
    Platform.IOS: "engageLab_ios",
    Platform.HMOS: "engageLab_hmos",
    Platform.WEB: "engageLab_web",
}
STATUSES = {
    None: (0, "queued"),
    Outcome.ACCEPTED: (1, "sent"),
    Outcome.DELIVERED: (2, "delivered"),
    Outcome.FAILED: (3, "failed"),
    Outcome.EXPIRED: (4, "expired"),
    Outcome.UNKNOWN: (5, "unknown"),
}
TIME_FORM = "%Y-%m-%d %H:%M:%S"


def read_detail(call: Call) -> FetchTotals:
    texts = split_list(call.query, "message_ids", MAX_MESSAGES)
    return FetchTotals(transfers=tuple(text for text in texts if _is_msg_id(text)))


def _is_msg_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 19


def write_detail_query(references: tuple[str, ...]) -> dict[str, str]:
    return {"message_ids": ",".join(references)}


def write_detail(rows: TotalsRows) -> dict[str, Any]:
    """By message; one that is not known is left out."""
    return {row.transfer: write_totals(row) for row in rows.rows}


def write_totals(row: TransferTotals) -> dict[str, Any]:
    counts = _write_counts(row.total)
    singular = {{"targets": "target", "clicks": "click"}.get(name, name): value
                for name, value in counts.items()}  # fmt: skip
    channels = {
        f"sub_{platform.value}": {OWN_CHANNELS[platform]: _write_counts(row.by_platform[platform])}
        for platform in OWN_CHANNELS
        if platform in row.by_platform
    }
    plan = {"plan_id": row.tag} if row.tag else {}
    return {**counts, **plan, "sub": {"notification": {**singular, **channels}}}


def _write_counts(total: Totals) -> dict[str, int]:
    receipts = total.receipts
    clicks = receipts.get(ReceiptKind.CLICKED)
    counts = {
        "targets": total.targets,
        "sent": total.sent,
        "delivered": receipts.get(ReceiptKind.DELIVERED),
        "impressions": receipts.get(ReceiptKind.SHOWN),
        "clicks": receipts.get(ReceiptKind.OPENED) if clicks is None else clicks,
    }
    return {name: count for name, count in counts.items() if count is not None}


def read_totals(reference: str, body: Mapping[str, Any]) -> tuple[VendorTotal, ...]:
    """The vendor's counts of one message; none while it does not know it."""
    counts = body.get(reference)
    if counts is None:
        return ()
    return tuple(
        VendorTotal(metric, _read_count(counts.get(name))) for name, metric in COUNTS.items()
    )


def _read_count(value: Any) -> int | None:
    if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
        raise ValueError("no count")
    return value


def read_message(call: Call) -> FetchOutcomes:
    """One message, and the devices that are asked about."""
    return FetchOutcomes(
        transfers=(take_msg_id(_take(call.query, "message_id")),),
        kind=REGISTRATION_ID,
        values=split_list(call.query, "registration_ids", MAX_IDS),
        limit=MAX_IDS,
    )


def _take(query: Mapping[str, str], name: str) -> str:
    text = query.get(name, "").strip()
    if not text:
        raise refuse_missing(name)
    return text


def write_message_rows(rows: OutcomeRows) -> dict[str, Any]:
    """By device; who was not among the message's is left out."""
    return {row.value: write_outcome(row) for row in rows.rows}


def read_messages(call: Call) -> FetchOutcomes:
    texts = split_list(call.query, "message_ids", MAX_MESSAGES)
    known = tuple(text for text in texts if _is_msg_id(text))
    return FetchOutcomes(transfers=known, kind=REGISTRATION_ID, limit=MAX_IDS)


def write_messages_rows(rows: OutcomeRows) -> list[dict[str, Any]]:
    return [write_outcome(row) for row in rows.rows]


def write_outcome(row: OutcomeRow) -> dict[str, Any]:
    """One device's record. The newer form's names; the older one's two stand beside them."""
    number, _name = STATUSES[_find_outcome(row)]
    moment = row.done_at or row.sent_at
    record: dict[str, Any] = {
        "message_id": row.transfer,
        "registration_id": row.value,
        "status": number,
        "channel": OWN_CHANNELS.get(Platform(row.platform), "") if row.platform else "",
        "error_code": 1 if row.outcome is Outcome.FAILED else 0,
        "error_message": row.words,
    }
    if moment is not None:
        record["itime"] = int(moment.timestamp() * 1000)
    return record


def _find_outcome(row: OutcomeRow) -> Outcome | None:
    """What a device has shown, a phone got."""
    is_back = bool(row.receipts.keys() - {ReceiptKind.UNREGISTERED})
    return Outcome.DELIVERED if row.outcome is Outcome.ACCEPTED and is_back else row.outcome


@dataclass(frozen=True, slots=True)
class Asked:
    """The days of a question about devices."""

    start: date
    duration: int


def read_users(call: Call) -> FetchDeviceDays:
    asked = read_asked(call.query)
    return FetchDeviceDays(
        app="",
        date_from=asked.start,
        date_to=asked.start + timedelta(days=asked.duration - 1),
    )


def read_asked(query: Mapping[str, str]) -> Asked:
    if _take(query, "time_unit").upper() != "DAY":
        raise refuse_value("time_unit", "must be DAY")
    text = _take(query, "duration")
    if not (text.isascii() and text.isdigit() and len(text) < 4 and 1 <= int(text) <= MAX_DAYS):
        raise refuse_value("duration", f"must be from 1 to {MAX_DAYS}")
    return Asked(read_day(_take(query, "start"), "start"), int(text))


def read_day(text: str, name: str) -> date:
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).date()
    except ValueError as error:
        raise refuse_value(name, "must be a day like 2026-11-20") from error
    return day


def write_users(days: DeviceDays, query: Mapping[str, str]) -> dict[str, Any]:
    """One item per day asked for; a platform without devices has zeros, since it was counted."""
    asked = read_asked(query)
    by_day = {(row.day, row.platform): row for row in days.rows}
    items = []
    for offset in range(asked.duration):
        day = asked.start + timedelta(days=offset)
        item: dict[str, Any] = {"time": day.isoformat()}
        for platform in (Platform.ANDROID, Platform.IOS, Platform.HMOS):
            row = by_day.get((day, platform.value))
            new, active = (row.new, row.active) if row else (0, 0)
            item[platform.value] = {"new": new, "active": active, "online": active}
        items.append(item)
    start = asked.start.isoformat()
    return {"TimeUnit": "DAY", "start": start, "duration": asked.duration, "items": items}


def read_plan_days(call: Call) -> FetchTotals:
    """Totals by plan within the days; without a day, the last month's."""
    query = call.query
    first, last = (
        read_day(query[name], name) if query.get(name, "").strip() else None
        for name in ("start_date", "end_date")
    )
    if first and last and first > last:
        raise refuse_value("end_date", "must not be before start_date")
    plans = split_list(query, "plan_ids", MAX_PLANS)
    if any(len(plan) > MAX_PLAN for plan in plans):
        raise refuse_value("plan_ids", f"has an id over {MAX_PLAN} characters")
    return FetchTotals(tags=plans, date_from=first, date_to=last)


def write_plan_totals(rows: TotalsRows) -> dict[str, Any]:
    """By plan, the sums of its messages."""
    plans: dict[str, dict[str, int]] = {}
    for row in rows.rows:
        sums = plans.setdefault(row.tag, {})
        for name, count in _write_counts(row.total).items():
            sums[name] = sums.get(name, 0) + count
    return plans


def write_plan_messages(rows: TotalsRows) -> dict[str, Any]:
    """By plan, the ids of its messages."""
    plans: dict[str, list[str]] = {}
    for row in rows.rows:
        plans.setdefault(row.tag, []).append(row.transfer)
    return plans
