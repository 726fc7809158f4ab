"""Who gets it: an audience as a value, and the devices it means, as one query."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.db.models import Count, QuerySet
from django.utils.translation import gettext as _

from campaigns.errors import Invalid
from campaigns.models import (
    App,
    Delivery,
    Device,
    Label,
    LabelMember,
    Part,
    Segment,
    Settled,
    Transfer,
)
from campaigns.models.clock import list_zone_names
from campaigns.selectors.audience_fields import find_text_fault
from campaigns.selectors.expressions import check_expression, compile_expression
from providers.audience import Expression, Or

MAX_LABELS = 20
MAX_RECIPIENTS = 20_000  # named one by one in a call
MAX_ID = 2**53
SAMPLE_SIZE = 10
NOBODY = Or(())


class AudienceKind(StrEnum):
    """The one key of an audience's JSON."""

    ALL = "all"
    LABELS = "labels"
    SEGMENT = "segment"
    EXPRESSION = "expression"
    PERSONS = "persons"
    DEVICES = "devices"
    UNKNOWN_OF = "unknown_of"


@dataclass(frozen=True, slots=True)
class Audience:
    """Who is meant; only what belongs to `kind` is set.

    `labels` are names (persons carry all of them), `persons` external user ids, `devices` our
    device ids, `segment` an id that is looked up when devices are selected, `unknown_of` the id of
    a transfer: recipients of it whose outcome is unknown at that moment.
    """

    kind: AudienceKind
    labels: tuple[str, ...] = ()
    segment: int = 0
    expression: Expression | None = None
    persons: tuple[str, ...] = ()
    devices: tuple[int, ...] = ()
    unknown_of: int = 0


def read_audience(app: App | Sequence[App], body: Any, *, principal: Any) -> Audience:
    """Read the JSON of an audience for one app, or for the member apps of an app group.

    Raises Invalid, whose `fields` name paths such as `audience.labels`. Labels and segments must
    exist for a principal who sees them; with `principal=None` only the shape is checked, for
    bodies that were checked when they were saved.
    """
    kind, value = _read_key(body)
    audience = _READERS[kind](value)
    if principal is not None:
        apps = [app] if isinstance(app, App) else list(app)
        _check_labels(apps, audience, principal)
        _check_segment(apps, audience, principal)
        _check_transfer(apps, audience, principal)
    return audience


def _refuse(key: str, sentence: str) -> Invalid:
    path = f"audience.{key}".rstrip(".")
    return Invalid(sentence, fields={path: sentence})


def _read_key(body: Any) -> tuple[AudienceKind, Any]:
    known = ", ".join(AudienceKind)
    if not isinstance(body, dict) or len(body) != 1:
        raise _refuse("", _("An audience is an object with one key: %(known)s.") % {"known": known})
    [(key, value)] = body.items()
    if key not in set(AudienceKind):
        raise _refuse(key, _("An audience has one key of %(known)s.") % {"known": known})
    return AudienceKind(key), value


def _read_all(value: Any) -> Audience:
    if value is not True:
        raise _refuse("all", _("The value is true."))
    return Audience(AudienceKind.ALL)


def _read_labels(value: Any) -> Audience:
    names = _read_texts("labels", value, MAX_LABELS)
    return Audience(AudienceKind.LABELS, labels=names)


def _read_persons(value: Any) -> Audience:
    return Audience(AudienceKind.PERSONS, persons=_read_texts("persons", value, MAX_RECIPIENTS))


def _read_segment(value: Any) -> Audience:
    if not _is_id(value):
        raise _refuse("segment", _("The value is the id of a segment."))
    return Audience(AudienceKind.SEGMENT, segment=value)


def _read_expression(value: Any) -> Audience:
    expression = check_expression(value, "audience.expression")
    return Audience(AudienceKind.EXPRESSION, expression=expression)


def _read_devices(value: Any) -> Audience:
    _check_list("devices", value, MAX_RECIPIENTS)
    if not all(_is_id(item) for item in value):
        raise _refuse("devices", _("Each item is the id of a device."))
    return Audience(AudienceKind.DEVICES, devices=tuple(dict.fromkeys(value)))


def _read_unknown_of(value: Any) -> Audience:
    if not _is_id(value):
        raise _refuse("unknown_of", _("The value is the id of a transfer."))
    return Audience(AudienceKind.UNKNOWN_OF, unknown_of=value)


def _read_texts(key: str, value: Any, maximum: int) -> tuple[str, ...]:
    _check_list(key, value, maximum)
    for index, item in enumerate(value):
        fault = find_text_fault(item, 255) if item else _("The value is a text.")
        if fault:
            raise _refuse(f"{key}[{index}]", fault)
    return tuple(dict.fromkeys(value))


def _check_list(key: str, value: Any, maximum: int) -> None:
    if not isinstance(value, list) or not value:
        raise _refuse(key, _("The value is a list with at least one item."))
    if len(value) > maximum:
        raise _refuse(key, _("At most %(maximum)s items are allowed.") % {"maximum": maximum})


def _is_id(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < MAX_ID


_READERS = {
    AudienceKind.ALL: _read_all,
    AudienceKind.LABELS: _read_labels,
    AudienceKind.SEGMENT: _read_segment,
    AudienceKind.EXPRESSION: _read_expression,
    AudienceKind.PERSONS: _read_persons,
    AudienceKind.DEVICES: _read_devices,
    AudienceKind.UNKNOWN_OF: _read_unknown_of,
}


def _check_labels(apps: list[App], audience: Audience, principal: Any) -> None:
    named = Label.objects.for_user(principal).filter(app__in=apps, name__in=audience.labels)
    unknown = set(audience.labels) - set(named.values_list("name", flat=True))
    if unknown:
        names = ", ".join(sorted(unknown))
        raise _refuse("labels", _("There is no label named %(names)s.") % {"names": names})


def _check_segment(apps: list[App], audience: Audience, principal: Any) -> None:
    if not audience.segment:
        return
    known = Segment.objects.for_user(principal).filter(app__in=apps, pk=audience.segment)
    if not known.exists():
        raise _refuse("segment", _("This app has no segment %(id)s.") % {"id": audience.segment})


def _check_transfer(apps: list[App], audience: Audience, principal: Any) -> None:
    if not audience.unknown_of:
        return
    known = Transfer.objects.for_user(principal).filter(app__in=apps, pk=audience.unknown_of)
    if not known.exists():
        words = _("This app has no transfer %(id)s.") % {"id": audience.unknown_of}
        raise _refuse("unknown_of", words)


def select_devices(app: App, audience: Audience, *, only_primary: bool = False) -> QuerySet[Device]:
    """The devices of one app that the audience means, unordered, as one query.

    Devices without a token and persons who opted out are included: whoever sends settles them
    with a reason.
    """
    devices: QuerySet[Device] = Device.objects.filter(app=app)
    if only_primary:
        devices = devices.filter(is_primary=True)
    return _narrow(app, audience, devices)


def select_all(app: App, bodies: Iterable[Any], *, only_primary: bool = False) -> QuerySet[Device]:
    """The devices that every one of these audiences means; without any, all of the app.

    The bodies were checked when they were saved.
    """
    devices = select_devices(app, Audience(AudienceKind.ALL), only_primary=only_primary)
    for body in bodies:
        devices = _narrow(app, read_audience(app, body, principal=None), devices)
    return devices


def _narrow(app: App, audience: Audience, devices: QuerySet[Device]) -> QuerySet[Device]:
    match audience.kind:
        case AudienceKind.LABELS:
            for name in audience.labels:
                carriers = LabelMember.objects.filter(label__app=app, label__name=name)
                devices = devices.filter(person_id__in=carriers.values("person_id"))
        case AudienceKind.SEGMENT:
            segment = Segment.objects.filter(pk=audience.segment).first()
            expression = check_expression(segment.expression) if segment else NOBODY
            return devices.filter(compile_expression(expression, app.pk))
        case AudienceKind.EXPRESSION if audience.expression is not None:
            return devices.filter(compile_expression(audience.expression, app.pk))
        case AudienceKind.PERSONS:
            return devices.filter(person__external_user_id__in=audience.persons)
        case AudienceKind.DEVICES:
            return devices.filter(pk__in=audience.devices)
        case AudienceKind.UNKNOWN_OF:
            # Parts first: their ids lead the key of the deliveries.
            parts = Part.objects.filter(transfer=audience.unknown_of, kind=Part.Kind.DEVICE)
            ids = list(parts.values_list("pk", flat=True))
            unknown = Delivery.objects.filter(part_id__in=ids, outcome=Settled.UNKNOWN.value)
            return devices.filter(pk__in=unknown.values("recipient"))
    return devices


def count_devices(app: App, audience: Audience, *, only_primary: bool = False) -> dict[str, Any]:
    """`{"total": n, "platforms": {"ios": n}, "languages": {"de": n}}`.

    A recipient's language is the device's own, else the person's, else the app's.
    """
    devices = select_devices(app, audience, only_primary=only_primary)
    platforms: Counter[str] = Counter()
    languages: Counter[str] = Counter()
    for platform, language, count in _count_by(devices, "platform", "language"):
        platforms[platform] += count
        languages[language] += count
    # Only what has no language of its own needs the join with persons.
    if languages.pop("", 0):
        for language, count in _count_by(devices.filter(language=""), "person__language"):
            languages[language or app.default_language] += count
    return {
        "total": platforms.total(),
        "platforms": dict(sorted(platforms.items())),
        "languages": dict(languages.most_common()),
    }


def count_zones(app: App, audience: Audience, *, only_primary: bool = False) -> dict[str, int]:
    """Recipients by IANA time zone: the device's own, else the person's; "" counts those for whom
    neither is a zone that is known."""
    devices = select_devices(app, audience, only_primary=only_primary)
    known = list_zone_names()
    zones: Counter[str] = Counter()
    others = []
    for zone, count in _count_by(devices, "timezone"):
        if zone in known:
            zones[zone] += count
        else:
            others.append(zone)
    # Only what has no zone of its own needs the join with persons.
    if others:
        for zone, count in _count_by(devices.filter(timezone__in=others), "person__timezone"):
            zones[zone if zone in known else ""] += count
    return dict(zones)


def _count_by(devices: QuerySet[Device], *columns: str) -> Any:
    return devices.order_by().values_list(*columns).annotate(count=Count("*"))


def sample_devices(
    app: App, audience: Audience, *, only_primary: bool = False, size: int = SAMPLE_SIZE
) -> list[Device]:
    """The first few devices by id, with their persons."""
    devices = select_devices(app, audience, only_primary=only_primary)
    return list(devices.select_related("person").order_by("pk")[:size])
