"""The vendor's calls as we serve them: data only. The obsolete `/push/v1/send` is not among them,
since no page gives its body.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from providers.inbound import Call, Quota, Reply, Route
from providers.reports import ReportTable

from . import wire, wire_query, wire_report, wire_sends, wire_status

MAX_SEND_BYTES = 64 * 1024 * 1024
READ, WRITE, REPORT = "client_read", "client_write", "report_read"
QUOTAS: Mapping[str, Quota] = {
    name: Quota(per_second=30, per_day=5000) for name in (READ, WRITE, REPORT)
}


def _answer(write: Callable[[Any], Any]) -> Callable[[Any, Call], Reply]:
    # No page states success codes; the strictest known client wants exactly 200, even of DELETE.
    return lambda result, call: Reply(200, write(result))


_answer_group = _answer(wire.write_group_reply)
_answer_done = _answer(lambda result: wire.write_done())
_answer_status = _answer(wire_status.write_status)


def _answer_report(result: ReportTable, call: Call) -> Reply:
    return wire_report.write_report(result)


ROUTES = (
    Route(
        method="POST",
        path=wire.GROUPS_PATH,
        read=wire.read_create_group,
        write=_answer_group,
        quota=WRITE,
    ),
    Route(
        method="GET",
        path=wire.GROUPS_PATH,
        read=wire.read_list_groups,
        write=_answer(wire.write_groups),
        quota=READ,
    ),
    Route(
        method="GET",
        path=wire.GROUP_PATH,
        read=wire.read_fetch_group,
        write=_answer_group,
        quota=READ,
    ),
    Route(
        method="PUT",
        path=wire.GROUP_PATH,
        read=wire.read_update_group,
        write=_answer_group,
        quota=WRITE,
    ),
    Route(
        method="DELETE",
        path=wire.GROUP_PATH,
        read=wire.read_archive_group,
        write=_answer_done,
        quota=WRITE,
    ),
    Route(
        method="POST",
        path=wire.RESTORE_PATH,
        read=wire.read_restore_group,
        write=_answer_done,
        quota=WRITE,
    ),
    Route(
        method="POST",
        path=wire_sends.SEND_PATH,
        read=wire_sends.read_send,
        write=_answer(wire_sends.write_accepted),
        quota=WRITE,
        max_bytes=MAX_SEND_BYTES,
        max_recipients=wire_sends.MAX_DEVICES,
    ),
    Route(
        method="GET",
        path=wire_status.STATUS_PATH,
        read=wire_status.read_fetch_status,
        write=_answer_status,
        quota=READ,
    ),
    Route(
        method="GET",
        path=wire_status.CLIENT_STATUS_PATH,
        read=wire_status.read_fetch_client_status,
        write=_answer_status,
        quota=READ,
    ),
    *(
        Route(method="GET", path=path, read=read, write=_answer_report, quota=REPORT)
        for path, read in (
            (wire_query.TABLE_PATH, wire_query.read_table_query),
            (wire_query.CSV_PATH, wire_query.read_csv_query),
            (wire_query.DRILLDOWN_PATH, wire_query.read_drilldown_query),
            (wire_query.DRILLDOWN_CSV_PATH, wire_query.read_drilldown_csv_query),
        )
    ),
)
