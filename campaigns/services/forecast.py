"""What a send will take: calls, seconds, and whether today's quota is enough for it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import ceil
from typing import Any, NamedTuple

from django.utils.translation import gettext as _

from campaigns.models import Account, App, Campaign
from campaigns.selectors.audience import count_devices, read_audience
from campaigns.selectors.campaign_apps import list_apps
from campaigns.selectors.headcount import count_bounded
from campaigns.selectors.limits import find_group_rate, find_seconds, find_window, read_day
from campaigns.selectors.routes import Way, find_first_ways
from campaigns.services.messages import Problem
from providers.pacing import find_ramp_seconds

SECONDS_PER_DAY = 86_400
FINER = ("unusable", "margin", "opted_out", "is_split_estimated")  # what not every count tells


@dataclass(frozen=True, slots=True)
class Reach:
    """Recipients of one app: how many there are per platform, and in how many languages it goes.

    `spoken` is how many have which language, for whoever has counted them; `unusable` how many of
    them have a token in which state, by platform and state, that is not an active one; `opted_out`
    is only counted for pages. With a `margin` all of it is estimated, give or take so many
    recipients, else with `is_split_estimated` languages and opt-outs alone.
    """

    app: App
    platforms: Mapping[str, int]
    languages: int
    spoken: Mapping[str, int] = field(default_factory=dict)
    margin: int = 0
    unusable: Mapping[tuple[str, str], int] = field(default_factory=dict)
    opted_out: int = 0
    is_split_estimated: bool = False

    @property
    def total(self) -> int:
        """Recipients on all platforms."""
        return sum(self.platforms.values())


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a send will take: recipients, vendor calls, and seconds at the limits and rates.

    `short` names accounts whose calls of its first day are not enough, as sentences.
    """

    recipients: int
    calls: int
    seconds: float
    short: tuple[str, ...] = ()


class _Load(NamedTuple):
    """What one account gets of one app and platform."""

    way: Way
    recipients: int
    calls: int


def count_reach(campaign: Campaign, *, is_bounded: bool = False) -> tuple[Reach, ...]:
    """Recipients that the audience means at this moment, app by app; `is_bounded`: within a second
    each, estimated where that is too short."""
    reaches = []
    count = count_bounded if is_bounded else count_devices
    texts = 1 + len(campaign.message.content.get("translations") or {})
    for app in list_apps(campaign):
        audience = read_audience(app, campaign.audience, principal=None)
        counts = count(app, audience, only_primary=campaign.only_primary)
        reaches.append(read_reach(app, counts, texts))
    return tuple(reaches)


def read_reach(app: App, counts: Mapping[str, Any], texts: int) -> Reach:
    """What was counted of one app, for a message in so many languages."""
    spoken = counts["languages"]
    return Reach(
        app,
        counts["platforms"],
        max(1, min(len(spoken), texts)),
        spoken,
        **{name: counts[name] for name in FINER if name in counts},
    )


def forecast_send(campaign: Campaign, reaches: Collection[Reach], *, now: datetime) -> Forecast:
    """How many calls a send needs and how long it takes at least."""
    loads: dict[int, list[_Load]] = defaultdict(list)
    for reach in reaches:
        for load in _list_loads(campaign, reach):
            loads[load.way.account.pk].append(load)
    start = max(now, campaign.due_at or now)
    forecasts = [_forecast_account(some, start) for some in loads.values()]
    own = (_find_own_seconds(campaign, reach) for reach in reaches)
    return Forecast(
        recipients=sum(forecast.recipients for forecast in forecasts),
        calls=sum(forecast.calls for forecast in forecasts),
        seconds=max([0.0, *own, *(forecast.seconds for forecast in forecasts)]),
        short=tuple(words for forecast in forecasts for words in forecast.short),
    )


def count_calls(campaign: Campaign, reaches: Iterable[Reach]) -> dict[int, int]:
    """Calls that a send needs, by the id of the account."""
    calls: dict[int, int] = defaultdict(int)
    for reach in reaches:
        for load in _list_loads(campaign, reach):
            calls[load.way.account.pk] += load.calls
    return dict(calls)


def _list_loads(campaign: Campaign, reach: Reach) -> Iterator[_Load]:
    for platform, way in find_first_ways(reach.app).items():
        count = reach.platforms.get(platform, 0)
        if count:
            yield _Load(way, count, _count_calls(campaign, reach, way, count))


def _count_calls(campaign: Campaign, reach: Reach, way: Way, recipients: int) -> int:
    if way.dialect.fans_out:
        return recipients
    group = campaign.group
    group_rate = find_group_rate(way, group) if group else None
    rates = (campaign.rate, reach.app.send_rate, group_rate, way.limits.recipients_per_second)
    size = min([way.limits.batch_size, *(max(1, int(rate)) for rate in rates if rate)])
    # Each language is called for apart.
    return ceil(recipients / size) + min(recipients, reach.languages) - 1


def _list_own_rates(campaign: Campaign, app: App) -> list[int]:
    rates = (campaign.rate, app.send_rate, _find_group_rate(campaign, app))
    return [rate for rate in rates if rate]


def _find_group_rate(campaign: Campaign, app: App) -> int | None:
    """What the group's rate comes to on any of the ways; vendors with groups keep it as well."""
    group = campaign.group
    if group is None:
        return None
    ways = find_first_ways(app).values()
    rates = [
        group.send_rate if way.dialect.has_groups else find_group_rate(way, group) for way in ways
    ]
    return max((rate for rate in rates if rate), default=None)


def _forecast_account(loads: Collection[_Load], start: datetime) -> Forecast:
    way = next(iter(loads)).way
    limits = way.limits
    recipients = sum(load.recipients for load in loads)
    calls = sum(load.calls for load in loads)
    seconds = [0.0]
    if rate := limits.requests_per_second:
        counts_calls = not way.dialect.fans_out
        window = find_window(way, limits.calls_window)
        seconds.append(find_seconds(rate, calls, counts_calls=counts_calls, window=window))
    if rate := limits.recipients_per_second:
        seconds.append(find_seconds(rate, recipients, window=find_window(way)))
    waits, short = _forecast_days(way.account, calls, start)
    return Forecast(recipients, calls, max([*seconds, waits]), short)


def _forecast_days(account: Account, calls: int, start: datetime) -> tuple[float, tuple[str, ...]]:
    """Seconds until the last call's day begins, and why, where one day is not enough."""
    use = read_day(account, start)
    if use.limit is None or calls <= use.limit - use.used:
        return 0.0, ()
    left = max(0, use.limit - use.used)
    days = ceil((calls - left) / use.limit)
    waits = (use.resets_at - start).total_seconds() + (days - 1) * SECONDS_PER_DAY
    words = _(
        "It takes about %(calls)d calls of %(account)s, and %(left)d of the day's %(limit)d are "
        "left; the rest waits for the next day."
    )
    hint = {"calls": calls, "account": account.name, "limit": use.limit, "left": left}
    return waits, (words % hint,)


def _find_own_seconds(campaign: Campaign, reach: Reach) -> float:
    """What the rates of the campaign, its app and its group ask for in one app."""
    rates = _list_own_rates(campaign, reach.app)
    seconds = [find_seconds(rate, reach.total) for rate in rates]
    if campaign.rate and campaign.ramp_up:
        seconds.append(find_ramp_seconds(campaign.rate, campaign.ramp_up, reach.total))
    return max(seconds, default=0.0)


def find_time_problems(
    campaign: Campaign, forecast: Forecast, share: float = 1.0
) -> Iterator[Problem]:
    """What stands against the time that a send takes; nothing of it blocks.

    `share` is that of the recipients who are due at once: what expires counts from there.
    """
    seconds = forecast.seconds * share
    if campaign.expires_in is not None and seconds > campaign.expires_in:
        words = _("Sending takes about %(span)s; what is not sent after %(limit)s expires.")
        spans = {"span": ceil(seconds), "limit": campaign.expires_in}
        sentence = words % {key: timedelta(seconds=value) for key, value in spans.items()}
        yield Problem(
            code="expires_too_soon", field="expires_in", sentence=sentence, is_blocking=False
        )
    for sentence in forecast.short:
        yield Problem(code="day_quota", field="rate", sentence=sentence, is_blocking=False)
