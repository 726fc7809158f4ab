"""What really occurs in an app's audience, to choose from: values of fields, custom attributes.

Names that an index has are looked up in it; everything else is read off 3,000 devices, so that it
costs the same however many there are: the newest, which have what came just now, and stretches
from the oldest on, for one large import would else hide what everybody else has.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.cache import cache
from django.db.models import Min, QuerySet

from campaigns.models import App, Device, DeviceMark, Label
from campaigns.selectors.attributes import ATTRIBUTE_NAME
from campaigns.selectors.audience_fields import AudienceField, FieldKind

LOOKED_AT = 3_000  # devices, half of them the newest
STRETCHES = 10  # of neighbours, which are read together
REMEMBERED = 60  # seconds
MOST = 20
MOST_LABELS = 20_000  # of one app that are looked through
MOST_ATTRIBUTES = 200
# Suggesting these would only list people.
PERSONAL = frozenset({"person.external_user_id", "person.email", "person.phone"})


@dataclass(frozen=True, slots=True)
class CustomAttribute:
    """One that occurs: `name` as expressions write it, the kinds of its values (text, number,
    flag, other) by how many of the `looked_at` devices have them, the commonest first."""

    name: str
    kinds: tuple[tuple[str, int], ...]
    count: int
    looked_at: int

    @property
    def share(self) -> float:
        """Of 1."""
        return self.count / self.looked_at if self.looked_at else 0.0


def list_custom(app: App) -> tuple[CustomAttribute, ...]:
    """Custom attributes of devices that are looked at and their persons, by name; at most 200."""
    key = f"suggest-custom-{app.pk}"
    found: tuple[CustomAttribute, ...] | None = cache.get(key)
    if found is None:
        found = _read_custom(app)
        cache.set(key, found, REMEMBERED)
    return found


def _read_custom(app: App) -> tuple[CustomAttribute, ...]:
    rows = look_at(app, "attributes", "person__attributes")
    kinds: dict[str, Counter[str]] = {}
    for own, persons in rows:
        for prefix, attributes in (("device.custom.", own), ("person.custom.", persons)):
            for name, value in (attributes or {}).items():
                if value is not None and ATTRIBUTE_NAME.fullmatch(name):
                    kinds.setdefault(prefix + name, Counter())[find_kind(value)] += 1
    commonest = sorted(kinds.items(), key=lambda item: (-item[1].total(), item[0]))
    return tuple(
        CustomAttribute(name, tuple(counts.most_common()), counts.total(), len(rows))
        for name, counts in sorted(commonest[:MOST_ATTRIBUTES])
    )


def find_kind(value: Any) -> str:
    """Of a value of an attribute: text, number, flag or other."""
    if isinstance(value, bool):
        return "flag"
    if isinstance(value, int | float):
        return "number"
    return "text" if isinstance(value, str) else "other"


def look_at(app: App, *columns: str) -> list[tuple[Any, ...]]:
    """The columns of all devices of a small app; of a large one's newest half of 3,000, and of
    stretches of the others."""
    devices = Device.objects.filter(app=app).values_list("pk", *columns)
    newest = list(devices.order_by("-pk")[:LOOKED_AT])
    if len(newest) < LOOKED_AT:
        return [row[1:] for row in newest]
    newest = newest[: LOOKED_AT // 2]
    return [row[1:] for row in (*newest, *_look_along(devices, newest[-1][0]))]


def _look_along(devices: QuerySet[Device, tuple[Any, ...]], end: int) -> list[tuple[Any, ...]]:
    """Stretches before `end`, at equal distances from the oldest on."""
    older = devices.filter(pk__lt=end).order_by("pk")
    first = older.values_list("pk", flat=True).first()
    if first is None:  # they were deleted meanwhile
        return []
    seen: dict[int, tuple[Any, ...]] = {}
    for place in range(STRETCHES):
        start = first + (end - first) * place // STRETCHES
        rows = older.filter(pk__gte=start)[: LOOKED_AT // 2 // STRETCHES]
        seen.update((row[0], row) for row in rows)
    return list(seen.values())


def suggest_values(app: App, field: AudienceField, term: str = "") -> tuple[str, ...]:
    """At most 20 values of the field that hold the term, as an expression's editor writes them.

    Of labels those first that begin with it, whatever the case; of tags and aliases, of which each
    device may have its own, those alone that begin with just it.
    """
    if field.kind is FieldKind.SET:
        return tuple(_look_up(app, field, term))
    if field.name in PERSONAL or field.kind is FieldKind.TIME:
        return ()
    folded = term.casefold()
    held = [value for value in list_common(app, field) if folded in value.casefold()]
    return tuple(held[:MOST])


def list_common(app: App, field: AudienceField) -> list[str]:
    """Values of the devices that are looked at, the commonest 1,000 first; remembered a while."""
    key = f"suggest-{app.pk}-{field.name.encode().hex()}"
    found: list[str] | None = cache.get(key)
    if found is None:
        counts = Counter(_read_values(app, field))
        found = [value for value, _count in counts.most_common(1000)]
        cache.set(key, found, REMEMBERED)
    return found


def _read_values(app: App, field: AudienceField) -> Iterator[str]:
    is_custom = field.kind is FieldKind.CUSTOM
    for (found,) in look_at(app, field.column):
        value = (found or {}).get(field.attribute) if is_custom else found
        if isinstance(value, bool):
            yield "true" if value else "false"
        elif isinstance(value, int | float) or (isinstance(value, str) and value):
            yield str(value)


def _look_up(app: App, field: AudienceField, term: str) -> Sequence[str]:
    if field.column == "label":
        return _find_labels(app, term)
    if field.column in {"tag", "alias"}:
        return list(_skip_through(app, field.column, term))
    return []


def _find_labels(app: App, term: str) -> list[str]:
    """Names that hold the term, sorted and then cut, as every database does it alike."""
    offered = Label.objects.filter(app=app, archived_at__isnull=True).order_by()
    folded = term.casefold()
    names = offered.values_list("name", flat=True)[:MOST_LABELS].iterator()
    held = [name for name in names if folded in name.casefold()]

    def rank(name: str) -> tuple[bool, bool, str, str]:
        plain = name.casefold()
        return name != term, not plain.startswith(folded), plain, name

    return sorted(held, key=rank)[:MOST]


def _skip_through(app: App, kind: str, term: str) -> Iterator[str]:
    """Names of marks from the term on: each is one look into the index, whoever carries it."""
    marks = DeviceMark.objects.filter(app=app, kind=kind)
    found = marks.filter(name__gte=term).aggregate(name=Min("name"))["name"]
    shown = strays = 0
    while found is not None and max(shown, strays) < MOST:
        if found.startswith(term):
            yield found
            shown += 1
        else:  # collations put other names among them
            strays += 1
        found = marks.filter(name__gt=found).aggregate(name=Min("name"))["name"]
