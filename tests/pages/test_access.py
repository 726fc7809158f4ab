"""Members and their roles, invitations, keys in the browser, the audit log."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from urllib.parse import urljoin

import pytest
from django.contrib.auth.models import User
from django.urls import reverse

from campaigns.errors import Conflict, NotFound
from campaigns.models import ApiKey, AuditEntry, Invitation, Membership
from campaigns.services import members
from campaigns.services.access import find_key, has_role
from campaigns.services.permissions import NEEDS, VERB_NEEDS
from campaigns.services.role_matrix import draw_matrix
from tests import builders

pytestmark = pytest.mark.database
Role = Membership.Role
PASSWORD = "correct horse battery"
CHECK = re.compile(r'id="pa-once"[^>]*value="([^"]+)"')
FORM = re.compile(r'<form class="pa-card" method="post"(?: action="([^"]*)")?')
BOX = re.compile(r'<input[^>]*name="scopes"[^>]*>')


@pytest.fixture
def admin(client, owner):
    client.force_login(owner)
    return client


@pytest.fixture
def guest(app):
    return builders.make_member("guest", app.workspace, app=app, role=Role.VIEWER)


def test_the_matrix_says_of_each_role_what_the_doors_grant_it():
    lines = {str(line.name): line.cells for _title, lines in draw_matrix() for line in lines}

    campaigns = [[str(verb) for verb in verbs] for verbs, _is_wide in lines["Campaigns"]]
    accounts = [(bool(verbs), is_wide) for verbs, is_wide in lines["Accounts"]]

    assert len(lines) >= len(NEEDS) + len(VERB_NEEDS)
    assert campaigns == [["see"], *[["see", "add", "change"]] * 4]
    assert accounts == [(True, False)] * 4 + [(True, True)]


def test_an_admin_sees_members_and_changes_their_roles(admin, app, guest):
    second = builders.make_app(app.workspace, slug="second")
    page = reverse("member", args=[app.workspace.slug, guest.pk])

    listed = admin.get(reverse("access")).content.decode()
    shown = admin.get(page).content.decode()
    answer = admin.post(page, {"all": "", f"app-{app.pk}": "", f"app-{second.pk}": "sender"})

    assert "guest" in listed
    assert re.search(rf'name="app-{app.pk}".*?value="viewer" selected', shown, re.DOTALL)
    assert answer.status_code == 302
    assert (has_role(guest, app, Role.VIEWER), has_role(guest, second, Role.SENDER)) == (
        False,
        True,
    )
    verbs = AuditEntry.objects.filter(target_type="membership", actor="owner")
    assert sorted(verbs.values_list("verb", flat=True)) == ["grant_role", "take_role"]


def test_the_last_admin_stays_and_nothing_else_of_the_form_is_saved(admin, app, owner):
    page = reverse("member", args=[app.workspace.slug, owner.pk])

    answer = admin.post(page, {"all": "viewer", f"app-{app.pk}": "sender"})

    assert answer.status_code == 200
    assert "Nobody would be left" in answer.content.decode()
    assert list(owner.memberships.values_list("app", "role")) == [(None, "admin")]


def test_a_role_that_is_none_is_refused_at_its_field(admin, app, guest):
    page = reverse("member", args=[app.workspace.slug, guest.pk])

    answer = admin.post(page, {f"app-{app.pk}": "king"})

    assert answer.status_code == 422
    assert f'id="id_app-{app.pk}_error"' in answer.content.decode()


def test_two_admins_cannot_take_away_one_another(app, owner, now):
    other = builders.make_member("other", app.workspace, role=Role.ADMIN)
    workspace = app.workspace

    members.set_role(other, workspace, None, "", actor="owner", now=now)

    with pytest.raises(Conflict):
        members.set_role(owner, workspace, None, "", actor="other", now=now)


@pytest.mark.parametrize("name", ["access", "invitations", "keys", "audit", "audit_csv"])
@pytest.mark.parametrize("role", [Role.VIEWER, Role.SENDER, Role.ADMIN])
def test_who_is_no_admin_for_all_apps_manages_nobody(client, app, name, role):
    client.force_login(builders.make_member("low", app.workspace, app=app, role=role))

    answer = client.get(f"{reverse(name)}?workspace={app.workspace.slug}")

    if name == "access":  # everybody may read what roles stand for
        assert "owner" not in answer.content.decode()
    else:
        assert answer.status_code == 403


@pytest.mark.parametrize("name", ["invitations", "keys", "audit", "audit_csv"])
def test_another_workspace_is_not_there(client, app, stranger, name):
    client.force_login(stranger)

    answer = client.get(f"{reverse(name)}?workspace={app.workspace.slug}")

    assert answer.status_code == 404


@pytest.mark.database
@pytest.mark.parametrize("name", ["access", "invitations", "keys", "audit", "audit_csv"])
def test_what_is_no_slug_is_not_there(admin, app, name):
    assert admin.get(f"{reverse(name)}?workspace=%00").status_code == 404


def test_no_admin_touches_users_whom_another_workspace_has(client, app, owner, stranger):
    client.force_login(stranger)
    foreign = stranger.memberships.get().workspace

    codes = [
        client.post(reverse("member", args=[slug, owner.pk]), {"all": "admin"}).status_code
        for slug in (app.workspace.slug, foreign.slug)
    ]

    assert codes == [404, 404]
    assert owner.memberships.count() == 1


def invite(admin, app, form=()):
    body = {"email": "new@example.org", "role": "composer", "app": app.pk, **dict(form)}
    answer = admin.post(f"{reverse('invitations')}?workspace={app.workspace.slug}", body)
    found = CHECK.search(answer.content.decode())
    return answer, found[1].replace("http://testserver", "") if found else ""


def test_who_is_invited_makes_a_user_joins_and_is_signed_in(admin, app, client):
    answer, link = invite(admin, app)
    path = link[link.index("/join/") :]
    client.logout()

    seen = client.get(path).content.decode()
    weak = client.post(path, {"username": "new", "password1": "x", "password2": "x"})
    joined = client.post(
        path, {"username": "new", "password1": PASSWORD, "password2": PASSWORD}, follow=True
    )
    again = client.get(path)

    assert answer.headers["Cache-Control"].startswith("max-age=0")
    assert "Composer" in seen
    assert weak.status_code == 422
    assert 'value="new"' in weak.content.decode()
    assert joined.redirect_chain[-1][0] == "/"
    assert "Welcome" in joined.content.decode()
    user = User.objects.get(username="new")
    assert (user.is_staff, user.is_superuser) == (True, False)
    assert list(user.memberships.values_list("app", "role")) == [(app.pk, "composer")]
    assert again.status_code == 404
    assert path.split("/")[2] not in str(list(Invitation.objects.values()))


def test_a_user_who_is_signed_in_joins_with_that_name(admin, app, client, stranger):
    _answer, link = invite(admin, app, {"app": "", "role": "viewer"})
    client.force_login(stranger)

    client.post(link[link.index("/join/") :])

    assert has_role(stranger, app, Role.VIEWER)
    assert has_role(stranger, app.workspace, Role.VIEWER)
    assert not has_role(stranger, app, Role.COMPOSER)


def test_a_withdrawn_and_an_expired_invitation_open_nothing(admin, app, client, now):
    withdrawn, expired = (invite(admin, app)[1] for _ in range(2))
    last, first = Invitation.objects.order_by("-pk")
    admin.post(reverse("withdraw_invitation", args=[first.pk]))
    Invitation.objects.filter(pk=last.pk).update(expires_at=datetime.now(UTC))
    listed = admin.get(reverse("invitations")).content.decode()
    client.logout()

    body = {"username": "new", "password1": PASSWORD, "password2": PASSWORD}
    codes = [client.post(link[link.index("/join/") :], body).status_code
             for link in (withdrawn, expired)]  # fmt: skip

    assert codes == [404, 404]
    assert not User.objects.filter(username="new").exists()
    assert "Withdrawn" in listed
    assert "Expired" in listed


def test_of_two_who_accept_at_once_one_joins(app, owner, stranger, now):
    invitation, secret = members.invite(
        app.workspace, email="", role="viewer", app=None, actor="owner", now=now
    )
    same = members.find_invitation(secret, now=now)
    members.accept_invitation(invitation, owner, now=now)

    with pytest.raises(NotFound):
        members.accept_invitation(same, stranger, now=now)

    assert not has_role(stranger, app, Role.VIEWER)
    assert has_role(owner, app.workspace, Role.ADMIN)  # an invitation takes nothing away


@pytest.mark.parametrize("loss", ["role", "account"])
def test_who_may_invite_nobody_any_more_comes_back_by_no_link_of_his_own(
    admin, app, owner, now, loss
):
    builders.make_member("ada", app.workspace, role=Role.ADMIN)
    _answer, link = invite(admin, app, {"app": "", "role": "admin"})
    secret = link.split("/join/")[1].strip("/")
    open_before = members.find_invitation(secret, now=datetime.now(UTC))

    if loss == "role":
        owner.memberships.all().delete()
    else:
        User.objects.filter(pk=owner.pk).update(is_active=False)

    assert open_before.role == Role.ADMIN
    with pytest.raises(NotFound):
        members.find_invitation(secret, now=datetime.now(UTC))
    admin.post(f"/join/{secret}/")
    assert not has_role(User.objects.get(pk=owner.pk), app.workspace, Role.ADMIN)


def test_the_rules_for_a_password_are_a_list_beside_the_field(client, app, owner, now):
    _row, secret = members.invite(
        app.workspace, email="", role="viewer", app=None, actor="owner", now=now
    )

    shown = client.get(reverse("accept_invitation", args=[secret])).content.decode()

    assert '<div class="pa-help" id="id_password1_helptext"><ul><li>' in shown
    assert "&lt;" not in shown


def test_an_invitation_names_no_app_of_another_workspace(admin, app):
    theirs = builders.make_app(builders.make_workspace(slug="foreign"), slug="theirs")

    answer, link = invite(admin, app, {"app": theirs.pk})

    assert (answer.status_code, link) == (422, "")


def test_a_key_is_made_shown_once_and_revoked(admin, app):
    page = f"{reverse('keys')}?workspace={app.workspace.slug}"
    body = {"name": "Nightly", "apps": [app.pk], "scopes": ["read"], "dialect": ""}

    older = f"{page}&before=1"
    [action] = FORM.findall(admin.get(older).content.decode())
    made = admin.post(urljoin(older, action), body)
    text = CHECK.search(made.content.decode())[1]
    key = find_key(text, now=datetime.now(UTC))
    listed = admin.get(page).content.decode()
    admin.post(reverse("revoke_key", args=[key.pk]))
    revoked = admin.get(page).content.decode()

    assert (key.name, key.scopes, list(key.apps.all())) == ("Nightly", ["read"], [app])
    assert "no-store" in made.headers["Cache-Control"]
    assert 'class="pa-cell-name">Nightly' in made.content.decode()
    assert text not in listed
    assert f'href="{reverse("api-docs")}"' in listed
    assert "Usable" in listed
    assert "Revoked" in revoked
    assert not ApiKey.objects.get().is_usable(datetime.now(UTC))


@pytest.mark.parametrize("page", ["keys", "admin:campaigns_apikey_add"])
def test_a_new_key_may_do_only_what_is_ticked(admin, app, superuser, page):
    admin.force_login(superuser)
    body = {"name": "Nightly", "workspace": app.workspace.pk}

    empty = admin.get(reverse(page)).content.decode()
    refused = admin.post(f"{reverse(page)}?workspace={app.workspace.slug}", body).content.decode()

    assert [box for box in BOX.findall(empty) if re.search(r"\schecked[\s>=]", box)] == []
    assert len(BOX.findall(empty)) == len(ApiKey.Scope)
    assert "Tick what the script may do" in refused
    assert not ApiKey.objects.exists()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": " "}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["everything"]}, "scopes"),
        ({"dialect": "klingon"}, "dialect"),
        ({"dialect": "apns"}, "dialect"),  # has no door
        ({"expires_at": "2001-01-01T00:00"}, "expires_at"),
        ({"expires_at": "soon"}, "expires_at"),
        ({"apps": ["999999"]}, "apps"),
        ({"apps": ["9" * 40]}, "apps"),
        ({"name": "x" * 121}, "name"),
    ],
)
def test_a_key_with_a_fault_is_refused_at_its_field(admin, app, changes, field):
    body = {"name": "Nightly", "scopes": ["read"], **changes}

    answer = admin.post(f"{reverse('keys')}?workspace={app.workspace.slug}", body)

    assert answer.status_code == 422
    assert f'id="id_{field}_error"' in answer.content.decode()
    assert not ApiKey.objects.exists()
