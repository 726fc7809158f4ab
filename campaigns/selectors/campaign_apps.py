"""Which apps a campaign is sent to."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import partial
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
    is_same = audience == campaign.audience or _sort(audience) == _sort(campaign.audience)
    return bool(is_same and own == {app.pk for app in apps})


def _sort(audience: Any) -> Any:
    """The same with all lists in one order, and without nobody to spare: a form has an order of
    its own."""
    if isinstance(audience, dict):
        plain = {name: _sort(value) for name, value in audience.items()}
        return {name: value for name, value in plain.items() if (name, value) != ("exclude", [])}
    if isinstance(audience, list):
        return sorted(map(_sort, audience), key=partial(json.dumps, sort_keys=True))
    return audience
