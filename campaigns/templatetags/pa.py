"""How pages write numbers, times, statuses and things that nobody reported."""

from __future__ import annotations

import zoneinfo
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from json import dumps, loads
from typing import TYPE_CHECKING, Any

from django import template
from django.forms import BoundField
from django.template.defaultfilters import date as format_date
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.safestring import SafeString
from django.utils.timesince import timesince
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from campaigns.models import Settled
from campaigns.models.audience import WAYS
from campaigns.pages.calendar_html import draw_cell, draw_entries
from campaigns.pages.drawing import draw, draw_each, draw_icon
from campaigns.pages.field_html import draw_field, write_attributes
from campaigns.pages.reason_words import name_reason
from campaigns.selectors.language_names import name_language
from campaigns.selectors.trace_words import Dated

if TYPE_CHECKING:
    from campaigns.pages.calendar import Day

register = template.Library()
NOTHING = "\N{EN DASH}"

TONES = {
    "draft": "",
    "in_review": "warn",
    "scheduled": "info",
    "recurring": "info",
    "fired": "good",
    "missed": "warn",
    "accepted": "info",
    "sending": "info",
    "paused": "warn",
    "sent": "good",
    "cancelled": "",
    "failed": "bad",
    "skipped": "",
    "expired": "warn",
    "unknown": "warn",
    "waiting": "info",
    "running": "info",
    "done": "good",
    "good": "good",
    "bad": "bad",
    "asked": "warn",
    "approved": "good",
    "sent_back": "warn",
    "bypassed": "bad",
    "void": "",
    "carried": "good",
    "renamed": "info",
    "emulated": "info",
    "declared": "info",
    "truncated": "warn",
    "dropped": "bad",
}
LIVE = frozenset({"sending", "accepted", "running"})


@register.filter
def at(mapping: Mapping[Any, Any], key: Any) -> Any:
    """What a mapping has at a key, or nothing."""
    return mapping.get(key, "")


@register.filter
def number(value: int | float | None) -> str:
    """A count with its thousands apart; what nobody reported is said in words."""
    return _write_number(value, get_language() or "")


@lru_cache(maxsize=4096, typed=True)
def _write_number(value: int | float | None, language: str) -> str:
    """In the language that is on: the same few numbers stand in most cells of a report."""
    if value is None:
        return _("not reported")
    if isinstance(value, float):
        value = int(value) if value.is_integer() else round(value, 1 if abs(value) < 100 else None)
    return number_format(value, use_l10n=True, force_grouping=True)


@register.filter
def attributes(values: dict[str, Any]) -> SafeString:
    """Attributes of an element, as in its tag."""
    return write_attributes(values)


@register.simple_tag
def number_cells(numbers: Iterable[Any]) -> SafeString:
    """Table cells of values with links, drawn at once: a report has hundreds of them."""
    language = get_language() or ""
    return draw_each("{}", ((_draw_number(one, language),) for one in numbers))


def _draw_number(one: Any, language: str) -> SafeString:
    if not one.link:
        return _draw_plain_number(one.value, one.label, one.why, one.is_spare, language)
    html = '<td class="pa-number" data-label="{}"><a class="pa-link" href="{}">{}</a></td>'
    return draw(html, one.label, one.link, _write_number(one.value, language))


@lru_cache(maxsize=4096, typed=True)
def _draw_plain_number(
    value: float | None, label: str, why: Any, is_spare: bool, language: str
) -> SafeString:
    classes = [" pa-muted"] if value is None else []
    classes += [" pa-cell-spare"] if is_spare else []
    words = draw(' title="{}"', why) if why else ""
    html = '<td class="pa-number{}" data-label="{}"{}>{}</td>'
    return draw(html, "".join(classes), label, words, _write_number(value, language))


@register.simple_tag
def drill(number: Any) -> SafeString:
    """A count, as a link to whom it counts where they can be listed."""
    text = _write_number(number.count, get_language() or "")
    if not number.address:
        return draw("{}" if number.count else '<span class="pa-muted">{}</span>', text)
    return draw('<a class="pa-drill" href="{}">{}</a>', number.address, text)


@register.filter
def ago(moment: datetime) -> str:
    """How long ago something was, in words; what was within a minute was just now."""
    if timezone.now() - moment < timedelta(minutes=1):
        return _("just now")
    return _("%(span)s ago") % {"span": timesince(moment)}


@register.filter
def change(value: float | None) -> str:
    """A difference in percent, with its sign; none where it cannot be told."""
    return NOTHING if value is None else f"{_sign(value)}{abs(value) * 100:.1f} %"


@register.filter
def points(value: float | None) -> str:
    """A difference of two rates, with its sign."""
    if value is None:
        return NOTHING
    return _("%(number)s percentage points") % {"number": f"{_sign(value)}{abs(value):.1f}"}


def _sign(value: float) -> str:
    return "+" if value > 0 else "\N{MINUS SIGN}" if value < 0 else ""


@register.filter
def language_names(tags: Iterable[str]) -> str:
    """Languages for people, one behind the other."""
    return ", ".join(map(name_language, tags))


@register.filter
def percent(value: float | None) -> str:
    """A share of 1 as a percentage; none where it cannot be told."""
    return NOTHING if value is None else f"{value * 100:.1f} %"


@register.filter
def words(key: str) -> str:
    """A key such as `not_addressable` as words."""
    return key.replace("_", " ")


@register.filter
def plain(value: Any) -> str:
    """A value of an attribute: a text bare, but in quotes where it would pass for another kind."""
    if not isinstance(value, str):
        return dumps(value, ensure_ascii=False)
    return f"“{value}”" if _passes_for_other(value) else value


def _passes_for_other(text: str) -> bool:
    """Whether a number, a flag, a list or nothing at all would look the same."""
    try:
        loads(text)
    except ValueError:
        return not text.strip()
    except RecursionError:
        return True
    return True


@register.filter
def reason_name(key: str) -> str:
    """Why somebody did not get it, in two or three words."""
    return name_reason(key)


@register.filter
def span(seconds: float) -> str:
    """A span of seconds as `1:02:03`."""
    return str(timedelta(seconds=round(seconds)))


@register.filter
def time_words(seconds: int) -> str:
    """A whole span in its largest unit that says it exactly: `2 hours`, `90 minutes`."""
    if seconds % 3600 == 0:
        return ngettext("%d hour", "%d hours", seconds // 3600) % (seconds // 3600)
    if seconds % 60 == 0:
        return ngettext("%d minute", "%d minutes", seconds // 60) % (seconds // 60)
    return ngettext("%d second", "%d seconds", seconds) % seconds


@register.filter
def platform_name(key: str) -> str:
    """The platform's name for people."""
    return str(dict(WAYS).get(key, key or _("Unknown")))


@register.filter
def language_name(tag: str) -> str:
    """A language for people; a tag that nobody knows is its own name."""
    return name_language(tag)


@register.filter
def byte_size(count: int) -> str:
    """A file's size in units of a thousand, as systems show it: `1 GB`, `2.5 MB`, `900 kB`."""
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= size:
            rounded = round(count / size, 1)
            return f"{number(int(rounded) if rounded.is_integer() else rounded)} {unit}"
    return _("%(count)s bytes") % {"count": number(count)}


@register.filter
def channel_name(key: str) -> str:
    """A step's channel for people."""
    return _("Push") if key == "push" else platform_name(key)


@register.filter
def money(amount: Decimal) -> str:
    """A price or a cost, with as many decimals as it has, two at least."""
    places = max(2, -int(amount.normalize().as_tuple().exponent))
    return number_format(amount, places, use_l10n=True, force_grouping=True)


@register.filter
def zoned(moment: datetime | None, zone: str = "UTC") -> SafeString | str:
    """A moment in a zone, the zone beside it, as a <time> element."""
    if moment is None:
        return NOTHING
    local = moment.astimezone(zoneinfo.ZoneInfo(zone or "UTC"))
    minute = local.replace(second=0, microsecond=0, tzinfo=None)
    text = f"{_write_minute(minute, get_language() or '')} {local.tzname()}"
    return draw('<time datetime="{}">{}</time>', moment.isoformat(), text)


@lru_cache(maxsize=4096)
def _write_minute(local: datetime, _language: str) -> str:
    """Rows of one page share their minutes."""
    return format_date(local, "j M Y, H:i")


@register.filter
def zoned_second(moment: datetime, zone: str = "UTC") -> SafeString:
    """A moment in a zone to the second, where several things happen in one minute."""
    local = moment.astimezone(zoneinfo.ZoneInfo(zone or "UTC"))
    text = f"{format_date(local, 'j M Y, H:i:s')} {local.tzname()}"
    return draw('<time datetime="{}">{}</time>', moment.isoformat(), text)


@register.filter
def dated(sentence: str, zone: str = "UTC") -> SafeString | str:
    """A sentence, the moment in it as pages write moments."""
    if not isinstance(sentence, Dated):
        return sentence
    before, _mark, after = sentence.words.partition("%(at)s")
    return draw("{}{}{}", before, zoned(sentence.at, zone), after)


@register.filter
def iso(moment: datetime) -> str:
    """A moment for scripts."""
    return moment.isoformat()


@register.filter
def clock(moment: datetime, zone: str = "UTC") -> SafeString:
    """The time of day in a zone, to the second, for rows that follow one another closely."""
    local = moment.astimezone(zoneinfo.ZoneInfo(zone or "UTC"))
    text = f"{format_date(local, 'H:i:s')} {local.tzname()}"
    day = format_date(local, "j M Y")
    html = '<time datetime="{}" title="{}">{}</time>'
    return draw(html, moment.isoformat(), day, text)


@register.filter
def unlocalized(value: float) -> str:
    """A number for an attribute, which no language writes with a comma."""
    return f"{value:.3f}"


@register.filter
def outcome_name(key: str) -> str:
    """The outcome's name for people."""
    return str(dict(Settled.choices).get(key, key))


@register.filter
def hour(moment: datetime) -> SafeString:
    """A moment in UTC for a narrow column whose head says so."""
    text = format_date(moment.astimezone(UTC), "j M, H:i")
    return draw('<time datetime="{}">{}</time>', moment.isoformat(), text)


@register.filter
def wall_clock(text: str) -> str:
    """A wall clock without a zone, such as `2026-11-20T09:00`, for people."""
    return format_date(datetime.fromisoformat(text), "j M Y, H:i")


@register.simple_tag
def form_field(field: BoundField) -> SafeString:
    """A field as the operator pages draw it, for a form that draws its own otherwise."""
    return draw_field(field)


register.simple_tag(draw_icon, name="icon")


@register.simple_tag
def chip(key: str, label: Any = "", *, is_past: bool = False) -> SafeString:
    """A status, outcome or fate as a coloured word; what is under way now is marked as live."""
    tone = TONES.get(key, "")
    classes = f"pa-chip-{tone}" if tone else ""
    live = "pa-chip-live" if key in LIVE and not is_past else ""
    return draw(
        '<span class="pa-chip {} {}">{}</span>',
        classes,
        live,
        label or key.replace("_", " ").capitalize(),
    )


@register.simple_tag
def day_cell(day: Day, *, may_compose: bool) -> SafeString:
    """A day of the calendar's grid."""
    return draw_cell(day, may_compose=may_compose)


@register.simple_tag
def day_entries(day: Day, *, is_long: bool = False) -> SafeString:
    """What starts on a day of the calendar."""
    return draw_entries(day, is_long=is_long)


@register.simple_tag(takes_context=True)
def query(context: template.Context, **changes: Any) -> str:
    """The page's own query with some parameters changed; an empty one is left out."""
    parameters = context["request"].GET.copy()
    for name, value in changes.items():
        if value in (None, ""):
            parameters.pop(name, None)
        else:
            parameters[name] = str(value)
    return f"?{parameters.urlencode()}"
