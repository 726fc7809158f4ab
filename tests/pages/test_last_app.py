"""What somebody makes next begins with the app that they worked on last."""

from __future__ import annotations

import re

import pytest
from django.urls import reverse

from campaigns.models import App, AppGroup, Campaign, Membership
from tests import builders
from tests.pages.sending import type_message
from tests.pages.test_imports import send

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture
def cafe(app):
    return builders.make_app(app.workspace, "cafe")


@pytest.fixture
def page(client, owner):
    client.force_login(owner)
    return client


def find_chosen(page, name="compose"):
    shown = page.get(reverse(name)).content.decode()
    return re.findall(r'<option value="((?:app(?:_group)?:)?\d+)"[^>]* ?selected', shown)[:1]


def test_a_new_campaign_begins_where_one_was_written_last(page, app, cafe):
    group = AppGroup.objects.create(workspace=app.workspace, name="Both", slug="both")
    group.apps.set([app, cafe])
    chosen = [find_chosen(page)]

    for target in (f"app:{cafe.pk}", f"app_group:{group.pk}"):
        page.post(reverse("compose"), type_message(app, target=target, action="redraw"))
        chosen.append(find_chosen(page))

    assert chosen == [[f"app:{app.pk}"], [f"app:{cafe.pk}"], [f"app_group:{group.pk}"]]


def test_opening_a_draft_is_work_on_its_app_and_an_import_too(page, app, cafe):
    page.post(reverse("compose"), type_message(cafe, action="draft"))
    page.post(reverse("compose"), type_message(app, action="redraw"))
    page.get(reverse("edit", args=[Campaign.objects.get().pk]))
    of_draft = [find_chosen(page, name) for name in ("compose", "new_import", "new_segment")]
    send(page, app, b"user_id\nann\n")
    of_import = [find_chosen(page, name) for name in ("compose", "new_import")]

    assert of_draft == [[f"app:{cafe.pk}"], [str(cafe.pk)], [str(cafe.pk)]]
    assert of_import == [[f"app:{app.pk}"], [str(app.pk)]]


def test_what_is_not_theirs_any_more_is_forgotten(client, app, cafe):
    her = builders.make_member("her", app.workspace, app=app, role=Membership.Role.COMPOSER)
    role = Membership.objects.create(
        user=her, workspace=app.workspace, app=cafe, role=Membership.Role.COMPOSER
    )
    client.force_login(her)
    client.post(reverse("compose"), type_message(cafe, action="redraw"))
    before = find_chosen(client)
    role.delete()

    assert (before, find_chosen(client)) == ([f"app:{cafe.pk}"], [f"app:{app.pk}"])
    assert App.objects.count() == 2
