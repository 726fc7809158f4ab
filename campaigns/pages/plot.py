"""The small plot of how fast a transfer went: a bar per minute, a line where the promise is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from campaigns.selectors.speed import Minute, Speed

WIDTH, HEIGHT = 600, 80
LEAST_BARS = 20  # so that the first minutes are no walls
GAP = 0.2  # of a bar's place


@dataclass(frozen=True, slots=True)
class Bar:
    """One minute in the plot's own units, as texts: no language writes them with a comma."""

    x: str
    y: str
    width: str
    height: str
    minute: Minute


@dataclass(frozen=True, slots=True)
class Plot:
    """What the template draws. `promised_y` is "" where nothing was promised."""

    bars: tuple[Bar, ...]
    promised_y: str
    highest: float


def draw_plot(speed: Speed) -> Plot | None:
    """None as long as nothing was sent."""
    if not speed.minutes:
        return None
    highest = max(minute.rate for minute in speed.minutes)
    top = _find_top(highest, speed.promised)
    promised_y = ""
    if speed.promised is not None and speed.promised <= top:
        promised_y = f"{HEIGHT - HEIGHT * speed.promised / top:.1f}"
    return Plot(tuple(_draw_bars(speed.minutes, top)), promised_y, highest)


def _find_top(highest: float, promised: float | None) -> float:
    """What the plot's height stands for; a promise far above everything would flatten it."""
    if promised is None or promised > 4 * highest:
        return max(highest, 1.0) * 1.1
    return max(highest, promised, 1.0) * 1.1


def _draw_bars(minutes: Sequence[Minute], top: float) -> list[Bar]:
    place = WIDTH / max(len(minutes), LEAST_BARS)
    bars = []
    for number, minute in enumerate(minutes):
        height = HEIGHT * minute.rate / top
        bars.append(
            Bar(
                x=f"{number * place:.1f}",
                y=f"{HEIGHT - height:.1f}",
                width=f"{place * (1 - GAP):.1f}",
                height=f"{height:.1f}",
                minute=minute,
            )
        )
    return bars
