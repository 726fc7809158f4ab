"""What the page of a report and its files say of opens, by dimension."""

from __future__ import annotations

import csv
import io
import re
from html import unescape

import pytest
from django.urls import reverse

from tests.campaigns.test_dimensions import books, mute, teller
from tests.pages.test_reports import get, viewer

__all__ = ["books", "mute", "teller", "viewer"]
pytestmark = pytest.mark.database
LEADS = re.compile(r'href="([^"]*by=send_hour[^"]*)"')


def read_shares(answer):
    """By line the number of the column that says a share, and how it is called."""
    rows = answer.context["rows"]
    shares = {row.name: number for row in rows for number in row.numbers if "%" in number.label}
    return {name: (number.label, number.value) for name, number in shares.items()}


@pytest.mark.parametrize(
    ("by", "shares"),
    [
        ("tag", {"spring": ("Open rate, %", 25), "sale": ("Open rate, %", None)}),
        ("day", {"2026-11-20": ("Of all opened, %", 100)}),
        ("hour", {
            "12:00": ("Of all opened, %", 0), "13:00": ("Of all opened, %", 100),
            "15:00": ("Of all opened, %", 0),
        }),
    ],
)  # fmt: skip
def test_a_line_says_what_its_share_is_of(viewer, books, by, shares):
    assert read_shares(get(viewer, by=by)) == shares


def test_a_file_by_the_hour_says_when_it_was_opened(viewer, books):
    text = get(viewer, "report_csv", by="hour").getvalue().decode("utf-8-sig")

    shares = {line["Hour of the day"]: line["Of all opened, %"]
              for line in csv.DictReader(io.StringIO(text))}  # fmt: skip
    assert shares == {"12:00": "0.0", "13:00": "100.0", "15:00": "0.0"}


@pytest.mark.parametrize("by", ["hour", "day"])
def test_when_it_was_opened_leads_to_what_share_of_each_hours_recipients_opened(viewer, books, by):
    asked = {"by": by, "tag": "spring", "platform": "android"}
    page = get(viewer, **asked)
    page_of_tags = get(viewer, **{**asked, "by": "tag"})

    [address] = LEADS.findall(page.content.decode())
    shares = read_shares(viewer.get(reverse("reports") + unescape(address)))

    assert shares == {"12:00": ("Open rate, %", 25)}
    assert "tag=spring" in address
    assert "platform=android" in address
    assert LEADS.findall(page_of_tags.content.decode()) == []


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"by": "tag"}, "of transfers that began in these days"),
        ({"by": "hour"}, "what was opened at that time, whenever it was sent"),
        ({"by": "day"}, "what was opened at that time, whenever it was sent"),
        ({"by": "send_hour"}, "of those who were sent to in these days"),
        ({"by": "tag", "hour": "13:00"}, "One hour has no open rate"),
    ],
)
def test_a_report_says_what_its_rates_are_of(viewer, books, query, words):
    assert words in get(viewer, **query).content.decode()
