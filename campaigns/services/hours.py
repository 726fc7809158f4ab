"""What a send at recipients' own hours will be like: who gets it when, whose zone nobody knows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from campaigns.dispatch.local_hours import LocalHours
from campaigns.models import App, Campaign, WhenPast
from campaigns.models.clock import RECIPIENT_ZONE, find_first_instant
from campaigns.selectors.audience import count_zones, read_audience
from campaigns.selectors.campaign_apps import list_apps
from campaigns.services.messages import Problem


@dataclass(slots=True)
class Share:
    """Some recipients and the time zones that they live in."""

    recipients: int = 0
    zones: set[str] = field(default_factory=set)

    def add(self, zone: str, recipients: int) -> None:
        self.recipients += recipients
        self.zones.add(zone)


@dataclass(slots=True)
class HourForecast:
    """One app's recipients by due time (UTC). `past` are those whose hour is over, `changes` those
    whose clocks change then, by the sentence that says how; `unknown` have no known zone."""

    app: App
    hours: dict[datetime, Share] = field(default_factory=lambda: defaultdict(Share))
    past: Share = field(default_factory=Share)
    changes: dict[str, Share] = field(default_factory=lambda: defaultdict(Share))
    unknown: int = 0


def forecast_hours(app: App, zones: Mapping[str, int], hours: LocalHours) -> HourForecast:
    """Recipients by zone as `count_zones` gives them, put to their hours."""
    forecast = HourForecast(app, unknown=zones.get("", 0))
    for name, count in zones.items():
        zone = name or hours.fallback
        hour = hours.find_hour(name)
        if hour.due_at is not None:
            forecast.hours[hour.due_at].add(zone, count)
        if hour.is_past:
            forecast.past.add(zone, count)
        if hour.note:
            forecast.changes[hour.note].add(zone, count)
    forecast.hours = dict(sorted(forecast.hours.items()))
    return forecast


def plan_hours(app: App, send_at: str, when_past: str, now: datetime) -> LocalHours:
    """The hours of an accepted wall clock for one app, as they are if it is launched now."""
    wall = datetime.fromisoformat(send_at)
    start = max(now, find_first_instant(wall))
    return LocalHours(wall, app.timezone, when_past=when_past, start=start)


def forecast_campaign(campaign: Campaign, now: datetime) -> tuple[HourForecast, ...]:
    """App by app; empty for a campaign that does not go by its recipients' own clocks.

    Two grouped queries an app, whatever the number of recipients. Raises Invalid for an audience
    that cannot be read.
    """
    if campaign.timezone != RECIPIENT_ZONE or not campaign.send_at:
        return ()
    forecasts = []
    for app in list_apps(campaign):
        audience = read_audience(app, campaign.audience, principal=None)
        zones = count_zones(app, audience, only_primary=campaign.only_primary)
        hours = plan_hours(app, campaign.send_at, campaign.when_past, now)
        forecasts.append(forecast_hours(app, zones, hours))
    return tuple(forecasts)


@dataclass(frozen=True, slots=True)
class HourLine:
    """When (UTC) how many recipients in how many time zones get it."""

    at: datetime
    recipients: int
    zones: int


def list_hour_lines(forecasts: Iterable[HourForecast]) -> tuple[HourLine, ...]:
    """Hour by hour over all apps, the first one first."""
    recipients: dict[datetime, int] = defaultdict(int)
    zones: dict[datetime, set[str]] = defaultdict(set)
    for forecast in forecasts:
        for at, share in forecast.hours.items():
            recipients[at] += share.recipients
            zones[at].update(share.zones)
    return tuple(HourLine(at, recipients[at], len(zones[at])) for at in sorted(recipients))


def find_busiest_share(forecasts: Iterable[HourForecast]) -> float:
    """Which share of all recipients the fullest hour has; all of them where hours do not matter."""
    counts = [line.recipients for line in list_hour_lines(forecasts)]
    return max(counts) / sum(counts) if sum(counts) else 1.0


def find_hour_problems(forecast: HourForecast, send_at: str, when_past: str) -> Iterator[Problem]:
    """What an operator should know of a forecast; none of it blocks."""
    if forecast.unknown:
        yield _know("unknown_zones", "timezone", _describe_unknown(forecast, send_at))
    if forecast.past.recipients:
        yield _know("hour_passed", "when_past", _describe_past(forecast.past, when_past))
    for note, share in forecast.changes.items():
        yield _know("clocks_change", "send_at", describe_change(note, share))


def _know(code: str, path: str, sentence: str) -> Problem:
    return Problem(code=code, field=path, sentence=sentence, is_blocking=False)


def _describe_unknown(forecast: HourForecast, send_at: str) -> str:
    words = ngettext(
        "%(count)s recipient has no known time zone and gets it at %(hour)s %(zone)s.",
        "%(count)s recipients have no known time zone and get it at %(hour)s %(zone)s.",
        forecast.unknown,
    )
    hour = datetime.fromisoformat(send_at).strftime("%H:%M")
    zone = forecast.app.timezone
    return words % {"count": f"{forecast.unknown:,}", "hour": hour, "zone": zone}


def _describe_past(past: Share, when_past: str) -> str:
    words = {
        WhenPast.TOMORROW.value: _(
            "That hour is past for %(count)s recipients in %(zones)s time zones; they get it at "
            "that hour of the next day."
        ),
        WhenPast.NOW.value: _(
            "That hour is past for %(count)s recipients in %(zones)s time zones; they get it at "
            "once, whatever time it is there."
        ),
        WhenPast.SKIP.value: _(
            "That hour is past for %(count)s recipients in %(zones)s time zones; they do not get "
            "it."
        ),
    }
    return words[when_past] % {"count": f"{past.recipients:,}", "zones": len(past.zones)}


def describe_change(note: str, share: Share) -> str:
    """A change of the clocks, and for how many."""
    words = ngettext(
        "%(note)s This is so for %(count)s recipient in %(zones)s.",
        "%(note)s This is so for %(count)s recipients in %(zones)s.",
        share.recipients,
    )
    some = ", ".join(sorted(share.zones)[:3])
    more = len(share.zones) - 3
    others = ngettext("%(some)s and %(more)d more zone", "%(some)s and %(more)d more zones", more)
    zones = others % {"some": some, "more": more}
    return words % {
        "note": note, "count": f"{share.recipients:,}", "zones": zones if more > 0 else some,
    }  # fmt: skip
