"""The audit log: in order, by its filters, in words, as a file."""

from __future__ import annotations

import csv
import io
import re
from datetime import timedelta

import pytest
from django.urls import reverse

from campaigns.models import AuditEntry
from campaigns.pages import audit
from campaigns.services.access import issue_key, name_actor, record_audit
from tests import builders

pytestmark = pytest.mark.database


@pytest.fixture
def admin(client, owner):
    client.force_login(owner)
    return client


def test_the_log_is_filtered_paged_and_told_row_by_row(admin, app, owner, now):
    for _ in range(60):
        record_audit("ann", "update_app", app, workspace=app.workspace, now=now)
    record_audit("=cmd()", "rename", owner, workspace=app.workspace, fields=["email"],
                 now=now - timedelta(days=3))  # fmt: skip
    page = f"{reverse('audit')}?workspace={app.workspace.slug}"

    first = admin.get(page)
    older = admin.get(f"{page}&before={first.context['before']}")
    days = admin.get(f"{page}&date_to={now - timedelta(days=2):%Y-%m-%d}")
    of_row = admin.get(f"{page}&kind=user&number={owner.pk}")
    wrong = admin.get(f"{page}&date_from=never")
    nothing = admin.get(f"{page}&actor=nobody&date_to=9999-12-31")

    assert [len(first.context["entries"]), len(older.context["entries"])] == [50, 11]
    assert older.context["entries"][-1][0].verb == "rename", "it is of three days before"
    assert [len(answer.context["entries"]) for answer in (days, of_row, nothing)] == [1, 1, 0]
    assert 'id="id_date_from_error"' in wrong.content.decode()
    assert "Nothing fits" in nothing.content.decode()


def test_the_log_is_told_in_words_wherever_it_stands(admin, app, superuser, now):
    person = builders.make_person(app.workspace)
    entry = record_audit("ann", "opt_out", person, workspace=app.workspace,
                         fields=["opted_out", "external_user_id"], now=now)  # fmt: skip
    admin.force_login(superuser)
    places = [
        f"{reverse('audit')}?workspace={app.workspace.slug}&verb=opt_out&kind=person",
        reverse("person", args=[person.pk]),
        reverse("admin:campaigns_auditentry_changelist"),
        reverse("admin:campaigns_auditentry_change", args=[entry.pk]),
        reverse("admin:campaigns_person_history", args=[person.pk]),
    ]

    pages = [admin.get(place).content.decode() for place in places]

    for page in pages:
        assert '<span title="opt_out">Opted out</span>' in page
    for place in (0, 1, 3, 4):
        words = '<span title="external_user_id, opted_out">external user id, opt-out</span>'
        assert words in pages[place]
    for place in (0, 2, 3):
        assert f'<span title="person">person {person.pk}</span>' in pages[place]
    assert '<option value="opt_out" selected>Opted out</option>' in pages[0]
    assert '<option value="messagetemplate">template</option>' in pages[0]


def test_what_is_of_no_workspace_is_in_the_staff_log_of_a_superuser_alone(
    admin, app, superuser, now
):
    for name in ("ours", "foreign"):
        place = app.workspace if name == "ours" else builders.make_workspace(slug=name)
        record_audit(name, "rename", app, workspace=place, now=now)
    record_audit("house", "rename", app, workspace=None, now=now)
    seen = []

    for user in (superuser, builders.make_member("only", app.workspace, role="admin")):
        admin.force_login(user)
        page = admin.get(reverse("admin:campaigns_auditentry_changelist")).content.decode()
        seen.append([name for name in ("ours", "foreign", "house") if f">{name}<" in page])

    assert seen == [["ours", "foreign", "house"], ["ours"]]


def test_a_script_is_named_in_the_log_as_its_key_is(admin, app, now):
    key, _text = issue_key(app.workspace, name="Shop backend", actor="ann", now=now)
    record_audit(name_actor(key), "update", app, workspace=app.workspace, now=now)

    page = admin.get(f"{reverse('audit')}?workspace={app.workspace.slug}").content.decode()

    assert f'title="key {key.public_id}">Shop backend</a>' in page


def test_a_code_of_an_older_address_is_asked_for_all_the_same(admin, app, now):
    record_audit("ann", "rename", app, workspace=app.workspace, now=now)

    answer = admin.get(reverse("audit"), {"workspace": app.workspace.slug, "verb": "rename"})

    assert [entry.verb for entry, _page in answer.context["entries"]] == ["rename"]
    assert "<option selected>rename</option>" in answer.content.decode()


def test_the_log_is_taken_as_a_file_and_that_is_an_entry_too(admin, app, now):
    record_audit("=cmd()", "rename", app, workspace=app.workspace, fields=["b", "a"], now=now)

    answer = admin.get(f"{reverse('audit_csv')}?workspace={app.workspace.slug}")
    rows = list(csv.reader(io.StringIO(b"".join(answer.streaming_content).decode())))

    assert rows[0][:3] == ["at", "actor", "verb"]
    assert ["'=cmd()", "rename", "app", str(app.pk), "a b"] in [row[1:] for row in rows]
    assert AuditEntry.objects.filter(verb="download_audit", actor="owner").count() == 1


def test_a_file_of_many_chunks_has_each_entry_once_the_newest_first(admin, app, now, monkeypatch):
    monkeypatch.setattr(audit, "CHUNK", 2)
    for number, hours in enumerate((3, 0, 0, 0, 0, 1, 0)):
        record_audit("ann", f"v{number}", app, workspace=app.workspace,
                     now=now - timedelta(days=1, hours=hours))  # fmt: skip

    answer = admin.get(f"{reverse('audit_csv')}?workspace={app.workspace.slug}&actor=ann")
    rows = list(csv.reader(io.StringIO(b"".join(answer.streaming_content).decode())))

    assert [row[2] for row in rows[1:]] == ["v6", "v4", "v3", "v2", "v1", "v5", "v0"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"date_from": "never"},
        {"date_to": "2026-13-01"},
        {"actor": "x" * 200},
        {"verb": "a\0b"},
    ],
)
def test_a_wrong_filter_makes_no_file_of_the_whole_log(admin, app, wrong):
    asked = {"workspace": app.workspace.slug, **wrong}

    answers = [admin.get(reverse(name), asked) for name in ("audit_csv", "audit")]

    assert [answer.status_code for answer in answers] == [422, 422]
    assert all(f'id="id_{next(iter(wrong))}_error"' in a.content.decode() for a in answers)
    assert not AuditEntry.objects.filter(verb="download_audit").exists()


def test_the_page_of_one_entry_leads_to_the_whole_history_of_its_row(admin, app, now):
    for verb in ("rename", "update_app"):
        entry = record_audit("ann", verb, app, workspace=app.workspace, now=now)

    address = reverse("audit")
    page = admin.get(address, {"workspace": app.workspace.slug, "entry": entry.pk})

    links = re.findall(r'href="(\?[^"]*)"', page.content.decode())
    assert len(page.context["entries"]) == 1
    assert [link for link in links if f"entry={entry.pk}" in link] == []
    [history] = [link for link in links if "kind=app" in link]
    assert len(admin.get(address + history.replace("&amp;", "&")).context["entries"]) == 2
