"""Pages that work on an app, asked for by whoever has none: what they do next."""

from __future__ import annotations

import pytest
from django.urls import reverse

from campaigns.models import Membership
from tests import builders

pytestmark = pytest.mark.database
Role = Membership.Role
PAGES = ("compose", "new_segment", "new_label", "new_test_group", "new_import", "browsers")


@pytest.mark.parametrize("name", [*PAGES, "attributes"])
def test_an_admin_without_an_app_is_led_to_make_one(client, workspace, name):
    client.force_login(builders.make_member("ann", workspace, role=Role.ADMIN))

    answer = client.get(reverse(name))
    page = answer.content.decode()

    assert answer.status_code == 200
    assert f'href="{reverse("admin:campaigns_app_add")}"' in page
    assert 'name="name"' not in page  # no form that cannot be saved


@pytest.mark.parametrize("name", PAGES)
def test_a_composer_without_an_app_is_told_whom_to_ask(client, workspace, name):
    client.force_login(builders.make_member("bob", workspace, role=Role.COMPOSER))

    answer = client.get(reverse(name))

    assert answer.status_code == 200
    assert "An admin of the workspace can make an app" in answer.content.decode()


@pytest.mark.parametrize("name", ["new_segment", "new_label", "new_test_group", "new_import"])
def test_who_may_look_only_is_refused_where_something_is_made(client, app, name):
    client.force_login(builders.make_member("eve", app.workspace, role=Role.VIEWER))

    assert client.get(reverse(name)).status_code == 403
