"""The calendar: what was sent and what is planned, by month, week or as a list, in one zone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.http import urlencode
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from campaigns.models import App, Membership
from campaigns.models.clock import list_zone_names, load_zone
from campaigns.pages.fields import LongSelect, PageForm
from campaigns.pages.lookups import find_campaign
from campaigns.pages.report_links import DayReports, read_day_reports
from campaigns.pages.shell import draw_fragment, draw_page, operator_page
from campaigns.selectors.calendar import (
    Entry,
    Timetable,
    group_by_day,
    in_zone,
    list_days,
    read_timetable,
)
from campaigns.selectors.campaign_apps import list_apps
from campaigns.selectors.collisions import Collision, Collisions, find_collisions
from campaigns.selectors.overlap import count_overlap
from campaigns.selectors.row_ids import read_id
from campaigns.selectors.script_sends import MOST_SMALL, count_small
from campaigns.services.access import has_role

VIEWS = {
    "month": gettext_lazy("Month"), "week": gettext_lazy("Week"), "list": gettext_lazy("List")
}  # fmt: skip
LIST_DAYS = 30
FARTHEST = timedelta(days=3 * 366)
MOST_OF_A_DAY = {"month": 4, "week": 25, "list": 20}
NAMED = 3  # of what a start comes together with
LONGEST = 60  # letters of such a name


class CalendarForm(PageForm):
    """What is shown; everything of it stands in the address."""

    view = forms.ChoiceField(choices=list(VIEWS.items()), required=False, widget=forms.HiddenInput)
    on = forms.DateField(
        label=gettext_lazy("Around"), required=False, widget=forms.DateInput({"type": "date"})
    )
    app = forms.ModelChoiceField(
        App.objects.none(),
        label=gettext_lazy("App"),
        required=False,
        empty_label=gettext_lazy("All apps"),
    )
    zone = forms.ChoiceField(label=gettext_lazy("Time zone"), required=False, widget=LongSelect)

    def __init__(self, *args: Any, principal: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.offer("app", App.objects.for_user(principal).order_by("name", "pk"))
        self.offer_choices("zone", list_zones())


@cache
def list_zones() -> list[tuple[str, str]]:
    """Every zone to choose from; sorting them takes longer than drawing them."""
    return [(name, name) for name in sorted(list_zone_names())]


@dataclass(frozen=True, slots=True)
class Day:
    """One day with what starts on it, its address for a new campaign and for all of it."""

    day: date
    is_today: bool
    is_beside: bool  # of the month before or after
    rows: list[Row]
    more: int
    small: str  # what scripts sent to a few, in words
    reported: str  # the address of all that was sent that day
    compose: str
    whole: str


@dataclass(frozen=True, slots=True)
class Row:
    """One entry as it is drawn on one day; `clash` says what it comes together with."""

    entry: Entry
    name: str
    address: str
    time: str
    place: str
    clash: str
    goes_on: bool


@dataclass(frozen=True, slots=True)
class Frame:
    """What the address asks for: days, the zone they are of, and what surrounds them."""

    view: str
    on: date
    zone: ZoneInfo
    app: App | None
    days: tuple[date, ...]
    reports: DayReports

    def link(self, **changes: Any) -> str:
        """The same calendar with something changed."""
        own = {
            "view": self.view, "on": self.on.isoformat(), "zone": str(self.zone),
            "app": self.app.pk if self.app else "",
        }  # fmt: skip
        query = {key: value for key, value in (own | changes).items() if value != ""}
        return f"{reverse('calendar')}?{urlencode(query)}"

    def step(self, direction: int) -> date:
        """The day around which the view before or after is."""
        if self.view == "week":
            return self.on + timedelta(days=7 * direction)
        if self.view == "list":
            return self.on + timedelta(days=LIST_DAYS * direction)
        middle = self.on.replace(day=15) + timedelta(days=30 * direction)
        return middle.replace(day=1)


@operator_page
def calendar(request: HttpRequest) -> HttpResponse:
    """A month, a week or a list of days."""
    now = timezone.now()
    form = CalendarForm(request.GET, principal=request.user)
    frame = _read_frame(request, form, now)
    start = in_zone(frame.days[0], frame.zone)
    end = in_zone(frame.days[-1] + timedelta(days=1), frame.zone)
    app = frame.app.pk if frame.app else None
    found = read_timetable(request.user, start, end, now, app=app, zone=frame.zone)
    collisions = find_collisions(found.entries)
    days = _draw_days(frame, found, collisions, _count_small(found, frame, now), now)
    shown = {"view": frame.view, "on": frame.on, "zone": str(frame.zone), "app": app}
    context = {
        "form": CalendarForm(initial=shown, principal=request.user),
        "frame": frame,
        "views": [(key, label, frame.link(view=key)) for key, label in VIEWS.items()],
        "title_words": _name_frame(frame),
        "before": frame.link(on=frame.step(-1).isoformat()),
        "after": frame.link(on=frame.step(1).isoformat()),
        "today": frame.link(on=now.astimezone(frame.zone).date().isoformat()),
        "weeks": [days[number : number + 7] for number in range(0, len(days), 7)],
        "listed": [day for day in days if (day.rows or day.small) and not day.is_beside],
        "collisions": [_draw_pair(pair, frame) for pair in collisions.pairs],
        "more_collisions": collisions.count - len(collisions.pairs),
        "is_cut": found.is_cut,
        "may_compose": has_role(request.user, None, Membership.Role.COMPOSER),
    }
    return draw_page(request, "pages/calendar.html", _("Calendar"), context)


@operator_page
def campaign_overlap(request: HttpRequest, pk: int) -> HttpResponse:
    """How many get both of two campaigns, counted when somebody asks."""
    first = find_campaign(request.user, pk)
    second = find_campaign(request.user, read_id(request.GET.get("other", "")))
    visible = set(App.objects.for_user(request.user).values_list("pk", flat=True))
    both = {app.pk for app in list_apps(second)} & visible
    apps = [app for app in list_apps(first) if app.pk in both]
    context = {"overlaps": count_overlap(first, second, apps)}
    return draw_fragment(request, "pages/calendar_overlap.html", context)


def _read_frame(request: HttpRequest, form: CalendarForm, now: datetime) -> Frame:
    """What is wrong in the address is as if it were not there."""
    form.is_valid()
    given = form.cleaned_data
    app: App | None = given.get("app")
    reports = read_day_reports(App.objects.for_user(request.user))
    zone = load_zone(given.get("zone") or reports.find_zone(app.pk if app else None))
    today = now.astimezone(zone).date()
    on = given.get("on") or today
    on = min(max(on, today - FARTHEST), today + FARTHEST)
    view = given.get("view") or "month"
    return Frame(view, on, zone, app, tuple(_list_view_days(view, on)), reports)


def _list_view_days(view: str, on: date) -> list[date]:
    """Whole weeks from Monday on, or the days from one on."""
    if view == "list":
        return list_days(on, LIST_DAYS)
    first = on.replace(day=1) if view == "month" else on
    monday = first - timedelta(days=first.weekday())
    if view == "week":
        return list_days(monday, 7)
    following = (first + timedelta(days=31)).replace(day=1)
    weeks = -(-(following - monday).days // 7)
    return list_days(monday, 7 * weeks)


def _name_frame(frame: Frame) -> str:
    if frame.view == "month":
        return date_format(frame.on, "F Y")
    first, last = frame.days[0], frame.days[-1]
    words = {"first": date_format(first, "j M"), "last": date_format(last, "j M Y")}
    return _("%(first)s to %(last)s") % words


def _count_small(found: Timetable, frame: Frame, now: datetime) -> dict[date, int]:
    """What scripts sent to a few on each day until today."""
    today = now.astimezone(frame.zone).date()
    days = {
        day: (in_zone(day, frame.zone), in_zone(day + timedelta(days=1), frame.zone))
        for day in frame.days
        if day <= today
    }
    return count_small(found.apps, days)


def _draw_days(
    frame: Frame,
    found: Timetable,
    collisions: Collisions,
    small: Mapping[date, int],
    now: datetime,
) -> list[Day]:
    table = group_by_day(found.entries, frame.days, frame.zone)
    today, most = now.astimezone(frame.zone).date(), MOST_OF_A_DAY[frame.view]
    days = []
    for day, entries in table.items():
        shown = entries if len(entries) <= most else entries[: most - 1]
        rows = [_draw_row(entry, day, frame, found.places, collisions) for entry in shown]
        more = len(entries) - len(rows)
        days.append(_draw_day(frame, day, rows, more, small.get(day, 0), today))
    return days


def _draw_row(
    entry: Entry,
    day: date,
    frame: Frame,
    places: Mapping[tuple[Any, ...], str],
    collisions: Collisions,
) -> Row:
    beside, place = collisions.beside.get(id(entry), {}), places[entry.identity]
    return Row(
        entry=entry,
        name=_name_entry(entry),
        address=_find_address(entry, frame.reports),
        time=_word_time(entry, frame.zone),
        place=f"{place} · {entry.note}" if entry.run else place,
        clash=_word_clash(list(beside.values())),
        goes_on=entry.at.astimezone(frame.zone).date() != day,
    )


def _word_time(entry: Entry, zone: ZoneInfo) -> str:
    if entry.wall_clock:
        return entry.wall_clock[11:16]
    first = entry.at.astimezone(zone).strftime("%H:%M")
    last = entry.ends.astimezone(zone).strftime("%H:%M")
    return first if first == last else f"{first}-{last}"


def _name_entry(entry: Entry) -> str:
    run = entry.run
    if run is None or run.count == 1:
        return entry.campaign.name
    words = ngettext("%(name)s: %(n)d send", "%(name)s: %(n)d sends", run.count)
    return words % {"name": entry.campaign.name, "n": run.count}


def _find_address(entry: Entry, reports: DayReports) -> str:
    """The page of the campaign or of a script's only send, else the list of those days'."""
    if entry.run is None:
        return reverse("campaign", args=[entry.campaign.pk])
    if entry.run.count == 1 or not entry.run.recipients:  # planned: in no report yet
        return reverse("transfer", args=[entry.run.transfer])
    return reports.find(entry.at, entry.ends, entry.run.app)


@dataclass(frozen=True, slots=True)
class Pair:
    """Two starts that come together, each with its name and address; `count` is the address that
    counts who gets both, of two campaigns."""

    first: tuple[str, str]
    second: tuple[str, str]
    at: datetime
    is_certain: bool
    count: str


def _draw_pair(one: Collision, frame: Frame) -> Pair:
    pair = (one.first, one.second)
    first, second = ((_name_entry(entry), _find_address(entry, frame.reports)) for entry in pair)
    count = ""
    if one.first.run is None and one.second.run is None:
        address = reverse("campaign_overlap", args=[one.first.campaign.pk])
        count = f"{address}?{urlencode({'other': one.second.campaign.pk})}"
    return Pair(first, second, one.second.at, one.is_certain, count)


def _word_clash(names: list[str]) -> str:
    """A day may have hundreds: each of them would name all the others."""
    if not names:
        return ""
    named = ", ".join(Truncator(name).chars(LONGEST) for name in names[:NAMED])
    more = len(names) - NAMED
    if more <= 0:
        return _("Within an hour of %(names)s") % {"names": named}
    words = ngettext(
        "Within an hour of %(names)s and %(n)d more",
        "Within an hour of %(names)s and %(n)d more",
        more,
    )
    return words % {"names": named, "n": more}


def _word_small(count: int) -> str:
    """Of more than are counted only that."""
    if count > MOST_SMALL:
        return _("More than %(n)d small sends by scripts") % {"n": MOST_SMALL}
    words = ngettext("%(n)d small send by scripts", "%(n)d small sends by scripts", count)
    return words % {"n": count} if count else ""


def _find_report(day: date, frame: Frame) -> str:
    """All that was sent that day: by a report's own clock that may be two days."""
    end = in_zone(day + timedelta(days=1), frame.zone) - timedelta(microseconds=1)
    app = frame.app.pk if frame.app else None
    return frame.reports.find(in_zone(day, frame.zone), end, app)


def _draw_day(frame: Frame, day: date, rows: list[Row], more: int, small: int, today: date) -> Day:
    target = f"app:{frame.app.pk}" if frame.app else ""
    query = {"send_at": f"{day.isoformat()}T09:00", "timezone": str(frame.zone), "target": target}
    plan = urlencode({key: value for key, value in query.items() if value})
    return Day(
        day=day,
        is_today=day == today,
        is_beside=frame.view == "month" and day.month != frame.on.month,
        rows=rows,
        more=more,
        small=_word_small(small),
        reported=_find_report(day, frame),
        compose=f"{reverse('compose')}?{plan}" if day >= today else "",
        whole=frame.link(view="week" if frame.view == "month" else "list", on=day.isoformat()),
    )
