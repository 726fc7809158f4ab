"""A report that is narrowed to what no line can have: nothing, and a sentence; never everything."""

from __future__ import annotations

import pytest
from django.urls import reverse

from campaigns.models import Job
from tests.campaigns.test_dimensions import books, mute, teller
from tests.pages.test_reports import DAYS, get, read_cards, viewer

__all__ = ["books", "mute", "teller", "viewer"]
pytestmark = pytest.mark.database


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"group": "x"}, "Group “x”"),
        ({"tag": "a\0b"}, "Tag “ab”"),
        ({"hour": "25:00"}, "Hour of the day “25:00”"),
        ({"transfer": ""}, "Transfer “”"),
        ({"group": "x", "account": "y"}, "Account “y”"),
        ({"language": "<b>" * 100}, "Language “&lt;b&gt;"),
    ],
)
@pytest.mark.parametrize("name", ["reports", "report_csv", "report_xlsx"])
def test_what_cannot_be_is_said_and_nothing_is_counted(viewer, books, name, query, words):
    answer = get(viewer, name, **query)

    page = answer.content.decode()
    assert answer.status_code == 422
    assert "No line of a report has this" in page
    assert words in page
    assert (answer.context["rows"], read_cards(answer)["Sent"]) == ([], 0)
    assert reverse("report_days") not in page


def test_one_click_leaves_it_out_and_keeps_the_rest(viewer, books):
    answer = get(viewer, group="x", tag="spring", by="platform")

    without = viewer.get(reverse("reports") + answer.context["query"])

    assert f'href="{answer.context["query"]}"'.replace("&", "&amp;") in answer.content.decode()
    assert without.status_code == 200
    assert without.context["asked"].only == {"tag": "spring"}
    assert read_cards(without)["Sent"] == 8


def test_wrong_days_leave_what_it_is_narrowed_to(viewer, books):
    answer = get(viewer, tag="spring", date_from="never")

    assert answer.context["form"].errors.keys() == {"date_from"}
    assert answer.context["asked"].only == {"tag": "spring"}


@pytest.mark.parametrize("query", [{"group": "x"}, {"date_from": "never"}, {"app": "999999"}])
def test_nothing_is_counted_in_the_background_of_what_cannot_be(viewer, books, query):
    address = reverse("start_report", query={**DAYS, **query})

    answer = viewer.post(address, {"field": "model"})

    assert answer.status_code == 422
    assert not Job.objects.exists()
