"""Which apps a campaign is sent to."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from campaigns.models import App, Campaign


def list_apps(campaign: Campaign) -> list[App]:
    """Its own app, or the members of its app group."""
    if campaign.app_group is not None:
        return list(campaign.app_group.apps.select_related("workspace").order_by("pk"))
    return [campaign.app] if campaign.app is not None else []


def goes_to(campaign: Campaign, apps: Iterable[App], audience: Any) -> bool:
    """Whether this audience of these apps is whom it goes to already."""
    own = {app.pk for app in list_apps(campaign)}
    return bool(audience == campaign.audience and own == {app.pk for app in apps})
