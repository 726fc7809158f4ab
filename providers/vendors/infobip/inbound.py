"""The vendor's calls as we serve them: data only."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from providers.inbound import Quota, Route

from . import wire_auth, wire_reports, wire_sends, wire_sends_v2, wire_stats
from .wire_errors import write_api_error, write_request_error

SEND, REPORTS, LOGS, APPLICATIONS = "messages", "reports", "logs", "applications"
# Limits of the vendor's specification: 2500 a second, and 120 a minute for logs.
QUOTAS: Mapping[str, Quota] = {
    LOGS: Quota(calls=120, within=60),
    SEND: Quota(per_second=2500),
    REPORTS: Quota(per_second=2500),
    APPLICATIONS: Quota(per_second=10),
}
MAX_RECIPIENTS = 20_000

_NEW = partial(Route, write_refusal=write_api_error)
_OLD = partial(Route, write_refusal=write_request_error)

ROUTES = (
    _NEW(
        method="GET",
        path=wire_reports.LOGS_PATH,
        read=wire_reports.read_logs_query,
        write=wire_reports.write_logs,
        quota=LOGS,
    ),
    _NEW(
        method="POST",
        path=wire_sends.SEND_PATH,
        read=wire_sends.read_send,
        write=wire_sends.write_sent,
        quota=SEND,
        max_recipients=MAX_RECIPIENTS,
    ),
    _OLD(
        method="POST",
        path=wire_sends_v2.SINGLE_PATH,
        read=wire_sends_v2.read_single,
        write=wire_sends_v2.write_sent_single,
        quota=SEND,
        max_recipients=MAX_RECIPIENTS,
    ),
    _OLD(
        method="POST",
        path=wire_sends_v2.MULTI_PATH,
        read=wire_sends_v2.read_multi,
        write=wire_sends_v2.write_sent_multi,
        quota=SEND,
        max_recipients=MAX_RECIPIENTS,
    ),
    _OLD(
        method="GET",
        path=wire_stats.STATISTICS_PATH,
        read=wire_stats.read_statistics_query,
        write=wire_stats.write_statistics,
        quota=REPORTS,
    ),
    _NEW(
        method="GET",
        path=wire_reports.REPORTS_PATH,
        read=wire_reports.read_reports_query,
        write=wire_reports.write_reports,
        quota=REPORTS,
    ),
    _OLD(
        method="GET",
        path=wire_reports.OLD_REPORTS_PATH,
        read=wire_reports.read_reports_query,
        write=wire_reports.write_old_reports,
        quota=REPORTS,
    ),
    _OLD(
        method="GET",
        path=wire_auth.APPLICATIONS_PATH,
        read=wire_auth.read_list_apps,
        write=wire_auth.write_apps,
        quota=APPLICATIONS,
    ),
    _OLD(
        method="GET",
        path=wire_auth.APPLICATION_PATH,
        read=wire_auth.read_fetch_app,
        write=wire_auth.write_one_app,
        quota=APPLICATIONS,
    ),
    _OLD(
        method="POST",
        path=wire_auth.TOKEN_PATH,
        read=wire_auth.read_token_request,
        write=wire_auth.write_token,
        is_open=True,
        takes_forms=True,
        max_bytes=100_000,
    ),
)
