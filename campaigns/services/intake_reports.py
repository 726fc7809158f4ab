"""What calls about totals, days and single outcomes do."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from campaigns.errors import Invalid, NotFound
from campaigns.models import ApiKey, Submission, Transfer
from campaigns.selectors.totals import load_days, load_totals
from campaigns.services.callers import Acts, Caller, find_app, read_id
from providers.reports import FetchDays, FetchTotals, PlatformDays, TotalsRows

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
        return visible.filter(submission__in=_find_submissions(command.reference, caller))
    if command.transfers:
        return visible.filter(pk__in={read_id(text) for text in command.transfers})
    days = _list_bounds(command)
    return visible.filter(days, tag__in=command.tags, is_test=False)


def _find_submissions(reference: str, caller: Caller) -> list[int]:
    """Calls of this dialect that the caller's id, or ours, names; raises NotFound."""
    named = Q(reference=reference) | Q(client_key=reference)
    own = Submission.objects.for_user(caller.key).filter(named, door=caller.dialect.key)
    found = list(own.values_list("pk", flat=True)[:MAX_TRANSFERS])
    if not found:
        raise NotFound(_("There is no such bulk."))
    return found


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
}
