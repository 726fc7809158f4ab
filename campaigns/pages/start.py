"""What to do first on an installation that has sent nothing yet: a list that ticks itself off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from campaigns.models import Account, App, Campaign, Device, Membership, Route
from campaigns.services.access import has_role


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do; `address` is "" where one may not do it."""

    title: str
    words: str
    is_done: bool
    address: str
    action: str


def list_steps(user: Any) -> list[Step]:
    """The steps in their order; none once the first campaign has been launched."""
    if _exists(Campaign.objects.for_user(user).exclude(status__in=Campaign.EDITABLE)):
        return []
    return [*_list_set_up(user), *_list_sending(user)]


def _list_set_up(user: Any) -> list[Step]:
    return [
        Step(
            _("Set up an app"),
            _("Its devices are who you send to; its time zone is the one that plans go by."),
            _exists(App.objects.for_user(user)),
            find_form(user, "app"),
            _("Add an app"),
        ),
        Step(
            _("Add an account"),
            _("Your login at a vendor or a gateway. It can be checked right there."),
            _exists(Account.objects.for_user(user)),
            find_form(user, "account"),
            _("Add an account"),
        ),
        Step(
            _("Choose the way out"),
            _("A route of the app says which account serves which platform, in which order."),
            _exists(Route.objects.for_user(user)),
            _first_app(user),
            _("Open the app"),
        ),
    ]


def _list_sending(user: Any) -> list[Step]:
    composes = has_role(user, None, Membership.Role.COMPOSER)
    return [
        Step(
            _("Bring devices"),
            _("From the app itself, by a script, or from a file."),
            _exists(Device.objects.for_user(user)),
            reverse("people") if composes else "",
            _("People and devices"),
        ),
        Step(
            _("Send the first campaign"),
            _("Write it, look at it on the phones beside it, try it on a device of your own."),
            False,
            reverse("compose") if composes else "",
            _("New campaign"),
        ),
    ]


def _exists(rows: Any) -> bool:
    # Any row will do: an ordered LIMIT 1 would sort what a member sees.
    return bool(rows.order_by().exists())


def find_form(user: Any, model: str) -> str:
    """Where one makes a row of that model; "" for who may not."""
    if not user.has_perm(f"campaigns.add_{model}"):
        return ""
    return reverse(f"admin:campaigns_{model}_add")


def _first_app(user: Any) -> str:
    app = App.objects.for_user(user).order_by("pk").first()
    if app is None or not user.has_perm("campaigns.change_app"):
        return ""
    return reverse("admin:campaigns_app_change", args=[app.pk])
