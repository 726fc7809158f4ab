"""How many an audience means, within a second whatever it is: exact where that is quick enough,
else estimated from a sample, and said so. Whoever shows a number asks here; whoever decides by it
counts (`selectors.audience.count_devices`).
"""

from __future__ import annotations

import math
import random
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from django.core.cache import cache
from django.db.models import Count, F, Max, Min, QuerySet

from campaigns.models import App, Device
from campaigns.models.bulk import IsAmong, Unindexed
from campaigns.models.patience import TookTooLong, at_most
from campaigns.selectors.audience import (
    PLACE,
    SAMPLE_SIZE,
    Audience,
    AudienceKind,
    Places,
    count_person_languages,
    select_devices,
    tally_places,
)
from campaigns.selectors.left_out import select_opted_out
from providers.audience import And, Expression, Not, Or

BUDGET = 0.5  # seconds for what is exact; an estimate takes less than the rest of a second
SAMPLED = 10_000  # devices
MOST_DRAWN = 100_000  # ids, of which some may be of no device of the app
REMEMBERED = 60  # seconds
LOOKED_AT = 200  # devices, for ten that are of different people
TOP = 10  # languages that are shown one by one
READ = (
    *("pk", "platform", "language", "person__language", "token_state"),
    *("person__opted_out_at", "person_id"),
)
COVERED = frozenset({"device.platform", "device.language"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Headcount:
    """Devices: in all, by platform, by the language that they will get, and of them those without
    a usable token, by platform and its state, and those whose person opted out; and up to ten of
    them, each of another person.

    With `is_total_estimated` all numbers are, with `is_split_estimated` alone the languages and
    opt-outs: from `sampled` devices of `population`; `margin` is half the width of the total's 95 %
    interval.
    """

    total: int
    platforms: Mapping[str, int]
    languages: Mapping[str, int]
    unusable: Mapping[tuple[str, str], int]
    opted_out: int
    people: tuple[Device, ...]
    is_total_estimated: bool = False
    is_split_estimated: bool = False
    sampled: int = 0
    population: int = 0
    margin: int = 0

    @property
    def without_token(self) -> int:
        """Devices without a usable token."""
        return sum(self.unusable.values())

    @property
    def top_languages(self) -> list[tuple[str, int]]:
        """The ten commonest."""
        return list(self.languages.items())[:TOP]

    @property
    def other_languages(self) -> int:
        """Devices with any other."""
        return sum(list(self.languages.values())[TOP:])


def take_headcount(
    app: App, audience: Audience, *, only_primary: bool = False, seconds: float = BUDGET
) -> Headcount:
    """Whom the audience means, in at most about `seconds` and what an estimate takes."""
    devices = select_devices(app, audience, only_primary=only_primary)
    end = time.monotonic() + seconds
    try:
        with at_most(seconds):
            places = _count_places(devices, is_covered=_is_covered(audience) and not only_primary)
    except TookTooLong:
        return _estimate(app, devices)
    try:
        return _finish_count(app, devices, places, end)
    except TookTooLong:
        return _estimate(app, devices, places)


def count_bounded(app: App, audience: Audience, *, only_primary: bool = False) -> dict[str, Any]:
    """A headcount as what `count_devices` gives, with `opted_out`; with `is_estimated`, whether
    the total and the platforms are, its `margin`, and `is_split_estimated`."""
    count = take_headcount(app, audience, only_primary=only_primary)
    return {
        "total": count.total,
        "platforms": count.platforms,
        "languages": count.languages,
        "unusable": count.unusable,
        "opted_out": count.opted_out,
        "is_split_estimated": count.is_split_estimated,
        "is_estimated": count.is_total_estimated,
        "margin": count.margin if count.is_total_estimated else 0,
    }


def _is_covered(audience: Audience) -> bool:
    """Whether the index that has what is grouped by has all that is asked for too."""
    if audience.kind is AudienceKind.EXPRESSION and audience.expression is not None:
        return _names_only(audience.expression)
    return audience.kind is AudienceKind.ALL


def _names_only(expression: Expression) -> bool:
    match expression:
        case And(terms) | Or(terms):
            return all(_names_only(term) for term in terms)
        case Not(term):
            return _names_only(term)
    return expression.field in COVERED


def _count_places(devices: QuerySet[Device], *, is_covered: bool) -> Places:
    """All in one pass."""
    grouped: dict[str, Any] = {
        f"by_{name}": F(name) if is_covered else Unindexed(F(name)) for name in PLACE
    }
    rows: Any = devices.order_by().annotate(**grouped).values_list(*grouped)
    return tally_places(rows.annotate(count=Count("*")))


def _finish_count(app: App, devices: QuerySet[Device], places: Places, end: float) -> Headcount:
    with at_most(end - time.monotonic()):
        opted_out = select_opted_out(app, devices).count()
    languages = Counter(places.languages)
    # Only what has no language of its own needs the join with persons.
    if languages.pop("", 0):
        with at_most(end - time.monotonic()):
            languages += count_person_languages(app, devices)
    return Headcount(
        total=places.platforms.total(),
        platforms=_sort(places.platforms),
        languages=dict(languages.most_common()),
        unusable=dict(places.unusable),
        opted_out=opted_out,
        people=_take_some(devices, end),
    )


def _take_some(devices: QuerySet[Device], end: float) -> tuple[Device, ...]:
    """Of the first devices, one of each person."""
    with at_most(end - time.monotonic()):
        rows = devices.order_by("pk").values_list("pk", "person_id")[:LOOKED_AT]
        return _load_people(_choose(rows))


def _choose(rows: Iterable[tuple[int, int | None]]) -> list[int]:
    """Of devices with their persons the first ones that are of different persons, and those of
    nobody."""
    first: dict[tuple[str, int], int] = {}
    for pk, person in rows:
        first.setdefault(("device", pk) if person is None else ("person", person), pk)
    return list(first.values())[:SAMPLE_SIZE]


def _estimate(app: App, devices: QuerySet[Device], places: Places | None = None) -> Headcount:
    """From a sample; what was counted already stays exact."""
    sample = draw_sample(app)
    # Sorted here: as ORDER BY, PostgreSQL may walk the whole key to find a sample in order.
    drawn = sorted(devices.filter(IsAmong("pk", sample)).values_list(*READ), key=itemgetter(0))
    # Of an app of few devices all are read: then nothing is estimated.
    is_whole = len(sample) >= (population := count_all(app))
    weight = 1.0 if is_whole else population / len(sample) if sample else 0.0
    found = len(drawn)
    total = round(found * weight) if places is None else places.platforms.total()
    # Where the total is known its parts add up to it.
    scale = weight if places is None else (total / found if found else 0.0)
    states = ((row[1], row[4]) for row in drawn if row[4] != Device.TokenState.ACTIVE)
    return Headcount(
        total=total,
        platforms=_sort(places.platforms) if places else _scale((row[1] for row in drawn), scale),
        languages=_scale((row[2] or row[3] or app.default_language for row in drawn), scale),
        unusable=dict(places.unusable) if places else _scale(states, scale),
        opted_out=round(scale * sum(row[5] is not None for row in drawn)),
        people=_load_people(_choose((row[0], row[6]) for row in drawn)),
        is_total_estimated=places is None and not is_whole,
        is_split_estimated=not is_whole,
        sampled=len(sample),
        population=population,
        margin=0 if is_whole else _find_margin(found, len(sample), population),
    )


def _load_people(ids: list[int]) -> tuple[Device, ...]:
    rows = Device.objects.filter(pk__in=ids).select_related("person")
    return tuple(rows.order_by("pk"))


def _find_margin(found: int, sampled: int, population: int) -> int:
    """Half the 95 % interval of a share seen in a sample, as devices (Wilson's)."""
    if not sampled:
        return 0
    share, z = found / sampled, 1.96
    spread = math.sqrt(share * (1 - share) / sampled + z * z / (4 * sampled * sampled))
    return math.ceil(population * z * spread / (1 + z * z / sampled))


def _scale(keys: Iterable[Any], weight: float) -> dict[Any, int]:
    return {key: round(count * weight) for key, count in Counter(keys).most_common()}


def _sort(counts: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items()))


def count_all(app: App) -> int:
    """All devices of the app, as of a minute ago at most."""
    key = f"headcount-{app.pk}"
    known: int | None = cache.get(key)
    if known is None:
        known = Device.objects.filter(app=app).count()
        cache.set(key, known, REMEMBERED)
    return known


def draw_sample(app: App) -> list[int]:
    """Ids of devices of the app, drawn evenly, at most about 10,000; the same for a minute, so
    that figures do not flicker while one types."""
    key = f"headcount-sample-{app.pk}"
    sample: list[int] | None = cache.get(key)
    if sample is None:
        sample = _draw(app)
        cache.set(key, sample, REMEMBERED)
    return sample


def _draw(app: App) -> list[int]:
    devices = Device.objects.filter(app=app)
    population = count_all(app)
    if population <= SAMPLED:
        return list(devices.values_list("pk", flat=True)[: SAMPLED * 2])
    ends = devices.aggregate(first=Min("pk")) | devices.aggregate(last=Max("pk"))
    width = ends["last"] - ends["first"] + 1
    count = min(MOST_DRAWN, width, math.ceil(SAMPLED * width / population))
    # In order, so that neighbours are read together, here and whenever it is asked.
    drawn = sorted(random.sample(range(ends["first"], ends["last"] + 1), count))
    found = devices.filter(IsAmong("pk", drawn))
    return sorted(found.values_list("pk", flat=True))
