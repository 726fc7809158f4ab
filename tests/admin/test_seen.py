"""Who saves a staff form that is older than the row undoes nothing that somebody else changed."""

from __future__ import annotations

import pytest

from campaigns.models import Account, App, Group, Label
from tests.admin.test_changes import url_of
from tests.pages.read_form import read_forms

pytestmark = [pytest.mark.database, pytest.mark.django_db]
WORDS = "Somebody else has changed this since you opened it."


@pytest.fixture
def rows(app, workspace):
    return {
        App: app,
        Account: Account.objects.create(workspace=workspace, name="Mine", dialect="sandbox"),
        Group: app.groups.create(name="Spring"),
        Label: Label.objects.create(app=app, name="Gold"),
    }


def open_form(client, row):
    return read_typed(client.get(url_of(row, "change", row.pk)))


def read_typed(answer):
    forms, _senders = read_forms(answer.content.decode())
    [values] = [form.values for form in forms if "_seen" in form.values]
    return values


def save(client, row, typed):
    return client.post(url_of(row, "change", row.pk), dict(typed.lists()))


@pytest.mark.parametrize("model", [App, Account, Group, Label])
def test_an_older_form_is_refused_and_drawn_as_it_was_typed(client, superuser, rows, model):
    client.force_login(superuser)
    row = rows[model]
    typed = open_form(client, row)
    model.objects.filter(pk=row.pk).update(name="Theirs")
    typed["name"] = "Ours"

    refused = save(client, row, typed)
    again = save(client, row, read_typed(refused))

    row.refresh_from_db()
    assert [WORDS in answer.content.decode() for answer in (refused, again)] == [True, True]
    assert (row.name, read_typed(refused)["name"]) == ("Theirs", "Ours")


@pytest.mark.parametrize("model", [App, Account, Group, Label])
def test_a_form_that_is_of_today_is_saved(client, superuser, rows, model):
    client.force_login(superuser)
    row = rows[model]
    typed = open_form(client, row)
    for name in [name for name in typed if name.startswith("credential_")]:
        typed[name] = "a-new-key"
    typed["name"] = "Ours"

    answer = save(client, row, typed)

    row.refresh_from_db()
    assert (answer.status_code, row.name) == (302, "Ours")


def test_an_approval_that_was_asked_for_meanwhile_stays(client, superuser, app):
    client.force_login(superuser)
    typed = open_form(client, app)
    App.objects.filter(pk=app.pk).update(needs_approval=True)
    typed["icon_url"] = "https://shop.example/icon.png"

    answer = save(client, app, typed)

    app.refresh_from_db()
    assert WORDS in answer.content.decode()
    assert app.needs_approval


def test_what_a_worker_writes_makes_no_form_old(client, superuser, app, now):
    client.force_login(superuser)
    typed = open_form(client, app)
    App.objects.filter(pk=app.pk).update(last_claim_at=now)

    assert save(client, app, typed).status_code == 302


def test_a_wrong_form_is_still_of_the_day_it_was_opened(client, superuser, rows):
    client.force_login(superuser)
    group = rows[Group]
    typed = open_form(client, group)
    typed["name"] = ""
    wrong = save(client, group, typed)
    Group.objects.filter(pk=group.pk).update(send_rate=900)

    mended = read_typed(wrong)
    mended["name"] = "Autumn"
    refused = save(client, group, mended)

    group.refresh_from_db()
    assert WORDS in refused.content.decode()
    assert (group.name, group.send_rate) == ("Spring", 900)


def test_limits_that_another_has_set_stay(client, superuser, rows):
    client.force_login(superuser)
    account = rows[Account]
    typed = open_form(client, account)
    Account.objects.filter(pk=account.pk).update(limits={"requests_per_second": 5})

    answer = save(client, account, typed)

    account.refresh_from_db()
    assert WORDS in answer.content.decode()
    assert account.limits == {"requests_per_second": 5}
