"""Every operator page, wide and narrow, in light and in dark: whole, quiet, in its width, for all.

Each has to fit both widths and is looked at for barriers in one of the four modes, in turn;
`make gallery` looks at each in all of them.
"""

from __future__ import annotations

from contextlib import closing

import pytest
from django.contrib.auth import get_user_model
from django.urls import reverse
from django.utils import timezone

from campaigns.pages.urls import urlpatterns
from campaigns.services.demo import fill_demo
from tests.looking import SETTLED, look_at
from tests.operator_pages import PAGES, fill_rows, find_address
from tests.pages.test_approval_browser import enter

MOST_HTML = 300_000
# Rows that stand for those of an address that nobody has put into the table.
STAND_INS = {
    "campaigns": "draft", "transfers": "transfer", "jobs": "export_job", "segments": "segment",
    "imports": "checked", "reports": "report", "people": "person", "devices": "device",
    "keys": "key", "invitations": "invitation", "suppressions": "suppression", "labels": "label",
    "templates": "template", "test-groups": "test_group", "browsers": "device",
}  # fmt: skip


def fill(devices, monkeypatch):
    """A small demo with rows of every state."""
    monkeypatch.setattr("campaigns.services.demo.DEVICES", devices)
    now = timezone.now()
    fill_demo(now=now)
    return fill_rows(now)


def find_left_out(rows):
    """An address for each pattern that the table does not have, that a page may lie behind."""
    known = {shown.url_name for shown in PAGES}
    others = {"number": 1, "verb": "cancel", "decision": "approve", "role": "upload"}
    for pattern in urlpatterns:
        names = pattern.pattern.converters
        if pattern.name not in known:
            values = dict(others)
            if "pk" in names:
                values["pk"] = rows[STAND_INS[str(pattern.pattern).partition("/")[0]]]
            yield pattern.name, reverse(pattern.name, kwargs={name: values[name] for name in names})


@pytest.mark.django_db
def test_the_table_has_every_page_and_every_page_is_small(client, monkeypatch):
    rows = fill(200, monkeypatch)
    client.force_login(get_user_model().objects.get(username="admin"))

    answers = {shown.name: client.get(find_address(shown, rows)) for shown in PAGES}
    left_out = [name for name, address in find_left_out(rows) if leads_to_page(client, address)]

    assert {name: a.status_code for name, a in answers.items() if a.status_code != 200} == {}
    assert {name for name, answer in answers.items() if not is_page(answer)} == set()
    assert {n: len(a.content) for n, a in answers.items() if len(a.content) >= MOST_HTML} == {}
    assert left_out == []


def leads_to_page(client, address) -> bool:
    with closing(client.get(address)) as answer:
        return is_page(answer)


def is_page(answer) -> bool:
    return answer.status_code == 200 and not answer.streaming and b"<html" in answer.content


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_every_page_is_quiet_fits_and_has_no_barrier(page, live_server, monkeypatch):
    rows = fill(200, monkeypatch)
    enter(page, live_server, get_user_model().objects.get(username="admin"))
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)

    faults = []
    for turn, shown in enumerate(PAGES):
        address = find_address(shown, rows)
        page.set_viewport_size({"width": 390, "height": 844})
        page.goto(live_server.url + address)
        page.wait_for_function(SETTLED)
        faults += look_at(page, shown.name, turn)
        faults += [f"{shown.name}: {words}" for words in complaints]
        complaints.clear()

    assert faults == []
