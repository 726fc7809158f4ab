"""What an operator should know before sending: how many, what gets lost, what stands against it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from django.core.cache import cache
from django.utils.translation import gettext as _

from campaigns.errors import Refused
from campaigns.models import App, Campaign, Group, Scenario, WhenPast
from campaigns.pages.composition import Composition, Place
from campaigns.selectors.audience import count_zones, read_audience
from campaigns.selectors.headcount import count_bounded
from campaigns.selectors.routes import find_first_routes
from campaigns.selectors.variable_look import look_at_everybody, look_at_variables
from campaigns.services.campaign_scenarios import refuse_unplayable
from campaigns.services.forecast import Forecast, Reach, find_time_problems, forecast_send
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
from providers.message import PushMessage, read_message

Counted = TypeVar("Counted")
COUNT_SECONDS = 20  # while somebody types the text, the audience is not counted again
PATIENT_SECONDS = 60  # nor is what somebody has waited for


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
    if composition.audience.is_valid():
        _count(composition, principal, check)
    if composition.is_written:
        message = read_message(composition.write_message())
        _inspect(composition.place, message, check, composition.failover.chosen)
        if check.counts is not None:
            _look_at_sdks(composition, message, check, principal)
    if composition.plan.is_valid() and composition.repeat.is_valid():
        _plan(composition, check, principal, now)
        _foretell(composition, check, now)
    if composition.failover.chosen is not None:
        _climb(composition, composition.failover.chosen, check, principal)
    return check


def _count(composition: Composition, principal: Any, check: Precheck) -> None:
    form = composition.audience
    only_primary = form.cleaned_data["only_primary"]
    check.unknown_ids = form.unknown_words
    try:
        counts = [
            count_cached(count_bounded, app, form.audience, only_primary, principal)
            for app in composition.place.apps
        ]
    except Refused as refusal:
        check.problems.append(Problem(code="audience", field="audience", sentence=refusal.message))
        return
    check.counts = add_counts(counts)
    texts = 1 + sum(form.has_changed() for form in composition.translations)
    check.reaches = tuple(
        Reach(
            app,
            count["platforms"],
            max(1, min(len(count["languages"]), texts)),
            margin=count["margin"],
        )
        for app, count in zip(composition.place.apps, counts, strict=True)
    )
    if not check.total and not check.counts["margin"]:
        words = _("Nobody is in this audience. Choose another one.")
        check.problems.append(Problem(code="empty_audience", field="audience", sentence=words))


def _foretell(composition: Composition, check: Precheck, now: datetime) -> None:
    """How long it takes with the rate that is filled in, and what that means for its end."""
    values = composition.plan.write_values()
    campaign = Campaign(
        rate=values["rate"],
        ramp_up=values["ramp_up"],
        expires_in=values["expires_in"],
        group=Group.objects.filter(app=composition.place.apps[0], name=values["group"]).first(),
        due_at=check.schedule.due_at if check.schedule else None,
    )
    check.forecast = forecast_send(campaign, check.reaches, now=now)
    check.problems += find_time_problems(campaign, check.forecast)


def _climb(composition: Composition, scenario: Scenario, check: Precheck, principal: Any) -> None:
    """Its steps, and once the message and the audience are whole, whom each of them reaches."""
    apps, form = composition.place.apps, composition.audience
    if check.counts is None or not composition.is_written or not composition.plan.is_valid():
        check.steps = forecast_steps(scenario, apps, ())
        return
    message = read_message(composition.write_message())
    details = list_details(scenario, message)
    only_primary = form.cleaned_data["only_primary"]
    reaches = [
        count_cached(count_steps, app, form.audience, only_primary, principal, **details)
        for app in apps
    ]
    check.steps = forecast_steps(scenario, apps, reaches)
    expires_in = composition.plan.write_values()["expires_in"]
    check.problems += find_step_problems(scenario, apps, message, check.steps, expires_in)
    try:
        refuse_unplayable(scenario, check.schedule or Schedule())
    except Refused as refusal:
        check.problems.append(Problem(code="scenario", field="scenario", sentence=refusal.message))


def count_cached(
    count: Callable[..., Counted],
    app: App,
    body: dict[str, Any],
    only_primary: bool,
    principal: Any,
    **details: Any,
) -> Counted:
    """What `count` gives for an audience now, kept for a few seconds."""
    key = _name_count(count, app, body, only_primary, principal, details)
    counts: Counted | None = cache.get(key)
    if counts is None:
        audience = read_audience(app, body, principal=principal)
        counts = count(app, audience, only_primary=only_primary, **details)
        cache.set(key, counts, COUNT_SECONDS)
    return counts


def look_cached(
    app: App,
    body: dict[str, Any],
    only_primary: bool,
    principal: Any,
    names: list[str],
    *,
    is_patient: bool,
) -> dict[str, Any]:
    """How variables fare with an audience: of everybody where somebody waits for that, or has
    within a minute."""
    asked = (app, body, only_primary, principal)
    key = _name_count(look_at_everybody, *asked, {"names": names})
    known: dict[str, Any] | None = cache.get(key)
    if known is None and not is_patient:
        return count_cached(look_at_variables, *asked, names=names)
    if known is None:
        known = count_cached(look_at_everybody, *asked, names=names)
        cache.set(key, known, PATIENT_SECONDS)
    return known


def _name_count(
    count: Callable[..., Any],
    app: App,
    body: dict[str, Any],
    only_primary: bool,
    principal: Any,
    details: dict[str, Any],
) -> str:
    asked = [app.pk, body, only_primary, str(principal.pk), details]
    text = json.dumps(asked, sort_keys=True)
    return f"pa-{count.__name__}-" + hashlib.sha256(text.encode()).hexdigest()


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


def _look_at_sdks(
    composition: Composition, message: PushMessage, check: Precheck, principal: Any
) -> None:
    """Who would not see what the message says, for an SDK that is too old."""
    form = composition.audience
    for app in composition.place.apps:
        floors = list_floors(app, message, check.counts["platforms"] if check.counts else ())
        if floors:
            only_primary, asked = form.cleaned_data["only_primary"], write_floors(floors)
            counts: dict[str, int] = count_cached(
                count_old_sdks, app, form.audience, only_primary, principal, floors=asked
            )
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
    values, form = composition.plan.write_values(), composition.audience
    only_primary = form.cleaned_data["only_primary"]
    when_past = values["when_past"] or WhenPast.TOMORROW.value
    forecasts = []
    for app in composition.place.apps:
        zones = count_cached(count_zones, app, form.audience, only_primary, principal)
        hours = plan_hours(app, values["send_at"], when_past, now)
        forecasts.append(forecast_hours(app, zones, hours))
        check.problems += find_hour_problems(forecasts[-1], values["send_at"], when_past)
    check.hours = list_hour_lines(forecasts)
