"""What uses a segment or a label: campaigns that are not over, transfers that have still to find
their recipients, segments.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.db.models import Q, QuerySet

from campaigns.models import App, Campaign, Label, Part, Segment
from campaigns.models.bulk import Unindexed
from campaigns.selectors.audience_bodies import AudienceKind
from providers.audience import Condition, MalformedExpression, list_conditions, read_expression

MOST = 50


class UseKind(StrEnum):
    """What it is that uses something."""

    CAMPAIGN = "campaign"
    TRANSFER = "transfer"
    SEGMENT = "segment"


@dataclass(frozen=True, slots=True)
class Use:
    """One thing that uses it: `status` is that of a campaign or transfer."""

    kind: str
    pk: int
    name: str
    status: str = ""


def list_segment_uses(segment: Segment) -> list[Use]:
    """At most 50, campaigns first."""
    workspace = segment.app.workspace_id
    apps = list(App.objects.filter(workspace=workspace).values_list("pk", flat=True))
    return _find_uses(Q(workspace=workspace), apps, AudienceKind.SEGMENT, segment.pk)[:MOST]


def list_label_uses(label: Label, most: int | None = MOST) -> list[Use]:
    """At most so many, campaigns first; segments whose expression names it count, too.

    Only what goes to its app: others mean a label of their own of the same name.
    """
    app = label.app
    groups = app.app_groups.values("pk")
    campaigns = Q(app=app) | Q(app_group__in=groups, workspace=app.workspace_id)
    found = _find_uses(campaigns, [app.pk], AudienceKind.LABELS, label.name)
    return [*found, *_find_segments(label)][:most]


def does_name(body: Mapping[str, Any], kind: AudienceKind, value: Any) -> bool:
    """Whether an audience's JSON names that segment's id or that label, combined ones included."""
    combined = body.get(AudienceKind.COMBINE) or {}
    parts = [*combined.get("include", ()), *(combined.get("exclude") or ())]
    return _is_it(body, kind, value) or any(_is_it(part, kind, value) for part in parts)


def _is_it(body: Mapping[str, Any], kind: AudienceKind, value: Any) -> bool:
    if kind is AudienceKind.SEGMENT:
        return bool(body.get(kind) == value)
    expression = body.get(AudienceKind.EXPRESSION)
    is_named = expression is not None and _names_label(expression, value)
    return value in (body.get(kind) or ()) or is_named


def _find_uses(campaigns: Q, apps: Sequence[int], kind: AudienceKind, value: Any) -> list[Use]:
    """Campaigns, then transfers that are not of one of these: of what was started, a transfer may
    name what its campaign, by a segment that has changed since, does not."""
    found = list(_find_campaigns(campaigns, kind, value))
    others = select_waiting(apps).exclude(transfer__campaign__in=[use.pk for use in found])
    return [*found, *_find_transfers(others, kind, value)]


def _find_campaigns(place: Q, kind: AudienceKind, value: Any) -> Iterator[Use]:
    # Those that are not over are few, whatever has been sent.
    rows = Campaign.objects.exclude(status__in=Campaign.FINISHED).filter(place)
    for pk, name, status, body in rows.order_by("-pk").values_list(
        "pk", "name", "status", "audience"
    ):
        if does_name(body, kind, value):
            yield Use(UseKind.CAMPAIGN, pk, name or f"#{pk}", status)


def select_waiting(apps: Sequence[int]) -> QuerySet[Part]:
    """Parts that keep whom they go to and have still to find them, of these apps."""
    # By what has not ended, which is little: of an app, SQLite would read all it ever sent.
    return Part.objects.alias(app=Unindexed("transfer__app_id")).filter(
        app__in=apps,
        transfer__frozen_at__isnull=True,
        transfer__finished_at__isnull=True,
        audiences__isnull=False,
    )


def _find_transfers(parts: QuerySet[Part], kind: AudienceKind, value: Any) -> Iterator[Use]:
    rows = parts.order_by("-transfer").values_list(
        "transfer", "transfer__name", "transfer__status", "audiences"
    )
    for pk, name, status, bodies in rows:
        if any(does_name(body, kind, value) for body in bodies or ()):
            yield Use(UseKind.TRANSFER, pk, name or f"#{pk}", status)


def _find_segments(label: Label) -> Iterator[Use]:
    rows = Segment.objects.filter(app=label.app_id).order_by("name")
    for pk, name, body in rows.values_list("pk", "name", "expression"):
        if _names_label(body, label.name):
            yield Use(UseKind.SEGMENT, pk, name)


def _names_label(body: Any, name: str) -> bool:
    try:
        expression = read_expression(body)
    except MalformedExpression:
        return False
    return any(_holds(one, name) for one in list_conditions(expression))


def _holds(condition: Condition, name: str) -> bool:
    value = condition.value
    values = value if isinstance(value, tuple) else (value,)
    return condition.field == "person.label" and name in values
