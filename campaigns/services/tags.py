"""Tags and aliases of an app's devices: given and taken, within a dialect's caps."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Count, QuerySet
from django.utils.translation import gettext as _

from campaigns.errors import Invalid, OverCap
from campaigns.models import App, DeviceMark
from campaigns.models.bulk import IdList, TextList
from campaigns.models.marks import MAX_MARK
from campaigns.selectors.audience_fields import find_text_fault
from campaigns.services.access import record_audit
from campaigns.services.device_marks import MAX_TAGS
from campaigns.services.locks import Lock, lock_app
from providers.contract import Cap

TAG = DeviceMark.Kind.TAG
CHUNK = 5_000
Caps = Mapping[Cap, int]


@dataclass(frozen=True, slots=True)
class TagChange:
    """Devices, by our ids, that get a tag and that lose it."""

    name: str
    add: Sequence[int] = ()
    remove: Sequence[int] = ()


def change_tag(
    app: App, change: TagChange, *, caps: Caps, actor: str, now: datetime
) -> frozenset[int]:
    """Give and take the tag; returns the devices that have too many tags for one more.

    Raises Invalid for no name of a tag, OverCap where the name is too long, the app would have
    too many tags or too many devices would carry this one.
    """
    check_tag(change.name, caps)
    with transaction.atomic():
        lock_app(app, Lock.REGISTER)
        full = _find_full(change, caps)
        refuse_crowded_tags(app, {change.name: set(change.add) - full}, caps)
        DeviceMark.objects.bulk_create(
            (
                DeviceMark(app=app, device_id=device, kind=TAG, name=change.name)
                for device in sorted(set(change.add) - full)
            ),
            ignore_conflicts=True,
        )
        _carriers(app, change.name).filter(device__in=IdList(change.remove)).delete()
        record_audit(actor, "change_tag", app, workspace=app.workspace, fields=["tags"], now=now)
    return frozenset(full)


def _carriers(app: App, name: str) -> QuerySet[DeviceMark]:
    carriers: QuerySet[DeviceMark] = DeviceMark.objects.filter(app=app, kind=TAG, name=name)
    return carriers


def _find_full(change: TagChange, caps: Caps) -> set[int]:
    """Devices that lack the tag and have as many others as they may have."""
    most = caps.get(Cap.TAGS_PER_DEVICE, MAX_TAGS)
    tags = DeviceMark.objects.filter(kind=TAG, device__in=IdList(change.add))
    counts = tags.order_by().values_list("device").annotate(count=Count("pk"))
    full = set(counts.filter(count__gte=most).values_list("device", flat=True))
    return full - set(tags.filter(name=change.name).values_list("device", flat=True))


def check_tag(name: str, caps: Caps) -> None:
    """Raise Invalid unless this can be a tag, OverCap where a dialect wants it shorter."""
    fault = find_text_fault(name, MAX_MARK) if name else _("Give it a name.")
    if fault:
        raise Invalid(fault, fields={"tag": fault})
    refuse_long(name, Cap.TAG_BYTES, caps)


def refuse_long(name: str, cap: Cap, caps: Caps) -> None:
    """Raise OverCap for a tag or an alias that is too long for the dialect."""
    most = caps.get(cap)
    if most is not None and len(name.encode()) > most:
        raise OverCap(_("At most %(most)s bytes are allowed.") % {"most": most}, subject=cap)


def refuse_crowded_tags(app: App, devices: Mapping[str, Collection[int]], caps: Caps) -> None:
    """Raise OverCap where the app would get more tags than it may have, or a tag more devices.

    `devices` are those that get each tag, by our ids; what is not there yet counts as 0.
    """
    names = [name for name, ids in devices.items() if ids]
    known = DeviceMark.objects.filter(app=app, kind=TAG)
    _refuse_more_tags(known, names, caps)
    most = caps.get(Cap.DEVICES_PER_TAG)
    for name in names if most is not None else ():
        others = known.filter(name=name).exclude(device__in=IdList(devices[name]))
        if others.count() + len(devices[name]) > (most or 0):
            words = _("At most %(most)s devices carry one tag here.") % {"most": most}
            raise OverCap(words, subject=Cap.DEVICES_PER_TAG)


def _refuse_more_tags(known: QuerySet[DeviceMark], names: Iterable[str], caps: Caps) -> None:
    most = caps.get(Cap.TAGS)
    if most is None:
        return
    there = known.filter(name__in=TextList(names)).order_by().values_list("name", flat=True)
    fresh = set(names) - set(there.distinct())
    if fresh and known.order_by().values("name").distinct().count() + len(fresh) > most:
        words = _("An app has at most %(most)s tags here.") % {"most": most}
        raise OverCap(words, subject=Cap.TAGS)


def drop_marks(app: App, marks: QuerySet[DeviceMark], *, actor: str, now: datetime) -> None:
    """Take a tag or an alias from all devices that these marks are on, some at a time."""
    while True:
        with transaction.atomic():
            chunk = list(marks.order_by("pk").values_list("pk", flat=True)[:CHUNK])
            DeviceMark.objects.filter(pk__in=IdList(chunk)).delete()
        if len(chunk) < CHUNK:
            break
    record_audit(actor, "drop_marks", app, workspace=app.workspace, fields=["tags"], now=now)
