"""Which vendor a new account is at: all that there are, by what they are for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy

from campaigns.models.audience import WAYS
from providers.contract import Dialect


@dataclass(frozen=True, slots=True)
class Sort:
    """A sort of vendor; each dialect is of the first that `takes` it."""

    title: Any
    words: Any
    takes: Callable[[Dialect], bool]


@dataclass(frozen=True, slots=True)
class Choice:
    """A vendor to choose, and what it reaches."""

    dialect: Dialect
    reach: str


SORTS = (
    Sort(
        gettext_lazy("Straight to devices"),
        gettext_lazy("With keys of your own, and no vendor in between."),
        lambda dialect: dialect.fans_out,
    ),
    Sort(
        gettext_lazy("Push vendors"),
        gettext_lazy("With an account at a vendor, whose SDK is in your app or on your pages."),
        lambda dialect: bool(dialect.platforms) and not dialect.is_sandbox,
    ),
    Sort(
        gettext_lazy("Mail and SMS"),
        gettext_lazy("For later steps of a scenario."),
        lambda dialect: not dialect.is_sandbox,
    ),
    Sort(
        gettext_lazy("To try things out"),
        gettext_lazy("Nothing leaves this machine."),
        lambda dialect: True,
    ),
)


def sort_vendors(dialects: Iterable[Dialect]) -> list[tuple[Sort, list[Choice]]]:
    """Sorts that there is somebody of, each with its vendors by name."""
    found: dict[Sort, list[Choice]] = {sort: [] for sort in SORTS}
    for dialect in sorted(dialects, key=lambda one: one.label.casefold()):
        sort = next(sort for sort in SORTS if sort.takes(dialect))
        found[sort].append(Choice(dialect, _name_reach(dialect)))
    return [(sort, choices) for sort, choices in found.items() if choices]


def _name_reach(dialect: Dialect) -> str:
    ways = {*dialect.platforms, *dialect.channels}
    return ", ".join(str(name) for key, name in WAYS if key in ways)
