"""Who gets it: the devices that an audience means, as one query."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import and_, or_
from typing import Any

from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from campaigns.models import (
    Account,
    App,
    Delivery,
    Device,
    LabelMember,
    Part,
    ReceiptRow,
    Segment,
    Settled,
)
from campaigns.models.clock import list_zone_names
from campaigns.selectors.aliases import find_aliases
from campaigns.selectors.audience_bodies import (
    MAX_RECIPIENTS,
    Audience,
    AudienceKind,
    OutcomesOf,
    list_parts,
    read_audience,
)
from campaigns.selectors.expressions import (
    ALWAYS,
    NEVER,
    check_expression,
    compile_expression,
    deny,
)
from providers import registry
from providers.audience import Or

__all__ = [
    "MAX_RECIPIENTS",
    "Audience",
    "AudienceKind",
    "Places",
    "count_devices",
    "count_person_languages",
    "count_zones",
    "list_parts",
    "list_telling_accounts",
    "read_audience",
    "sample_devices",
    "select_all",
    "select_devices",
    "tally_places",
]
SAMPLE_SIZE = 10
# Receipts that say as much as the one that is looked for: who opened it has got it.
SAYS_AS_MUCH = {
    "opened": ("opened", "clicked"),
    "delivered": ("delivered", "shown", "opened", "clicked", "dismissed"),
}
NOBODY = Or(())
PLACE = ("platform", "language", "token_state")  # with the app, the index `device_reach`


def select_devices(
    app: App, audience: Audience, *, only_primary: bool = False, now: datetime | None = None
) -> QuerySet[Device]:
    """The devices of one app that the audience means, unordered, as one query.

    `now` is what relative times count from, this moment unless it is said. Devices without a token
    and persons who opted out are included: whoever sends settles them with a reason.
    """
    devices: QuerySet[Device] = Device.objects.filter(app=app)
    if only_primary:
        devices = devices.filter(is_primary=True)
    return _narrow(app, audience, devices, now or timezone.now())


def select_all(
    app: App, bodies: Iterable[Any], *, only_primary: bool = False, now: datetime | None = None
) -> QuerySet[Device]:
    """The devices that every one of these audiences means; without any, all of the app.

    All of them count relative times from the same `now`. The bodies were checked when they were
    saved.
    """
    devices = select_devices(app, Audience(AudienceKind.ALL), only_primary=only_primary)
    moment = now or timezone.now()
    for body in bodies:
        devices = _narrow(app, read_audience(app, body, principal=None), devices, moment)
    return devices


def _narrow(
    app: App, audience: Audience, devices: QuerySet[Device], now: datetime
) -> QuerySet[Device]:
    return devices.filter(_find_condition(app, audience, now))


def _find_condition(app: App, audience: Audience, now: datetime) -> Q:
    match audience.kind:
        case AudienceKind.LABELS:
            return _combine_all(_carry_label(app, name) for name in audience.labels)
        case AudienceKind.SEGMENT:
            segment = Segment.objects.filter(pk=audience.segment).first()
            expression = check_expression(segment.expression) if segment else NOBODY
            return compile_expression(expression, app.pk, now)
        case AudienceKind.EXPRESSION if audience.expression is not None:
            return compile_expression(audience.expression, app.pk, now)
        case AudienceKind.PERSONS:
            named = Q(person__external_user_id__in=audience.persons)
            merged = find_aliases(app.workspace_id, audience.persons)
            return named | Q(person__in=set(merged.values())) if merged else named
        case AudienceKind.DEVICES:
            return Q(pk__in=audience.devices)
        case AudienceKind.UNKNOWN_OF | AudienceKind.OUTCOMES_OF:
            unknown = OutcomesOf(audience.unknown_of, (Settled.UNKNOWN.value,))
            return _find_by_outcome(audience.outcomes_of or unknown)
        case AudienceKind.COMBINE:
            return _find_combined(app, audience, now)
    return ALWAYS


def _carry_label(app: App, name: str) -> Q:
    carriers = LabelMember.objects.filter(label__app=app, label__name=name)
    return Q(person_id__in=carriers.values("person_id"))


def _find_by_outcome(asked: OutcomesOf) -> Q:
    """By the rows of the transfer's deliveries; a receipt is missing only where one is told."""
    # Parts first: their ids lead the key of the deliveries.
    parts = Part.objects.filter(transfer=asked.transfer, kind=Part.Kind.DEVICE)
    ids = list(parts.values_list("pk", flat=True))
    rows = Delivery.objects.filter(part_id__in=ids, outcome__in=asked.outcomes)
    if asked.reasons:
        rows = rows.filter(reason__in=asked.reasons)
    if asked.without_receipt:
        came = ReceiptRow.objects.filter(
            part_id=OuterRef("part_id"),
            recipient=OuterRef("recipient"),
            kind__in=SAYS_AS_MUCH[asked.without_receipt],
        )
        rows = rows.filter(~Exists(came), account_id__in=list_telling_accounts())
    return Q(pk__in=rows.values("recipient"))


def list_telling_accounts() -> list[int]:
    """Ids of accounts whose vendor tells what came back; of all others it is not reported."""
    dialects = [dialect.key for dialect in registry.all_dialects() if dialect.has_receipts]
    return list(Account.objects.filter(dialect__in=dialects).values_list("pk", flat=True))


def _find_combined(app: App, audience: Audience, now: datetime) -> Q:
    meant = _combine_any(_find_condition(app, part, now) for part in audience.include)
    if not audience.exclude:
        return meant
    left_out = _combine_any(_find_condition(app, part, now) for part in audience.exclude)
    return meant & deny(left_out)


def _combine_all(conditions: Iterable[Q]) -> Q:
    return reduce(and_, conditions, ALWAYS)


def _combine_any(conditions: Iterable[Q]) -> Q:
    return reduce(or_, conditions, NEVER)


def count_devices(app: App, audience: Audience, *, only_primary: bool = False) -> dict[str, Any]:
    """`{"total": n, "platforms": {"ios": n}, "languages": {"de": n}, "unusable": {("ios",
    "disabled"): n}}`.

    A recipient's language is the device's own, else the person's, else the app's.
    """
    devices = select_devices(app, audience, only_primary=only_primary)
    places = tally_places(_count_by(devices, *PLACE))
    languages = places.languages
    # Only what has no language of its own needs the join with persons.
    if languages.pop("", 0):
        languages += count_person_languages(app, devices)
    return {
        "total": places.platforms.total(),
        "platforms": dict(sorted(places.platforms.items())),
        "languages": dict(languages.most_common()),
        "unusable": dict(places.unusable),
    }


@dataclass(frozen=True, slots=True)
class Places:
    """Devices by platform, by the language of their own, "" where there is none, and those without
    a usable token by platform and its state."""

    platforms: Counter[str]
    languages: Counter[str]
    unusable: Counter[tuple[str, str]]


def tally_places(rows: Iterable[tuple[str, str, str, int]]) -> Places:
    """Counts by all of `PLACE` as one by each."""
    places = Places(Counter(), Counter(), Counter())
    for platform, language, state, count in rows:
        places.platforms[platform] += count
        places.languages[language] += count
        if state != Device.TokenState.ACTIVE:
            places.unusable[platform, state] += count
    return places


def count_person_languages(app: App, devices: QuerySet[Device]) -> Counter[str]:
    """Those of these devices that have no language of their own, by their person's, else the
    app's."""
    languages: Counter[str] = Counter()
    for language, count in _count_by(devices.filter(language=""), "person__language"):
        languages[language or app.default_language] += count
    return languages


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
