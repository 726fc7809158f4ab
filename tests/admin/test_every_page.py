"""Every staff page: small, whole, quiet, in its width, for all and by keyboard.

Each list, row and form for a new row is drawn in one of two modes, in turn; `make gallery` draws
each staff page in all four.
"""

from __future__ import annotations

import json

import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.urls import reverse
from django.utils import timezone

from campaigns.models import Transfer
from campaigns.services.demo import fill_demo
from providers import registry
from tests import builders
from tests.demo_server import USER
from tests.keyboard import walk
from tests.looking import SETTLED, WIDTHS, Scheme, find_faults, find_misfits
from tests.operator_pages import PAGES
from tests.pages.test_approval_browser import enter
from tests.pages.test_every_page import MOST_HTML, fill
from tests.staff_pages import (
    fill_staff,
    list_more_staff_pages,
    list_staff_pages,
    write_addresses,
)

MODES: tuple[tuple[int, Scheme], ...] = ((1440, "light"), (390, "dark"))
# Forms with a chooser of several rows and with a panel, and a list that is longer than a window.
WALKED = ("appgroup_change", "label_change", "device_changelist")


@pytest.fixture
def demo_user(db, monkeypatch):
    """Whoever may do all, over a small demo with a row of every model."""
    fill(60, monkeypatch)
    fill_staff(timezone.now())
    return get_user_model().objects.get(username="admin")


def test_every_model_has_its_pages_and_every_page_is_small(client, demo_user):
    client.force_login(demo_user)
    pages = list_staff_pages()

    answers = {name: client.get(address) for name, address in pages.items()}
    answers |= {name: client.get(address) for name, address in list_more_staff_pages().items()}

    assert {name: a.status_code for name, a in answers.items() if a.status_code != 200} == {}
    assert {n: len(a.content) for n, a in answers.items() if len(a.content) >= MOST_HTML} == {}
    assert [name for name, answer in answers.items() if b" object (" in answer.content] == []
    assert {model._meta.model_name for model in admin.site._registry} == {
        name.removesuffix("_change") for name in pages if name.endswith("_change")
    }


@pytest.mark.django_db
def test_the_gallery_shows_rows_of_every_state_and_who_has_none(client, monkeypatch, tmp_path):
    get_user_model().objects.create_superuser(USER)
    monkeypatch.setattr("campaigns.services.demo.DEVICES", 60)
    fill_demo(now=timezone.now())

    write_addresses(str(tmp_path / "pages.json"))

    told = json.loads((tmp_path / "pages.json").read_text())
    codes = {}
    for user, pages in told["pages"].items():
        client.force_login(get_user_model().objects.get(username=user))
        codes |= {name: client.get(address).status_code for name, address in pages.items()}
    assert {name: code for name, code in codes.items() if code != 200} == {}
    assert {shown.name for shown in PAGES} <= codes.keys()
    assert {f"staff_{name}" for name in list_staff_pages()} <= codes.keys()
    assert {"empty_home", "empty_staff_scenario", "no_app_compose"} <= codes.keys()
    waiting, paused, failed = (
        Transfer.objects.get(pk=told["pages"][USER][f"transfer_{status}"].split("/")[2]).status
        for status in ("sending", "paused", "failed")
    )
    assert (waiting, paused, failed) == ("accepted", "paused", "failed")  # no worker is there
    assert all("<h1>" in html for html in told["refusals"].values())


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("label_changelist", "Add one to begin."),
        ("auditentry_changelist", "It fills by itself, as pushadmin works."),
        ("label_changelist?q=nobody", "Other filters may find something."),
        ("label_changelist?app__id__exact={}", "Other filters may find something."),
    ],
)
def test_an_empty_list_says_what_to_do_next(client, superuser, app, name, words):
    builders.make_app(app.workspace, "other")  # of one app there would be nothing to filter by
    name, mark, query = name.format(app.pk).partition("?")
    client.force_login(superuser)

    page = client.get(f"{reverse(f'admin:campaigns_{name}')}{mark}{query}").content.decode()

    assert words in page
    assert "Create a new item" not in page
    assert ("Add label" in page) == name.startswith("label")


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_every_page_is_quiet_fits_has_no_barrier_and_is_walked(page, live_server, demo_user):
    enter(page, live_server, demo_user)
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    more = list_more_staff_pages()
    pages = list_staff_pages("changelist", "change", "add")
    gateway = next(dialect.key for dialect in registry.all_dialects() if dialect.fans_out)
    for name in (f"account_add_{gateway}", "label_found", "own_password"):
        pages[name] = more[name]

    faults = []
    for turn, (name, address) in enumerate(pages.items()):
        width, scheme = MODES[turn % len(MODES)]
        draw(page, live_server.url + address, width, scheme)
        # The form for a new row is the one for a row, which is looked at for barriers.
        is_said = name.removesuffix("_add") + "_change" in pages
        find = find_misfits if name.endswith("_add") and is_said else find_faults
        faults += find(page, name, width, scheme)
    for name in WALKED:
        draw(page, live_server.url + pages[name], *MODES[0])
        faults += walk(page, name)

    assert "\n".join([*faults, *complaints]) == ""


def draw(page, address: str, width: int, scheme: Scheme) -> None:
    page.set_viewport_size({"width": width, "height": WIDTHS[width]})
    page.emulate_media(color_scheme=scheme)
    page.goto(address)
    page.wait_for_function(SETTLED)
