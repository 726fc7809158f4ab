"""Whom each step of a scenario reaches in an audience, and what its messages cost."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Count, Q

from campaigns.dispatch.chunks import find_other_ids
from campaigns.dispatch.routes import Reach, list_reaches
from campaigns.models import App, Campaign, Device, Scenario
from campaigns.selectors.addressing import PER_RECIPIENT
from campaigns.selectors.audience import Audience, read_audience, select_devices
from campaigns.selectors.campaign_apps import list_apps
from campaigns.selectors.routes import find_first_ways
from providers.contract import Addressing
from providers.message import PushMessage
from providers.message_fields import VENDOR_ONLY, Platform
from providers.scenarios import Channel

WANTS_MESSAGES = Q(person__isnull=True) | Q(person__opted_out_at__isnull=True)
# Who has an address; a comparison, for NULL is no address either.
ADDRESSED = {
    Channel.SMS.value: Q(person__phone__gt="", person__opted_out_at__isnull=True),
    Channel.EMAIL.value: Q(person__email__gt="", person__opted_out_at__isnull=True),
}
NOBODY = Q(pk__in=[])


@dataclass(frozen=True, slots=True)
class StepReach:
    """People with an address for a step, messages to all of them, and how many of these no
    earlier step can take off it."""

    people: int = 0
    messages: int = 0
    least: int = 0

    def __add__(self, other: StepReach) -> StepReach:
        return StepReach(
            self.people + other.people, self.messages + other.messages, self.least + other.least
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class StepForecast:
    """One step before it is sent; `number` from 1, `price` None where nobody has said.

    `accounts` are their names by app and way; `wait` in seconds until the next step.
    """

    number: int
    channel: str
    sender: str
    accounts: tuple[str, ...]
    wait: int | None
    price: Decimal | None
    reach: StepReach

    @property
    def cost_least(self) -> Decimal | None:
        """If everybody whom an earlier step reaches answers it."""
        return None if self.price is None else self.price * self.reach.least

    @property
    def cost_most(self) -> Decimal | None:
        """If nobody answers an earlier step."""
        return None if self.price is None else self.price * self.reach.messages


@dataclass(frozen=True, slots=True)
class ScenarioForecast:
    """The steps of a scenario for one audience; what has no price is in no sum."""

    steps: tuple[StepForecast, ...]

    @property
    def cost_least(self) -> Decimal:
        """What it costs at the least."""
        return sum((step.cost_least or Decimal(0) for step in self.steps), Decimal(0))

    @property
    def cost_most(self) -> Decimal:
        """What it costs at the most."""
        return sum((step.cost_most or Decimal(0) for step in self.steps), Decimal(0))

    @property
    def unpriced(self) -> tuple[int, ...]:
        """Numbers of the steps without a price."""
        return tuple(step.number for step in self.steps if step.price is None)


def forecast_campaign_steps(campaign: Campaign) -> ScenarioForecast | None:
    """The steps of a campaign at this moment; None for one without a scenario."""
    scenario = campaign.scenario
    if scenario is None:
        return None
    message, apps = campaign.message.read(), list_apps(campaign)
    reaches = []
    for app in apps:
        audience = read_audience(app, campaign.audience, principal=None)
        details = list_details(scenario, message)
        only_primary = campaign.only_primary
        reaches.append(count_steps(app, audience, only_primary=only_primary, **details))
    return forecast_steps(scenario, apps, reaches)


def forecast_steps(
    scenario: Scenario, apps: Sequence[App], reaches: Sequence[Sequence[StepReach]]
) -> ScenarioForecast:
    """The steps with what `count_steps` gave for each of the apps."""
    ways = [find_first_ways(app) for app in apps]
    return ScenarioForecast(
        tuple(
            StepForecast(
                number=place + 1,
                channel=step["channel"],
                sender=step["sender"],
                accounts=_name_accounts(step["channel"], ways),
                wait=step["wait"],
                price=read_price(step["price"]),
                reach=sum((reach[place] for reach in reaches), StepReach()),
            )
            for place, step in enumerate(scenario.steps)
        )
    )


def read_price(text: str) -> Decimal | None:
    """The price of one message; None for ""."""
    return Decimal(text) if text else None


def _name_accounts(channel: str, ways: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    wanted = set(Platform) if channel == Channel.PUSH else {channel}
    names = [way.account.name for by_way in ways for key, way in by_way.items() if key in wanted]
    return tuple(dict.fromkeys(names))


def list_details(scenario: Scenario, message: PushMessage) -> dict[str, Any]:
    """What the reach of its steps depends on besides the audience, as JSON values."""
    return {
        "channels": [step["channel"] for step in scenario.steps],
        "platforms": [one.value for one in Platform if message.has_platform(one)],
        "is_own": message.channel not in VENDOR_ONLY,
    }


def count_steps(
    app: App,
    audience: Audience,
    *,
    only_primary: bool = False,
    channels: Sequence[str],
    platforms: Collection[str],
    is_own: bool = False,
) -> list[StepReach]:
    """Whom a step over each of the channels reaches, in one query.

    `platforms` are those for which there is a text; with `is_own` a device needs no vendor's id.
    """
    devices = select_devices(app, audience, only_primary=only_primary).order_by()
    reaches = {key: reach for key, reach in list_reaches(app).items() if key in platforms}
    pushed = Q(platform__in=platforms) if is_own else _find_pushed(reaches)
    found = {**ADDRESSED, Channel.PUSH.value: pushed & WANTS_MESSAGES}
    conditions = [found[channel] for channel in channels]
    wanted: dict[str, Count] = {"devices": Count("pk", filter=found[Channel.PUSH.value])}
    wanted["strangers"] = Count("pk", filter=found[Channel.PUSH.value] & Q(person__isnull=True))
    for place, condition in enumerate(conditions):
        earlier = reduce(or_, conditions[:place], NOBODY)
        wanted[f"people_{place}"] = _count_people(condition)
        wanted[f"earlier_{place}"] = _count_people(condition & earlier)
    counts = devices.annotate(has_id=find_other_ids(reaches)).aggregate(**wanted)
    return [_read_reach(channel, place, counts) for place, channel in enumerate(channels)]


def _count_people(condition: Q) -> Count:
    return Count("person", distinct=True, filter=condition)


def _read_reach(channel: str, place: int, counts: Mapping[str, int]) -> StepReach:
    people = counts[f"people_{place}"]
    if channel == Channel.PUSH:
        return StepReach(people + counts["strangers"], counts["devices"], counts["devices"])
    return StepReach(people, people, people - counts[f"earlier_{place}"])


def _find_pushed(reaches: Mapping[str, Reach]) -> Q:
    """Devices that their platform's first way can address, each or by its person."""
    found = NOBODY
    for platform, reach in reaches.items():
        found |= Q(platform=platform) & _find_addressed(reach)
    return found & ~Q(token_state=Device.TokenState.DISABLED)


def _find_addressed(reach: Reach) -> Q:
    known = reach.way.limits.addressing & PER_RECIPIENT
    if known == {Addressing.USERNAME}:
        return Q(person__external_user_id__gt="")
    if not known:
        return NOBODY  # it is told of an audience, and then says of nobody whether it reached them
    by_token = Q(token_state=Device.TokenState.ACTIVE, token__gt="")
    return Q(has_id=True) | (by_token if reach.token_kind else NOBODY)
