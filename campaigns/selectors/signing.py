"""What a campaign is when somebody looks at it: a digest that every change of it changes.

It covers all that decides what is sent, to whom, when, how fast and by which way. An audience is
covered by how it is described, not by who is in it today: people come and go, and that is meant.
Of its apps it covers what recipients notice, not the send rate that all their campaigns share.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from campaigns.models import App, Campaign, Label, Route
from campaigns.selectors.campaign_apps import list_apps
from campaigns.selectors.started import (
    APP_FIELDS,
    Started,
    find_started,
    read_meanings,
    write_app,
)
from providers.message_fields import LIQUID

# Columns of a campaign that are signed as they are. `due_at` follows from `send_at`, or is where a
# series has come to.
PLAIN = (
    "name", "tag", "only_primary", "send_at", "timezone", "when_past", "recurrence", "when_missed",
    "grace", "expires_in", "rate", "ramp_up", "policy", "strict", "is_test",
)  # fmt: skip


def digest_campaign(campaign: Campaign, started: Started | None = None) -> str:
    """SHA-256 in hex over the canonical JSON of `describe_signed`."""
    signed = describe_signed(campaign, started)
    text = json.dumps(signed, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    # A lone half of a surrogate pair, which JSON can carry, is signed as it is.
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def describe_signed(campaign: Campaign, started: Started | None = None) -> dict[str, Any]:
    """Everything of a campaign, and of what it uses, that an approval holds for: what its start
    has settled, as it was then."""
    apps = list_apps(campaign)
    begun = find_started(campaign) if started is None else started
    scenario = campaign.scenario
    return {name: getattr(campaign, name) for name in PLAIN} | {
        "apps": [_describe_app(app, campaign.message.content, begun) for app in apps],
        "app_group": campaign.app_group_id,
        "group": campaign.group_id,
        "message": campaign.message.content,
        "audience": resolve_audience(apps, campaign.audience, begun.meanings),
        "scenario": [scenario.pk, scenario.steps, scenario.run_by] if scenario else None,
        "routes": _describe_routes(apps),
    }


def _describe_app(app: App, content: Mapping[str, Any], begun: Started) -> list[Any]:
    """What it gives to whoever has no language or time zone of their own, and its name where a
    text with variables may say it."""
    name = app.name if content.get("template") == LIQUID else ""
    given = begun.apps.get(app.pk) or write_app(app)
    return [app.pk, *(given[field] for field in APP_FIELDS), name]


def resolve_audience(apps: Sequence[App], body: Any, meanings: Mapping[int, Any]) -> Any:
    """An audience's JSON, however deep, with what its names mean: a segment's expression, as in
    `meanings` or as of today, a label's id."""
    if isinstance(body, list):
        return [resolve_audience(apps, item, meanings) for item in body]
    if not isinstance(body, dict):
        return body
    return {key: _resolve_value(apps, key, value, meanings) for key, value in body.items()}


def _resolve_value(apps: Sequence[App], key: str, value: Any, meanings: Mapping[int, Any]) -> Any:
    if key == "segment" and isinstance(value, int):
        found = meanings if value in meanings else read_meanings({key: value})
        return {"id": value, "expression": found.get(value)}
    if key == "labels" and isinstance(value, list):
        labels = Label.objects.filter(app__in=apps, name__in=value).order_by("pk")
        return {"names": value, "ids": list(labels.values_list("pk", flat=True))}
    # An expression may compare with any JSON value: it is signed as it is.
    return value if key == "expression" else resolve_audience(apps, value, meanings)


def _describe_routes(apps: Sequence[App]) -> list[Any]:
    """The ways out in their order. A new password or a check of an account changes none of them."""
    rows = Route.objects.filter(app__in=apps).select_related("account")
    return [
        [
            route.app_id,
            route.platform,
            route.options,
            route.account_id,
            route.account.dialect,
            route.account.base_urls,
            route.account.options,
            route.account.limits,
            route.account.is_enabled,
        ]
        for route in rows.order_by("app_id", "platform", "position", "pk")
    ]
