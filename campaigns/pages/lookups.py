"""One row by its id, as far as the operator sees it; what is somebody else's does not exist."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from campaigns.errors import NotFound
from campaigns.models import App, Campaign, Membership, MessageTemplate, Transfer
from campaigns.selectors.row_ids import read_id
from campaigns.services.access import has_role, require_role


def find_app(principal: Any, text: str) -> App:
    """The app of that id. Raises NotFound."""
    apps = App.objects.for_user(principal).select_related("workspace")
    app: App | None = apps.filter(pk=read_id(text)).first()
    if app is None:
        raise NotFound(_("There is no such app."))
    return app


def find_campaign(principal: Any, pk: int) -> Campaign:
    """Raises NotFound."""
    rows = Campaign.objects.for_user(principal)
    related = ("app", "app_group", "group", "message", "workspace", "scenario")
    campaign: Campaign | None = rows.select_related(*related).filter(pk=pk).first()
    if campaign is None:
        raise NotFound(_("There is no such campaign."))
    return campaign


def find_transfer(principal: Any, pk: int) -> Transfer:
    """Raises NotFound."""
    rows = Transfer.objects.for_user(principal).select_related(
        "app", "group", "campaign", "submission"
    )
    transfer: Transfer | None = rows.filter(pk=pk).first()
    if transfer is None:
        raise NotFound(_("There is no such transfer."))
    return transfer


def find_template(principal: Any, pk: int) -> MessageTemplate:
    """Raises NotFound."""
    rows = MessageTemplate.objects.for_user(principal).select_related("app__workspace", "workspace")
    template: MessageTemplate | None = rows.filter(pk=pk).first()
    if template is None:
        raise NotFound(_("There is no such template."))
    return template


def may(principal: Any, apps: list[App], role: str) -> bool:
    """Whether the role is held for every one of the apps."""
    return all(has_role(principal, app, role) for app in apps)


def require_sender(principal: Any, apps: list[App]) -> None:
    """Raises Forbidden unless the principal may send for every one of the apps."""
    for app in apps:
        require_role(principal, app, Membership.Role.SENDER)
