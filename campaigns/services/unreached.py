"""Whom of an audience nothing reaches, told before it is sent: who has no token that works, who
opted out, and who is suppressed.

What is told of tokens is what a freeze decides (campaigns.dispatch.chunks): a token is needed where
the platform's first way takes one device at a time and no other id stands in for it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from campaigns.dispatch.routes import find_reach
from campaigns.models import App, Device, DeviceIdentifier
from campaigns.models.patience import TookTooLong, at_most
from campaigns.selectors.addressing import DESCRIBED, EACH_DEVICE, Wanted
from campaigns.selectors.audience import Audience, select_devices
from campaigns.selectors.expressions import deny
from campaigns.selectors.left_out import LeftOut, count_left_out, find_suppressed
from campaigns.selectors.routes import Way, find_first_ways
from campaigns.services.forecast import Reach
from campaigns.services.messages import Problem
from providers.message import PushMessage
from providers.message_fields import VENDOR_ONLY, Platform

DISABLED, MISSING = Device.TokenState.DISABLED.value, Device.TokenState.MISSING.value
QUICK = 0.05  # seconds for a look at somebody who is left, where a page waits for it


@dataclass(frozen=True, slots=True)
class Need:
    """Which states of a token leave a device of one platform out; whoever misses one is reached
    with an id of `id_kinds`."""

    states: frozenset[str]
    id_kinds: tuple[str, ...] = ()

    @property
    def certain(self) -> frozenset[str]:
        """States that leave it out, whatever other ids it has."""
        return self.states - {MISSING} if self.id_kinds else self.states


def find_needs(app: App, message: PushMessage) -> dict[str, Need]:
    """By platform that the message is for, what its first way needs of a token."""
    if message.channel not in VENDOR_ONLY:
        return {}  # the app's own channel goes by the device
    spoken = {one.value for one in Platform if message.has_platform(one)}
    ways = find_first_ways(app).items()
    return {platform: _find_need(way, platform) for platform, way in ways if platform in spoken}


def _find_need(way: Way, platform: str) -> Need:
    if not way.limits.addressing & EACH_DEVICE:
        return Need(frozenset())
    reach = find_reach(way, platform)
    if not reach.token_kind:
        return Need(frozenset({DISABLED}))
    return Need(frozenset({DISABLED, MISSING}), reach.id_kinds)


def count_tokenless(reach: Reach, needs: Mapping[str, Need]) -> int:
    """Of recipients who are counted those who get nothing for want of a token; who misses one and
    may have another id is not among them."""
    return sum(
        count
        for (platform, state), count in reach.unusable.items()
        if platform in needs and state in needs[platform].certain
    )


def count_all_tokenless(reaches: Iterable[Reach], message: PushMessage) -> int:
    """The same over all apps."""
    return sum(count_tokenless(reach, find_needs(reach.app, message)) for reach in reaches)


@dataclass(frozen=True, slots=True)
class Unreached:
    """Whom of one app's recipients nothing reaches, and why; who has no token that works may have
    opted out as well."""

    reach: Reach
    wanted: Wanted
    tokenless: int
    left: LeftOut
    unserved: int = 0  # on platforms that no route serves, or for which there is no text
    goes_by_token: bool = True  # wherever it goes; else some may not be addressable
    tells_audience: bool = False  # a vendor may be told whom we mean: also who has no token

    @property
    def lost(self) -> int:
        """All of them, each once."""
        return self.unserved + self.tokenless + self.left.anew

    @property
    def is_counted(self) -> bool:
        """Whether the audience was counted, and no later step may reach whom the push does not."""
        return not self.reach.margin and not self.wanted.has_steps

    @property
    def is_exact(self) -> bool:
        """Whether those who are left are known, and nothing else leaves any of them out."""
        is_called = self.goes_by_token and not self.tells_audience
        is_sure = self.is_counted and self.left.is_exact
        return is_sure and is_called and not self.wanted.has_local_hours

    @property
    def most_sent(self) -> int:
        """How many it is sent to; where that is not known, how many at most."""
        if not self.is_counted:
            return self.reach.total + self.reach.margin
        # Who is suppressed may have another identifier by now, and is sent to then.
        lost = self.unserved + self.left.out_anew + (0 if self.tells_audience else self.tokenless)
        return max(0, self.reach.total - lost)


def count_unreached(reach: Reach, wanted: Wanted, now: datetime) -> Unreached:
    """Whom nothing reaches, counted; who misses a token and has no other id is among them."""
    present = {platform for platform, count in reach.platforms.items() if count}
    unserved = present - find_served(wanted.app, wanted.message)
    needs = find_needs(wanted.app, wanted.message)
    tokenless = count_tokenless(reach, needs) + _count_idless(reach, wanted, needs)
    lost = _miss_tokens(needs) if tokenless else Q(pk__in=())
    lost |= Q(platform__in=sorted(unserved))
    reachable = deny(lost) if tokenless or unserved else None
    left = count_left_out(wanted.app, wanted.devices, now, reachable=reachable)
    own = {
        one: way for one, way in find_first_ways(wanted.app).items() if one in present - unserved
    }
    return Unreached(
        reach,
        wanted,
        tokenless,
        left,
        unserved=sum(reach.platforms[platform] for platform in unserved),
        goes_by_token=_goes_by_token(wanted, own),
        tells_audience=any(map(_may_tell_audience, own.values())),
    )


def read_sent(one: Unreached) -> Reach:
    """Those of one app whom it is sent to, as far as they were counted: they are what takes time
    and calls. A vendor that is told whom we mean gets all of them."""
    if not one.is_counted:
        return one.reach
    return narrow_reach(one.reach, one.most_sent, find_served(one.wanted.app, one.wanted.message))


def narrow_reach(reach: Reach, sent: int, served: Collection[str]) -> Reach:
    """The same of `sent` recipients on platforms that are served; who of each platform is left out
    is not known for every reason, so it is taken evenly."""
    counts = {name: count for name, count in reach.platforms.items() if name in served}
    total = sum(counts.values())
    if total > sent:
        # Rounded down, and what that lost goes to the first ones.
        counts = {name: count * sent // total for name, count in counts.items()}
        rest = sent - sum(counts.values())
        counts = {
            name: count + (place < rest) for place, (name, count) in enumerate(counts.items())
        }
    return replace(reach, platforms=counts)


def find_unreachable(app: App, message: PushMessage) -> Q:
    """Devices that get nothing of a message: for want of a token, or their person opted out."""
    opted_out = Q(person__opted_out_at__isnull=False)
    return opted_out | _miss_tokens(find_needs(app, message))


def find_served(app: App, message: PushMessage) -> set[str]:
    """Platforms for which there is a text, and a route where it goes by one."""
    spoken = {one.value for one in Platform if message.has_platform(one)}
    return spoken & find_first_ways(app).keys() if message.channel in VENDOR_ONLY else spoken


def _goes_by_token(wanted: Wanted, ways: Mapping[str, Way]) -> bool:
    """Whether on all platforms of these ways each device that has a token is called by it."""
    return wanted.message.channel in VENDOR_ONLY and all(
        way.limits.addressing & EACH_DEVICE and find_reach(way, platform).token_kind
        for platform, way in ways.items()
    )


def _may_tell_audience(way: Way) -> bool:
    return bool(way.prefers_audience and way.limits.addressing & DESCRIBED)


def _count_idless(reach: Reach, wanted: Wanted, needs: Mapping[str, Need]) -> int:
    """Who misses a token where another id would do, and has none."""
    return sum(
        wanted.devices.filter(_miss_all(platform, need)).count()
        for platform, need in needs.items()
        if need.id_kinds and reach.unusable.get((platform, MISSING))
    )


def find_unreached(counted: Iterable[Unreached], now: datetime) -> Iterator[Problem]:
    """What is to be known of who gets nothing, app by app; that nobody is left blocks."""
    is_left, has_steps, total = False, False, 0
    for one in counted:
        reach, wanted = one.reach, one.wanted
        yield from tell_tokenless(reach, one.tokenless)
        yield from _tell_left_out(one.left)
        is_left = is_left or _has_anybody_left(one, now)
        has_steps, total = wanted.has_steps, total + reach.total
    # Whom a push does not reach a later step may; each step tells of its own.
    if total and not is_left and not has_steps:
        yield describe_nobody_left()


def tell_tokenless(reach: Reach, count: int) -> Iterator[Problem]:
    """That so many have no token that works."""
    if count:
        words = ngettext(
            "%(about)s%(count)s of %(total)s devices of %(app)s has no token that works: it gets "
            "nothing.",
            "%(about)s%(count)s of %(total)s devices of %(app)s have no token that works: they get "
            "nothing.",
            count,
        )
        yield Problem(
            code="no_token",
            field="audience",
            sentence=words % _name(reach, count, is_rough=bool(reach.margin)),
            is_blocking=False,
            subject=f"app:{reach.app.pk}",
        )


def tell_opted_out(reach: Reach) -> Iterator[Problem]:
    """That so many opted out, where nobody has counted who is suppressed."""
    if reach.opted_out:
        words = ngettext(
            "%(about)s%(count)s of %(total)s devices of %(app)s belongs to somebody who opted out: "
            "it gets nothing.",
            "%(about)s%(count)s of %(total)s devices of %(app)s belong to people who opted out: "
            "they get nothing.",
            reach.opted_out,
        )
        sentence = words % _name(reach, reach.opted_out, is_rough=reach.is_split_estimated)
        yield Problem(code="left_out", field="audience", sentence=sentence, is_blocking=False)


def _name(reach: Reach, count: int, *, is_rough: bool) -> dict[str, str]:
    about = _("about ") if is_rough else ""
    return {
        "about": about,
        "count": f"{count:,}",
        "total": f"{reach.total:,}",
        "app": reach.app.name,
    }


def _tell_left_out(left: LeftOut) -> Iterator[Problem]:
    """How many of an audience get nothing because they opted out or are suppressed."""
    if left:
        why = _(", and ").join(_list_reasons(left))
        sentence = _("Of this audience %(why)s.") % {"why": why}
        yield Problem(code="left_out", field="audience", sentence=sentence, is_blocking=False)


def _list_reasons(left: LeftOut) -> Iterator[str]:
    if left.opted_out:
        words = ngettext(
            "%(count)d device is left out because its person opted out",
            "%(count)d devices are left out because their persons opted out",
            left.opted_out,
        )
        yield words % {"count": left.opted_out}
    if left.suppressed:
        words = ngettext(
            "%(count)d device is left out because it is on the suppression list",
            "%(count)d devices are left out because they are on the suppression list",
            left.suppressed,
        )
        yield words % {"count": left.suppressed}


def describe_nobody_left() -> Problem:
    """That of an audience with devices in it none is sent to."""
    words = _(
        "Nobody in this audience gets anything: they have no token that works, opted out, are "
        "suppressed, or are on platforms that no route or no text serves. Choose another audience."
    )
    return Problem(code="nobody_left", field="audience", sentence=words)


def may_be_nobody(reach: Reach, lost: int) -> bool:
    """Whether so many who get nothing may be all of them; some may be counted twice in it."""
    return lost >= reach.total - reach.margin


def is_surely_nobody(reach: Reach, tokenless: int) -> bool:
    """Whether what was counted alone says that nobody is left."""
    opted_out = 0 if reach.is_split_estimated else reach.opted_out
    return not reach.margin and max(tokenless, opted_out) >= reach.total


def look_for_somebody(
    app: App,
    audience: Audience,
    *,
    only_primary: bool = False,
    platforms: Iterable[str],
    needs: Iterable[Any],
) -> bool:
    """Whether somebody of an audience is left, True too where a page would wait for the answer;
    `platforms` those of `find_served`, `needs` as `write_needs` gives them."""
    devices = select_devices(app, audience, only_primary=only_primary)
    read = {name: Need(frozenset(states), tuple(kinds)) for name, states, kinds in needs}
    try:
        with at_most(QUICK):
            return _is_anybody_left(app, devices, platforms, read, timezone.now())
    except TookTooLong:
        return True


def write_needs(needs: Mapping[str, Need]) -> list[Any]:
    """What the ways of an app need of a token, as JSON values."""
    items = needs.items()
    return [[platform, sorted(need.states), list(need.id_kinds)] for platform, need in items]


def _has_anybody_left(one: Unreached, now: datetime) -> bool:
    """Whether somebody of one app is left; that no platform of it is served is told elsewhere."""
    wanted = one.wanted
    served = find_served(wanted.app, wanted.message)
    if not served or not may_be_nobody(one.reach, one.lost):
        return True
    needs = find_needs(wanted.app, wanted.message)
    return _is_anybody_left(wanted.app, wanted.devices, served, needs, now)


def _is_anybody_left(
    app: App,
    devices: QuerySet[Device],
    platforms: Iterable[str],
    needs: Mapping[str, Need],
    now: datetime,
) -> bool:
    """Whether one of these devices, of these platforms, has a token where it needs one, and is not
    barred."""
    lost = Q(person__opted_out_at__isnull=False) | find_suppressed(app, now) | _miss_tokens(needs)
    return devices.filter(deny(lost), platform__in=sorted(platforms)).exists()


def _miss_tokens(needs: Mapping[str, Need]) -> Q:
    """Devices that get nothing for want of a token."""
    lost = Q(pk__in=())
    for platform, need in needs.items():
        lost |= Q(platform=platform, token_state__in=sorted(need.certain))
        if need.id_kinds:
            lost |= _miss_all(platform, need)
    return lost


def _miss_all(platform: str, need: Need) -> Q:
    """Devices without a token, and without another id that their way takes."""
    known = DeviceIdentifier.objects.filter(device=OuterRef("pk"), kind__in=need.id_kinds)
    return Q(platform=platform, token_state=MISSING) & ~Q(Exists(known))
