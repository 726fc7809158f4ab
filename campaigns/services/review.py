"""All that a person should see of a campaign before it goes out, told at one moment."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from campaigns.errors import Invalid
from campaigns.models import App, Campaign
from campaigns.selectors.approvals import Standing, read_standing
from campaigns.selectors.campaign_apps import list_apps
from campaigns.selectors.routes import Way, find_first_ways
from campaigns.selectors.signing import digest_campaign
from campaigns.services.checks import Check, list_checks
from campaigns.services.forecast import Forecast, Reach, count_reach, forecast_send
from campaigns.services.hours import HourForecast, forecast_campaign
from campaigns.services.messages import Loss, Problem
from campaigns.services.preflight import MISSING, find_problems, find_reach_losses, read_wanted
from campaigns.services.unreached import count_tokenless_exactly


@dataclass(frozen=True, slots=True)
class Guard:
    """What must be typed before so many are reached: the name of the app, or of the app group."""

    name: str
    recipients: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """A campaign as it would go out now. `version` is the digest of what was looked at.

    `forecast` is None while the audience cannot be told; `guard` None where nothing need be typed.
    """

    version: str
    problems: tuple[Problem, ...]
    checks: tuple[Check, ...]
    reaches: tuple[Reach, ...] = ()
    tokenless: int = 0  # devices without a token that works, where they need one
    losses: tuple[Loss, ...] = ()
    hours: tuple[HourForecast, ...] = ()
    ways: tuple[tuple[App, dict[str, Way]], ...] = ()
    forecast: Forecast | None = None
    guard: Guard | None = None
    approval: Standing

    @property
    def is_ready(self) -> bool:
        """Whether nothing blocks."""
        return not any(problem.is_blocking for problem in self.problems)

    @property
    def lacks_only_approval(self) -> bool:
        """Whether nothing but a missing approval blocks."""
        blocking = [problem for problem in self.problems if problem.is_blocking]
        return bool(blocking) and all(problem.code == MISSING for problem in blocking)

    @property
    def total(self) -> int:
        """Devices of all apps."""
        return sum(reach.total for reach in self.reaches)

    @property
    def margin(self) -> int:
        """How far off `total` may be, 0 where it was counted."""
        return sum(reach.margin for reach in self.reaches)

    @property
    def opted_out(self) -> int:
        """Devices of people who opted out, over all apps."""
        return sum(reach.opted_out for reach in self.reaches)

    @property
    def platforms(self) -> dict[str, int]:
        """Devices by platform, over all apps."""
        return dict(sum((Counter(reach.platforms) for reach in self.reaches), Counter()))

    @property
    def languages(self) -> dict[str, int]:
        """Devices by language, the most common first, over all apps."""
        return dict(sum((Counter(reach.spoken) for reach in self.reaches), Counter()).most_common())


def review_campaign(campaign: Campaign, *, now: datetime) -> Review:
    """Everything that can be told of a campaign now. Reads rows and changes nothing."""
    version, approval = digest_campaign(campaign), read_standing(campaign)
    try:
        reaches = count_reach(campaign, is_bounded=True)
    except Invalid:
        problems = find_problems(campaign, now=now)
        checks = list_checks(problems)
        return Review(version=version, problems=problems, checks=checks, approval=approval)
    problems = find_problems(campaign, now=now, reaches=reaches)
    return Review(
        version=version,
        problems=problems,
        checks=list_checks(problems),
        reaches=reaches,
        tokenless=sum(
            count_tokenless_exactly(reach, read_wanted(campaign, reach.app)) for reach in reaches
        ),
        losses=find_reach_losses(campaign, reaches),
        hours=forecast_campaign(campaign, now),
        ways=tuple((app, find_first_ways(app)) for app in list_apps(campaign)),
        forecast=forecast_send(campaign, reaches, now=now),
        guard=find_guard(campaign, reaches),
        approval=approval,
    )


def find_guard(campaign: Campaign, reaches: tuple[Reach, ...]) -> Guard | None:
    """What must be typed before a browser launches it: for any app whose size is passed."""
    passed = any(
        reach.app.guard_size is not None
        and (reach.total + reach.margin > reach.app.guard_size or not reach.app.guard_size)
        for reach in reaches
    )
    if not passed:
        return None
    place = campaign.app_group or campaign.app
    return Guard(place.name if place else "", sum(reach.total for reach in reaches))
