"""Finds the route of a dialect that a request's method and path mean."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from urllib.parse import unquote

from providers.contract import Route
from providers.outcomes import Refusal, RefusalKind

_PIECE = re.compile(r"\\\{(\w+)\\\}")


def find_route(routes: Iterable[Route], method: str, path: str) -> tuple[Route, dict[str, str]]:
    """The route and its path's named pieces, percent-decoded. `path` has no leading slash.

    Raises `Refusal`, NOT_FOUND or METHOD.
    """
    allowed = set()
    for route in routes:
        found = _compile_path(route.path).fullmatch(path)
        if found and route.method == method:
            return route, {name: unquote(piece) for name, piece in found.groupdict().items()}
        if found:
            allowed.add(route.method)
    if allowed:
        message = f"{method} is not allowed here."
        raise Refusal(RefusalKind.METHOD, message, allowed=tuple(sorted(allowed)))
    raise Refusal(RefusalKind.NOT_FOUND, "There is nothing at this address.")


@cache
def _compile_path(pattern: str) -> re.Pattern[str]:
    return re.compile(_PIECE.sub(r"(?P<\1>[^/]+)", re.escape(pattern)))
