"""Which variables of a message are empty for how many of an audience, and who are the worst cases:
all of it in one pass where that is quick enough, else an even sample of it, and said so.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import add
from typing import Any

from django.db.models import BigIntegerField, Case, Count, F, Max, QuerySet, Value, When
from django.db.models.functions import Cast, Least

from campaigns.models import App, Device
from campaigns.models.bulk import IsAmong
from campaigns.models.patience import TookTooLong, at_most
from campaigns.selectors.audience import select_devices
from campaigns.selectors.audience_bodies import Audience
from campaigns.selectors.headcount import BUDGET, count_all, draw_sample
from campaigns.selectors.value_lengths import measure

QUICK = BUDGET  # seconds while somebody types
PATIENT = 15.0  # for whoever asks for all of them
# A figure and an id as one number, so that the greatest figure comes with whose it is.
SHIFT = 2**40
MOST = 2**22


def look_at_variables(
    app: App, audience: Audience, *, only_primary: bool = False, names: Sequence[str] = ()
) -> dict[str, Any]:
    """`{"total", "looked_at", "is_all", "empty": {name: recipients}, "longest", "emptiest",
    "longest_by", "emptiest_by"}`: the devices with the longest values and with the most empty ones,
    None for nobody, and how many letters or empty ones these are.

    Without `is_all` there was no time for everybody: the numbers are scaled from those who were
    looked at, drawn evenly, and so are the worst cases theirs alone.
    """
    return _look_within(QUICK, app, select_devices(app, audience, only_primary=only_primary), names)


def look_at_everybody(
    app: App, audience: Audience, *, only_primary: bool = False, names: Sequence[str] = ()
) -> dict[str, Any]:
    """The same for whoever waits: of a sample only where all of them take very long."""
    devices = select_devices(app, audience, only_primary=only_primary)
    return _look_within(PATIENT, app, devices, names)


def _look_within(
    seconds: float, app: App, devices: QuerySet[Device], names: Sequence[str]
) -> dict[str, Any]:
    try:
        with at_most(seconds):
            found = _look(app, devices, names)
    except TookTooLong:
        return _estimate(app, devices, names)
    return {"looked_at": found["total"], "is_all": True, **found}


def _estimate(app: App, devices: QuerySet[Device], names: Sequence[str]) -> dict[str, Any]:
    sample = draw_sample(app)
    found = _look(app, devices.filter(IsAmong("pk", sample)), names)
    population = count_all(app)
    is_whole = len(sample) >= population
    scale = 1.0 if is_whole or not sample else population / len(sample)
    scaled = {name: round(count * scale) for name, count in found["empty"].items()}
    return {
        **found,
        "looked_at": found["total"],
        "is_all": is_whole,
        "total": round(found["total"] * scale),
        "empty": scaled,
    }


def _look(app: App, devices: QuerySet[Device], names: Sequence[str]) -> dict[str, Any]:
    """In one pass, whatever it is counted over."""
    places = {name: f"letters_{place}" for place, name in enumerate(names)}
    rows = devices.order_by().annotate(**{own: measure(app, name) for name, own in places.items()})
    lacks = [Case(When(**{own: 0}, then=1), default=0) for own in places.values()]
    empty = {f"empty_{own}": Count(Case(When(**{own: 0}, then=1))) for own in places.values()}
    found = rows.aggregate(
        total=Count("*"),
        longest=Max(_pack([F(own) for own in places.values()])),
        emptiest=Max(_pack(lacks)),
        **empty,
    )
    return {
        "total": found["total"],
        "empty": {name: found[f"empty_{own}"] for name, own in places.items()},
        "longest": _find_owner(found["longest"]),
        "emptiest": _find_owner(found["emptiest"], least=1),
        "longest_by": (found["longest"] or 0) // SHIFT,
        "emptiest_by": (found["emptiest"] or 0) // SHIFT,
    }


def _pack(figures: Sequence[Any]) -> Any:
    """The sum of the figures above the id of its device; of equals the first device is greatest."""
    total = Cast(reduce(add, figures, Value(0)), BigIntegerField())
    return Least(total, Value(MOST, BigIntegerField())) * Value(SHIFT, BigIntegerField()) + (
        Value(SHIFT, BigIntegerField()) - Cast("pk", BigIntegerField())
    )


def _find_owner(packed: int | None, least: int = 0) -> int | None:
    """Whose the greatest figure is; None where nobody's is at least so much."""
    if packed is None or packed < least * SHIFT:
        return None
    return SHIFT - packed % SHIFT
