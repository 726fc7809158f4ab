"""The plot of how fast a transfer went: a bar for each piece of its course, a line where the
promise is. The numbers stand in a table beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from campaigns.selectors.course import Course, Piece

WIDTH, HEIGHT = 600, 100
LEAST_BARS = 20  # so that the first minutes are no walls
GAP = 0.2  # of a bar's place


@dataclass(frozen=True, slots=True)
class Bar:
    """One piece in the plot's own units, as texts: no language writes them with a comma."""

    x: str
    y: str
    width: str
    height: str
    piece: Piece


@dataclass(frozen=True, slots=True)
class Plot:
    """What the template draws. `promised_y` is "" where nothing was promised, or where it lies
    far above; `top` is what the height stands for."""

    bars: tuple[Bar, ...]
    promised_y: str
    highest: float
    top: float
    span: int


def draw_plot(course: Course, promised: float | None) -> Plot | None:
    """None as long as nothing was sent."""
    if not course.pieces:
        return None
    top = _find_top(course.highest, promised)
    promised_y = ""
    if promised is not None and promised <= top:
        promised_y = f"{HEIGHT - HEIGHT * promised / top:.1f}"
    bars = tuple(_draw_bars(course.pieces, top))
    return Plot(bars, promised_y, course.highest, top, course.span)


def _find_top(highest: float, promised: float | None) -> float:
    """A promise far above everything would flatten the rest."""
    if promised is None or promised > 4 * highest:
        return max(highest, 1.0) * 1.1
    return max(highest, promised, 1.0) * 1.1


def _draw_bars(pieces: Sequence[Piece], top: float) -> list[Bar]:
    place = WIDTH / max(len(pieces), LEAST_BARS)
    bars = []
    for number, piece in enumerate(pieces):
        height = HEIGHT * piece.rate / top
        bars.append(
            Bar(
                x=f"{number * place:.1f}",
                y=f"{HEIGHT - height:.1f}",
                width=f"{place * (1 - GAP):.1f}",
                height=f"{height:.1f}",
                piece=piece,
            )
        )
    return bars
