"""Checks before launch: every reason why a campaign cannot start, and what to expect of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from campaigns.errors import Invalid
from campaigns.models import App, Campaign, Scenario, Transfer
from campaigns.models.clock import RECIPIENT_ZONE, find_instant, find_last_instant
from campaigns.selectors.addressing import Wanted
from campaigns.selectors.audience import read_audience, select_all
from campaigns.selectors.campaign_apps import list_apps
from campaigns.selectors.forgotten import FORGOTTEN
from campaigns.selectors.gone import list_gone
from campaigns.selectors.starting import GONE, find_obstacle
from campaigns.services.account_problems import find_expiry_problems
from campaigns.services.audience_doubts import find_audience_doubts
from campaigns.services.forecast import Reach, count_reach, find_time_problems, forecast_send
from campaigns.services.hours import (
    HourForecast,
    find_busiest_share,
    find_hour_problems,
    forecast_campaign,
)
from campaigns.services.message_checks import (
    find_brace_problems,
    find_link_problems,
    find_loss_warnings,
    find_missing_languages,
    find_stand_ins,
)
from campaigns.services.messages import (
    Loss,
    Problem,
    find_addressing_problems,
    find_losses,
    find_message_problems,
)
from campaigns.services.neighbours import find_shared_quotas, find_unusual_sizes
from campaigns.services.overlaps import find_overlaps
from campaigns.services.sdk_problems import (
    count_old_sdks,
    find_sdk_problems,
    list_floors,
    write_floors,
)
from campaigns.services.step_problems import find_change_since, find_step_problems
from campaigns.services.step_reach import forecast_campaign_steps
from campaigns.services.text_problems import find_text_problems
from campaigns.services.translated_checks import find_untranslated_words
from campaigns.services.unreached import Unreached, count_unreached, find_unreached, read_sent
from providers.message import PushMessage

OBSTACLE_FIELDS = {
    FORGOTTEN: "audience",
    "group_archived": "group",
    "scenario_changed": "scenario",
    "scenario_archived": "scenario",
}
MISSING = "approval_required"
MAX_RUNNING = 50  # transfers of one app at the same time


def find_campaign_losses(campaign: Campaign) -> tuple[Loss, ...]:
    """The loss report of every app and platform that the audience reaches, each loss once."""
    return find_reach_losses(campaign, count_reach(campaign))


def find_reach_losses(campaign: Campaign, reaches: Iterable[Reach]) -> tuple[Loss, ...]:
    """The loss report for recipients who are counted already."""
    message = campaign.message.read()
    losses = [loss for reach in reaches for loss in _find_reach_losses(campaign, reach, message)]
    return tuple(dict.fromkeys(losses))


def find_problems(
    campaign: Campaign, *, now: datetime, counted: tuple[Unreached, ...] | None = None
) -> tuple[Problem, ...]:
    """Everything that stands against launching this campaign, saved or not; blocking ones first.

    Rows are read and nothing is changed. An answer without a blocking one means that it can be
    launched. `counted` are the recipients where they have just been counted.
    """
    problems = [*_find_own_problems(campaign, now)]
    try:
        counted = count_all_unreached(campaign, now=now) if counted is None else counted
    except Invalid as refusal:
        return (*problems, *_tell_invalid(refusal))
    problems += _find_counted_problems(campaign, counted, now)
    unique = dict.fromkeys(problems)
    return tuple(sorted(unique, key=lambda problem: not problem.is_blocking))


def count_all_unreached(
    campaign: Campaign, *, now: datetime, is_bounded: bool = False
) -> tuple[Unreached, ...]:
    """Recipients app by app, and whom of them nothing reaches; `is_bounded` as for the reach."""
    reaches = count_reach(campaign, is_bounded=is_bounded)
    return tuple(count_unreached(reach, read_wanted(campaign, reach.app), now) for reach in reaches)


def _tell_invalid(refusal: Invalid) -> Iterator[Problem]:
    faults = refusal.fields or {"audience": refusal.message}
    for path, words in faults.items():
        yield Problem(code="invalid", field=path, sentence=words)


def _find_counted_problems(
    campaign: Campaign, counted: tuple[Unreached, ...], now: datetime
) -> Iterator[Problem]:
    """What is only known of an audience that can be told."""
    hours = forecast_campaign(campaign, now)
    reaches = tuple(one.reach for one in counted)
    yield from _find_reach_problems(campaign, counted, now)
    forecast = forecast_send(campaign, tuple(map(read_sent, counted)), now=now)
    yield from find_time_problems(campaign, forecast, find_busiest_share(hours))
    yield from find_clock_problems(campaign, hours)
    yield from _list_step_problems(campaign)
    ways = name_ways(campaign.scenario, reaches)
    yield from find_expiry_problems(ways, find_last_start(campaign), now)
    yield from find_text_problems(campaign)
    yield from _list_warnings(campaign, reaches, now)


def _list_warnings(
    campaign: Campaign, reaches: tuple[Reach, ...], now: datetime
) -> Iterator[Problem]:
    """What blocks nothing and is worth a look."""
    yield from find_audience_doubts(list_apps(campaign), campaign.audience)
    message = campaign.message.read()
    for reach in reaches:
        yield from find_missing_languages(reach, message)
        yield from find_stand_ins(reach, message)
    platforms = {name for reach in reaches for name, count in reach.platforms.items() if count}
    yield from find_untranslated_words(message, platforms)
    yield from find_link_problems(message)
    yield from find_brace_problems(message)
    if not campaign.strict:
        yield from find_loss_warnings(find_reach_losses(campaign, reaches))
    if not campaign.is_test:
        yield from find_overlaps(campaign, now)
        yield from find_shared_quotas(campaign, reaches, now)
        yield from find_unusual_sizes(reaches)


def _find_own_problems(campaign: Campaign, now: datetime) -> Iterator[Problem]:
    for gone in list_gone(list_apps(campaign), campaign.audience):
        yield Problem(code=GONE, field=gone.path, sentence=gone.words)
    obstacle = find_obstacle(campaign, now)
    if obstacle is not None and obstacle.code != GONE:
        field = OBSTACLE_FIELDS.get(obstacle.code, "status")
        yield Problem(code=obstacle.code, field=field, sentence=obstacle.sentence)
    series = campaign.series
    last_at = find_last_start(campaign)
    if series is not None:
        if series.find_next(now) is None:
            words = _("The last of its planned times has passed; choose a later end.")
            yield Problem(code="past_schedule", field="recurrence", sentence=words)
    elif last_at is not None and last_at <= now:
        words = _("The planned time has passed; choose a later one, or none to send at once.")
        yield Problem(code="past_schedule", field="send_at", sentence=words)


def _list_step_problems(campaign: Campaign) -> Iterator[Problem]:
    forecast = forecast_campaign_steps(campaign)
    if campaign.scenario is not None and forecast is not None:
        apps, message = list_apps(campaign), campaign.message.read()
        yield from find_step_problems(
            campaign.scenario, apps, message, forecast, campaign.expires_in
        )
    yield from find_change_since(campaign)


def name_ways(
    scenario: Scenario | None, reaches: Iterable[Reach]
) -> Iterator[tuple[App, Iterable[str]]]:
    """Over what it goes to each app's recipients: platforms, and channels of later steps."""
    steps = scenario.steps if scenario else ()
    channels = [step["channel"] for step in steps]
    for reach in reaches:
        yield reach.app, [*(name for name, count in reach.platforms.items() if count), *channels]


def find_clock_problems(campaign: Campaign, hours: Iterable[HourForecast]) -> Iterator[Problem]:
    """Clocks that change at the planned hour, and what recipients' own zones do to it."""
    for forecast in hours:
        yield from find_hour_problems(forecast, campaign.send_at, campaign.when_past)
    note = find_clock_note(campaign)
    if note:
        yield Problem(code="clocks_change", field="send_at", sentence=note, is_blocking=False)


def find_clock_note(campaign: Campaign) -> str:
    """A sentence when the clocks of the campaign's one zone change at its hour, else ""."""
    is_wall_clock = bool(campaign.send_at) and campaign.timezone not in ("", RECIPIENT_ZONE)
    if not is_wall_clock or campaign.series is not None:
        return ""
    wall = datetime.fromisoformat(campaign.send_at)
    return find_instant(wall, ZoneInfo(campaign.timezone))[1]


def find_last_start(campaign: Campaign) -> datetime | None:
    """When sending begins at the latest; at each recipient's own hour in the last zone on earth.

    None for what is sent as soon as it is launched.
    """
    if campaign.send_at and campaign.timezone == RECIPIENT_ZONE:
        return find_last_instant(datetime.fromisoformat(campaign.send_at))
    return campaign.due_at if campaign.send_at else None


def _find_reach_problems(
    campaign: Campaign, counted: tuple[Unreached, ...], now: datetime
) -> Iterator[Problem]:
    message = campaign.message.read()
    if not any(one.reach.total or one.reach.margin for one in counted):
        words = _("Nobody is in this audience. Choose another, or register devices first.")
        yield Problem(code="empty_audience", field="audience", sentence=words)
    yield from find_unreached(counted, now)
    for one in counted:
        reach = one.reach
        yield from find_message_problems(reach.app, message, reach.platforms)
        yield from find_addressing_problems(one.wanted)
        yield from find_queue_problems(reach.app, now)
        yield from _find_old_sdks(campaign, reach, message)
        if campaign.strict:
            yield from refuse_losses(_find_reach_losses(campaign, reach, message))


def _find_old_sdks(campaign: Campaign, reach: Reach, message: PushMessage) -> Iterator[Problem]:
    floors = list_floors(reach.app, message, reach.platforms)
    if floors:
        audience = read_audience(reach.app, campaign.audience, principal=None)
        counts = count_old_sdks(
            reach.app,
            audience,
            only_primary=campaign.only_primary,
            floors=write_floors(floors),
        )
        yield from find_sdk_problems(floors, counts)


def read_wanted(campaign: Campaign, app: App) -> Wanted:
    """Who shall get what, for vendors that are told whom we mean."""
    bodies, only_primary = [campaign.audience], campaign.only_primary
    return Wanted(
        app=app,
        message=campaign.message.read(),
        bodies=bodies,
        devices=select_all(app, bodies, only_primary=only_primary),
        only_primary=only_primary,
        has_local_hours=campaign.timezone == RECIPIENT_ZONE,
        has_steps=campaign.scenario is not None,
    )


def find_queue_problems(app: App, now: datetime) -> Iterator[Problem]:
    """That an app has as many transfers under way as it may."""
    # Those that a script has planned for later only wait.
    begun = Transfer.objects.filter(app=app, status__in=Transfer.RUNNING, due_at__lte=now)
    running = begun.count()
    if running >= MAX_RUNNING:
        words = _("%(app)s has %(count)d transfers running; wait until some have ended.")
        sentence = words % {"app": app.name, "count": running}
        yield Problem(code="queue_full", field="app", sentence=sentence)


def _find_reach_losses(campaign: Campaign, reach: Reach, message: PushMessage) -> tuple[Loss, ...]:
    scenario = campaign.scenario
    runs_at_vendor = bool(scenario and scenario.runs_at_vendor)
    return find_losses(reach.app, message, reach.platforms, runs_at_vendor=runs_at_vendor)


def refuse_losses(losses: Iterable[Loss]) -> Iterator[Problem]:
    """What strict mode refuses of a loss report."""
    for loss in losses:
        if loss.is_lossy:
            words = _("%(field)s would be %(fate)s by %(account)s; strict mode refuses that.")
            names = {
                "field": loss.field,
                "fate": loss.fate,
                "account": loss.account or loss.dialect,
            }
            yield Problem(code="lossy", field=f"message.{loss.field}", sentence=words % names)
