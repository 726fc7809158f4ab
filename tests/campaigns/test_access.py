"""Roles, keys, group secrets and the audit trail."""

from __future__ import annotations

import json
from datetime import timedelta
from itertools import product

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core import serializers

from campaigns.errors import Forbidden, Invalid, Refused
from campaigns.models import ApiKey, AppGroup, AuditEntry, Membership
from campaigns.services import access
from providers.outcomes import RefusalKind
from tests import builders

pytestmark = pytest.mark.database
Role = Membership.Role
ROLES = list(Role)
# Who may do what: the table of docs/access.md, written out.
MAY = {
    Role.VIEWER: {Role.VIEWER},
    Role.COMPOSER: {Role.VIEWER, Role.COMPOSER},
    Role.APPROVER: {Role.VIEWER, Role.COMPOSER, Role.APPROVER},
    Role.SENDER: {Role.VIEWER, Role.COMPOSER, Role.SENDER},
    Role.ADMIN: set(ROLES),
}


@pytest.fixture
def issued(workspace, now):
    return access.issue_key(workspace, name="Nightly job", actor="owner", now=now)


@pytest.mark.parametrize(("held", "asked"), list(product(ROLES, ROLES)))
def test_a_role_allows_what_it_stands_for_and_nothing_more(app, held, asked):
    user = builders.make_member("somebody", app.workspace, app=app, role=held)

    assert access.has_role(user, app, asked) is (asked in MAY[held])


def test_a_role_in_one_app_says_nothing_about_another(app):
    second = builders.make_app(app.workspace, slug="second")
    user = builders.make_member("somebody", app.workspace, app=app, role=Role.ADMIN)

    assert not access.has_role(user, second, Role.VIEWER)


def test_an_admin_of_one_app_sees_the_workspace_but_does_not_change_it(app):
    user = builders.make_member("somebody", app.workspace, app=app, role=Role.ADMIN)

    assert access.has_role(user, app.workspace, Role.VIEWER)
    assert not access.has_role(user, app.workspace, Role.ADMIN)


def test_an_admin_of_a_workspace_is_one_in_each_of_its_apps(app, owner, stranger):
    assert access.has_role(owner, app, Role.ADMIN)
    assert not access.has_role(stranger, app, Role.VIEWER)


def test_a_superuser_may_do_everything_and_nobody_nothing(app, superuser):
    assert access.has_role(superuser, app, Role.ADMIN)
    assert not access.has_role(AnonymousUser(), app, Role.VIEWER)


def test_a_user_who_was_switched_off_may_do_nothing(app, owner):
    owner.is_active = False
    owner.save()

    assert not access.has_role(owner, app, Role.VIEWER)


def test_who_lacks_a_role_is_told_which_one(app, colleague):
    with pytest.raises(Forbidden) as refusal:
        access.require_role(colleague, app, Role.SENDER)

    assert "Sender" in refusal.value.message
    assert "Shop" in refusal.value.message


def test_a_key_does_what_its_scopes_say_in_the_apps_it_reaches(app, now):
    second = builders.make_app(app.workspace, slug="second")
    key, _text = access.issue_key(
        app.workspace, name="Reader", apps=[app], scopes=["read"], actor="owner", now=now
    )

    assert access.has_role(key, app, Role.VIEWER)
    assert not access.has_role(key, second, Role.VIEWER)
    assert not access.has_role(key, app, Role.SENDER)
    assert not access.has_role(key, app, Role.ADMIN)


def test_a_missing_scope_is_forbidden(workspace, now):
    key, _text = access.issue_key(workspace, name="Reader", scopes=["read"], actor="owner", now=now)

    access.require_scope(key, "read")
    with pytest.raises(Forbidden, match="send"):
        access.require_scope(key, "send")


def test_a_key_is_found_by_its_text_and_by_its_two_halves(issued, now):
    key, text = issued
    public_id, secret = text.split(".")

    assert access.find_key(text, now=now) == key
    assert access.find_key((public_id, secret), now=now) == key


def test_a_key_is_kept_as_a_hash_only(issued):
    key, text = issued

    dump = serializers.serialize("json", [*ApiKey.objects.all(), *AuditEntry.objects.all()])

    assert key.public_id in dump
    assert text.split(".")[1] not in dump


@pytest.mark.parametrize("spoil", [str.upper, lambda text: text[:-1], lambda text: "x" + text,
                                   lambda text: "", lambda text: "." , lambda text: text + "ü",
                                   lambda text: text.split(".")[0]])  # fmt: skip
def test_a_wrong_key_is_refused(issued, now, spoil):
    _key, text = issued

    with pytest.raises(Refused) as refusal:
        access.find_key(spoil(text), now=now)

    assert refusal.value.kind is RefusalKind.UNAUTHENTICATED


def test_a_key_ends_when_it_expires(workspace, now):
    until = now + timedelta(days=1)
    _key, text = access.issue_key(workspace, name="Trial", expires_at=until, actor="o", now=now)

    access.find_key(text, now=until - timedelta(seconds=1))
    with pytest.raises(Refused):
        access.find_key(text, now=until)


def test_a_revoked_key_is_refused_at_once_and_revoking_leaves_one_entry(issued, now):
    key, text = issued

    access.revoke_key(key, actor="owner", now=now)
    access.revoke_key(ApiKey.objects.get(pk=key.pk), actor="owner", now=now)

    with pytest.raises(Refused):
        access.find_key(text, now=now)
    assert AuditEntry.objects.filter(verb="revoke", target_id=str(key.pk)).count() == 1


def test_the_use_of_a_key_is_noted_at_most_once_a_minute(issued, now, django_assert_num_queries):
    key, text = issued
    access.find_key(text, now=now)

    with django_assert_num_queries(1):
        access.find_key(text, now=now + timedelta(seconds=59))
    access.find_key(text, now=now + timedelta(seconds=60))

    key.refresh_from_db()
    assert key.last_used_at == now + timedelta(seconds=60)


def test_a_key_that_makes_no_sense_is_not_issued(app, stranger, now):
    foreign = builders.make_app(stranger.memberships.get().workspace, slug="foreign")

    with pytest.raises(Invalid) as refusal:
        access.issue_key(
            app.workspace, name=" ", apps=[foreign], dialect="klingon", scopes=["fly"],
            expires_at=now, actor="owner", now=now,
        )  # fmt: skip

    assert set(refusal.value.fields) == {"name", "apps", "dialect", "scopes", "expires_at"}
    assert not ApiKey.objects.exists()


def test_a_new_group_secret_replaces_the_old_one_and_is_not_kept(workspace, now):
    app_group = AppGroup.objects.create(
        workspace=workspace, name="All", slug="all", group_key=access.make_group_key()
    )
    first = access.regenerate_group_secret(app_group, actor="owner", now=now)

    second = access.regenerate_group_secret(app_group, actor="owner", now=now)

    app_group.refresh_from_db()
    assert len(app_group.group_key) == 24
    assert first != second
    assert app_group.secret_hash == ApiKey.hash_secret(second)
    assert AuditEntry.objects.filter(verb="regenerate_secret").count() == 2


def test_an_audit_entry_names_fields_and_no_values(app, now):
    entry = access.record_audit(
        "owner", "change", app, workspace=app.workspace, fields=["name", "name"], now=now
    )

    assert (entry.target_type, entry.target_id) == ("app", str(app.pk))
    assert json.dumps(entry.fields) == '["name"]'


def test_an_actor_is_a_user_name_or_the_public_half_of_a_key(owner, issued):
    key, _text = issued

    assert access.name_actor(owner) == "owner"
    assert access.name_actor(key) == f"key {key.public_id}"
