"""What an operator should know before sending: how many, what gets lost, what stands against it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from campaigns.errors import Refused
from campaigns.models import Campaign, Group, Scenario, WhenPast
from campaigns.pages.blockers import find_blockers, find_unreached, find_untold
from campaigns.pages.composition import Composition, Place
from campaigns.pages.crowd import list_crowds
from campaigns.selectors.audience import count_zones
from campaigns.selectors.headcount import count_bounded
from campaigns.selectors.routes import find_first_routes
from campaigns.services.audience_doubts import find_audience_doubts
from campaigns.services.campaign_scenarios import refuse_unplayable
from campaigns.services.forecast import (
    Forecast,
    Reach,
    find_time_problems,
    forecast_send,
    read_reach,
)
from campaigns.services.hours import (
    HourLine,
    find_hour_problems,
    forecast_hours,
    list_hour_lines,
    plan_hours,
)
from campaigns.services.message_checks import find_brace_problems, find_link_problems
from campaigns.services.messages import Loss, Problem, find_losses, find_message_problems
from campaigns.services.schedule import Schedule, plan_schedule, plan_series
from campaigns.services.sdk_problems import (
    count_old_sdks,
    find_sdk_problems,
    list_floors,
    write_floors,
)
from campaigns.services.step_problems import find_step_problems
from campaigns.services.step_reach import (
    ScenarioForecast,
    count_steps,
    forecast_steps,
    list_details,
)
from campaigns.services.translated_checks import find_untranslated_words
from campaigns.services.unreached import (
    count_all_tokenless,
    count_tokenless,
    find_needs,
    find_served,
    narrow_reach,
)
from providers.message import PushMessage
from providers.message_json import read_message


@dataclass(slots=True)
class Precheck:
    """The panel beside the form. `counts` is None while the audience cannot be told."""

    counts: dict[str, Any] | None = None
    losses: list[Loss] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    accounts: list[tuple[str, str]] = field(default_factory=list)  # (platform, account)
    schedule: Schedule | None = None
    hours: tuple[HourLine, ...] = ()  # at recipients' own time
    unknown_ids: str = ""
    reaches: tuple[Reach, ...] = ()
    forecast: Forecast | None = None
    steps: ScenarioForecast | None = None
    tokenless: int = 0  # devices without a token that works, where they need one
    is_whole: bool = True  # whether all that may block was looked at

    @property
    def opted_out(self) -> int:
        """Devices of people who opted out."""
        return sum(reach.opted_out for reach in self.reaches)

    @property
    def total(self) -> int:
        """Devices, 0 while it cannot be told."""
        return self.counts["total"] if self.counts else 0

    @property
    def is_ready(self) -> bool:
        """Whether nothing blocks."""
        return not any(problem.is_blocking for problem in self.problems)


def check_composition(composition: Composition, principal: Any, now: datetime) -> Precheck:
    """Everything that can be told of what is filled in so far."""
    check = Precheck()
    # For what may not be chosen the forms are those of another app.
    if composition.target.is_valid() and composition.audience.is_valid():
        _count(composition, principal, check)
    message = read_message(composition.write_message()) if composition.is_written else None
    if message is not None:
        _inspect(composition.place, message, check, composition.failover.chosen)
        if check.counts is not None:
            _look_at_recipients(composition, message, check, principal, now)
    if composition.plan.is_valid() and composition.repeat.is_valid():
        _plan(composition, check, principal, now)
        _foretell(composition, message, check, now)
        if message is not None and check.counts is not None:
            _look_further(composition, message, check, principal, now)
    if composition.failover.chosen is not None:
        _climb(composition, composition.failover.chosen, check, principal)
    return check


def _count(composition: Composition, principal: Any, check: Precheck) -> None:
    check.unknown_ids = composition.audience.unknown_words
    try:
        counts = [one.count(count_bounded) for one in list_crowds(composition, principal)]
    except Refused as refusal:
        check.problems.append(Problem(code="audience", field="audience", sentence=refusal.message))
        return
    check.counts = add_counts(counts)
    check.problems += find_audience_doubts(composition.place.apps, composition.audience.audience)
    texts = 1 + sum(form.has_changed() for form in composition.translations)
    check.reaches = tuple(
        read_reach(app, count, texts)
        for app, count in zip(composition.place.apps, counts, strict=True)
    )
    if not check.total and not check.counts["margin"]:
        words = _("Nobody is in this audience. Choose another one.")
        check.problems.append(Problem(code="empty_audience", field="audience", sentence=words))


def _foretell(
    composition: Composition, message: PushMessage | None, check: Precheck, now: datetime
) -> None:
    """How long it takes with the rate that is filled in, and what that means for its end."""
    values = composition.plan.write_values()
    campaign = Campaign(
        rate=values["rate"],
        ramp_up=values["ramp_up"],
        expires_in=values["expires_in"],
        group=Group.objects.filter(app=composition.place.apps[0], name=values["group"]).first(),
        due_at=check.schedule.due_at if check.schedule else None,
    )
    reaches = [_leave_out(reach, message) for reach in check.reaches] if message else check.reaches
    check.forecast = forecast_send(campaign, reaches, now=now)
    check.problems += find_time_problems(campaign, check.forecast)


def _leave_out(reach: Reach, message: PushMessage) -> Reach:
    """Without those who get nothing, as far as the panel has counted them."""
    if reach.margin:
        return reach
    lost = count_tokenless(reach, find_needs(reach.app, message)) + reach.opted_out
    return narrow_reach(reach, max(0, reach.total - lost), find_served(reach.app, message))


def _climb(composition: Composition, scenario: Scenario, check: Precheck, principal: Any) -> None:
    """Its steps, and once the message and the audience are whole, whom each of them reaches."""
    apps = composition.place.apps
    if check.counts is None or not composition.is_written or not composition.plan.is_valid():
        check.steps = forecast_steps(scenario, apps, ())
        return
    message = read_message(composition.write_message())
    details = list_details(scenario, message)
    reaches = [one.count(count_steps, **details) for one in list_crowds(composition, principal)]
    check.steps = forecast_steps(scenario, apps, reaches)
    expires_in = composition.plan.write_values()["expires_in"]
    check.problems += find_step_problems(scenario, apps, message, check.steps, expires_in)
    try:
        refuse_unplayable(scenario, check.schedule or Schedule())
    except Refused as refusal:
        check.problems.append(Problem(code="scenario", field="scenario", sentence=refusal.message))


def add_counts(counts: list[dict[str, Any]]) -> dict[str, Any]:
    """Counts of several apps as one."""
    total: dict[str, Any] = {"total": 0, "margin": 0, "platforms": {}, "languages": {}}
    for count in counts:
        total["total"] += count["total"]
        total["margin"] += count["margin"]
        for name in ("platforms", "languages"):
            for key, number in count[name].items():
                total[name][key] = total[name].get(key, 0) + number
    return total


def _inspect(
    place: Place, message: PushMessage, check: Precheck, scenario: Scenario | None
) -> None:
    seen = set(check.problems)
    runs_at_vendor = bool(scenario and scenario.runs_at_vendor)
    check.problems += [*find_brace_problems(message), *find_link_problems(message)]
    counted = check.counts["platforms"] if check.counts else {}
    reached = {platform for platform, count in counted.items() if count}
    check.problems += find_untranslated_words(message, reached)
    for app in place.apps:
        platforms = check.counts["platforms"] if check.counts else dict.fromkeys(app.platforms, 0)
        check.losses += find_losses(app, message, platforms, runs_at_vendor=runs_at_vendor)
        routes = find_first_routes(app)
        check.accounts += [
            (platform, routes[platform].account.name)
            for platform in platforms
            if platform in routes
        ]
        for problem in find_message_problems(app, message, platforms):
            if problem not in seen:
                check.problems.append(problem)
                seen.add(problem)


def _look_at_recipients(
    composition: Composition, message: PushMessage, check: Precheck, principal: Any, now: datetime
) -> None:
    check.tokenless = count_all_tokenless(check.reaches, message)
    check.problems += find_unreached(composition, check.reaches, message, principal, now)
    _look_at_sdks(composition, message, check, principal)


def _look_further(
    composition: Composition, message: PushMessage, check: Precheck, principal: Any, now: datetime
) -> None:
    """What blocks on the review page; what each recipient's own text says is left to it."""
    check.problems += find_blockers(composition, check.reaches, check.losses, check.schedule, now)
    untold = find_untold(composition, message, check.schedule, principal)
    check.problems += untold or ()
    check.is_whole = untold is not None and not message.template


def _look_at_sdks(
    composition: Composition, message: PushMessage, check: Precheck, principal: Any
) -> None:
    """Who would not see what the message says, for an SDK that is too old."""
    for one in list_crowds(composition, principal):
        floors = list_floors(one.app, message, check.counts["platforms"] if check.counts else ())
        if floors:
            counts: dict[str, int] = one.count(count_old_sdks, floors=write_floors(floors))
            check.problems += find_sdk_problems(floors, counts)


def _plan(composition: Composition, check: Precheck, principal: Any, now: datetime) -> None:
    values = composition.plan.write_values()
    if not values["send_at"]:
        return
    zone = composition.place.apps[0].timezone
    try:
        schedule = plan_schedule(
            values["send_at"], values["timezone"] or "", default_zone=zone, now=now
        )
        check.schedule = plan_series(schedule, composition.repeat.write_rule(), now=now)
    except Refused as refusal:
        faults = refusal.fields or {"send_at": refusal.message}
        check.problems += [
            Problem(code="schedule", field=path, sentence=words) for path, words in faults.items()
        ]
        return
    if check.schedule.last_at is not None and check.counts is not None:
        _forecast(composition, check, principal, now)


def _forecast(composition: Composition, check: Precheck, principal: Any, now: datetime) -> None:
    """Who gets it when, if each recipient's own clock decides. Only for a valid audience."""
    values = composition.plan.write_values()
    when_past = values["when_past"] or WhenPast.TOMORROW.value
    forecasts = []
    for one in list_crowds(composition, principal):
        zones = one.count(count_zones)
        hours = plan_hours(one.app, values["send_at"], when_past, now)
        forecasts.append(forecast_hours(one.app, zones, hours))
        check.problems += find_hour_problems(forecasts[-1], values["send_at"], when_past)
    check.hours = list_hour_lines(forecasts)
