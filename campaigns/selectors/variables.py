"""Variables that a template of an app may name, to choose from: how each is written, what it holds,
how many have it, and values that several share. Read off devices that suggestions look at, so that
it costs the same however many there are.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.core.cache import cache

from campaigns.models import App
from campaigns.selectors.audience_fields import AudienceField, find_field
from campaigns.selectors.personal import APP_NAME, is_variable, list_fixed
from campaigns.selectors.suggestions import PERSONAL, REMEMBERED, find_kind, look_at
from providers.liquid import has_tags

PLAIN = re.compile("[A-Za-z_][A-Za-z0-9_]*")
MOST = 200
SHARED = 3  # a value that fewer have would tell who they are
SHOWN = 3  # values of each
LONGEST = 40  # characters of a value that is shown


@dataclass(frozen=True, slots=True)
class Variable:
    """One: `name` as a template writes it, `kind` text, number, flag, time or other (the
    commonest); `count` of the `looked_at` devices have a value."""

    name: str
    kind: str
    count: int
    looked_at: int
    examples: tuple[str, ...] = ()


@dataclass(slots=True)
class _Tally:
    """What devices hold in one variable; values by whose they are, for a person may have several
    devices."""

    kinds: Counter[str] = field(default_factory=Counter)
    whose: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))

    def note(self, value: Any, owner: int) -> None:
        self.kinds["time" if isinstance(value, datetime) else find_kind(value)] += 1
        if isinstance(value, str | int | float) and len(str(value)) <= LONGEST:
            self.whose[str(value).lower() if isinstance(value, bool) else str(value)].add(owner)

    def list_shared(self) -> tuple[str, ...]:
        """Values of several, the commonest first."""
        shared = [(-len(owners), value) for value, owners in self.whose.items()
                  if len(owners) >= SHARED]  # fmt: skip
        return tuple(value for _count, value in sorted(shared)[:SHOWN])


def suggest_variables(app: App, term: str = "") -> tuple[Variable, ...]:
    """Those whose name holds the term: the fixed ones in reading order, then attributes that
    occur, the commonest first; at most 200 of these."""
    key = f"suggest-variables-{app.pk}"
    found: tuple[Variable, ...] | None = cache.get(key)
    if found is None:
        found = tuple(_read(app))
        cache.set(key, found, REMEMBERED)
    folded = term.casefold()
    return tuple(one for one in found if folded in one.name.casefold())


def write_variable(name: str) -> str:
    """How a template names it: `person.custom['first name']`."""
    owner, _dot, rest = name.partition(".")
    custom, _dot, attribute = rest.partition(".")
    if custom != "custom" or PLAIN.fullmatch(attribute):
        return name
    quote = '"' if "'" in attribute else "'"  # no name holds both
    return f"{owner}.custom[{quote}{attribute}{quote}]"


def _read(app: App) -> Iterator[Variable]:
    fixed = [known for name in list_fixed() if (known := find_field(name))]
    columns = ["pk", "person_id", "attributes", "person__attributes"]
    columns += [known.column for known in fixed]
    rows = look_at(app, *columns)
    tallies: dict[str, _Tally] = defaultdict(_Tally)
    for row in rows:
        for name, value in _list_values(fixed, row):
            tallies[name].note(value, row[1] or -row[0])
    for name in list_fixed():
        if name == APP_NAME:
            yield Variable(name, "text", len(rows), len(rows), (app.name,))
        else:
            yield _describe(name, tallies.pop(name, _Tally()), len(rows))
    custom = sorted(tallies.items(), key=lambda item: (-item[1].kinds.total(), item[0]))
    yield from (_describe(name, tally, len(rows)) for name, tally in custom[:MOST])


def _list_values(fixed: Sequence[AudienceField], row: Sequence[Any]) -> Iterator[tuple[str, Any]]:
    """What one device has, by the name of its variable; nothing that is empty."""
    _pk, _person, own, theirs, *held = row
    for known, value in zip(fixed, held, strict=True):
        if value not in (None, ""):
            yield known.name, value
    yield from _list_custom("device", own)
    yield from _list_custom("person", theirs)


def _list_custom(owner: str, attributes: Mapping[str, Any] | None) -> Iterator[tuple[str, Any]]:
    for attribute, value in (attributes or {}).items():
        name = f"{owner}.custom.{attribute}"
        if value not in (None, "") and is_variable(name) and not has_tags(name):
            yield name, value


def _describe(name: str, tally: _Tally, looked_at: int) -> Variable:
    [(kind, _count)] = tally.kinds.most_common(1) or [(_guess_kind(name), 0)]
    examples = () if name in PERSONAL else tally.list_shared()
    return Variable(write_variable(name), kind, tally.kinds.total(), looked_at, examples)


def _guess_kind(name: str) -> str:
    """Of a fixed one that nobody has yet."""
    known = find_field(name)
    held = known.kind.value if known else "text"
    return held if held in {"flag", "time"} else "text"
