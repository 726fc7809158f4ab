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
from campaigns.services.forecast import Forecast, Reach, forecast_send
from campaigns.services.hours import HourForecast, forecast_campaign
from campaigns.services.messages import Loss, Problem
from campaigns.services.preflight import (
    MISSING,
    count_all_unreached,
    find_problems,
    find_reach_losses,
)
from campaigns.services.unreached import Unreached, read_sent


@dataclass(frozen=True, slots=True)
class Guard:
    """What must be typed before it is sent to so many: the name of the app, or of the app group;
    not `is_exact`: to so many at most."""

    name: str
    recipients: int
    is_exact: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """A campaign as it would go out now. `version` is the digest of what was looked at.

    `forecast` is None while the audience cannot be told; `guard` None where nothing need be typed.
    """

    version: str
    problems: tuple[Problem, ...]
    checks: tuple[Check, ...]
    counted: tuple[Unreached, ...] = ()
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
    def reaches(self) -> tuple[Reach, ...]:
        """Recipients, app by app."""
        return tuple(one.reach for one in self.counted)

    @property
    def tokenless(self) -> int:
        """Devices without a token that works, where they need one, over all apps."""
        return sum(one.tokenless for one in self.counted)

    @property
    def suppressed(self) -> int:
        """Devices that are suppressed, as far as that is known beforehand, over all apps."""
        return sum(one.left.suppressed for one in self.counted)

    @property
    def sent_to(self) -> int | None:
        """Devices that it is sent to, over all apps; None where that is not known exactly."""
        return self.most_sent if all(one.is_exact for one in self.counted) else None

    @property
    def most_sent(self) -> int:
        """Devices that it is sent to at most, over all apps."""
        return sum(one.most_sent for one in self.counted)

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
        return sum(one.left.opted_out for one in self.counted)

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
        counted = count_all_unreached(campaign, now=now, is_bounded=True)
    except Invalid:
        problems = find_problems(campaign, now=now)
        checks = list_checks(problems)
        return Review(version=version, problems=problems, checks=checks, approval=approval)
    reaches = tuple(one.reach for one in counted)
    problems = find_problems(campaign, now=now, counted=counted)
    return Review(
        version=version,
        problems=problems,
        checks=list_checks(problems),
        counted=counted,
        losses=find_reach_losses(campaign, reaches),
        hours=forecast_campaign(campaign, now),
        ways=tuple((app, find_first_ways(app)) for app in list_apps(campaign)),
        forecast=forecast_send(campaign, tuple(map(read_sent, counted)), now=now),
        guard=find_guard(campaign, counted),
        approval=approval,
    )


def find_guard(campaign: Campaign, counted: tuple[Unreached, ...]) -> Guard | None:
    """What must be typed before a browser launches it: for any app whose size is passed by those
    whom it is sent to, or may be."""
    if not any(_passes(one.reach.app.guard_size, one.most_sent) for one in counted):
        return None
    place = campaign.app_group or campaign.app
    return Guard(
        place.name if place else "",
        sum(one.most_sent for one in counted),
        is_exact=all(one.is_exact for one in counted),
    )


def _passes(size: int | None, count: int) -> bool:
    """Whether so many are more than a guard's size; 0 asks always, None never."""
    return size is not None and (count > size or not size)
