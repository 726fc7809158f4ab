"""Transfers that began and ended in the hours of a report: their counters tell all of them, and
are a few rows each where the roll-up has one for each cohort, of which there may be thousands."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.models import F, Q, QuerySet

from campaigns.models import App, Counter, Part, Transfer
from campaigns.models.bulk import Unindexed
from campaigns.selectors.report_facts import Span

# Nobody is settled before a transfer is made or once it has ended, by the clocks of the workers.
CLOCKS_APART = timedelta(hours=1)


def select_counters(span: Span) -> QuerySet[Counter]:
    """Outcomes of the transfers that lie in a span of hours as a whole."""
    return Counter.objects.order_by().filter(
        part__transfer__is_test=False,
        part__transfer__app_id__in=span.apps,
        part__transfer__created_at__gte=span.start + CLOCKS_APART,
        part__transfer__finished_at__lt=span.end - CLOCKS_APART,
    )


def select_folded(span: Span, rows: Any, *, is_of_cohorts: bool) -> Any:
    """Of what is folded by the hour of sending, the rows of a span of hours.

    Each row's part is looked up in a list, of tests where `rows` are of these apps anyway and else
    of all that can have any: to join it and its transfer takes twice as long, and of a report by
    cohort there are a hundred thousand rows. Where `rows` are of cohorts that are named, PostgreSQL
    is kept from seeking them by part, too: it expects a tenth of what a part has there, and would
    read the table where the cohorts' index tells all.
    """
    of = F("part_id") + 0 if is_of_cohorts else Unindexed("part_id")
    hours = rows.order_by().filter(hour__gte=span.start, hour__lt=span.end).alias(of=of)
    sending = Q(of__in=_select_parts(_select_sending(span)))
    if _has_all_apps(span):
        return hours.exclude(of__in=_select_tests(span))
    if is_of_cohorts:
        # Cohorts are an app's own, but for that of ids which nobody knows.
        return hours.filter(~Q(cohort_id=0) | sending).exclude(of__in=_select_tests(span))
    return hours.filter(sending)


def list_earlier_parts(span: Span) -> list[int]:
    """Ids of the parts that may have sent in a span of hours, and before it."""
    earlier = _select_sending(span).filter(span.is_earlier())
    return list(Part.objects.filter(transfer__in=earlier).values_list("pk", flat=True))


def _select_sending(span: Span) -> QuerySet[Transfer]:
    """Those that can have settled anybody in these hours."""
    return _select_made(span).filter(_ends_after(span))


def _select_tests(span: Span) -> Any:
    """Parts of tests of any app, which are found by an index of their own."""
    ended = Unindexed(F("finished_at"))
    tests = Transfer.objects.alias(ended=ended).filter(is_test=True)
    return _select_parts(tests.filter(_ends_after(span, "ended")))


def _has_all_apps(span: Span) -> bool:
    return not App.objects.exclude(pk__in=span.apps).exists()


def _ends_after(span: Span, ended: str = "finished_at") -> Q:
    lately = {f"{ended}__gte": span.start - CLOCKS_APART}
    return Q((f"{ended}__isnull", True)) | Q(**lately)


def _select_parts(transfers: QuerySet[Transfer]) -> Any:
    return Part.objects.filter(transfer__in=transfers).values("pk")


def _select_made(span: Span) -> QuerySet[Transfer]:
    """From those that ended lately, not from all that an app has ever sent."""
    known: Any = Transfer.objects.alias(owner=Unindexed(F("app_id")))
    made: QuerySet[Transfer] = known.filter(
        owner__in=span.apps, is_test=False, created_at__lt=span.end + CLOCKS_APART
    )
    return made


def list_cut_parts(span: Span) -> list[int]:
    """Ids of the parts of all others that may have outcomes in it."""
    made = _select_made(span)
    is_early = Q(created_at__lt=span.start + CLOCKS_APART)
    is_late = Q(finished_at__gte=span.end - CLOCKS_APART)
    ended = made.filter(is_early | is_late, finished_at__gte=span.start - CLOCKS_APART)
    return [
        pk
        for transfers in (made.filter(finished_at__isnull=True), ended)
        for pk in Part.objects.filter(transfer__in=transfers).values_list("pk", flat=True)
    ]
