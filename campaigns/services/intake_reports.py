"""What calls about totals, days and single outcomes do."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from campaigns.dispatch.resolve import find_devices, find_kind
from campaigns.errors import Invalid, NotFound
from campaigns.models import (
    ApiKey,
    Delivery,
    Device,
    DeviceIdentifier,
    Group,
    Part,
    Submission,
    Transfer,
)
from campaigns.models.bulk import IdList
from campaigns.selectors.outcomes import Asked, Found, find_outcomes
from campaigns.selectors.row_ids import read_id
from campaigns.selectors.totals import load_days, load_totals
from campaigns.services.callers import Acts, Caller, find_app
from campaigns.services.intake_tracked import fetch_tracked
from providers.contract import Dialect
from providers.recipients import IdentifierKind
from providers.reports import (
    FetchDays,
    FetchOutcomes,
    FetchTotals,
    OutcomeRow,
    OutcomeRows,
    PlatformDays,
    TotalsRows,
)

Scope = ApiKey.Scope
MAX_TRANSFERS = 1_000
MAX_DAYS = 366


def _fetch_totals(command: FetchTotals, caller: Caller) -> TotalsRows:
    transfers = _select_transfers(command, caller)
    rows = list(transfers.order_by("pk")[: MAX_TRANSFERS + 1])
    if len(rows) > MAX_TRANSFERS:
        raise Invalid(_("More than %(most)d pushes fit; ask for fewer.") % {"most": MAX_TRANSFERS})
    return TotalsRows(load_totals(rows))


def _select_transfers(command: FetchTotals, caller: Caller) -> QuerySet[Transfer]:
    visible: QuerySet[Transfer] = Transfer.objects.for_user(caller.key)
    visible = visible.select_related("app").prefetch_related("parts__message")
    if command.app:
        visible = visible.filter(app=find_app(command.app, caller))
    if command.reference:
        return visible.filter(_name_bulk(command.reference, caller))
    if command.transfers:
        return visible.filter(pk__in={read_id(text) for text in command.transfers})
    days = _list_bounds(command)
    return visible.filter(days, tag__in=command.tags, is_test=False)


def _name_bulk(reference: str, caller: Caller) -> Q:
    """Transfers of calls of this dialect that the caller's id, or ours, names; one of several
    pushes of a call may have an id of its own. Raises NotFound.
    """
    named = Q(reference=reference) | Q(client_key=reference)
    own = Submission.objects.for_user(caller.key).filter(named, door=caller.dialect.key)
    calls = list(own.values_list("pk", flat=True)[:MAX_TRANSFERS])
    if calls:
        return Q(submission__in=calls)
    groups = Group.objects.for_user(caller.key)
    pushes = Transfer.objects.filter(
        group__in=groups, client_key=reference, submission__door=caller.dialect.key
    )
    found = list(pushes.values_list("pk", flat=True)[:MAX_TRANSFERS])
    if not found:
        raise NotFound(_("There is no such bulk."))
    return Q(pk__in=found)


def _list_bounds(command: FetchTotals) -> Q:
    """Days of UTC, both included; a day that is not given does not bound."""
    bounds = Q()
    if command.date_from:
        bounds &= Q(created_at__gte=_begin(command.date_from))
    if command.date_to:
        bounds &= Q(created_at__lt=_begin(command.date_to + timedelta(days=1)))
    return bounds


def _begin(day: Any) -> datetime:
    return datetime.combine(day, time(), ZoneInfo("UTC"))


def _fetch_outcomes(command: FetchOutcomes, caller: Caller) -> OutcomeRows:
    """Of targets that are followed by ids; or of transfers' recipients, where an unknown transfer
    is left out.
    """
    if not command.transfers:
        return fetch_tracked(command, caller)
    visible: QuerySet[Transfer] = Transfer.objects.for_user(caller.key)
    named = visible.filter(pk__in={read_id(text) for text in command.transfers})
    rows: list[OutcomeRow] = []
    for transfer in named.select_related("app").prefetch_related("parts").order_by("pk"):
        if len(rows) < command.limit:
            rows += _list_recipients(transfer, command, caller.dialect)
    return OutcomeRows(tuple(rows[: command.limit]))


def _list_recipients(
    transfer: Transfer, command: FetchOutcomes, dialect: Dialect
) -> list[OutcomeRow]:
    """Of its devices: no door that asks so has a name for persons, who get later steps."""
    parts = tuple(part.pk for part in transfer.parts.all() if part.kind == Part.Kind.DEVICE)
    named = _find_recipients(transfer, parts, command, dialect)
    is_over = transfer.finished_at is not None
    found = find_outcomes([Asked(parts, devices, is_over) for devices in named.values()])
    return [
        _describe_outcome(transfer, command.kind, value, one)
        for value, one in zip(named, found, strict=True)
    ]


def _find_recipients(
    transfer: Transfer, parts: tuple[int, ...], command: FetchOutcomes, dialect: Dialect
) -> dict[str, tuple[int, ...]]:
    """The devices of each value that was asked for, else of those who are settled."""
    kind = find_kind(dialect, command.kind)
    named: dict[str, tuple[int, ...]] = dict.fromkeys(command.values, ())
    if named:
        for text, device in find_devices(transfer.app, kind, list(named)):
            named[text] += (device,)
        return named
    settled = Delivery.objects.filter(part_id__in=parts).order_by("part_id", "recipient")
    ids = list(settled.values_list("recipient", flat=True)[: command.limit])
    names = _name_devices(transfer, kind, ids)
    return {names[device]: (device,) for device in ids if device in names}


def _name_devices(transfer: Transfer, kind: IdentifierKind, ids: list[int]) -> dict[int, str]:
    """How the door calls devices of the transfer's app."""
    if kind.is_token:
        own = Device.objects.filter(pk__in=IdList(ids), app=transfer.app_id)
        return dict(own.values_list("pk", "token"))
    known = DeviceIdentifier.objects.filter(
        device__in=IdList(ids), app=transfer.app_id, kind=kind.name
    )
    return dict(known.values_list("device_id", "value"))


def _describe_outcome(transfer: Transfer, kind: str, value: str, found: Found) -> OutcomeRow:
    return OutcomeRow(
        reference=transfer.client_key,
        id="",
        kind=kind,
        value=value,
        outcome=found.outcome,
        reason=found.reason,
        platform=found.platform,
        tag=transfer.tag,
        transfer=str(transfer.pk),
        sent_at=found.sent_at,
        done_at=found.done_at,
        receipts=found.receipts,
    )


def _fetch_days(command: FetchDays, caller: Caller) -> PlatformDays:
    app = find_app(command.app, caller)
    if command.date_to < command.date_from:
        raise Invalid(_("The report's last day is before its first."))
    if command.date_to - command.date_from >= timedelta(days=MAX_DAYS):
        raise Invalid(_("At most %(days)d days at once.") % {"days": MAX_DAYS})
    rows = load_days(app, (command.date_from, command.date_to), command.platform)
    return PlatformDays(rows)


ACTS: Acts = {
    FetchTotals: (Scope.READ, _fetch_totals),
    FetchDays: (Scope.READ, _fetch_days),
    FetchOutcomes: (Scope.READ, _fetch_outcomes),
}
