"""Failover and SMS calls as we serve them: data only."""

from __future__ import annotations

from functools import partial

from providers.inbound import Quota, Route

from . import wire_omni, wire_reports, wire_scenarios, wire_sms
from .wire_errors import write_api_error, write_request_error

MAKE, CHANGE, LOGS = "scenarios_made", "scenarios_changed", "failover_logs"
# Limits of the vendor's specification: 20 and 40 within ten minutes, 120 a minute.
QUOTAS = {
    MAKE: Quota(calls=20, within=600),
    CHANGE: Quota(calls=40, within=600),
    LOGS: Quota(calls=120, within=60),
}
_OLD = partial(Route, write_refusal=write_request_error)

ROUTES = (
    _OLD(
        method="GET",
        path=wire_scenarios.SCENARIOS_PATH,
        read=wire_scenarios.read_list,
        write=wire_scenarios.write_scenarios,
    ),
    _OLD(
        method="POST",
        path=wire_scenarios.SCENARIOS_PATH,
        read=wire_scenarios.read_create,
        write=wire_scenarios.write_created,
        quota=MAKE,
    ),
    _OLD(
        method="GET",
        path=wire_scenarios.SCENARIO_PATH,
        read=wire_scenarios.read_fetch,
        write=wire_scenarios.write_found,
    ),
    _OLD(
        method="PUT",
        path=wire_scenarios.SCENARIO_PATH,
        read=wire_scenarios.read_update,
        write=wire_scenarios.write_found,
        quota=CHANGE,
    ),
    _OLD(
        method="POST",
        path=wire_omni.SEND_PATH,
        read=wire_omni.read_send,
        write=wire_omni.write_sent,
    ),
    _OLD(
        method="GET",
        path=wire_omni.REPORTS_PATH,
        read=wire_omni.read_omni_reports_query,
        write=wire_omni.write_reports,
    ),
    _OLD(
        method="GET",
        path=wire_omni.LOGS_PATH,
        read=wire_omni.read_omni_logs_query,
        write=wire_omni.write_logs,
        quota=LOGS,
    ),
    Route(
        method="POST",
        path=wire_sms.SEND_PATH,
        read=wire_sms.read_send,
        write=wire_sms.write_sent,
        write_refusal=write_api_error,
    ),
    Route(
        method="GET",
        path=wire_sms.REPORTS_PATH,
        read=wire_sms.read_reports_query,
        write=wire_reports.write_reports,
        write_refusal=write_api_error,
    ),
    Route(
        method="GET",
        path=wire_sms.LOGS_PATH,
        read=wire_sms.read_logs_query,
        write=wire_reports.write_logs,
        write_refusal=write_api_error,
        quota=LOGS,
    ),
    _OLD(
        method="GET",
        path=wire_sms.OLD_REPORTS_PATH,
        read=wire_sms.read_reports_query,
        write=wire_reports.write_old_reports,
    ),
    _OLD(
        method="GET",
        path=wire_sms.OLD_LOGS_PATH,
        read=wire_sms.read_logs_query,
        write=wire_reports.write_old_logs,
        quota=LOGS,
    ),
    _OLD(
        method="POST",
        path=wire_sms.OLD_SEND_PATH,
        read=wire_sms.read_old_send,
        write=wire_sms.write_old_sent,
    ),
)
