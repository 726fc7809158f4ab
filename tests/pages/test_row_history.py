"""From a row's page to what was done to it, and from an entry of the log to the row's page."""

from __future__ import annotations

import re
from html import unescape

import pytest
from django.urls import reverse

from campaigns.models import (
    Group,
    Import,
    Job,
    Label,
    MessageTemplate,
    Segment,
    Suppression,
    Transfer,
)
from campaigns.models import TestGroup as Testers
from campaigns.services.access import record_audit
from tests import builders

pytestmark = pytest.mark.django_db
SHAPE = {"format": "csv", "delimiter": ",", "columns": ["a"], "start": 2, "line": 2}
ASKED = re.compile(rf'href="({reverse("audit")}\?[^"]*kind=[^"]*)"')


@pytest.fixture
def rows(app, now):
    """A row of each kind that has an operator page, by the page's name."""
    times = {"created_at": now, "updated_at": now}
    begun = {"created_at": now, "status_since": now}
    group = Group.objects.get(app=app)
    job = Job.objects.create(
        app=app, workspace=app.workspace, kind="labels", created_by="ann", **begun
    )
    return {
        "campaign": builders.make_campaign(app, now),
        "segment": Segment.objects.create(app=app, name="Germans", expression={"and": []}),
        "label": Label.objects.create(app=app, name="vip"),
        "template": MessageTemplate.objects.create(
            workspace=app.workspace, app=app, name="Sale", **times
        ),
        "test_group": Testers.objects.create(app=app, name="We", created_at=now),
        "import": Import.objects.create(app=app, source="Shop", shape=SHAPE, created_at=now),
        "transfer": Transfer.objects.create(app=app, group=group, due_at=now, **begun),
        "job": job,
        "person": builders.make_person(app.workspace),
        "device": builders.make_device(app, "token"),
    }


LINKED = ("campaign", "segment", "label", "template", "test_group", "import")


def test_a_page_leads_an_admin_to_what_was_done_to_its_row(client, app, owner, rows, now):
    for row in rows.values():
        for one in (row, type(row)(pk=row.pk + 1)):
            record_audit("ann", "update", one, workspace=app.workspace, now=now)
    client.force_login(owner)

    pages = [client.get(reverse(name, args=[rows[name].pk])) for name in LINKED]
    links = [ASKED.findall(page.content.decode()) for page in pages]
    logs = [client.get(unescape(link)).context["entries"] for [link] in links]

    told = [[(entry.target_type, entry.target_id) for entry, _page in log] for log in logs]
    assert told == [[(rows[name]._meta.model_name, str(rows[name].pk))] for name in LINKED]


def test_the_list_of_who_is_suppressed_leads_to_its_changes(client, app, owner, now):
    record_audit("ann", "suppress", Suppression(), workspace=app.workspace, now=now)
    record_audit("ann", "update", app, workspace=app.workspace, now=now)
    client.force_login(owner)

    [link] = ASKED.findall(client.get(reverse("suppressions")).content.decode())
    log = client.get(unescape(link)).context["entries"]

    assert [entry.verb for entry, _page in log] == ["suppress"]


@pytest.mark.parametrize("role", ["admin", "viewer"])
def test_whoever_may_not_read_the_log_is_led_to_none_of_it(client, app, rows, role):
    client.force_login(builders.make_member("low", app.workspace, app=app, role=role))
    seen = [name for name in LINKED if role == "admin" or name != "test_group"]

    pages = [client.get(reverse(name, args=[rows[name].pk])) for name in seen]
    pages.append(client.get(reverse("suppressions")))

    assert {page.status_code for page in pages} == {200}
    assert [ASKED.findall(page.content.decode()) for page in pages] == [[]] * len(pages)


def test_an_entry_leads_to_the_page_of_its_row_or_to_none(client, app, owner, rows, now):
    for row in (*rows.values(), app, Suppression(), Suppression(pk=1)):
        record_audit("ann", "update", row, workspace=app.workspace, now=now)
    client.force_login(owner)

    log = client.get(reverse("audit"), {"actor": "ann"}).context["entries"]

    pages = {entry.target_type: page for entry, page in reversed(log)}
    opened = {row._meta.model_name: reverse(name, args=[row.pk]) for name, row in rows.items()}
    staff = reverse("admin:campaigns_app_change", args=[app.pk])
    assert pages == {**opened, "app": staff, "suppression": ""}
    assert {client.get(page).status_code for page in pages.values() if page} == {200}
