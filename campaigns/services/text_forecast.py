"""What a message with variables comes to for its audience: who has no value, how many different
texts, the longest ones. Exact for a small audience, else of an even sample of it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Any

from django.db.models import F, QuerySet

from campaigns.models import App, Campaign, Device
from campaigns.selectors.audience import read_audience, select_devices
from campaigns.selectors.campaign_apps import list_apps
from campaigns.selectors.personal import Reader, fill_empty, is_empty
from campaigns.selectors.routes import find_first_ways
from providers.liquid_sandbox import RenderFault
from providers.message import PushMessage
from providers.message_fields import LIQUID, Platform
from providers.templates import Sheet

MAX_PER_CALL = 50_000
# Ids are shuffled, or whoever comes every fourth time would be in the sample always or never.
SHUFFLE, PRIME = 1_103_515_245, 2_147_483_647
SAMPLE = 5_000  # recipients that are rendered to find out


@dataclass(slots=True)
class TextForecast:
    """How the message fares with the recipients of one app.

    `looked_at` of its `total` recipients were rendered; the other figures are scaled to all, and
    exact where these are equal. `empty` counts by variable who has no value and no default,
    `standing_in` who reads a default instead; `skipped` who gets nothing; `texts` is by platform,
    at most, `calls` at least; `longest` is by platform and language what the longest values make.
    """

    app: App
    total: int = 0
    looked_at: int = 0
    empty: dict[str, int] = field(default_factory=dict)
    standing_in: dict[str, int] = field(default_factory=dict)
    skipped: int = 0
    texts: dict[str, int] = field(default_factory=dict)
    calls: int = 0
    longest: dict[tuple[str, str], PushMessage] = field(default_factory=dict)

    @property
    def is_exact(self) -> bool:
        """Whether every recipient was looked at."""
        return self.looked_at == self.total


@dataclass(frozen=True, slots=True)
class _Row:
    pk: int
    platform: str
    language: str


@dataclass(slots=True)
class _Tally:
    """Who has no value by variable and who gets its default, who gets nothing, how many get each
    text by platform, and the longest of them by platform and language."""

    empty: Counter[str] = field(default_factory=Counter)
    standing_in: Counter[str] = field(default_factory=Counter)
    skipped: int = 0
    said: dict[str, Counter[Any]] = field(default_factory=lambda: defaultdict(Counter))
    longest: dict[tuple[str, str], PushMessage] = field(default_factory=dict)

    def count_empty(
        self, values: Mapping[str, Any], names: Iterable[str], required: Collection[str]
    ) -> None:
        """One recipient's own values, of what the text that he gets names and cannot do without."""
        for name in names:
            if is_empty(values.get(name)):
                counted = self.empty if name in required else self.standing_in
                counted[name] += 1


def forecast_texts(campaign: Campaign) -> tuple[TextForecast, ...]:
    """By app of the campaign; none for a message without variables."""
    message = campaign.message.read()
    if message.template != LIQUID:
        return ()
    return tuple(_forecast_app(campaign, app, message) for app in list_apps(campaign))


def _select(campaign: Campaign, app: App) -> QuerySet[Device]:
    audience = read_audience(app, campaign.audience, principal=None)
    devices = select_devices(app, audience, only_primary=campaign.only_primary)
    return devices.filter(person__opted_out_at__isnull=True)


def _sample(campaign: Campaign, app: App) -> tuple[list[_Row], int]:
    """Recipients who are looked at, and how many there are."""
    devices = _select(campaign, app)
    total = devices.count()
    stride = ceil(total / SAMPLE)
    if stride > 1:
        devices = devices.annotate(rest=F("pk") * SHUFFLE % PRIME % stride).filter(rest=0)
    rows = devices.order_by("pk").values_list("pk", "platform", "language", "person__language")[
        : 2 * SAMPLE
    ]
    default = app.default_language
    return [
        _Row(pk, platform, own or theirs or default) for pk, platform, own, theirs in rows
    ], total


def _list_sheets(
    message: PushMessage, app: App, rows: Sequence[_Row]
) -> Iterator[tuple[tuple[str, str], Sheet, list[int]]]:
    """Those who get the same message before its variables are filled in."""
    groups: dict[tuple[str, str], list[int]] = defaultdict(list)
    for row in rows:
        if message.has_platform(Platform(row.platform)):
            groups[row.platform, message.find_language(row.language, app.chain)].append(row.pk)
    for (platform, language), ids in groups.items():
        sheet = Sheet(message.resolve(Platform(platform), language))
        yield (platform, language), sheet, ids


def _forecast_app(campaign: Campaign, app: App, message: PushMessage) -> TextForecast:
    rows, total = _sample(campaign, app)
    scale = total / len(rows) if rows else 1.0
    found = TextForecast(app, total=total, looked_at=len(rows))
    tally = _render_all(message, app, rows)
    found.empty = {name: round(count * scale) for name, count in tally.empty.items()}
    found.standing_in = {name: round(count * scale) for name, count in tally.standing_in.items()}
    found.skipped = round(tally.skipped * scale)
    said = tally.said.items()
    found.texts = {platform: _guess_texts(texts, scale) for platform, texts in said}
    found.calls = sum(_guess_calls(app, platform, texts, scale) for platform, texts in said)
    found.longest = tally.longest
    return found


def _render_all(message: PushMessage, app: App, rows: Sequence[_Row]) -> _Tally:
    tally = _Tally()
    for key, sheet, ids in _list_sheets(message, app, rows):
        _render_sheet(tally, key, sheet, Reader(app, sheet.variables).read_devices(ids), message)
    return tally


def _render_sheet(
    tally: _Tally,
    key: tuple[str, str],
    sheet: Sheet,
    rows: Mapping[int, dict[str, Any]],
    message: PushMessage,
) -> None:
    """`rows` are the recipients' own values, without what stands in for them."""
    # In another language something else may stand in.
    longest, names, required = -1, sheet.variables, sheet.required - message.defaults.keys()
    for own in rows.values():
        tally.count_empty(own, names, required)
        try:
            texts = sheet.render(fill_empty(own, message.defaults))
            filled = sheet.fill(texts)
        except RenderFault:
            tally.skipped += 1
            continue
        tally.said[key[0]][sheet.message.body, texts] += 1
        length = sum(len(text.encode("utf-8", "replace")) for text in texts)
        if length > longest:
            longest, tally.longest[key] = length, filled


def _guess_texts(texts: Counter[Any], scale: float) -> int:
    """How many different ones there are at most: who was alone in the sample stands for others."""
    alone = sum(count == 1 for count in texts.values())
    return round(len(texts) + alone * (scale - 1))


def _guess_calls(app: App, platform: str, texts: Counter[Any], scale: float) -> int:
    way = find_first_ways(app).get(platform)
    if way is None:
        return 0
    recipients = sum(texts.values()) * scale
    most = min(way.limits.batch_size, MAX_PER_CALL)
    if way.limits.texts_per_call == 1:
        return max(_guess_texts(texts, scale), ceil(recipients / most))
    by_texts = ceil(_guess_texts(texts, scale) / way.limits.texts_per_call)
    return max(by_texts, ceil(recipients / most))
