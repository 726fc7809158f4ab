"""Long lists of jobs, imports and exports: page by page to the oldest row."""

from __future__ import annotations

import re
from html import unescape

import pytest
from django.urls import reverse

from campaigns.models import Import, Job
from campaigns.pages import exports, imports, jobs

pytestmark = pytest.mark.database
SHAPE = {"format": "csv", "delimiter": ",", "columns": ["a"], "start": 2, "line": 2}
OLDER = re.compile(r'href="([^"]*)">Older<')


@pytest.fixture
def rows(app, now):
    """Seven jobs, each an export, and seven imports; by the name of their list."""
    made: dict[str, list[int]] = {"jobs": [], "imports": []}
    for number in range(7):
        job = Job.objects.create(
            app=app, workspace=app.workspace, kind="export", created_by="ann", created_at=now,
            status_since=now, params={"what": "people"}, status="done" if number else "running",
        )  # fmt: skip
        brought = Import.objects.create(app=app, source="Shop", shape=SHAPE, created_at=now)
        made["jobs"].append(job.pk)
        made["imports"].append(brought.pk)
    return made | {"exports": made["jobs"]}


def read_rows(page):
    """The numbers of the rows in their order."""
    shown = [row[0] if isinstance(row, tuple) else row for row in page.context["rows"]]
    return [row.job.pk if hasattr(row, "job") else row.pk for row in shown]


@pytest.mark.parametrize("name", ["jobs", "imports", "exports"])
def test_older_leads_page_by_page_to_the_oldest(client, owner, rows, monkeypatch, name):
    monkeypatch.setattr({"jobs": jobs, "imports": imports, "exports": exports}[name], "SHOWN", 3)
    client.force_login(owner)
    address, seen = reverse(name), []

    for _turn in range(4):
        page = client.get(address)
        seen.append(read_rows(page))
        [query] = OLDER.findall(page.content.decode()) or [""]
        if not query:
            break
        address = reverse(name) + unescape(query)

    newest = rows[name][::-1]
    assert seen == [newest[:3], newest[3:6], newest[6:]]
    assert ">Newest<" in page.content.decode()
    last = client.get(reverse(name), {"before": rows[name][0]}).content.decode()
    assert "Nothing older" in last


def test_an_older_page_of_jobs_is_polled_as_itself(client, owner, rows, monkeypatch):
    monkeypatch.setattr(jobs, "SHOWN", 3)
    client.force_login(owner)
    page = client.get(reverse("jobs"), {"before": rows["jobs"][1]})

    [polled] = re.findall(r'id="pa-jobs" hx-get="([^"]*)"', page.content.decode())
    answer = client.get(unescape(polled))

    assert (answer.status_code, read_rows(answer)) == (200, rows["jobs"][:1])


@pytest.mark.parametrize("name", ["jobs", "imports", "exports"])
def test_another_apps_operator_pages_through_nothing(client, neighbour, rows, name):
    client.force_login(neighbour)

    pages = [client.get(reverse(name), {"before": before}) for before in ("", rows[name][-1])]

    assert [read_rows(page) for page in pages] == [[], []]
