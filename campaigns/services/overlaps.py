"""Who would get a campaign and something else around the same time: from the calendar's own times,
counted one by one, the nearest first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import zip_longest
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from campaigns.errors import Invalid
from campaigns.models import App, Campaign, Device, Transfer
from campaigns.models.bulk import Unindexed
from campaigns.models.clock import RECIPIENT_ZONE, find_last_instant
from campaigns.selectors.audience import AudienceKind, read_audience, select_devices
from campaigns.selectors.calendar import Entry, read_around
from campaigns.selectors.campaign_apps import list_apps
from campaigns.selectors.collisions import NOT_SENT
from campaigns.selectors.expressions import NEVER, deny
from campaigns.selectors.script_recipients import narrow_to_recipients
from campaigns.selectors.script_sends import CLOSE, find_near_scripts
from campaigns.services.messages import Problem
from campaigns.services.unreached import find_unreachable

MOST_TOLD = 5
MOST_COUNTED = 10_000
TIMES, MONTH = 31, timedelta(days=31)  # of a series
LOOKED_AT = 20  # transfers under way since earlier: a campaign of several apps has one in each
# What may be spent on counts: those over recipients who are named one by one are found by their
# ids, any other may have to look at every device.
EFFORT, OF_NAMED, OF_OTHERS = 50, 1, 5
NAMED = {AudienceKind.DEVICES.value, AudienceKind.PERSONS.value}


@dataclass(frozen=True, slots=True)
class Other:
    """A campaign, or a transfer of a script, that comes near. `is_running`: it began long before
    and is still being sent; `is_spread`: it or the one that is looked at goes by each recipient's
    own clock."""

    campaign: Campaign | None = None
    transfer: Transfer | None = None
    name: str = ""
    is_running: bool = False
    is_spread: bool = False


@dataclass(frozen=True, slots=True)
class Nearby:
    """What there is to compare with, in the order of looking; `unknown` is how many more name
    recipients who are not looked up yet, `is_cut` whether there is more still."""

    others: tuple[Other, ...]
    unknown: int
    is_cut: bool


def find_overlaps(campaign: Campaign, now: datetime) -> Iterator[Problem]:
    """Campaigns that reach some of the same people within an hour before or after it, or that began
    earlier and are still being sent; and, if not all of those were compared, that."""
    apps = list_apps(campaign)
    nearby = _list_nearby(campaign, apps, now)
    unreachable = {app.pk: _find_unreachable(app, campaign) for app in apps}
    told, left, rest = 0, EFFORT, len(nearby.others) + nearby.unknown
    for other in nearby.others:
        left -= _weigh(campaign, other)
        if told == MOST_TOLD or left < 0:
            break
        rest -= 1
        shared = sum(_count_shared(app, campaign, other, unreachable[app.pk]) for app in apps)
        if shared:
            told += 1
            yield _describe_overlap(other, shared)
    if rest or nearby.is_cut:
        yield _describe_rest(rest, is_cut=nearby.is_cut)


def _weigh(campaign: Campaign, other: Other) -> int:
    bodies = [campaign.audience, other.campaign.audience if other.campaign else {}]
    return OF_NAMED if any(NAMED.intersection(body) for body in bodies) else OF_OTHERS


def _list_nearby(campaign: Campaign, apps: list[App], now: datetime) -> Nearby:
    spans = _list_spans(campaign, now)
    start, end = spans[0][0], spans[-1][1]
    found, is_cut = read_around([app.pk for app in apps], start - CLOSE, end + CLOSE, now)
    near = [one for one in found if _is_meant(campaign, one) and _is_near(one, spans)]
    near = _leave_out_ended(near, start)
    planned = [one for one in near if one.transfer_id is None]
    planned.sort(key=lambda one: abs((one.at - start).total_seconds()))
    begun = [one for one in reversed(near) if one.transfer_id is not None]
    running, is_more = _list_running(apps, start, now)
    entries = {one.campaign.pk: one for one in reversed([*planned, *begun])}
    scripts = find_near_scripts([app.pk for app in apps], spans, now)
    ids = _take_in_turn(
        [one.campaign.pk for one in planned],
        [one.campaign.pk for one in begun],
        [-transfer.pk for transfer in scripts.known],
        [pk for pk in running if pk not in entries and pk != campaign.pk],
    )
    rows = Campaign.objects.select_related("app", "app_group").in_bulk(ids)
    is_spread = campaign.timezone == RECIPIENT_ZONE
    others = {pk: _make_other(rows[pk], entries.get(pk), is_spread) for pk in rows}
    others |= {-one.pk: _make_script(one, spans[0][0], is_spread) for one in scripts.known}
    is_cut = is_cut or is_more or scripts.is_cut
    return Nearby(tuple(others[pk] for pk in ids if pk in others), scripts.unknown, is_cut)


def _make_script(transfer: Transfer, start: datetime, is_spread: bool) -> Other:
    key = transfer.submission.api_key if transfer.submission else None
    is_spread = is_spread or bool(transfer.wall_clock)
    return Other(
        transfer=transfer,
        name=transfer.name or (key.name if key else _("a script")),
        is_running=transfer.due_at < start - CLOSE and not is_spread,
        is_spread=is_spread,
    )


def _is_meant(campaign: Campaign, entry: Entry) -> bool:
    return entry.campaign.pk != campaign.pk and entry.status not in NOT_SENT


def _is_near(entry: Entry, spans: Iterable[tuple[datetime, datetime]]) -> bool:
    return any(entry.at <= end + CLOSE and entry.ends >= start - CLOSE for start, end in spans)


def _make_other(campaign: Campaign, entry: Entry | None, is_spread: bool) -> Other:
    if entry is None:
        return Other(campaign, name=campaign.name, is_running=True)
    return Other(campaign, name=campaign.name, is_spread=is_spread or entry.until is not None)


def _list_spans(campaign: Campaign, now: datetime) -> list[tuple[datetime, datetime]]:
    """From its first start to its last: at recipients' own hours that is more than a day. Of a
    series each time of the month to come."""
    start = max(now, campaign.due_at or now)
    if campaign.series is not None and campaign.due_at is not None:
        coming = campaign.series.list_upcoming(start - timedelta(microseconds=1), TIMES)
        times = [time.due_at for time in coming if time.due_at < start + MONTH]
        return [(time, time) for time in times or [start]]
    if campaign.timezone != RECIPIENT_ZONE or not campaign.send_at:
        return [(start, start)]
    return [(start, max(start, find_last_instant(datetime.fromisoformat(campaign.send_at))))]


def _leave_out_ended(found: Iterable[Entry], start: datetime) -> list[Entry]:
    """Without what goes by recipients' own clocks and had its last one long before."""
    entries = list(found)
    spread = [one.transfer_id for one in entries if one.until is not None and one.transfer_id]
    ended: set[Any] = set()
    if spread:
        rows = Transfer.objects.filter(pk__in=spread, finished_at__lt=start - CLOSE)
        ended = set(rows.values_list("pk", flat=True))
    return [one for one in entries if one.transfer_id not in ended]


def _list_running(apps: list[App], start: datetime, now: datetime) -> tuple[list[Any], bool]:
    """Campaigns begun earlier and still being sent, the newest first; whether there are more."""
    if start - CLOSE >= now:
        return [], False
    # Those that have not ended are few; of an app, SQLite would read all that it has ever sent.
    rows = Transfer.objects.alias(of=Unindexed("app_id")).filter(
        of__in=[app.pk for app in apps], campaign__isnull=False, is_test=False,
        finished_at__isnull=True,
        created_at__lte=start - CLOSE, due_at__lte=start,
    )  # fmt: skip
    newest = rows.order_by("-created_at").values_list("campaign_id", flat=True)
    found = list(newest[: LOOKED_AT + 1])
    return list(dict.fromkeys(found[:LOOKED_AT])), len(found) > LOOKED_AT


def _take_in_turn(*sorts: Iterable[int]) -> list[int]:
    """The first of each sort, then the second of each: none of them crowds out the others."""
    rows = (row for turn in zip_longest(*sorts) for row in turn if row is not None)
    return list(dict.fromkeys(rows))


def _find_unreachable(app: App, campaign: Campaign) -> Q:
    # Whom the push does not reach a later step may.
    return NEVER if campaign.scenario_id else find_unreachable(app, campaign.message.read())


def _count_shared(app: App, campaign: Campaign, other: Other, unreachable: Q) -> int:
    """How many devices of the app both mean, without those that get nothing of the first, up to
    one more than `MOST_COUNTED`."""
    audience = read_audience(app, campaign.audience, principal=None)
    devices = select_devices(app, audience, only_primary=campaign.only_primary)
    try:
        both = _narrow(app, devices, other)
    except Invalid:  # an audience that means nobody any more
        return 0
    return both.filter(deny(unreachable)).order_by()[: MOST_COUNTED + 1].count()


def _narrow(app: App, devices: QuerySet[Device], other: Other) -> QuerySet[Device]:
    if other.transfer is not None:
        is_ours = other.transfer.app_id == app.pk
        return narrow_to_recipients(devices, other.transfer) if is_ours else devices.none()
    if other.campaign is None or app not in list_apps(other.campaign):
        return devices.none()
    theirs = select_devices(
        app,
        read_audience(app, other.campaign.audience, principal=None),
        only_primary=other.campaign.only_primary,
    )
    return devices.filter(pk__in=theirs.order_by().values("pk"))


def _describe_overlap(other: Other, shared: int) -> Problem:
    count = f"{min(shared, MOST_COUNTED):,}"
    some = _("more than %(count)s") % {"count": count} if shared > MOST_COUNTED else count
    names = {"count": some, "name": other.name}
    return Problem(
        code="overlap",
        field="send_at",
        sentence=_word_overlap(other, shared) % names,
        is_blocking=False,
        subject=_name_subject(other),
    )


def _name_subject(other: Other) -> str:
    if other.transfer is not None:
        return f"transfer:{other.transfer.pk}"
    return f"campaign:{other.campaign.pk}" if other.campaign else ""


def _word_overlap(other: Other, shared: int) -> str:
    if other.is_running:
        return ngettext(
            "%(count)s recipient of it is meant by “%(name)s” too, which is still being sent.",
            "%(count)s recipients of it are meant by “%(name)s” too, which is still being sent.",
            shared,
        )
    if other.is_spread:
        return ngettext(
            "%(count)s recipient of it is meant by “%(name)s” too; on that one's own clock both "
            "may come within an hour.",
            "%(count)s recipients of it are meant by “%(name)s” too; on each one's own clock both "
            "may come within an hour.",
            shared,
        )
    return ngettext(
        "%(count)s recipient of it gets “%(name)s” within the same hour.",
        "%(count)s recipients of it get “%(name)s” within the same hour.",
        shared,
    )


def _describe_rest(rest: int, *, is_cut: bool) -> Problem:
    words = ngettext(
        "%(count)d more send comes near it and was not compared.",
        "%(count)d more sends come near it and were not compared.",
        rest,
    ) % {"count": rest}
    if is_cut:
        words = _("More sends come near it than are compared.")
    return Problem(code="not_compared", field="send_at", sentence=words, is_blocking=False)
