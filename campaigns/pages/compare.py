"""Two campaigns side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from campaigns.models import Campaign, Settled, Transfer
from campaigns.pages.compare_form import OFFERED, CompareForm, list_started, name_campaigns
from campaigns.pages.recipient_form import EVERYBODY
from campaigns.pages.reports import (
    SHARE_WORDS,
    WANTED,
    Number,
    draw_numbers,
    list_columns,
    list_numbers,
)
from campaigns.pages.shell import draw_page, operator_page
from campaigns.selectors.comparison import HOURS, Side, read_side
from campaigns.selectors.lines import Line

KINDS = ("sent", "opened")
Row = tuple[str, list[Number], float | None, bool]  # whether it is of rates
Lead = Callable[..., str]  # the address of whom a number counts, by what they are narrowed to


@operator_page
def compare(request: HttpRequest) -> HttpResponse:
    """The numbers of both, their differences, and how fast they were opened."""
    is_asked = bool(request.GET.get("a") or request.GET.get("b"))
    form = CompareForm(request.GET if is_asked else None, principal=request.user)
    offered = list_started(request.user)[:OFFERED]
    context = {"form": form, "offered": name_campaigns(offered)}
    if is_asked and form.is_valid():
        pair = (form.cleaned_data["a"], form.cleaned_data["b"])
        context |= _compare(request, pair)
    status = 422 if is_asked and not form.is_valid() else 200
    return draw_page(request, "pages/compare.html", _("Compare"), context, status=status)


def _compare(request: HttpRequest, pair: tuple[Campaign, Campaign]) -> dict[str, Any]:
    seen = Transfer.objects.for_user(request.user)
    transfers = [list(seen.filter(campaign=campaign)) for campaign in pair]
    sides = [read_side(rows, timezone.now()) for rows in transfers]
    leads = [partial(_lead, *one) for one in zip(pair, transfers, strict=True)]
    platforms = sorted(set(sides[0].platforms) | set(sides[1].platforms))
    names = [f"#{campaign.pk} {campaign}" for campaign in pair]
    return {
        "pair": pair,
        "sides": sides,
        "rows": _draw_rows(sides, leads, names),
        "platforms": [
            (platform, [*_draw_platform(platform, sides, leads, pair)]) for platform in platforms
        ],
        "chart": _write_chart(pair, sides),
        "table": _list_hours(sides),
    }


def _lead(campaign: Campaign, transfers: list[Transfer], name: str, value: str, **more: str) -> str:
    """To the recipients of its one transfer, or to the campaign, where all of them stand."""
    if len(transfers) != 1:
        return reverse("campaign", args=[campaign.pk])
    address = reverse("recipients", args=[transfers[0].pk])
    return f"{address}?{urlencode({name: value, **more})}"


def _draw_rows(sides: list[Side], leads: Sequence[Lead], names: Sequence[str]) -> list[Row]:
    """Name, both numbers, and what lies between them. A phone, which has no room for columns, puts
    the campaign's name above each number: a column is left out of no row."""
    columns = list_columns()
    both = [
        [
            Number(side.audience, link=lead("outcome", EVERYBODY) if side.audience else ""),
            *draw_numbers(columns, list_numbers(side.total), lead),
        ]
        for side, lead in zip(sides, leads, strict=True)
    ]
    both = [
        [replace(number, label=name, is_spare=False) for number in numbers]
        for numbers, name in zip(both, names, strict=True)
    ]
    rows = zip([_("Audience"), *columns], *both, strict=True)
    rate = 1 + len(WANTED)  # the place of the open rate: after the audience and the counts
    return [
        (name, [one, other], _differ(one.value, other.value, is_rate=place == rate), place == rate)
        for place, (name, one, other) in enumerate(rows)
    ]


def _draw_platform(
    platform: str, sides: list[Side], leads: Sequence[Lead], pair: Sequence[Campaign]
) -> Iterator[Number]:
    """Of each side how many were sent to on it, and the share that opened."""
    for side, lead, campaign in zip(sides, leads, pair, strict=True):
        line = side.platforms.get(platform, Line(platform))
        sent = line.outcomes.get(Settled.SENT, 0)
        link = lead("outcome", Settled.SENT, platform=platform) if sent else ""
        heads = (_("Sent"), _("Open rate, %"))
        labels = [f"{head} · #{campaign.pk}" for head in heads]
        yield Number(sent, label=labels[0], link=link)
        yield Number(line.open_rate, label=labels[1], why=SHARE_WORDS)


def _differ(one: float | None, other: float | None, *, is_rate: bool) -> float | None:
    """The second against the first: of counts as a share of it, of rates in points."""
    if one is None or other is None:
        return None
    if is_rate:
        return round(other - one, 1)
    return (other - one) / one if one else None


def _rate(side: Side) -> list[float | None] | None:
    """Opens so far in percent of what was sent, by hour after the start."""
    sent = side.total.outcomes.get(Settled.SENT, 0)
    if side.opened is None or not sent:
        return None
    return [None if opened is None else round(100 * opened / sent, 2) for opened in side.opened]


def _write_chart(pair: tuple[Campaign, Campaign], sides: list[Side]) -> dict[str, Any] | None:
    series = [
        {"label": f"#{campaign.pk} {campaign}", "kind": kind, "values": rate}
        for campaign, side, kind in zip(pair, sides, KINDS, strict=True)
        if (rate := _rate(side)) is not None
    ]
    return (
        {"labels": [str(hour) for hour in range(1, HOURS + 1)], "series": series}
        if series
        else None
    )


def _list_hours(sides: list[Side]) -> list[tuple[int, Any, Any]]:
    """Hours with the rates of both: None is "not reported", "" an hour that has not begun."""
    one, other = (_list_rates(side) for side in sides)
    shown = (1, 2, 3, 6, 12, 24, 48)
    return [(hour, one[hour - 1], other[hour - 1]) for hour in shown]


def _list_rates(side: Side) -> list[Any]:
    rates = _rate(side)
    return [None] * HOURS if rates is None else ["" if rate is None else rate for rate in rates]
