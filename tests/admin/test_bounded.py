"""Long staff lists count no further than a person pages, and say so."""

from __future__ import annotations

import pytest
from django.urls import reverse

from campaigns.admin.paginator import BoundedPaginator
from campaigns.models import Device, Person
from tests import builders

pytestmark = [pytest.mark.database, pytest.mark.django_db]


@pytest.fixture(autouse=True)
def three_at_most(monkeypatch):
    monkeypatch.setattr(BoundedPaginator, "MAX_ROWS", 3)


def fill(app, count):
    for number in range(count):
        person = builders.make_person(app.workspace, f"p{number}")
        builders.make_device(app, f"token-{number}", person=person)


def read_texts(client, model, **asked):
    address = reverse(f"admin:campaigns_{model._meta.model_name}_changelist")
    return " ".join(client.get(address, asked).content.decode().split())


@pytest.mark.parametrize(("count", "words"), [(1, "1"), (3, "3"), (4, "more than 3")])
@pytest.mark.parametrize("model", [Person, Device])
def test_a_list_says_where_it_stopped_counting(client, owner, app, model, count, words):
    fill(app, count)
    client.force_login(owner)
    name = model._meta.verbose_name if count == 1 else model._meta.verbose_name_plural

    page = read_texts(client, model)

    assert f"> {words} {name} </div>" in page
    assert "Show all" not in page


def test_a_list_that_is_narrowed_says_it_too_and_leads_back(client, owner, app):
    fill(app, 4)
    client.force_login(owner)

    found = read_texts(client, Device, token_state__exact="active")

    assert 'more than 3 results (<a href="?">Show all</a>)' in found


def test_who_sees_one_app_is_told_the_same(client, app, now):
    fill(app, 4)
    client.force_login(builders.make_member("ada", app.workspace, role="admin"))

    page = read_texts(client, Device)

    assert "more than 3 devices" in page
