"""What a script's call through a dialect's door does: the one place where commands are executed.

Each area has a module with a table of its own. Whatever belongs to somebody else is answered as if
it were not there.
"""

from __future__ import annotations

from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from campaigns.errors import NotFound
from campaigns.models import ApiKey, Transfer
from campaigns.selectors.reports import report_table
from campaigns.selectors.row_ids import read_id
from campaigns.selectors.status import transfer_state
from campaigns.services import (
    credentials,
    intake_apps,
    intake_devices,
    intake_groups,
    intake_labels,
    intake_persons,
    intake_queries,
    intake_records,
    intake_reports,
    intake_scenarios,
    intake_schedules,
    intake_sends,
    intake_tags,
)
from campaigns.services.access import require_scope
from campaigns.services.callers import Acts, Caller, find_app
from providers import commands
from providers.reports import FetchReport, ReportTable

Scope = ApiKey.Scope


def execute(command: commands.Command, caller: Caller) -> commands.Answer:
    """Do what a dialect has read; raises Refusal."""
    scope, act = ACTS[type(command)]
    if scope:
        require_scope(caller.key, scope)
    return act(command, caller)


def _fetch_status(command: commands.FetchStatus, caller: Caller) -> commands.TransferStatus:
    transfer = _find_transfer(command, caller)
    told = transfer_state(transfer)
    return commands.TransferStatus(
        transfer=str(transfer.pk),
        group=str(transfer.group_id),
        tag=transfer.tag,
        state=told.state,
        created_at=transfer.created_at.astimezone(ZoneInfo(transfer.app.timezone)),
        faults=told.faults,
        client_key=command.client_key,
    )


def _find_transfer(command: commands.FetchStatus, caller: Caller) -> Transfer:
    visible = Transfer.objects.for_user(caller.key).select_related("app")
    if command.client_key:
        found = visible.filter(group_id=read_id(command.group), client_key=command.client_key)
    else:
        found = visible.filter(pk=read_id(command.transfer))
    transfer: Transfer | None = found.first()
    if transfer is None:
        raise NotFound(_("There is no such transfer."))
    return transfer


def _fetch_report(command: FetchReport, caller: Caller) -> ReportTable:
    apps = [find_app(text, caller).pk for text in command.apps]
    return report_table(apps, command, caller.now)


ACTS: Acts = {
    **intake_devices.ACTS,
    **intake_groups.ACTS,
    **intake_labels.ACTS,
    **intake_persons.ACTS,
    **intake_queries.ACTS,
    **intake_tags.ACTS,
    **intake_records.ACTS,
    **intake_reports.ACTS,
    **credentials.ACTS,
    **intake_apps.ACTS,
    **intake_scenarios.ACTS,
    **intake_schedules.ACTS,
    **intake_sends.ACTS,
    commands.FetchStatus: (Scope.READ, _fetch_status),
    FetchReport: (Scope.READ, _fetch_report),
}
