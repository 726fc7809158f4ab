"""Reports by any dimension of what was folded: outcomes, what came back, what vendors count.

Three sources, never mixed: outcomes, from Rollup by cohort and hour (of whole transfers Counter has
the same by platform); what came back, from ReceiptCount by platform, account and the hour in which
it came, or from ReceiptRollup by the cohort and the hour of the sends that it is of; totals of
vendors, from VendorCount by account alone. Where a source does not know a dimension its numbers are
None, "not reported".
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

from django.db.models import Case, Max, Q, Sum, Value, When
from django.utils.translation import gettext as _

from campaigns.models import (
    Account,
    App,
    Cohort,
    Group,
    Part,
    ReceiptCount,
    ReceiptRollup,
    Rollup,
    Settled,
    Transfer,
    VendorCount,
)
from campaigns.models.bulk import IdList, list_ids
from campaigns.models.ledger import SETTLED_KEYS
from campaigns.selectors.lines import Key, Line, Total, add_counts, find_line, share_opened
from campaigns.selectors.questions import (
    HOURS,
    NOTHING,
    OF_COHORT,
    OF_COUNTER,
    OF_OUTCOME,
    OF_RECEIPT,
    OF_SENT,
    OF_TRANSFER,
    OF_VENDOR,
    Dimension,
    Question,
    knows_receipts,
)
from campaigns.selectors.report_facts import ALWAYS_TOLD, RECEIPT_METRICS, Span, find_tellers
from campaigns.selectors.settled_hours import list_hours
from campaigns.selectors.whole_transfers import (
    list_cut_parts,
    list_earlier_parts,
    select_counters,
    select_folded,
)
from providers.receipts import ReceiptKind
from providers.reports import Metric

RECEIPTS = (Metric.DELIVERED, Metric.SHOWN, Metric.OPENED)
ALL = slice(None)
NOTHING_TOLD = dict.fromkeys(ALWAYS_TOLD, 0)


def break_down(question: Question, *, shown: slice = ALL, has_vendor: bool = True) -> list[Line]:
    """A line for each value that occurs, the most settled first; days and hours in their order.

    Of transfers, of which there may be thousands, only those that are `shown` are named. Who knows
    that no vendor has reported totals says so by `has_vendor`, and they are not looked for again.
    """
    lines: dict[Key, Line] = {}
    _add_outcomes(question, lines)
    _add_receipts(question, lines)
    if has_vendor:
        _add_vendor_counts(question, lines)
    _add_silent(question, lines)
    if question.by in {Dimension.DAY, *HOURS}:
        _name_lines(question, lines.values())
        if question.is_of_moments:
            share_opened(lines.values())
        return sorted(lines.values(), key=lambda line: line.key)
    if question.by is Dimension.TRANSFER:
        # A transfer's name begins with its key.
        ranked = sorted(lines.values(), key=lambda line: (-line.total, line.key))
        _name_lines(question, ranked[shown])
        return ranked
    _name_lines(question, lines.values())
    return sorted(lines.values(), key=lambda line: (-line.total, line.name))


def has_vendor_counts(span: Span) -> bool:
    """Whether any vendor has reported totals of its own in these hours."""
    rows = span.of_parts(VendorCount.objects, "part__transfer__created_at")
    return bool(rows.filter(metric__in=RECEIPTS).exists())


# A column for each outcome and kind: a row for each would be read one by one, by thousands.
_OUTCOME_COUNTS = {
    f"of_{outcome}": Total("count", filter=Q(outcome=outcome)) for outcome in SETTLED_KEYS
}
_RECEIPT_COUNTS = {f"of_{kind}": Total("count", filter=Q(kind=kind)) for kind in RECEIPT_METRICS}


def _sum_earlier(question: Question, rows: Q, columns: Mapping[Dimension, str]) -> Total | Value:
    """What of some rows is no part of a rate: of one hour of the days that is all, and nothing of
    what is laid beside the sends that it is of."""
    if question.is_beside:
        return Value(0)
    is_one_hour = Dimension.HOUR in question.only
    return Total("count", filter=rows if is_one_hour else rows & _find_earlier(question, columns))


def _find_earlier(question: Question, columns: Mapping[Dimension, str]) -> Q:
    """Rows of transfers that may have sent before the span."""
    if columns is OF_OUTCOME:
        return Q(part__in=list_ids(list_earlier_parts(question.span)))
    return question.span.is_earlier("part__transfer__")


def _add_outcomes(question: Question, lines: dict[Key, Line]) -> None:
    tellers = _mark_tellers(find_tellers() if knows_receipts(question) else frozenset())
    for rows, columns in _list_outcomes(question):
        early = _sum_earlier(question, Q(outcome=Settled.SENT), columns)
        counted = rows.values_list(columns[question.by]).annotate(
            told=tellers, early=early, **_OUTCOME_COUNTS
        )
        if question.by is Dimension.REASON:
            _add_reasons(counted, lines)
        else:
            _add_counted(counted, _read_key(question, columns), lines)


def _list_outcomes(question: Question) -> Iterator[tuple[Any, dict[Dimension, str]]]:
    """Rows that count outcomes, and what the dimensions are called there."""
    if not OF_COUNTER.keys() >= {question.by, *question.only}:
        yield _select(Rollup.objects, question, OF_OUTCOME), OF_OUTCOME
        return
    yield _narrow(select_counters(question.span), question, OF_COUNTER), OF_COUNTER
    parts = list_cut_parts(question.span)
    if parts:
        folded = Rollup.objects.filter(part__in=IdList(parts))
        yield _select(folded, question, OF_OUTCOME), OF_OUTCOME


def _add_counted(
    counted: Iterable[Any], read: Callable[[Any], Key], lines: dict[Key, Line]
) -> None:
    for value, told, early, *counts in counted:
        line = find_line(lines, read(value))
        add_counts(line.outcomes, zip(SETTLED_KEYS, counts, strict=True))
        if early:
            add_counts(line.earlier, [(Settled.SENT, early)])
        if told and not line.receipts:
            line.receipts = dict(NOTHING_TOLD)


def _add_reasons(counted: Iterable[Any], lines: dict[Key, Line]) -> None:
    """A line for each reason of each outcome."""
    for reason, _told, _early, *counts in counted:
        for outcome, count in zip(SETTLED_KEYS, counts, strict=True):
            if count is not None:
                add_counts(find_line(lines, f"{outcome}:{reason}").outcomes, [(outcome, count)])


def _mark_tellers(accounts: Collection[int]) -> Any:
    """1 where any row is of one of these accounts."""
    if not accounts:
        return Value(0)
    return Max(Case(When(account_id__in=accounts, then=1), default=0))


def _add_receipts(question: Question, lines: dict[Key, Line]) -> None:
    if not knows_receipts(question):
        return
    columns = OF_SENT if question.is_beside else OF_RECEIPT
    model = ReceiptRollup if question.is_beside else ReceiptCount
    rows = _select(model.objects, question, columns).filter(kind__in=RECEIPT_METRICS)
    read = _read_key(question, columns)
    earlier = _sum_earlier(question, Q(kind=ReceiptKind.OPENED), columns)
    counted = rows.values_list(columns[question.by]).annotate(earlier=earlier, **_RECEIPT_COUNTS)
    metrics = RECEIPT_METRICS.values()
    for value, early, *counts in counted:
        line = find_line(lines, read(value))
        add_counts(line.receipts, zip(metrics, counts, strict=True))
        if early:
            add_counts(line.earlier, [(Metric.OPENED, early)])


def _add_vendor_counts(question: Question, lines: dict[Key, Line]) -> None:
    """Totals carry no hour: they count where their transfer began."""
    if question.by not in OF_VENDOR or not question.only.keys() <= OF_VENDOR.keys():
        return
    rows = _narrow(
        question.span.of_parts(VendorCount.objects, "part__transfer__created_at"),
        question, OF_VENDOR,
    )  # fmt: skip
    column = OF_VENDOR[question.by]
    for row in (
        rows.filter(metric__in=RECEIPTS).values(column, "metric").annotate(total=Sum("value"))
    ):
        key = str(row[column])
        add_counts(find_line(lines, key).vendor, [(Metric(row["metric"]), row["total"])])


def _add_silent(question: Question, lines: dict[Key, Line]) -> None:
    """A transfer of which nothing was settled in the span has a line all the same."""
    if question.by not in OF_TRANSFER or not question.only.keys() <= OF_TRANSFER.keys():
        return
    span = question.span
    began = Transfer.objects.filter(
        app_id__in=span.apps, is_test=False, created_at__gte=span.start, created_at__lt=span.end,
        **{OF_TRANSFER[name]: value for name, value in question.only.items()},
    )  # fmt: skip
    for value in began.order_by().values_list(OF_TRANSFER[question.by], flat=True).distinct():
        find_line(lines, str(value))


def count_channels(question: Question, transfers: Collection[Key]) -> dict[Key, dict[str, int]]:
    """By transfer what each channel has sent, of those that go by a scenario."""
    stepped = Part.objects.filter(transfer__in=map(int, transfers), transfer__has_steps=True)
    parts = list(stepped.values_list("pk", flat=True))
    counts: dict[Key, dict[str, int]] = defaultdict(dict)
    if not parts:
        return counts
    # By the parts: few transfers are shown of all that sent in these hours.
    rows = _select(Rollup.objects, question, OF_OUTCOME).filter(
        part__in=parts, outcome=Settled.SENT
    )
    keys = rows.values_list("part__transfer_id", "part__step", "part__channel")
    for pk, _step, channel, count in keys.order_by("part__step").annotate(total=Sum("count")):
        counts[str(pk)][channel] = counts[str(pk)].get(channel, 0) + count
    return counts


def _select(rows: Any, question: Question, columns: Mapping[Dimension, str]) -> Any:
    """Of what is folded by hour."""
    if columns is OF_RECEIPT:
        return _narrow(question.span.of_parts(rows, "hour"), question, columns)
    if columns[question.by] == "cohort_id":
        # Named one by one: each is then read along its index, in the order of the lines.
        cohorts = Cohort.objects.filter(app_id__in=question.span.apps)
        rows = rows.filter(cohort_id__in=[0, *cohorts.values_list("pk", flat=True)])
    is_of_cohorts = "cohort_id" in {columns[name] for name in (question.by, *question.only)}
    folded = select_folded(question.span, rows, is_of_cohorts=is_of_cohorts)
    return _narrow(folded, question, columns)


def _narrow(rows: Any, question: Question, columns: Mapping[Dimension, str]) -> Any:
    """Only where the other dimensions have the values that are asked for."""
    matches = (
        _match(question, dimension, value, columns[dimension])
        for dimension, value in question.only.items()
    )
    return rows.filter(*matches)


def _match(question: Question, dimension: Dimension, value: Key, column: str) -> Q:
    if dimension in HOURS:
        span = question.span
        found = list_hours(span.start, span.end, int(value[:2]), question.zone)
        return Q(hour__in=[start for start, _end in found])
    if dimension is Dimension.REASON:
        outcome, _colon, reason = value.partition(":")
        return Q(outcome=outcome, reason=reason)
    if column != "cohort_id":
        return Q(**{column: value})
    cohorts = Cohort.objects.filter(app_id__in=question.span.apps, **{OF_COHORT[dimension]: value})
    # Ids that nobody knows have no cohort, and stand with those who have no value.
    nobody = [0] if value == NOTHING.get(dimension, "") else []
    return Q(cohort_id__in=[*cohorts.values_list("pk", flat=True), *nobody])


def _read_key(question: Question, columns: Mapping[Dimension, str]) -> Callable[[Any], Key]:
    """From what a row has to the value of the dimension, as a text."""
    by, zone = question.by, question.zone
    if columns[by] == "cohort_id":
        cohorts = Cohort.objects.filter(app_id__in=question.span.apps)
        values = dict(cohorts.values_list("pk", OF_COHORT[by]))
        nothing = NOTHING.get(by, "")
        return lambda cohort: str(values.get(cohort, nothing))
    if by is Dimension.DAY:
        return lambda hour: hour.astimezone(zone).date().isoformat()
    if by in HOURS:
        return lambda hour: f"{hour.astimezone(zone).hour:02}:00"
    return str


def _name_lines(question: Question, lines: Collection[Line]) -> None:
    names = name_values(question.by, [line.key for line in lines], question.span.apps)
    for line in lines:
        line.name = names[line.key]


def name_values(by: Dimension, keys: Collection[Key], apps: Collection[int]) -> dict[Key, str]:
    """What people call the values, as far as they belong to these apps; else the key itself."""
    names = dict(_NAMES[by](list(map(int, keys)), apps)) if by in _NAMES else {}
    return {key: names.get(key, key) for key in keys}


def _name_groups(ids: list[int], apps: Collection[int]) -> Iterator[tuple[Key, str]]:
    rows = Group.objects.filter(pk__in=ids, app_id__in=apps)
    for pk, name, app in rows.values_list("pk", "name", "app__name"):
        yield str(pk), f"{name} · {app}" if len(apps) > 1 else name


def _name_transfers(ids: list[int], apps: Collection[int]) -> Iterator[tuple[Key, str]]:
    """The number and the name: runs of a series are told apart by their time."""
    rows = Transfer.objects.filter(pk__in=ids, app_id__in=apps).values_list("pk", "name")
    return ((str(pk), f"{pk} {name}".strip()) for pk, name in rows)


def _name_accounts(ids: list[int], apps: Collection[int]) -> Iterator[tuple[Key, str]]:
    workspaces = App.objects.filter(pk__in=apps).values("workspace_id")
    rows = Account.objects.filter(pk__in=ids, workspace_id__in=workspaces)
    yield from ((str(pk), name) for pk, name in rows.values_list("pk", "name"))
    # Who never came as far as an account, as those who are left out.
    yield "0", _("No account")


_NAMES = {
    Dimension.GROUP: _name_groups,
    Dimension.TRANSFER: _name_transfers,
    Dimension.ACCOUNT: _name_accounts,
}
