"""What an audience names that is not there: a label, a segment or a transfer. In what is sent to
such a name means nobody; in what is left out, that nobody is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.utils.translation import gettext as _

from campaigns.errors import Invalid
from campaigns.models import App, Label, Segment, Transfer
from campaigns.selectors.audience_bodies import Audience, list_parts, read_audience


@dataclass(frozen=True, slots=True)
class Gone:
    """`path` as refusals name it, and what to do about it; not `is_everywhere`: some apps of a
    group have it."""

    path: str
    words: str
    is_everywhere: bool = True


def list_gone(apps: Sequence[App], body: Any) -> list[Gone]:
    """Everything that is gone; of a label that is left out also that some of the apps have none."""
    try:
        parts = list_parts(read_audience(apps, body, principal=None))
    except Invalid:
        return []  # what it says is told elsewhere
    there = _There(apps, [part for _path, part in parts])
    return [gone for path, part in parts for gone in _look(there, path, part)]


class _There:
    """What of the names of some audiences is there."""

    def __init__(self, apps: Sequence[App], parts: Sequence[Audience]) -> None:
        self.apps, self.parts = apps, parts

    @cached_property
    def owners(self) -> Mapping[str, set[int]]:
        """The ids of the apps that have a label of a name."""
        names = {name for part in self.parts for name in part.labels}
        rows = Label.objects.filter(app__in=self.apps, name__in=names).values_list("name", "app")
        owners: dict[str, set[int]] = {name: set() for name in names}
        for name, app in rows:
            owners[name].add(app)
        return owners

    @cached_property
    def segments(self) -> set[int]:
        named = [part.segment for part in self.parts if part.segment]
        return set(Segment.objects.filter(pk__in=named).values_list("pk", flat=True))

    @cached_property
    def transfers(self) -> set[int]:
        named = [_find_transfer(part) for part in self.parts]
        return set(Transfer.objects.filter(pk__in=filter(None, named)).values_list("pk", flat=True))


def _find_transfer(part: Audience) -> int:
    return part.outcomes_of.transfer if part.outcomes_of else part.unknown_of


def _look(there: _There, path: str, part: Audience) -> Iterator[Gone]:
    is_left_out = ".exclude" in path
    transfer = _find_transfer(part)
    if part.segment and part.segment not in there.segments:
        yield _tell(path, _("The segment %(name)s") % {"name": f"#{part.segment}"}, is_left_out)
    if transfer and transfer not in there.transfers:
        yield _tell(path, _("The transfer %(name)s") % {"name": f"#{transfer}"}, is_left_out)
    for name in part.labels:
        without = [app for app in there.apps if app.pk not in there.owners[name]]
        if without and len(without) == len(there.apps):
            yield _tell(path, _("The label %(name)s") % {"name": name}, is_left_out)
        elif without and is_left_out:
            yield Gone(path, _tell_without(name, without), is_everywhere=False)


def _tell(path: str, what: str, is_left_out: bool) -> Gone:
    words = _("%(what)s is not there any more and means nobody. Choose anew who gets it.")
    if is_left_out:
        words = _(
            "%(what)s is not there any more, so that nobody would be left out by it. Choose anew "
            "who does not get it."
        )
    return Gone(path, words % {"what": what})


def _tell_without(name: str, apps: Iterable[App]) -> str:
    words = _(
        "%(apps)s: there is no label %(name)s, so that nobody would be left out there. Make it, "
        "even if nobody carries it, or choose anew who does not get it."
    )
    return words % {"apps": ", ".join(app.name for app in apps), "name": name}
