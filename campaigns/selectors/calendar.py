"""What was sent and what is planned between two instants.

Bounded: so many campaigns of each kind, so many times of each series, whatever there is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any, NamedTuple

from django.db.models import Q
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from campaigns.models import App, AppGroup, Campaign, Occurrence, Transfer
from campaigns.models.bulk import Unindexed
from campaigns.models.clock import RECIPIENT_ZONE, find_first_instant, find_last_instant
from campaigns.models.recurrence import Series
from campaigns.selectors.routes import find_dialect
from campaigns.selectors.script_sends import Run, list_runs, name_keys

# What is read of the campaign of a series.
SHOWN = (
    "workspace", "name", "status", "audience", "timezone", "send_at", "due_at", "recurrence",
    "app", "app_group",
)  # fmt: skip
MAX_ENTRIES = 500
MAX_SERIES = 200
TIMES_OF_SERIES = 62
BAND = timedelta(hours=26)  # from the first zone on earth to the last


class Named(NamedTuple):
    """What a calendar shows of a campaign, or without an id of what a script sends. There are
    hundreds, and a row of the model with most of its columns left out takes longer to make than all
    of its columns to read."""

    pk: int
    name: str
    audience: dict[str, Any]
    app_id: int | None
    app_group_id: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One start. With recipients' own hours it is a band: the first of them get it at `at`, the
    last by `until`. `status` is the campaign's or the transfers', or `missed`, `skipped`.

    With a `run` it is what a script sends without a campaign: from the first to the last of it."""

    at: datetime
    campaign: Named
    status: str
    apps: frozenset[int]
    transfer_id: int | None = None
    until: datetime | None = None
    wall_clock: str = ""
    note: str = ""
    run: Run | None = None

    @property
    def identity(self) -> tuple[Any, ...]:
        """What comes again is the same."""
        return self.run.sender if self.run else (self.campaign.pk,)

    @property
    def ends(self) -> datetime:
        """When the last of its starts has come."""
        return self.until or self.at


@dataclass(frozen=True, slots=True)
class Timetable:
    """Entries in their order; `is_cut` where there were more than are read. `places` are the
    names of the app or app group of each, by its identity; `apps` are those that are shown."""

    entries: tuple[Entry, ...]
    is_cut: bool
    places: Mapping[tuple[Any, ...], str]
    apps: tuple[int, ...]


def read_timetable(
    principal: Any,
    start: datetime,
    end: datetime,
    now: datetime,
    *,
    app: int | None = None,
    zone: tzinfo = UTC,
) -> Timetable:
    """Everything that starts, or goes on by recipients' own hours, from `start` to before `end`.
    What scripts send in a row is one entry for each day of the `zone`."""
    scope = _Scope(
        Campaign.objects.for_user(principal), Transfer.objects.for_user(principal), _list_members()
    )
    apps = _list_visible(principal, app)
    if app is not None:
        scope = scope.narrow(apps)
    entries, is_cut = _read(scope, start, end, now)
    runs, is_more = list_runs(apps, start - BAND, end, zone)
    sent = [one for one in _enter_runs(runs) if one.at < end and one.ends >= start]
    shown = sorted([*entries[:MAX_ENTRIES], *sent], key=lambda one: (one.at, one.campaign.pk))
    is_cut = is_cut or is_more or len(entries) > MAX_ENTRIES
    return Timetable(tuple(shown), is_cut, _name_places(shown), tuple(apps))


def _list_visible(principal: Any, app: int | None) -> list[int]:
    """The ids of the apps that are shown: those that the principal sees, or one of them."""
    apps = App.objects.for_user(principal)
    return list((apps.filter(pk=app) if app is not None else apps).values_list("pk", flat=True))


def _enter_runs(runs: Sequence[Run]) -> Iterator[Entry]:
    names = name_keys(runs)
    for run in runs:
        sender = names.get(run.key) or _name_door(run.door)
        name = run.name or names.get(run.key) or capfirst(sender)
        entry = Entry(
            at=run.first, campaign=Named(0, name, {}, run.app, None), run=run,
            status=run.status, apps=frozenset({run.app}), transfer_id=run.transfer,
            until=run.last if run.count > 1 else None, note=_word_run(run, sender),
        )  # fmt: skip
        yield _stretch(entry, run.wall_clock)


def _name_door(door: str) -> str:
    """By whose words a script spoke, where its key is gone."""
    dialect = find_dialect(door)
    if dialect is not None:
        return dialect.label
    return _("the native API") if door else _("a script")


def _word_run(run: Run, sender: str) -> str:
    words = ngettext("%(n)d send by %(sender)s", "%(n)d sends by %(sender)s", run.count)
    told = words % {"n": run.count, "sender": sender}
    if not run.recipients:
        return told
    words = ngettext("%(n)s recipient", "%(n)s recipients", run.recipients)
    return f"{told} · {words % {'n': f'{run.recipients:,}'}}"


def read_around(
    apps: Collection[int], start: datetime, end: datetime, now: datetime
) -> tuple[list[Entry], bool]:
    """The same of some apps, whoever looks: for what has to know it. Whether there is more."""
    scope = _Scope(Campaign.objects.all(), Transfer.objects.all(), _list_members())
    return _read(scope.narrow(apps), start, end, now)


_Members = dict[int, frozenset[int]]


@dataclass(frozen=True, slots=True)
class _Scope:
    """The rows that a timetable is made of, and the apps of each app group."""

    campaigns: Any
    transfers: Any
    members: _Members

    def narrow(self, apps: Collection[int]) -> _Scope:
        """Only what goes to one of these apps."""
        groups = [group for group, own in self.members.items() if not own.isdisjoint(apps)]
        ours = Q(app__in=apps) | Q(app_group__in=groups)
        # By when they began: of an app, SQLite would read all that scripts send.
        transfers = self.transfers.alias(of=Unindexed("app_id")).filter(of__in=apps)
        return _Scope(self.campaigns.filter(ours), transfers, self.members)


# Entries of one source, and whether it has more than are read.
_Found = tuple[list[Entry], bool]


def _read(scope: _Scope, start: datetime, end: datetime, now: datetime) -> _Found:
    sources = (
        _list_sent(scope, start, end),
        _list_planned(scope, start, end),
        _list_times(scope, start, end, now),
        _list_left_out(scope, start, end),
    )
    found = [
        entry
        for some, _is_cut in sources
        for entry in some
        if entry.at < end and entry.ends >= start
    ]
    found.sort(key=lambda entry: (entry.at, entry.campaign.pk))
    return found, any(is_cut for _some, is_cut in sources)


def _take(rows: Any, most: int) -> tuple[list[Any], bool]:
    """The first rows, and whether there are more."""
    found = list(rows[: most + 1])
    return found[:most], len(found) > most


def _name_places(entries: Iterable[Entry]) -> dict[tuple[Any, ...], str]:
    """Apps are few: one statement has their names, and not each row again."""
    known = {entry.identity: entry.campaign for entry in entries}
    apps = App.objects.in_bulk({one.app_id for one in known.values() if one.app_id})
    groups = AppGroup.objects.in_bulk(
        {one.app_group_id for one in known.values() if one.app_group_id}
    )
    return {
        identity: str(apps[one.app_id] if one.app_id else groups.get(one.app_group_id, ""))
        for identity, one in known.items()
    }


def _list_members() -> _Members:
    """The apps of each app group."""
    members: dict[int, set[int]] = {}
    for group, app in AppGroup.apps.through.objects.values_list("appgroup_id", "app_id"):
        members.setdefault(group, set()).add(app)
    return {group: frozenset(apps) for group, apps in members.items()}


def _name(campaign: Campaign) -> Named:
    return Named(*(getattr(campaign, name) for name in Named._fields))


def _find_apps(campaign: Named, members: _Members) -> frozenset[int]:
    if campaign.app_id is not None:
        return frozenset({campaign.app_id})
    return members.get(campaign.app_group_id or 0, frozenset())


def _list_sent(scope: _Scope, start: datetime, end: datetime) -> _Found:
    """What began: one entry for all apps of one start."""
    rows = scope.transfers.filter(
        # Longer ago only what goes by recipients' own clocks.
        Q(created_at__gte=start) | ~Q(wall_clock=""),
        campaign__isnull=False, is_test=False, created_at__gte=start - BAND, created_at__lt=end,
    )  # fmt: skip
    columns = ("campaign_id", "occurrence_id", "pk", "status", "created_at", "wall_clock")
    newest, is_cut = _take(rows.order_by("-created_at").values_list(*columns), MAX_ENTRIES)
    named = Campaign.objects.filter(pk__in={row[0] for row in newest})
    campaigns = {row[0]: Named(*row) for row in named.values_list(*Named._fields)}
    seen: dict[tuple[int, int], Entry] = {}
    for pk, occurrence, transfer, status, at, wall_clock in newest:
        if pk not in campaigns:
            continue  # deleted between the two statements
        entry = Entry(
            at=at, campaign=campaigns[pk], status=status,
            apps=_find_apps(campaigns[pk], scope.members), transfer_id=transfer,
        )  # fmt: skip
        seen[pk, occurrence or 0] = _stretch(entry, wall_clock)
    return list(seen.values()), is_cut


def _stretch(entry: Entry, wall_clock: str) -> Entry:
    """With a clock of the recipients' own: from the first zone that has it to the last."""
    if not wall_clock:
        return entry
    wall = datetime.fromisoformat(wall_clock)
    first, last = find_first_instant(wall), find_last_instant(wall)
    return replace(entry, at=first, until=last, wall_clock=wall_clock)


def _list_planned(scope: _Scope, start: datetime, end: datetime) -> _Found:
    rows = scope.campaigns.filter(
        Q(due_at__gte=start) | Q(timezone=RECIPIENT_ZONE),
        status=Campaign.Status.SCHEDULED, due_at__gte=start - BAND, due_at__lt=end,
    )  # fmt: skip
    columns = ("due_at", "timezone", "send_at", *Named._fields)
    listed, is_cut = _take(rows.order_by("due_at").values_list(*columns), MAX_ENTRIES)
    return [_plan(scope, *row) for row in listed], is_cut


def _plan(scope: _Scope, due_at: datetime, zone: str, send_at: str, *own: Any) -> Entry:
    campaign = Named(*own)
    entry = Entry(
        at=due_at, campaign=campaign, status=Campaign.Status.SCHEDULED,
        apps=_find_apps(campaign, scope.members),
    )  # fmt: skip
    return _stretch(entry, send_at if zone == RECIPIENT_ZONE else "")


def _list_times(scope: _Scope, start: datetime, end: datetime, now: datetime) -> _Found:
    """The times to come of series; those of a paused one as if it went on."""
    status = Campaign.Status
    rows = scope.campaigns.filter(
        status__in=[status.RECURRING, status.PAUSED], recurrence__isnull=False,
        due_at__isnull=False, due_at__lt=end,
    )  # fmt: skip
    series, is_cut = _take(rows.only(*SHOWN).order_by("due_at"), MAX_SERIES)
    after = max(start, now) - timedelta(microseconds=1)
    return [entry for row in series for entry in _list_runs(scope, row, after, end)], is_cut


def _list_runs(scope: _Scope, row: Campaign, after: datetime, end: datetime) -> Iterator[Entry]:
    if row.series is None:
        return
    campaign = _name(row)
    for time in advance(row.series, after).list_upcoming(after, TIMES_OF_SERIES):
        if time.due_at >= end:
            return
        yield Entry(
            at=time.due_at, campaign=campaign, status=row.status,
            apps=_find_apps(campaign, scope.members), note=time.note,
        )  # fmt: skip


def advance(series: Series, after: datetime) -> Series:
    """The same times behind `after`, of a series that begins shortly before it: nobody counts
    through the years. One with a number of runs is counted from its beginning.
    """
    if series.runs is not None or series.unit == "month":
        return series
    days = (after.astimezone(series.zone).date() - series.first.date()).days - 2
    step = series.every * (7 if series.unit == "week" else 1)
    if days < step:
        return series
    first = series.first + timedelta(days=days // step * step)
    weekdays = series.weekdays
    if series.unit == "week":
        # Weeks are counted from the first one's Monday on, whatever day that was.
        first -= timedelta(days=first.weekday())
        weekdays = weekdays or _name_weekday(series.first.date())
    return replace(series, first=first, weekdays=weekdays)


def _name_weekday(day: date) -> tuple[str, ...]:
    return (("mon", "tue", "wed", "thu", "fri", "sat", "sun")[day.weekday()],)


def _list_left_out(scope: _Scope, start: datetime, end: datetime) -> _Found:
    """Times of series at which nothing was sent."""
    rows = Occurrence.objects.filter(
        campaign__in=scope.campaigns.filter(recurrence__isnull=False),
        due_at__gte=start, due_at__lt=end,
    ).exclude(state=Occurrence.State.FIRED)  # fmt: skip
    listed, is_cut = _take(rows.select_related("campaign").order_by("due_at"), MAX_ENTRIES)
    return [_leave_out(scope, row) for row in listed], is_cut


def _leave_out(scope: _Scope, row: Occurrence) -> Entry:
    campaign = _name(row.campaign)
    return Entry(
        at=row.due_at, campaign=campaign, status=row.state,
        apps=_find_apps(campaign, scope.members), note=str(row.get_reason_display()),
    )  # fmt: skip


def list_days(first: date, count: int) -> list[date]:
    """Neighbouring days."""
    return [first + timedelta(days=number) for number in range(count)]


def group_by_day(
    entries: Iterable[Entry], days: Sequence[date], zone: Any
) -> dict[date, list[Entry]]:
    """Entries under each day that they start on or go on through."""
    table: dict[date, list[Entry]] = {day: [] for day in days}
    for entry in entries:
        day, last = (moment.astimezone(zone).date() for moment in (entry.at, entry.ends))
        while day <= last:
            if day in table:
                table[day].append(entry)
            day += timedelta(days=1)
    return table


def in_zone(day: date, zone: Any) -> datetime:
    """The instant at which a day begins there."""
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
