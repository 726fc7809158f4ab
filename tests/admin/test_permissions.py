"""Django's permissions as memberships give them, and the sidebar that follows them."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group as DjangoGroup
from django.test import RequestFactory
from django.urls import reverse

from campaigns.models import Label, Membership
from campaigns.services import access
from campaigns.services.permissions import NEEDS, may
from pushadmin.navigation import list_sidebar
from tests import builders

pytestmark = pytest.mark.database
Role = Membership.Role


def sidebar_of(user):
    request = RequestFactory().get("/admin/")
    request.user = user
    return {item["title"] for section in list_sidebar(request) for item in section["items"]}


def test_a_composer_changes_the_audience_but_neither_accounts_nor_keys(colleague):
    assert colleague.has_perms(["campaigns.view_label", "campaigns.change_label"])
    assert colleague.has_perm("campaigns.view_account")
    assert not colleague.has_perm("campaigns.change_account")
    assert not colleague.has_perm("campaigns.view_apikey")
    assert colleague.has_module_perms("campaigns")


def test_an_admin_of_one_app_changes_nothing_of_the_workspace(app):
    user = builders.make_member("somebody", app.workspace, app=app, role=Role.ADMIN)

    assert user.has_perm("campaigns.change_app")
    assert not user.has_perm("campaigns.add_app")
    assert not user.has_perm("campaigns.view_auditentry")
    assert not may(user, "change", app.workspace)


def test_what_may_not_be_done_by_hand_is_refused_to_a_superuser_too(app, superuser):
    assert may(superuser, "change", app)
    assert not may(superuser, "delete", app)


def test_django_groups_give_nothing(stranger, django_assert_num_queries):
    stranger.groups.add(DjangoGroup.objects.create(name="Everything"))

    assert stranger.get_group_permissions() == set()


def test_permissions_cost_one_query_a_request(owner, django_assert_num_queries):
    with django_assert_num_queries(1):
        owner.has_perm("campaigns.view_app")
        owner.has_perm("campaigns.view_label")


def test_who_was_switched_off_has_no_permission(owner):
    owner.is_active = False

    assert not owner.has_perm("campaigns.view_app")


def test_apps_and_workspaces_of_a_role_are_those_where_it_is_held(app, owner, colleague, stranger):
    assert list(access.find_apps(colleague, Role.COMPOSER)) == [app]
    assert list(access.find_apps(colleague, Role.SENDER)) == []
    assert list(access.find_apps(owner, Role.SENDER)) == [app]
    assert list(access.find_workspaces(owner, Role.ADMIN)) == [app.workspace]
    assert list(access.find_workspaces(colleague, Role.VIEWER)) == []
    assert app not in access.find_apps(stranger, Role.VIEWER)


def test_a_row_is_judged_by_the_app_it_belongs_to(app, colleague):
    second = builders.make_app(app.workspace, slug="second")
    ours = Label.objects.create(app=app, name="Gold")
    theirs = Label.objects.create(app=second, name="Gold")

    assert may(colleague, "change", ours)
    assert not may(colleague, "change", theirs)


def test_every_verb_of_every_model_names_a_role_that_exists():
    known = {*Role, access.SUPERUSER, ""}

    assert {needs.role_for(verb) for needs in NEEDS.values() for verb in ("view", "add")} <= known


def test_the_sidebar_shows_what_a_person_may_open(owner, colleague):
    assert {"Labels", "Accounts"} <= sidebar_of(colleague)
    assert {"API keys", "Audit log"} <= sidebar_of(owner)
    assert not {"API keys", "Audit log", "Users", "Exchanges"} & sidebar_of(colleague)


@pytest.mark.parametrize(
    ("role", "is_wide", "status"),
    [(Role.VIEWER, True, 403), (Role.ADMIN, False, 403), (Role.ADMIN, True, 200)],
)
def test_a_rows_history_is_for_who_reads_the_audit_log(client, app, now, role, is_wide, status):
    person = builders.make_person(app.workspace)
    builders.make_device(app, "token", person=person)
    access.record_audit("boss", "export_data", person, workspace=app.workspace, now=now)
    place = None if is_wide else app
    client.force_login(builders.make_member("v", app.workspace, app=place, role=role))
    address = reverse("admin:campaigns_person_change", args=[person.pk])
    history = reverse("admin:campaigns_person_history", args=[person.pk])

    page, told = client.get(address), client.get(history)

    assert (page.status_code, told.status_code) == (200, status)
    assert ("boss" in told.content.decode()) == (status == 200)
    assert (history in page.content.decode()) == (status == 200)
