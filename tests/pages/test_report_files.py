"""What the lines of a report are called on its page and in its files, and what stands beside."""

from __future__ import annotations

import io
from datetime import datetime

import pytest
from openpyxl import load_workbook

from campaigns.models import App, Transfer
from tests.campaigns.test_dimensions import books, mute, recipients, teller
from tests.campaigns.test_reports import NOON, settle
from tests.pages.test_reports import get, viewer

__all__ = ["books", "mute", "recipients", "teller", "viewer"]
pytestmark = pytest.mark.database


def read_csv(client, **query):
    body = b"".join(get(client, "report_csv", **query).streaming_content)
    return body.decode("utf-8-sig").splitlines()


def read_sheet(client, **query):
    body = b"".join(get(client, "report_xlsx", **query).streaming_content)
    return [list(row) for row in load_workbook(io.BytesIO(body)).active.iter_rows(values_only=True)]


def test_who_never_reached_an_account_stands_under_no_account(viewer, books):
    settle(books[0].parts.get(), 3, outcome="skipped", account_id=0)

    page = get(viewer, by="account")
    narrowed = get(viewer, by="day", account="0").context["narrowed"]
    csv, sheet = (read(viewer, by="account") for read in (read_csv, read_sheet))

    assert "No account" in {row.name for row in page.context["rows"]}
    assert [value for _name, value, _address in narrowed] == ["No account"]
    assert any(line.startswith("No account,") for line in csv)
    assert "No account" in [row[0] for row in sheet]


def test_transfers_of_one_name_are_told_apart_by_their_start_and_size(viewer, app, books):
    App.objects.filter(pk=app.pk).update(timezone="Europe/Berlin")
    Transfer.objects.filter(pk=books[0].pk).update(due_at=NOON, audience=1234)

    page = get(viewer, by="transfer").content.decode()
    csv, sheet = read_csv(viewer, by="transfer"), read_sheet(viewer)

    assert ">20 Nov 2026, 13:00 CET</time> · 1,234 recipients</p>" in page
    assert csv[0].endswith(",Started,Audience")
    [line] = [line for line in csv if line.startswith(f"{books[0].pk} One,")]
    assert line.endswith(",2026-11-20 13:00+01:00,1234")
    assert sheet[0][-2:] == ["Started", "Audience"]
    assert [datetime(2026, 11, 20, 13, 0), 1234] in [row[-2:] for row in sheet]


def test_other_files_keep_their_columns(viewer, books):
    assert "Started" not in read_csv(viewer, by="account")[0]


def test_shares_have_two_digits(monkeypatch, viewer, books):
    for place in ("lines", "report_facts"):
        monkeypatch.setattr(f"campaigns.selectors.{place}.find_open_rate", lambda *_of: 100 / 3)

    csv, sheet = read_csv(viewer, by="group"), read_sheet(viewer, by="group")

    assert "33.33," in csv[1]
    assert "33.333" not in csv[1]
    assert 33.33 in sheet[1]
