"""Values that the vendor's wire can carry, for hypothesis."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from hypothesis import strategies as st

from providers.audience import And, Condition, Expression, Not, Op, Or
from providers.commands import (
    Accepted,
    CreateGroup,
    Fault,
    FaultKind,
    GroupRow,
    PushPart,
    SendPush,
    TransferState,
    TransferStatus,
    UpdateGroup,
)
from providers.message import AndroidContent, Attachment, IosContent, PushMessage
from providers.recipients import Targets
from providers.reports import Cell, FetchReport, Metric, ReportField, ReportRow, ReportTable
from providers.vendors.appmetrica import wire_sends, wire_values

# Any text but NUL and halves of surrogate pairs, and not empty: an empty one means "not set".
letters = st.characters(blacklist_categories=("Cs",), blacklist_characters="\x00")
texts = st.text(letters, min_size=1, max_size=30)
numbers = st.integers(1, wire_values.MAX_LONG).map(str)
sizes = st.integers(1, 1000)  # zero means "not set"
colors = st.from_regex(r"#[0-9A-F]{6}", fullmatch=True)


def maybe(values: st.SearchStrategy) -> st.SearchStrategy:
    return st.none() | values


android_blocks = st.builds(
    AndroidContent,
    silent=maybe(st.booleans()),
    title=maybe(texts),
    body=maybe(texts),
    icon=maybe(texts),
    icon_background=maybe(st.from_regex(r"#[0-9A-F]{8}", fullmatch=True)),
    image=maybe(texts),
    banner=maybe(texts),
    data=maybe(texts),
    channel_id=maybe(texts),
    priority=maybe(st.sampled_from([-2, -1, 1, 2])),
    collapse_key=maybe(sizes),
    vibration=maybe(st.lists(st.integers(0, 500), min_size=1, max_size=4).map(tuple)),
    led_color=maybe(colors),
    led_interval=maybe(sizes),
    led_pause_interval=maybe(sizes),
    time_to_live=maybe(sizes),
    visibility=maybe(st.sampled_from(["secret", "private", "public"])),
    urgency=maybe(st.sampled_from(["high", "normal"])),
    deeplink=maybe(texts),
)
short_texts = st.text(letters, max_size=10)
attachments = st.builds(Attachment, id=short_texts, file_url=texts, file_type=short_texts)
ios_blocks = st.builds(
    IosContent,
    silent=maybe(st.booleans()),
    title=maybe(texts),
    body=maybe(texts),
    badge=maybe(st.integers(0, 99)),
    sound=maybe(st.sampled_from(["default", "disable"])),
    thread_id=maybe(texts),
    category=maybe(texts),
    mutable_content=maybe(st.just(1)),
    expiration=maybe(sizes),
    collapse_id=maybe(texts),
    data=maybe(texts),
    attachments=maybe(st.lists(attachments, min_size=1, max_size=3).map(tuple)),
    url=maybe(texts),
)
messages = st.builds(PushMessage, android=maybe(android_blocks), ios=maybe(ios_blocks)).filter(
    lambda message: message.android is not None or message.ios is not None
)
targets = st.builds(
    Targets,
    kind=st.sampled_from(sorted(wire_sends.KINDS)),
    values=st.lists(texts, min_size=1, max_size=5).map(tuple),
)
parts = st.builds(PushPart, messages, st.lists(targets, min_size=1, max_size=5).map(tuple))
pushes = st.builds(
    SendPush,
    parts=st.lists(parts, min_size=1, max_size=3).map(tuple),
    group=numbers,
    tag=texts,
    client_key=st.just("") | numbers,
)
rates = maybe(st.integers(100, 5000))
new_groups = st.builds(CreateGroup, app=numbers, name=texts, send_rate=rates)
changed_groups = st.builds(UpdateGroup, group=numbers, name=texts, send_rate=rates)
groups = st.builds(GroupRow, id=numbers, app=numbers, name=texts, send_rate=st.integers(100, 5000))
accepted = st.builds(Accepted, transfer=numbers, client_key=st.just("") | numbers)

platforms = st.sampled_from(["", "android", "ios"])
faults = st.one_of(
    st.builds(
        Fault,
        st.sampled_from(
            [
                FaultKind.CREDENTIALS,
                FaultKind.NO_TEXT,
                FaultKind.NO_ROUTE,
                FaultKind.NOT_ADDRESSABLE,
            ]
        ),
        platforms,
    ),
    st.builds(
        Fault, st.just(FaultKind.NO_MESSAGE), platforms, st.sampled_from(sorted(wire_sends.KINDS))
    ),
    st.builds(Fault, st.just(FaultKind.OTHER), detail=texts),
)
moments = st.builds(
    lambda moment, minutes: moment.replace(
        microsecond=0, tzinfo=timezone(timedelta(minutes=minutes))
    ),
    st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)),
    st.integers(-12 * 60, 14 * 60),
)


def make_statuses(states: list[TransferState], found: st.SearchStrategy) -> st.SearchStrategy:
    return st.builds(
        TransferStatus,
        transfer=numbers,
        group=numbers,
        tag=st.text(letters, max_size=30),
        state=st.sampled_from(states),
        created_at=moments,
        faults=found,
        client_key=st.just("") | numbers,
    )


statuses = st.one_of(
    make_statuses([TransferState.ACCEPTED, TransferState.SENDING, TransferState.SENT], st.just(())),
    make_statuses([TransferState.FAILED], st.lists(faults, max_size=3).map(tuple)),
    make_statuses([TransferState.CANCELLED], st.just((Fault(FaultKind.CANCELLED),))),
)

fields = st.sampled_from([ReportField.GROUP, ReportField.TAG, ReportField.TRANSFER]).map(str)
values = st.text(letters.filter(lambda letter: letter != "*"), max_size=10)
conditions = st.one_of(
    st.builds(
        Condition,
        fields,
        st.sampled_from([Op.EQ, Op.NE, Op.CONTAINS, Op.STARTS_WITH]),
        values,
    ),
    st.builds(
        Condition, fields, st.just(Op.IN), st.lists(values, min_size=1, max_size=4).map(tuple)
    ),
)


def join(terms: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    pairs = st.lists(terms, min_size=2, max_size=3).map(tuple)
    return st.builds(And, pairs) | st.builds(Or, pairs) | st.builds(Not, terms)


expressions = st.recursive(conditions, join, max_leaves=8)

metrics = st.lists(st.sampled_from(Metric), min_size=1, max_size=5, unique=True).map(tuple)
dimensions = st.lists(st.sampled_from(ReportField), max_size=4, unique=True).map(tuple)
days = st.sampled_from(["2026-11-01", "today", "yesterday", "6daysAgo"])


@st.composite
def reports(draw: st.DrawFn) -> FetchReport:
    asked_metrics, asked_dimensions = draw(metrics), draw(dimensions)
    is_drilldown = bool(asked_dimensions) and draw(st.booleans())
    depth = draw(st.integers(0, len(asked_dimensions) - 1)) if is_drilldown else 0
    names = st.sampled_from([*map(str, asked_metrics), *map(str, asked_dimensions)])
    return FetchReport(
        apps=draw(st.lists(numbers, min_size=1, max_size=3, unique=True).map(tuple)),
        metrics=asked_metrics,
        dimensions=asked_dimensions,
        date_from=draw(days),
        date_to=draw(days),
        where=draw(maybe(expressions)),
        sort=draw(st.lists(st.tuples(names, st.booleans()), min_size=1, max_size=3).map(tuple)),
        limit=draw(st.integers(1, 10_000)),
        offset=draw(st.integers(0, 1000)),
        timezone=draw(st.sampled_from(["", "+03:00", "-11:30", "Europe/Berlin"])),
        parents=draw(st.lists(texts, min_size=depth, max_size=depth).map(tuple)),
        is_drilldown=is_drilldown,
    )


numbers_of_rows = st.integers(0, 10**9).map(float) | st.floats(0, 100)


def list_figures(metric: Metric) -> st.SearchStrategy[float | None]:
    """A conversion that nobody reports is written as 0, so it comes back as a number."""
    return numbers_of_rows if metric is Metric.EVENT_RATE else maybe(numbers_of_rows)


@st.composite
def tables(draw: st.DrawFn) -> ReportTable:
    command = draw(reports())
    figures = st.tuples(*map(list_figures, command.metrics))
    shown = command.dimensions
    if command.is_drilldown:
        shown = (command.dimensions[len(command.parents)],)
    rows = st.builds(ReportRow, st.tuples(*(CELLS[item] for item in shown)), figures)
    return ReportTable(
        command=command,
        rows=draw(st.lists(rows, max_size=4).map(tuple)),
        total_rows=draw(st.integers(0, 10**6)),
        totals=draw(figures),
        minima=draw(figures),
        maxima=draw(figures),
        date_from="2026-11-01",
        date_to="2026-11-20",
    )


CELLS = {
    ReportField.GROUP: st.builds(Cell, texts, numbers),
    ReportField.TAG: st.builds(Cell, short_texts),
    ReportField.TRANSFER: st.builds(Cell, numbers),
    ReportField.PLATFORM: st.builds(Cell, st.sampled_from(["android", "ios"])),
}
