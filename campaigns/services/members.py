"""Who belongs to a workspace, with which role, and who is invited to."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext as _

from campaigns.errors import Conflict, Invalid, NotFound
from campaigns.models import App, Invitation, Membership, Workspace
from campaigns.services.access import HOLDERS, has_role, record_audit

Role = Membership.Role
VALID = timedelta(days=7)


def set_role(
    user: User, workspace: Workspace, app: App | None, role: str, *, actor: str, now: datetime
) -> bool:
    """Give a user a role in one app, or without one in all of the workspace; "" takes it away.

    Whoever calls is an admin of the workspace. False where nothing changes. Raises Invalid for an
    app of another workspace, Conflict where nobody would be left who is an admin for all apps.
    """
    if app is not None and app.workspace_id != workspace.pk:
        raise _refuse("app", _("Choose an app of this workspace."))
    if role and role not in set(Role):
        raise _refuse("role", _("There is no such role."))
    with transaction.atomic():
        # Whoever else changes roles here waits, so that two cannot take away the last two admins.
        Workspace.objects.select_for_update().get(pk=workspace.pk)
        held = Membership.objects.filter(user=user, workspace=workspace, app=app).first()
        if (held.role if held else "") == role:
            return False
        _keep_an_admin(held, role)
        _write_role(
            held, Membership(user=user, workspace=workspace, app=app, role=role), actor, now
        )
    return True


@transaction.atomic
def set_roles(
    user: User,
    workspace: Workspace,
    roles: Mapping[App | None, str],
    *,
    actor: str,
    now: datetime,
) -> bool:
    """Set a role in each of these places, or none of them; see `set_role`."""
    changes = [
        set_role(user, workspace, app, role, actor=actor, now=now) for app, role in roles.items()
    ]
    return any(changes)


def _refuse(field: str, sentence: str) -> Invalid:
    return Invalid(sentence, fields={field: sentence})


def _keep_an_admin(held: Membership | None, role: str) -> None:
    if held is None or held.app_id is not None or held.role != Role.ADMIN or role == Role.ADMIN:
        return
    others = Membership.objects.filter(
        workspace=held.workspace_id, app__isnull=True, role=Role.ADMIN, user__is_active=True
    )
    if not others.exclude(pk=held.pk).exists():
        raise Conflict(
            _("Nobody would be left who administers the workspace. Make somebody else an admin."),
            code="last_admin",
        )


def _write_role(held: Membership | None, wanted: Membership, actor: str, now: datetime) -> None:
    workspace = wanted.workspace
    if held is None:
        wanted.save()
        record_audit(actor, "grant_role", wanted, workspace=workspace, fields=["role"], now=now)
    elif wanted.role:
        held.role = wanted.role
        held.save(update_fields=["role"])
        record_audit(actor, "change_role", held, workspace=workspace, fields=["role"], now=now)
    else:
        record_audit(actor, "take_role", held, workspace=workspace, fields=["role"], now=now)
        held.delete()


def invite(
    workspace: Workspace, *, email: str, role: str, app: App | None, actor: str, now: datetime
) -> tuple[Invitation, str]:
    """An invitation and the secret of its link, which is nowhere kept. Raises Invalid."""
    if app is not None and app.workspace_id != workspace.pk:
        raise _refuse("app", _("Choose an app of this workspace."))
    secret = Invitation.make_secret()
    with transaction.atomic():
        invitation = Invitation.objects.create(
            workspace=workspace,
            app=app,
            role=role,
            email=email,
            secret_hash=Invitation.hash_secret(secret),
            created_at=now,
            created_by=actor,
            expires_at=now + VALID,
        )
        record_audit(actor, "invite", invitation, workspace=workspace, now=now)
    return invitation, secret


def find_invitation(secret: str, *, now: datetime) -> Invitation:
    """Raises NotFound, with one sentence for what is unknown, over or withdrawn, or was written by
    somebody who may invite nobody any more: who was removed would come back by a link of his own.
    """
    rows = Invitation.objects.select_related("workspace", "app")
    invitation = rows.filter(secret_hash=Invitation.hash_secret(secret)).first()
    if invitation is None or not (invitation.is_open(now) and _is_vouched_for(invitation)):
        raise NotFound(
            _("This invitation is not open any more. Ask whoever has sent it for another.")
        )
    return invitation


def _is_vouched_for(invitation: Invitation) -> bool:
    author = User.objects.filter(username=invitation.created_by).first()
    return author is not None and has_role(author, invitation.workspace, Role.ADMIN)


def accept_invitation(invitation: Invitation, user: User, *, now: datetime) -> None:
    """Make the user a member. Of two who accept at once the second gets NotFound.

    Who may do as much there already keeps the role: an invitation takes nothing away.
    """
    with transaction.atomic():
        unopened = Invitation.objects.filter(
            pk=invitation.pk, accepted_at__isnull=True, withdrawn_at__isnull=True
        )
        if not unopened.update(accepted_at=now, accepted_by=user):
            raise NotFound(_("This invitation is not open any more."))
        if not user.is_staff:
            user.is_staff = True  # else there is no door to sign in by
            user.save(update_fields=["is_staff"])
        actor = user.get_username()
        held = list_roles(user, invitation.workspace).get(invitation.app_id, "")
        if held not in HOLDERS[invitation.role]:
            place = (invitation.workspace, invitation.app)
            set_role(user, *place, invitation.role, actor=actor, now=now)
        record_audit(
            actor, "accept_invitation", invitation, workspace=invitation.workspace, now=now
        )


def withdraw_invitation(invitation: Invitation, *, actor: str, now: datetime) -> bool:
    """Nobody can use the link from now on; False where it is used or withdrawn already."""
    with transaction.atomic():
        unopened = Invitation.objects.filter(
            pk=invitation.pk, accepted_at__isnull=True, withdrawn_at__isnull=True
        )
        if not unopened.update(withdrawn_at=now):
            return False
        workspace = invitation.workspace
        record_audit(actor, "withdraw_invitation", invitation, workspace=workspace, now=now)
    return True


def list_roles(user: Any, workspace: Workspace) -> dict[int | None, str]:
    """A user's roles in a workspace by app id; None is the one for all apps."""
    rows = Membership.objects.filter(user=user, workspace=workspace)
    return dict(rows.values_list("app_id", "role"))
