"""What staff set for a door holds for its scripts; only admins set it, and the log says so."""

from __future__ import annotations

import pytest
from django.urls import reverse

from campaigns.admin.door_options import list_optional, name_prefix
from campaigns.models import AuditEntry, Door

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture
def dialect():
    return next(
        each for each in list_optional() if any(s.kind == "int" for s in each.all_door_options)
    )


@pytest.fixture
def option(dialect):
    return next(spec for spec in dialect.all_door_options if spec.kind == "int")


@pytest.fixture
def name(dialect, option):
    return name_prefix(dialect) + option.name


@pytest.fixture
def save(client, app):
    def save(**fields):
        page = reverse("admin:campaigns_app_change", args=[app.pk])
        own = {
            "name": app.name, "slug": app.slug, "platforms": app.platforms,
            "timezone": app.timezone, "default_language": app.default_language,
            "cooling_seconds": app.cooling_seconds,
            "routes-TOTAL_FORMS": 0, "routes-INITIAL_FORMS": 0,
        }  # fmt: skip
        return client.post(page, {**own, **fields})

    return save


def test_a_device_door_that_is_open_is_given_another_key_and_not_opened_again(client, app, owner):
    page = reverse("admin:campaigns_app_change", args=[app.pk])
    press = reverse("admin:campaigns_app_do", args=[app.pk, "open_device_door"])
    client.force_login(owner)

    closed = client.get(page).content.decode()
    shown = [client.post(press).content.decode()]
    app.refresh_from_db()
    first = app.device_key
    opened = client.get(page).content.decode()
    shown.append(client.post(press).content.decode())
    app.refresh_from_db()

    names = ("Open the device door", "New device key and user secret", "Close the device door")
    assert [name in closed for name in names] == [True, False, False]
    assert [name in opened for name in names] == [False, True, True]
    assert "present" not in closed.partition("Open the device door")[0].rpartition("<form")[2]
    assert all("User secret" in text for text in shown)
    assert first
    assert app.device_key not in ("", first)


def test_an_admin_sets_an_option_and_the_log_names_it(client, owner, save, name, option):
    client.force_login(owner)

    answer = save(**{name: str(option.minimum)})

    assert answer.status_code == 302
    door = Door.objects.get(dialect=name.split("__")[1])
    assert door.options[option.name] == option.minimum
    entry = AuditEntry.objects.filter(target_type="door", verb="set").get()
    assert option.name in entry.fields
    assert entry.actor == "owner"


def test_a_wrong_option_is_explained_and_nothing_is_kept(client, owner, save, name, option):
    client.force_login(owner)

    answer = save(**{name: str(option.maximum + 1)})

    assert answer.status_code == 200
    assert f"from {option.minimum} to {option.maximum}" in answer.content.decode()
    assert not Door.objects.exclude(options={}).exists()


@pytest.mark.parametrize("who", ["colleague", "stranger"])
def test_who_is_no_admin_of_the_app_sets_nothing(request, client, save, name, option, who):
    client.force_login(request.getfixturevalue(who))

    answer = save(**{name: str(option.minimum)})

    assert answer.status_code in (302, 403, 404)
    assert not Door.objects.exclude(options={}).exists()
