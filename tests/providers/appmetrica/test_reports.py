"""Questions to the reporting API, its filters, and every shape of the answer."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.inbound import Call
from providers.outcomes import Refusal, RefusalKind
from providers.reports import Cell, FetchReport, Metric, ReportField, ReportRow, ReportTable
from providers.vendors.appmetrica import wire_query, wire_report

GOOD = {
    "ids": "1",
    "metrics": "ym:pc:sentDevices,ym:pc:openedDevices",
    "dimensions": "ym:pc:group,ym:pc:tag,ym:pc:transfer",
}


def read(**changes: str) -> FetchReport:
    return wire_query.read_table_query(Call(query={**GOOD, **changes}))


def read_drilldown(**changes: str) -> FetchReport:
    return wire_query.read_drilldown_query(Call(query={**GOOD, **changes}))


def refuse(**changes: str) -> Refusal:
    with pytest.raises(Refusal) as caught:
        read(**changes)
    return caught.value


def test_without_more_the_last_week_is_asked_by_the_first_metric() -> None:
    command = read()

    assert (command.date_from, command.date_to) == ("6daysAgo", "today")
    assert command.sort == (("sent", True),)
    assert (command.limit, command.offset, command.where) == (100, 0, None)


def test_the_obsolete_name_of_the_apps_is_understood() -> None:
    query = {"id": "7", "metrics": "ym:pc:users"}

    assert wire_query.read_table_query(Call(query=query)).apps == ("7",)


def test_several_apps_are_named_once_each() -> None:
    assert read(ids="3, 1,3").apps == ("3", "1")


@pytest.mark.parametrize("name", ["ids", "metrics"])
def test_a_mandatory_parameter_that_is_absent_is_named(name: str) -> None:
    refusal = refuse(**{name: ""})

    assert (refusal.kind, refusal.field) == (RefusalKind.MISSING, name)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ids", "abc"),
        ("ids", "1,abc"),
        ("ids", "0"),
        ("ids", "9" * 30),
        ("metrics", "ym:pc:moneys"),
        ("metrics", "ym:ge:users"),
        ("dimensions", "ym:pc:city"),
        ("limit", "abc"),
        ("limit", "-1"),
        ("limit", "0"),
        ("limit", "1.5"),
        ("limit", "100001"),
        ("limit", "9" * 5000),
        ("offset", "0"),
        ("offset", "abc"),
        ("date1", "tomorrow"),
        ("date1", "2026-02-30"),
        ("date1", "2026-1-1"),
        ("date2", "-1daysAgo"),
        ("date2", "99999daysAgo"),
        ("sort", "ym:pc:users"),
        ("sort", "--ym:pc:sentDevices"),
        ("timezone", "Mars/Olympus"),
        ("timezone", "+25:00"),
        ("timezone", "../../etc/passwd"),
        ("filters", "nonsense"),
    ],
)
def test_a_wrong_parameter_is_refused_in_the_documented_form(name: str, value: str) -> None:
    refusal = refuse(**{name: value})

    assert (refusal.kind, refusal.field) == (RefusalKind.INVALID, name)
    wrong = value.rsplit(",", 1)[-1][:200]
    assert refusal.message == f"Wrong parameter: '{name}', value: {wrong}"


def test_days_in_the_wrong_order_are_refused() -> None:
    assert refuse(date1="2026-11-20", date2="2026-11-19").field == "date2"


def test_a_text_that_cannot_be_stored_is_refused_wherever_it_stands() -> None:
    assert refuse(lang="a\x00b").field == "lang"


@pytest.mark.parametrize(
    ("name", "item", "count"), [("metrics", "ym:pc:users", 21), ("dimensions", "ym:pc:tag", 11)]
)
def test_too_many_names_are_refused(name: str, item: str, count: int) -> None:
    assert refuse(**{name: ",".join([item] * count)}).field == name


def test_101_apps_are_refused() -> None:
    assert refuse(ids=",".join(map(str, range(1, 102)))).field == "ids"


def test_what_does_not_change_the_answer_is_tolerated() -> None:
    extras = {
        "accuracy": "full",
        "pretty": "1",
        "callback": "f",
        "lang": "ru",
        "include_undefined": "true",
        "group": "day",
        "unheard_of": "x",
    }

    assert read(**extras) == read()


@pytest.mark.parametrize(
    ("text", "zone"),
    [
        ("+03:00", "+03:00"),
        (" 03:00", "+03:00"),
        ("-11:30", "-11:30"),
        ("Asia/Tokyo", "Asia/Tokyo"),
    ],
)
def test_a_time_zone_is_an_offset_or_a_name(text: str, zone: str) -> None:
    assert read(timezone=text).timezone == zone


def test_the_first_row_is_number_one() -> None:
    assert read(offset="1").offset == 0


def test_a_drilldown_has_a_smaller_limit() -> None:
    assert read(limit="100000").limit == 100_000
    with pytest.raises(Refusal):
        read_drilldown(limit="10001")


def test_a_drilldown_narrows_by_its_parents() -> None:
    command = read_drilldown(parent_id='["1", "sale"]')

    assert (command.parents, command.is_drilldown) == (("1", "sale"), True)


@pytest.mark.parametrize(
    "parents", ["1", "{}", "[1]", '["1"', '["1","2","3"]', "[" * 100_000, '"1"', "NaN"]
)
def test_parents_that_are_no_list_of_a_branch_are_refused(parents: str) -> None:
    with pytest.raises(Refusal) as caught:
        read_drilldown(parent_id=parents)

    assert caught.value.field == "parent_id"


def test_a_drilldown_needs_a_dimension() -> None:
    with pytest.raises(Refusal) as caught:
        read_drilldown(dimensions="")

    assert (caught.value.kind, caught.value.field) == (RefusalKind.MISSING, "dimensions")


@given(
    st.sampled_from([*GOOD, "sort", "limit", "offset", "date1", "timezone", "parent_id"]), st.text()
)
def test_a_parameter_of_any_letters_is_taken_or_refused(name: str, text: str) -> None:
    outcomes = [find_outcome(reader, **{name: text}) for reader in (read, read_drilldown)]

    assert all(isinstance(outcome, FetchReport | Refusal) for outcome in outcomes)


def find_outcome(reader: Callable[..., FetchReport], **query: str) -> object:
    try:
        return reader(**query)
    except Refusal as refusal:
        return refusal


ROW = ReportRow((Cell("News", "5"), Cell("sale"), Cell("99")), (1200.0, None))


def make_table(command: FetchReport, *rows: ReportRow) -> ReportTable:
    return ReportTable(
        command=command,
        rows=rows,
        total_rows=7,
        totals=(1200.5, None),
        minima=(1.0, None),
        maxima=(1200.0, None),
        date_from="2026-11-14",
        date_to="2026-11-20",
    )


def test_the_envelope_is_whole() -> None:
    filters = "ym:pc:tag=='sale'"
    command = read(filters=filters, limit="10", offset="3", sort="-ym:pc:sentDevices,ym:pc:tag")

    body = wire_report.write_report(make_table(command, ROW)).body

    assert body == {
        "total_rows": 7,
        "sampled": False,
        "sample_share": 1.0,
        "sample_size": 7,
        "sample_space": 7,
        "data_lag": 0,
        "query": {
            "ids": [1],
            "dimensions": ["ym:pc:group", "ym:pc:tag", "ym:pc:transfer"],
            "metrics": ["ym:pc:sentDevices", "ym:pc:openedDevices"],
            "sort": ["-ym:pc:sentDevices", "ym:pc:tag"],
            "date1": "2026-11-14",
            "date2": "2026-11-20",
            "filters": filters,
            "limit": 10,
            "offset": 3,
        },
        "totals": [1200.5, None],
        "min": [1, None],
        "max": [1200, None],
        "data": [
            {
                "dimensions": [{"id": "5", "name": "News"}, {"name": "sale"}, {"name": "99"}],
                "metrics": [1200, None],
            }
        ],
    }


def test_a_conversion_that_nobody_reports_is_0_and_what_else_is_missing_is_null() -> None:
    command = read(metrics="ym:pc:eventsConversion,ym:pc:openedDevices")
    table = replace(
        make_table(command, replace(ROW, metrics=(None, None))),
        totals=(None, None), minima=(None, None), maxima=(None, None),
    )  # fmt: skip

    body = wire_report.write_report(table).body
    text = wire_report.write_csv(table)

    assert body["totals"] == body["min"] == body["max"] == [0, None]
    assert body["data"][0]["metrics"] == [0, None]
    assert text.splitlines()[1] == "News,sale,99,0,"


def test_a_system_has_the_vendors_name() -> None:
    command = read(dimensions="ym:pc:operatingSystem")
    row = ReportRow((Cell("ios"),), (1.0, 2.0))

    body = wire_report.write_report(make_table(command, row)).body

    assert body["data"][0]["dimensions"] == [{"id": "ios", "name": "iOS"}]


@pytest.mark.parametrize(
    ("parents", "cell", "dimension", "expand"),
    [
        ("", Cell("News", "5"), {"id": "5", "name": "News"}, True),
        ('["5"]', Cell("sale"), {"name": "sale"}, True),
        ('["5","sale"]', Cell("99"), {"name": "99"}, False),
    ],
)
def test_a_drilldown_answers_one_level(
    parents: str, cell: Cell, dimension: dict[str, str], expand: bool
) -> None:
    command = read_drilldown(parent_id=parents)

    body = wire_report.write_report(make_table(command, ReportRow((cell,), (1.0, 2.0)))).body

    assert body["data"] == [{"dimension": dimension, "metrics": [1, 2], "expand": expand}]


def test_csv_has_a_heading_and_a_line_per_row() -> None:
    command = wire_query.read_csv_query(Call(query=GOOD))

    reply = wire_report.write_report(make_table(command, ROW))

    assert reply.content_type == "text/csv; charset=utf-8"
    assert reply.body == (
        "ym:pc:group,ym:pc:tag,ym:pc:transfer,ym:pc:sentDevices,ym:pc:openedDevices\r\n"
        "News,sale,99,1200,\r\n"
    )


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_csv_holds_nothing_that_a_spreadsheet_runs(start: str) -> None:
    command = wire_query.read_csv_query(Call(query={**GOOD, "dimensions": "ym:pc:tag"}))
    row = ReportRow((Cell(f'{start}cmd|"x",1'),), (1.0, 2.0))

    text = wire_report.write_report(make_table(command, row)).body

    (_, line) = csv.reader(io.StringIO(text, newline=""))
    assert line == [f'\'{start}cmd|"x",1', "1", "2"]


def test_csv_of_a_drilldown_has_the_level_that_was_asked() -> None:
    query = {**GOOD, "parent_id": '["5"]'}
    command = wire_query.read_drilldown_csv_query(Call(query=query))

    text = wire_report.write_report(
        make_table(command, ReportRow((Cell("sale"),), (1.0, 2.0)))
    ).body

    assert text.splitlines()[1] == "sale,1,2"


def test_csv_without_dimensions_has_figures_only() -> None:
    command = wire_query.read_csv_query(Call(query={**GOOD, "dimensions": ""}))

    text = wire_report.write_report(make_table(command, ReportRow((), (1.0, 2.0)))).body

    assert text.splitlines()[1] == "1,2"


def test_every_metric_and_dimension_has_a_name_of_the_vendor() -> None:
    assert set(wire_query.METRICS) == set(Metric)
    assert set(wire_query.DIMENSIONS) == set(ReportField)
