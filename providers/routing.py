"""Finds the route of a dialect, or the hook, that a request's method and path mean."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import cache
from typing import TypeVar
from urllib.parse import unquote

from providers.contract import Dialect
from providers.inbound import Hook, Reply, Route
from providers.outcomes import Refusal, RefusalKind

Way = TypeVar("Way", Route, Hook)
Shape = Callable[[Refusal], Reply]

_PIECE = re.compile(r"\\\{(\w+)\\\}")


def find_route(routes: Iterable[Way], method: str, path: str) -> tuple[Way, dict[str, str]]:
    """The route and its path's named pieces, percent-decoded. `path` has no leading slash.

    Raises `Refusal`, NOT_FOUND or METHOD.
    """
    ways = list_ways(routes, path)
    for way in ways:
        if way.method == method:
            return way, _read_pieces(way.path, path)
    if ways:
        message = f"{method} is not allowed here."
        refusal = Refusal(RefusalKind.METHOD, message)
        refusal.allowed = tuple(sorted({way.method for way in ways}))
        raise refusal
    raise Refusal(RefusalKind.NOT_FOUND, "There is nothing at this address.")


def find_repeats(pairs: Iterable[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    """Every value of the parameters that come more than once."""
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return {name: tuple(found) for name, found in values.items() if len(found) > 1}


def list_ways(routes: Iterable[Way], path: str) -> list[Way]:
    """All that a path may mean, of every method. A slash at its end means nothing: scripts put
    base and path together with one too many, or leave off a vendor's own."""
    return [route for route in routes if _match_path(route.path, path)]


def choose_shape(dialect: Dialect, path: str) -> Shape | None:
    """How a refusal at that path is written: by the endpoint where it has an error shape of its
    own, else by the dialect."""
    shapes = [way.write_refusal for way in list_ways(dialect.routes, path) if way.write_refusal]
    return shapes[0] if shapes else dialect.write_refusal


def _read_pieces(pattern: str, path: str) -> dict[str, str]:
    found = _match_path(pattern, path)
    pieces = found.groupdict() if found else {}
    return {name: unquote(piece) for name, piece in pieces.items()}


def _match_path(pattern: str, path: str) -> re.Match[str] | None:
    return _compile_path(pattern).fullmatch(path.removesuffix("/"))


@cache
def _compile_path(pattern: str) -> re.Pattern[str]:
    whole = re.escape(pattern.removesuffix("/"))
    return re.compile(_PIECE.sub(r"(?P<\1>[^/]+)", whole))
