"""Counts of an app by day and push service (the vendor's page "Push statistics")."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from providers.inbound import Call
from providers.message_fields import Platform
from providers.outcomes import Reason
from providers.receipts import ReceiptKind
from providers.reports import FetchDays, PlatformDay, PlatformDays, Totals

from .wire import read_app
from .wire_errors import refuse_parameter

STATS_PATH = "push/data/offline-push/begin/{begin}/end/{end}"
ALL = "ALL"
SERVICES = (
    "APNS", "ANDROID", "XIAOMIPUSH", "HUAWEIPUSH", "MEIZUPUSH", "OPPOPUSH", "VIVOPUSH", "HONOR",
)  # fmt: skip

# The vendor counts by push service, we by platform. ANDROID is its word for FCM.
PLATFORMS = {
    Platform.IOS.value: "APNS",
    Platform.ANDROID.value: "ANDROID",
    Platform.HMOS.value: "HUAWEIPUSH",
}
_READ_PLATFORMS = {service: platform for platform, service in PLATFORMS.items()}


def write_stats_path(command: FetchDays) -> str:
    return STATS_PATH.format(begin=command.date_from.isoformat(), end=command.date_to.isoformat())


def write_stats_query(command: FetchDays) -> dict[str, str]:
    return {"platform": PLATFORMS.get(command.platform, ALL)}


def read_fetch_days(call: Call) -> FetchDays:
    """Days both included. A service that is not one of our platforms' has no rows here."""
    begin, end = _read_day(call, "begin"), _read_day(call, "end")
    if begin > end:
        raise refuse_parameter("begin", "is later than end")
    service = _read_service(call)
    platform = "" if service == ALL else _READ_PLATFORMS.get(service, service.lower())
    return FetchDays(app=read_app(call), date_from=begin, date_to=end, platform=platform)


def _read_day(call: Call, name: str) -> date:
    text = call.path[name]
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = None
    if day is None or day.isoformat() != text:
        raise refuse_parameter(name, "must look like yyyy-MM-dd")
    return day


def _read_service(call: Call) -> str:
    service = call.query.get("platform", "").strip().upper() or ALL
    if service not in (ALL, *SERVICES):
        raise refuse_parameter("platform", f"must be {ALL} or one of {', '.join(SERVICES)}")
    return service


def write_days(days: PlatformDays) -> dict[str, Any]:
    """Counts by day and service; what nobody reports is left out."""
    data: dict[str, dict[str, Any]] = {}
    for row in days.rows:
        service = PLATFORMS.get(row.platform)
        if service is not None:
            data.setdefault(row.day.isoformat(), {})[service] = _write_counts(row.total)
    return {"status": "OK", "data": data}


def _write_counts(total: Totals) -> dict[str, int]:
    counts = {"successCount": total.sent, "failCount": sum(total.failed.values())}
    arrived = total.receipts.get(ReceiptKind.DELIVERED)
    return counts if arrived is None else {**counts, "arriveCount": arrived}


def read_days(body: Any) -> PlatformDays:
    """Services that share one of our platforms keep rows of their own."""
    rows = tuple(
        _read_counts(date.fromisoformat(day), service, counts)
        for day, services in body["data"].items()
        for service, counts in services.items()
    )
    return PlatformDays(rows)


def _read_counts(day: date, service: str, counts: Mapping[str, Any]) -> PlatformDay:
    arrived = counts.get("arriveCount")
    sent, failed = int(counts["successCount"]), int(counts["failCount"])
    total = Totals(
        targets=sent + failed,
        sent=sent,
        failed={Reason.VENDOR: failed} if failed else {},
        receipts={ReceiptKind.DELIVERED: None if arrived is None else int(arrived)},
    )
    # Every service but Apple's is of Android phones.
    return PlatformDay(day, _READ_PLATFORMS.get(service, Platform.ANDROID.value), total)
