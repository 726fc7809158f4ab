"""Reports: a plot by day, then group > tag > transfer or any dimension; the same as a file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import partial
from typing import Any

from django.http import FileResponse, HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.models import Settled
from campaigns.models.ledger import SETTLED_KEYS
from campaigns.pages.downloads import send_workbook, stream_csv
from campaigns.pages.home import DayTotal, write_chart
from campaigns.pages.report_links import BELOW, Links, find_comparison, list_transfers, make_links
from campaigns.pages.report_names import RECEIPT_WORDS, say_value
from campaigns.pages.report_question import (
    OF_SENDS,
    WORDS,
    Asked,
    BackgroundForm,
    read_asked,
)
from campaigns.pages.shell import draw_fragment, draw_page, operator_page
from campaigns.selectors.dimensions import (
    RECEIPTS,
    break_down,
    count_channels,
    has_vendor_counts,
    name_values,
)
from campaigns.selectors.lines import Line, sum_lines
from campaigns.selectors.questions import HOURS, OF_HOUR, Dimension, Question, knows_receipts
from campaigns.selectors.transfer_starts import Start, read_starts
from campaigns.services.report_jobs import NARROWED_BY
from providers.reports import Metric

MOST_ROWS = 50  # of one page, and below one row
FIRST = slice(MOST_ROWS)
# Columns by their places: sent, failed, delivered and opened are shown even if they are 0.
_MAIN = (Settled.SENT, Settled.FAILED, Metric.DELIVERED, Metric.OPENED)
ALWAYS_SHOWN = frozenset(map((*SETTLED_KEYS, *RECEIPTS).index, _MAIN))
# What a number of each of these columns leads to recipients by.
WANTED = [("outcome", key) for key in SETTLED_KEYS] + [("receipt", key) for key in RECEIPTS]
# Why nobody can be listed behind a number.
NOBODY_WORDS = gettext_lazy("Nobody is listed: of these ids no recipient is known here.")
SHARE_WORDS = gettext_lazy("A share: the numbers that it is made of lead to their recipients.")
VENDOR_WORDS = gettext_lazy("Nobody is listed: the vendor tells this total and no names.")


@dataclass(frozen=True, slots=True)
class Number:
    """A cell: None is "not reported"; `link` leads to who is behind it, or `why` says that nobody
    can be. One that `is_spare` is left out where there is no room for all, as on a phone."""

    value: float | None
    label: str = ""
    link: str = ""
    why: Any = ""
    is_spare: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """A line as the page draws it. `query` opens what is below it, in place or as a page."""

    name: str
    numbers: tuple[Number, ...]
    depth: int = 0
    path: str = ""
    path_above: str = ""
    query: str = ""
    transfer: str = ""
    channels: tuple[tuple[str, Number], ...] = ()
    start: Start | None = None
    zone: str = ""


def list_columns(
    *, is_of_moments: bool = False, has_receipts: bool = True, has_vendor: bool = True
) -> list[str]:
    """The heads of the numbers, in their order; those of vendors' own totals come last, and without
    what came back there are none."""
    if not has_receipts:
        return [str(outcome.label) for outcome in Settled]
    share = _("Of all opened, %") if is_of_moments else _("Open rate, %")
    came = [str(RECEIPT_WORDS[metric]) for metric in RECEIPTS]
    vendor = [_("%(what)s, by vendor") % {"what": RECEIPT_WORDS[metric]} for metric in RECEIPTS]
    known = [*(str(o.label) for o in Settled), *came, share]
    return [*known, *vendor] if has_vendor else known


def list_numbers(line: Line, *, has_vendor: bool = True) -> list[float | None]:
    """The numbers of a line in the order of `list_columns`."""
    known = [
        *_list_outcomes(line.outcomes),
        *(line.receipts.get(metric) for metric in RECEIPTS),
        line.of_opened if line.is_moment else line.open_rate,
    ]
    vendor = [line.vendor.get(metric) for metric in RECEIPTS]
    return [*known, *vendor] if has_vendor else known


def _list_outcomes(outcomes: Mapping[str, int]) -> list[float | None]:
    return [outcomes.get(outcome, 0) for outcome in SETTLED_KEYS]


@operator_page
def reports(request: HttpRequest) -> HttpResponse:
    """Totals, a plot, and the lines of the dimension that is asked for."""
    return draw_report(request, read_asked(request.user, request.GET))


def draw_report(
    request: HttpRequest, asked: Asked, refused: BackgroundForm | None = None
) -> HttpResponse:
    """The page; what was `refused` of a report in the background, as it was typed."""
    context = {
        "asked": asked,
        "form": asked.form,
        "narrowed": list_narrowing(asked),
        "query": asked.write_query({}),
        "background": refused or BackgroundForm(),
        "not_narrowed": [WORDS[name] for name in asked.only if name.value not in NARROWED_BY],
        **_draw_lines(asked, _read_start(request.GET.get("start", ""))),
    }
    status = 422 if refused or asked.is_of_nothing else 200
    return draw_page(request, "pages/reports.html", _("Reports"), context, status=status)


def _draw_lines(asked: Asked, start: int) -> dict[str, Any]:
    """The totals, a page of lines from the `start`th on, and the plot that is made of them."""
    question = asked.ask()
    has_vendor = has_vendor_counts(question.span)
    shown = slice(start, start + MOST_ROWS)
    has_lines = not asked.is_of_nothing
    lines = break_down(question, shown=shown, has_vendor=has_vendor) if has_lines else []
    total, has_receipts = sum_lines(lines), knows_receipts(question)
    columns = list_columns(has_receipts=has_receipts, has_vendor=has_vendor)
    today = timezone.now().astimezone(asked.zone).date()
    return {
        "columns": _list_columns(question, has_vendor=has_vendor),
        "rate_words": _explain_rate(question) if has_receipts else "",
        "by_sending": _find_rates_by_hour(asked) if question.is_of_moments else "",
        "of_sends": "" if question.is_beside or not has_receipts else _find_of_sends(asked),
        "is_uncounted": not has_receipts,
        "cards": [*draw_numbers(columns, list_numbers(total), make_links(asked).find)],
        "rows": draw_rows(asked, lines[start:], has_vendor=has_vendor),
        "start": start,
        "left_out": max(0, len(lines) - start - MOST_ROWS),
        "compare": find_comparison(asked, lines),
        "more": asked.write_query({"start": str(start + MOST_ROWS)}),
        **(draw_days(asked, lines, today) if asked.by is Dimension.DAY else {}),
        "hours": write_hours(lines) if asked.by in HOURS else None,
        "is_unreported": has_receipts and not total.receipts and total.total > 0,
    }


def _list_columns(question: Question, *, has_vendor: bool) -> list[str]:
    return list_columns(
        is_of_moments=question.is_of_moments,
        has_receipts=knows_receipts(question),
        has_vendor=has_vendor,
    )


def _find_of_sends(asked: Asked) -> str:
    """The address of the same report in which what came back is of what was sent in its days."""
    return asked.write_query({OF_SENDS: "1"})


def _find_rates_by_hour(asked: Asked) -> str:
    """The address of the report that says what share of those sent to in an hour has opened."""
    return asked.write_query({"by": Dimension.SEND_HOUR.value}, drop=Dimension.HOUR)


@operator_page
def report_days(request: HttpRequest) -> HttpResponse:
    """The plot of days, which a report fetches once it is there: it reads the books anew."""
    asked = read_asked(request.user, request.GET)
    if asked.is_of_nothing:
        return HttpResponse(status=422)
    today = timezone.now().astimezone(asked.zone).date()
    by_day = replace(asked, by=Dimension.DAY)
    lines = break_down(by_day.ask(), has_vendor=False)
    return draw_fragment(request, "pages/days.html", draw_days(by_day, lines, today))


def draw_days(asked: Asked, lines: list[Line], today: date) -> dict[str, Any]:
    """What the plot draws, and its numbers as a table says them."""
    columns, links = list_columns(), make_links(asked)
    days = _read_days(asked, lines, today)
    rows = [
        (day.day, [*draw_numbers(columns, _list_outcomes(day.outcomes), find)])
        for day in days
        for find in [partial(links.find, by=Dimension.DAY, key=day.day.isoformat())]
    ]
    return {"days": rows, "chart": write_chart(days)}


def _read_days(asked: Asked, lines: list[Line], today: date) -> tuple[DayTotal, ...]:
    """Every day from the lines of a report by day: the books need not be read a second time."""
    of_day = {line.key: line.outcomes for line in lines}
    first, last = asked.days[0], min(asked.days[1], today)
    days = [first + timedelta(days=after) for after in range((last - first).days + 1)]
    nothing = dict.fromkeys(SETTLED_KEYS, 0)
    return tuple(DayTotal(day, {**nothing, **of_day.get(day.isoformat(), {})}) for day in days)


def _read_start(text: str) -> int:
    """How many lines earlier pages have shown."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 7 else 0


@operator_page
def report_rows(request: HttpRequest) -> HttpResponse:
    """The rows below a group, or below a tag of it, as htmx asks for them."""
    asked = read_asked(request.user, request.GET)
    if asked.is_of_nothing:
        return HttpResponse(status=422)
    question = asked.ask()
    has_vendor = has_vendor_counts(question.span)
    lines = break_down(question, shown=FIRST, has_vendor=has_vendor)
    rows = draw_rows(asked, lines, has_vendor=has_vendor, is_below=True)
    context = {
        "rows": rows,
        "left_below": max(0, len(lines) - MOST_ROWS),
        "more_below": reverse("reports") + asked.write_query({"start": str(MOST_ROWS)}),
    }
    return draw_fragment(request, "pages/report_rows.html", context)


def list_narrowing(asked: Asked) -> list[tuple[str, str, str]]:
    """What the report is narrowed to: the dimension, the value, the address without it. So stands
    what came back, where it is not all that came in these days."""
    of_all = replace(asked, is_of_sends=False).write_query({})
    of_sends = (_("What came back"), _("of what was sent in these days"), of_all)
    narrowed = [of_sends] if asked.is_of_sends else []
    return narrowed + [
        (
            str(WORDS[name]),
            say_value(name, value, name_values(name, [value], asked.app_ids)[value]) or _("none"),
            asked.write_query({}, drop=name),
        )
        for name, value in asked.only.items()
    ]


def draw_rows(
    asked: Asked, lines: list[Line], *, has_vendor: bool, is_below: bool = False
) -> list[Row]:
    """The first lines as rows, of the report itself or below one of its rows."""
    shown = lines[FIRST]
    transfers = list_transfers(asked, shown)
    question, links = asked.ask(), make_links(asked, transfers)
    columns = _list_columns(question, has_vendor=has_vendor)
    channels = count_channels(question, transfers) if transfers else {}
    starts = read_starts(transfers, asked.app_ids) if transfers else {}
    above = [asked.only[name] for name in BELOW if name in asked.only] if is_below else []
    rows = [_draw_row(line, links, columns, above, channels.get(line.key, {})) for line in shown]
    if not starts:
        return rows
    return [replace(row, start=starts.get(row.transfer), zone=str(asked.zone)) for row in rows]


def _draw_row(
    line: Line, links: Links, columns: list[str], above: list[str], channels: Mapping[str, int]
) -> Row:
    by = links.asked.by
    find = partial(links.find, by=by, key=line.key)
    return Row(
        name=say_value(by, line.key, line.name),
        numbers=tuple(draw_numbers(columns, list_numbers(line), find)),
        depth=len(above),
        path="/".join([*above, line.key]) if by in BELOW else "",
        path_above="/".join(above),
        query=links.open_line(line.key),
        transfer=line.key if by is Dimension.TRANSFER else "",
        channels=tuple(
            (channel, Number(count, link=find("outcome", Settled.SENT, channel=channel)))
            for channel, count in channels.items()
        ),
    )


def draw_numbers(
    columns: Iterable[str], values: Iterable[float | None], find: Callable[[str, str], str]
) -> Iterator[Number]:
    """Outcomes and receipts lead to their recipients, or to the transfers that have them."""
    # Without what vendors count there are fewer columns than numbers; a day has outcomes only.
    for place, (label, value) in enumerate(zip(columns, values, strict=False)):
        link = find(*WANTED[place]) if value and place < len(WANTED) else ""
        why = _explain(place) if value and not link else ""
        yield Number(value, label, link, why, is_spare=not value and place not in ALWAYS_SHOWN)


def _explain(place: int) -> Any:
    """Why the number of a column leads to nobody."""
    if place < len(WANTED):
        return NOBODY_WORDS
    return SHARE_WORDS if place == len(WANTED) else VENDOR_WORDS


def _explain_rate(question: Question) -> str:
    """What the column of shares is of."""
    if question.is_beside:
        return _("What came back is of those who were sent to in these days, whenever it came.")
    if question.by in OF_HOUR:
        return _("Opened counts what was opened at that time, whenever it was sent.")
    if Dimension.HOUR in question.only:
        return _("One hour has no open rate: what was opened in it was sent in others, too.")
    return _("The open rate is of transfers that began in these days, and leaves earlier ones out.")


def write_hours(lines: list[Line]) -> dict[str, Any]:
    """What charts.js draws: sent and opened by the hour of the day."""
    opened = [line.receipts.get(Metric.OPENED) for line in lines]
    series = [
        {"label": str(Settled.SENT.label), "kind": "sent",
         "values": [line.outcomes.get(Settled.SENT, 0) for line in lines]},
        {"label": str(RECEIPT_WORDS[Metric.OPENED]), "kind": "opened", "values": opened},
    ]  # fmt: skip
    return {"labels": [line.key for line in lines], "series": series}


def list_lines(asked: Asked) -> Iterator[list[Any]]:
    """The whole report as lines of a file, the heading first. When a transfer started and its
    audience stand last: scripts read columns by their places."""
    path = [Dimension.GROUP, Dimension.TAG] if asked.by in BELOW else []
    last = [_("Started"), _("Audience")]
    if path:
        yield [*(str(WORDS[name]) for name in path), str(WORDS[Dimension.TRANSFER]),
               *list_columns(), *last]  # fmt: skip
        yield from _list_tree(asked)
        return
    question = asked.ask()
    is_by_transfer = asked.by is Dimension.TRANSFER
    columns = list_columns(is_of_moments=question.is_of_moments)
    yield [str(WORDS[asked.by]), *columns, *(last if is_by_transfer else [])]
    lines = break_down(question)
    if is_by_transfer:
        yield from _list_transfers(asked, lines)
        return
    is_said = asked.by is Dimension.REASON  # its keys are words of ours, `skipped:gone`
    for line in lines:
        name = say_value(asked.by, line.key, line.name) if is_said else line.name
        yield [name, *list_numbers(line)]


def _list_tree(asked: Asked) -> Iterator[list[Any]]:
    """Every transfer with its group and tag."""
    for group in break_down(asked.ask(Dimension.GROUP)):
        for tag in break_down(asked.ask(Dimension.TAG, group=group.key)):
            below = asked.ask(Dimension.TRANSFER, group=group.key, tag=tag.key)
            for line in _list_transfers(asked, break_down(below)):
                yield [group.name, tag.name, *line]


def _list_transfers(asked: Asked, lines: list[Line]) -> Iterator[list[Any]]:
    starts = read_starts((line.key for line in lines), asked.app_ids)
    for line in lines:
        start = starts.get(line.key)
        at = start.at.astimezone(asked.zone) if start else ""
        yield [line.name, *list_numbers(line), at, start.audience if start else ""]


@operator_page
def report_csv(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    """The report as CSV."""
    asked = read_asked(request.user, request.GET)
    if asked.form.errors:
        return draw_refused(request, asked)
    return stream_csv(list_lines(asked), _name_file(asked, "csv"))


@operator_page
def report_xlsx(request: HttpRequest) -> HttpResponse | FileResponse:
    """The report as a workbook."""
    asked = read_asked(request.user, request.GET)
    if asked.form.errors:
        return draw_refused(request, asked)
    return send_workbook(list_lines(asked), _("Report"), _name_file(asked, "xlsx"))


def draw_refused(request: HttpRequest, asked: Asked) -> HttpResponse:
    """The page with what is wrong, instead of a file or a count of more than was asked for."""
    answer = draw_report(request, asked)
    answer.status_code = 422
    return answer


def _name_file(asked: Asked, kind: str) -> str:
    first, last = asked.days
    return f"report-{asked.by.value}-{first:%Y-%m-%d}-{last:%Y-%m-%d}.{kind}"
