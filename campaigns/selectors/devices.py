"""Devices by the ids that a dialect knows them by, by their person, tag or alias, and by day."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db.models import Count, Q, QuerySet
from django.db.models.functions import TruncDate

from campaigns.models import App, Device, DeviceIdentifier, DeviceMark, SeenDay
from campaigns.models.audience import hash64
from campaigns.models.bulk import IdList, TextList
from campaigns.selectors.aliases import find_aliases
from campaigns.selectors.audience_fields import UNSTORABLE
from providers.contract import Dialect
from providers.recipients import TOKEN_KIND, IdentifierKind, PersonKind

DEVICE_KIND = "device"  # our own ids
MAX_ID = 2**63


def find_kind(dialect: Dialect, name: str) -> IdentifierKind:
    """The dialect's kind of that name; else a token, or a kind of somebody else's."""
    own = [kind for kind in dialect.identifier_kinds if kind.name == name]
    return own[0] if own else IdentifierKind(name, is_token=name == TOKEN_KIND)


def match_devices(app: App, kind: IdentifierKind, values: Iterable[str]) -> dict[str, int]:
    """Which of the app's devices these ids mean; unknown ones are absent."""
    wanted = {value for value in values if value and not UNSTORABLE.search(value)}
    if kind.name == DEVICE_KIND:
        return _match_own(app, wanted)
    hashes = IdList(hash64(value) for value in wanted)
    if kind.is_token:
        tokens = Device.objects.filter(app=app, token_hash__in=hashes)
        rows = _narrow(tokens, kind, "platform").values_list("token", "pk")
    else:
        ids = DeviceIdentifier.objects.filter(app=app, kind=kind.name, value_hash__in=hashes)
        rows = _narrow(ids, kind, "device__platform").values_list("value", "device_id")
    # The hash only narrows; two ids may share one.
    return {value: device for value, device in rows if value in wanted}


def _match_own(app: App, wanted: Iterable[str]) -> dict[str, int]:
    ids = {int(text) for text in wanted if text.isascii() and text.isdigit() and len(text) < 19}
    known = Device.objects.filter(app=app, pk__in=IdList(ids)).values_list("pk", flat=True)
    return {str(pk): pk for pk in known}


def _narrow(rows: QuerySet, kind: IdentifierKind, column: str) -> QuerySet:
    return rows.filter(**{column: kind.platform.value}) if kind.platform else rows


def list_of_persons(app: App, kind: PersonKind, values: Sequence[str]) -> list[int]:
    """Devices of the app that belong to these persons, oldest first."""
    storable = [value for value in values if value and not UNSTORABLE.search(value)]
    devices = Device.objects.filter(app=app, person__workspace=app.workspace_id)
    named = Q(**{f"person__{kind.value}__in": TextList(storable)})
    if kind is PersonKind.EXTERNAL_USER_ID:
        merged = find_aliases(app.workspace_id, storable)
        named = named | Q(person__in=set(merged.values())) if merged else named
    return list(devices.filter(named).order_by("pk").values_list("pk", flat=True))


def load_devices(app: App, ids: Iterable[int]) -> dict[int, Device]:
    """The app's devices of these ids with their persons, ids of vendors, tags and aliases."""
    rows = Device.objects.filter(app=app, pk__in=IdList(ids)).select_related("person", "session")
    return {device.pk: device for device in rows.prefetch_related("identifiers", "marks")}


def find_marked(app: App, kind: str, name: str, platforms: Sequence[str] = ()) -> QuerySet:
    """Marks of that kind and name on devices of these platforms; of any, where none is named."""
    if UNSTORABLE.search(name):
        return DeviceMark.objects.none()
    marks = DeviceMark.objects.filter(app=app, kind=kind, name=name)
    return marks.filter(device__platform__in=platforms) if platforms else marks


def count_tags(app: App, names: Sequence[str] | None = None, platform: str = "") -> dict[str, int]:
    """How many devices carry each of these tags, or each tag that there is."""
    marks = DeviceMark.objects.filter(app=app, kind=DeviceMark.Kind.TAG)
    if names is not None:
        storable = [name for name in names if not UNSTORABLE.search(name)]
        marks = marks.filter(name__in=TextList(storable))
    if platform:
        marks = marks.filter(device__platform=platform)
    counts = dict(marks.order_by("name").values_list("name").annotate(count=Count("pk")))
    return counts if names is None else {name: counts.get(name, 0) for name in names}


def count_days(app: App, first: date, last: date) -> dict[tuple[date, str], tuple[int, int]]:
    """By day of the app's zone and platform: devices that are new, and that were seen."""
    zone = ZoneInfo(app.timezone)
    begin = datetime.combine(first, time(), zone)
    end = datetime.combine(last, time(), zone) + timedelta(days=1)
    made = Device.objects.filter(app=app, created_at__gte=begin, created_at__lt=end)
    new: Counter[tuple[date, str]] = Counter()
    days = made.annotate(day=TruncDate("created_at", tzinfo=zone)).order_by()
    for day, platform, count in days.values_list("day", "platform").annotate(count=Count("pk")):
        new[day, platform] = count
    seen: dict[tuple[date, str], int] = defaultdict(int)
    for row in SeenDay.objects.filter(app=app, day__gte=first, day__lte=last):
        seen[row.day, row.platform] = row.count
    return {key: (new[key], seen[key]) for key in sorted({*new, *seen})}
