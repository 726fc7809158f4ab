"""What a start settles: what the segments of an audience mean, and what an app gives to whoever has
no language or time zone of their own.

Whoever changes these later changes the next start. Who carries a label, and what is true of
people, is looked at when recipients are frozen.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from campaigns.models import App, Campaign, Part, Segment, Transfer
from campaigns.selectors.audience_bodies import AudienceKind

SEGMENT, EXPRESSION = AudienceKind.SEGMENT.value, AudienceKind.EXPRESSION.value
NOBODY: Mapping[str, Any] = {"or": []}
APP_FIELDS = ("default_language", "fallbacks", "timezone")
# In the cursor of a freeze: these fields, and the id of the approval that it was started by.
APP, APPROVAL = "app", "approval"


@dataclass(frozen=True, slots=True)
class Started:
    """Expressions by the ids of their segments, and by the ids of apps their `APP_FIELDS`."""

    meanings: Mapping[int, Any] = field(default_factory=dict)
    apps: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)


def list_segments(body: Any) -> Iterator[int]:
    """Ids of segments that an audience's JSON names, however deep."""
    if isinstance(body, list):
        for item in body:
            yield from list_segments(item)
    elif isinstance(body, dict):
        for key, value in body.items():
            if key == SEGMENT and isinstance(value, int):
                yield value
            elif key != EXPRESSION:  # which may compare with any JSON
                yield from list_segments(value)


def read_meanings(body: Any) -> dict[int, Any]:
    """What its segments mean now; one that is gone is not in it."""
    named = set(list_segments(body))
    if not named:
        return {}
    return dict(Segment.objects.filter(pk__in=named).values_list("pk", "expression"))


def settle_body(body: Any, meanings: Mapping[int, Any]) -> Any:
    """An audience's JSON with the expression of each segment in its place; one that is gone means
    nobody."""
    if isinstance(body, list):
        return [settle_body(item, meanings) for item in body]
    if not isinstance(body, dict):
        return body
    if SEGMENT in body:
        return {EXPRESSION: meanings.get(body[SEGMENT], NOBODY)}
    return {
        key: value if key == EXPRESSION else settle_body(value, meanings)
        for key, value in body.items()
    }


def match_meanings(named: Any, settled: Any) -> dict[int, Any]:
    """The expressions that stand in `settled` where `named` has segments; nothing where the two
    are not of one form."""
    if isinstance(named, dict) and isinstance(settled, dict):
        if SEGMENT in named:
            return {named[SEGMENT]: settled[EXPRESSION]} if EXPRESSION in settled else {}
        pairs = [(value, settled.get(key)) for key, value in named.items() if key != EXPRESSION]
    elif isinstance(named, list) and isinstance(settled, list):
        pairs = list(zip(named, settled, strict=False))
    else:
        return {}
    return {pk: one for pair in pairs for pk, one in match_meanings(*pair).items()}


def write_app(app: App) -> dict[str, Any]:
    """What the cursor of a freeze keeps of its app."""
    return {name: getattr(app, name) for name in APP_FIELDS}


def take_start(campaign: Campaign, apps: Sequence[App]) -> Started:
    """What a start in this moment settles; apps may have been changed since they were read."""
    rows = App.objects.filter(pk__in=[app.pk for app in apps]).values("pk", *APP_FIELDS)
    given = {row.pop("pk"): row for row in rows}
    return Started(read_meanings(campaign.audience), given)


def find_started(campaign: Campaign) -> Started:
    """What its start has settled while it is still open whom it goes to; nothing of what has yet
    to start, nor of a series, whose next time settles it anew."""
    begun = campaign.status in (Campaign.Status.SENDING, Campaign.Status.PAUSED)
    if campaign.pk is None or campaign.recurrence or not begun:
        return Started()
    return read_started(campaign.transfers.filter(frozen_at__isnull=True))


def read_started(transfers: Iterable[Transfer]) -> Started:
    """What the start of these transfers, of one run of a campaign, has settled."""
    meanings: dict[int, Any] = {}
    apps: dict[int, Mapping[str, Any]] = {}
    for transfer in transfers:
        meanings |= read_settled(transfer)
        if APP in transfer.freeze_cursor:
            apps[transfer.app_id] = transfer.freeze_cursor[APP]
    return Started(meanings, apps)


def read_settled(transfer: Transfer) -> dict[int, Any]:
    """What the segments of its campaign's audience meant when it was started."""
    campaign = transfer.campaign
    if campaign is None or not any(list_segments(campaign.audience)):
        return {}
    bodies = transfer.parts.order_by("number").values_list("audiences", flat=True).first()
    return match_meanings(campaign.audience, bodies[0]) if bodies else {}


def find_bodies(part: Part) -> list[Mapping[str, Any]] | None:
    """The audiences that must all hold; None for a list of ids that a script named."""
    if part.audiences is not None:
        return list(part.audiences)
    campaign = part.transfer.campaign
    if campaign is None or part.target_chunks.exists():
        return None
    return [campaign.audience]


def is_primary_only(part: Part) -> bool:
    """Whether of each person only the primary device is meant."""
    campaign = part.transfer.campaign
    return part.only_primary or bool(campaign and campaign.only_primary)


def hold_app(transfer: Transfer) -> None:
    """Let the app of a transfer, in memory alone, be what it was when it was started."""
    for name, value in transfer.freeze_cursor.get(APP, {}).items():
        setattr(transfer.app, name, value)
