"""What stands against sending a message with variables, or should be known before."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from campaigns.models import Campaign
from campaigns.selectors.routes import find_first_ways
from campaigns.services.carrying import measure_resolved, measure_typical
from campaigns.services.messages import Problem, describe_oversize
from campaigns.services.personalisation import find_faults, list_variables
from campaigns.services.text_forecast import TextForecast, forecast_texts
from providers.message import PushMessage
from providers.message_fields import LIQUID, Platform

MAX_CALLS = 100_000  # of one app: more are refused, for they would take days where others wait


def find_text_problems(campaign: Campaign) -> Iterator[Problem]:
    """Faults, recipients without a value, and texts that make too many calls."""
    message = campaign.message.read()
    if message.template != LIQUID:
        return
    faults = find_faults(message)
    for path, words in faults.items():
        yield Problem(code="template", field=f"message.{path}", sentence=words)
    if faults:
        return
    fields = {one.name: f"message.{one.fields[0]}" for one in list_variables(message)}
    for forecast in forecast_texts(campaign):
        yield from _find_app_problems(forecast, fields)
        yield from _tell_defaults(forecast, fields)
        yield from _find_oversizes(forecast, message)


def _find_app_problems(forecast: TextForecast, fields: dict[str, str]) -> Iterator[Problem]:
    about = "" if forecast.is_exact else _("about ")
    for name, count in sorted(forecast.empty.items()):
        words = ngettext(
            "%(about)s%(count)s of %(total)s recipients of %(app)s has no %(name)s, and nothing "
            "stands in for it: that one is skipped.",
            "%(about)s%(count)s of %(total)s recipients of %(app)s have no %(name)s, and nothing "
            "stands in for it: they are skipped.",
            count,
        )
        yield Problem(
            code="empty_variable",
            field=fields.get(name, "message"),
            sentence=words % {"about": about, "name": name, **_name(forecast, count)},
            is_blocking=bool(forecast.total) and forecast.skipped >= forecast.total,
        )
    others = forecast.skipped - sum(forecast.empty.values())
    if others > 0:
        words = _(
            "For %(about)s%(count)s of %(total)s recipients of %(app)s no whole text comes out: "
            "they are skipped."
        )
        names = {"about": about, **_name(forecast, others)}
        told = words % names
        is_all = forecast.skipped >= forecast.total > 0
        yield Problem(code="empty_text", field="message", sentence=told, is_blocking=is_all)
    if forecast.calls > MAX_CALLS:
        words = _(
            "%(texts)s different texts make %(calls)s calls for %(app)s, which allow one text "
            "each; at most %(most)s are made. Say the same to more of them."
        )
        names = {
            "texts": f"{sum(forecast.texts.values()):,}",
            "calls": f"{forecast.calls:,}",
            "most": f"{MAX_CALLS:,}",
            **_name(forecast),
        }
        yield Problem(code="too_many_texts", field="message", sentence=words % names)


def _tell_defaults(forecast: TextForecast, fields: dict[str, str]) -> Iterator[Problem]:
    """How many have no value where something stands in: good to know, and nothing is wrong."""
    about = "" if forecast.is_exact else _("about ")
    for name, count in sorted(forecast.standing_in.items()):
        words = ngettext(
            "%(about)s%(count)s of %(total)s recipients of %(app)s has no %(name)s: that one gets "
            "the default.",
            "%(about)s%(count)s of %(total)s recipients of %(app)s have no %(name)s: they get the "
            "default.",
            count,
        )
        yield Problem(
            code="default_stands_in",
            field=fields.get(name, "message"),
            sentence=words % {"about": about, "name": name, **_name(forecast, count)},
            is_blocking=False,
        )


def _find_oversizes(forecast: TextForecast, message: PushMessage) -> Iterator[Problem]:
    """Texts that are too long for some alone; what is too long for all of them is told as such."""
    ways = find_first_ways(forecast.app)
    for (platform, language), filled in forecast.longest.items():
        if platform not in ways:
            continue
        dialect, kind = ways[platform].dialect, Platform(platform)
        size = measure_resolved(dialect, filled, kind)
        if size.is_over and not measure_typical(dialect, message, kind, language).is_over:
            yield describe_oversize(dialect, platform, language, size, of_some=True)


def _name(forecast: TextForecast, count: int = 0) -> dict[str, object]:
    return {"app": forecast.app.name, "count": f"{count:,}", "total": f"{forecast.total:,}"}
