"""Days of the calendar as HTML, drawn without templates: a month has hundreds of lines, each twice,
in its grid and day by day."""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING

from django.utils.dateformat import format as format_date
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from campaigns.pages.drawing import draw, draw_each, draw_icon

if TYPE_CHECKING:
    from campaigns.pages.calendar import Day, Row

NOTHING = mark_safe("")
SCRIPT = draw_icon("terminal")
ICONS = {
    "scheduled": "schedule",
    "recurring": "event_repeat",
    "accepted": "hourglass_empty",
    "sending": "send",
    "paused": "pause",
    "sent": "check",
    "cancelled": "block",
    "failed": "error",
    "missed": "event_busy",
    "skipped": "event_busy",
}


def draw_cell(day: Day, *, may_compose: bool) -> SafeString:
    """A day of the grid."""
    return draw(
        '<td class="pa-day{}{}"><div class="pa-day-head"><a class="pa-day-number" href="{}" '
        'data-pa-day{} aria-label="{}">{}</a>{}</div>{}</td>',
        " pa-day-today" if day.is_today else "",
        " pa-day-beside" if day.is_beside else "",
        day.whole,
        mark_safe(' aria-current="date"') if day.is_today else "",
        _name_day(day.day, "l, j F Y"),
        day.day.day,
        _draw_plus(day) if may_compose and day.compose else "",
        draw_entries(day, is_long=False),
    )


def _name_day(day: date, pattern: str) -> str:
    """A day in Django's format, in the language that is on."""
    return _write_day(day, pattern, get_language() or "")


@lru_cache(maxsize=2048)
def _write_day(day: date, pattern: str, _language: str) -> str:
    return format_date(day, pattern)


def _draw_plus(day: Day) -> SafeString:
    return draw(
        '<a class="pa-day-new" href="{}" title="{}">{}<span class="pa-hidden">{}</span></a>',
        day.compose,
        _("New campaign here"),
        draw_icon("add"),
        _("New campaign on %(day)s") % {"day": _name_day(day.day, "j F")},
    )


def draw_entries(day: Day, *, is_long: bool) -> SafeString:
    """The lines of a day, and how many more there are; long ones say where and by whose clock."""
    rows = ((_draw_row(row, is_long=is_long),) for row in day.rows)
    drawn = draw_each("<li>{}</li>", rows)
    listed = draw('<ul class="pa-entries">{}</ul>', drawn) if day.rows else NOTHING
    return listed + _draw_rest(day) + _draw_small(day)


def _draw_rest(day: Day) -> SafeString:
    if not day.more:
        return NOTHING
    words = ngettext("%(n)s more", "%(n)s more", day.more) % {"n": day.more}
    return draw('<a class="pa-entry-rest" href="{}">{}</a>', day.whole, words)


def _draw_small(day: Day) -> SafeString:
    """What scripts sent to a few: a number, and the list that has them."""
    if not day.small:
        return NOTHING
    return draw('<a class="pa-entry-rest" href="{}">{}</a>', day.reported, day.small)


def _draw_row(row: Row, *, is_long: bool) -> SafeString:
    entry = row.entry
    html = (
        '<a class="pa-entry pa-entry-{}{}" href="{}"{}>{}{}<span class="pa-entry-time">{}</span>'
        '<span class="pa-entry-name">{}</span>{}{}</a>'
    )
    return draw(
        html,
        entry.status,
        " pa-entry-band" if entry.wall_clock else "",
        row.address,
        draw(' title="{}"', entry.note) if entry.note else "",
        _draw_status(entry.status),
        SCRIPT if entry.run else NOTHING,
        "…" if row.goes_on else row.time,
        row.name,
        _draw_clash(row.clash) if row.clash else "",
        _draw_place(row) if is_long else "",
    )


@lru_cache(maxsize=64)
def _draw_status(status: str) -> SafeString:
    """What became of a start, or will, as an icon and as a word for who does not see it."""
    return draw(
        '{}<span class="pa-hidden">{}</span>',
        draw_icon(ICONS.get(status, "event")),
        status.replace("_", " ").capitalize(),
    )


def _draw_clash(words: str) -> SafeString:
    html = '<span class="pa-entry-clash" title="{}">{}<span class="pa-hidden">{}</span></span>'
    return draw(html, words, draw_icon("warning"), words)


def _draw_place(row: Row) -> SafeString:
    clock = _("on each recipient's own clock") + " · " if row.entry.wall_clock else ""
    return draw('<span class="pa-entry-more">{}{}</span>', clock, row.place)
