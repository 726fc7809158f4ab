"""The demo's audience: persons with devices, labels they carry, segments over both."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from django.db.models import F

from campaigns.models import App, Device, Person
from campaigns.services.audience import add_members, create_label, create_segment
from campaigns.services.device_rows import DeviceRow
from campaigns.services.devices import register_devices
from providers import registry
from providers.message_fields import Platform
from providers.recipients import IdentifierKind

# Of ten devices three are somebody's second one; the platforms take turns, so these differ.
DEVICES_OF_TEN_PERSONS = 7
AGE = timedelta(days=60)
# How long ago the devices were seen last, in turn.
SEEN_AGO = tuple(timedelta(hours=hours) for hours in (1, 3, 9, 22, 40, 75, 130, 260, 700, 1200))
PLACES = (
    ("de", "DE", "Europe/Berlin"), ("en", "GB", "Europe/London"), ("en", "US", "America/New_York"),
    ("es", "ES", "Europe/Madrid"), ("fr", "FR", "Europe/Paris"),
    ("pt-BR", "BR", "America/Sao_Paulo"), ("ru", "KZ", "Asia/Almaty"),
)  # fmt: skip
MODELS = {
    "android": (("Google", "Pixel 9"), ("Samsung", "Galaxy S25"), ("Xiaomi", "14T")),
    "ios": (("Apple", "iPhone 15"), ("Apple", "iPhone 17 Pro")),
    "web": (("", "Chrome"), ("", "Firefox"), ("", "Safari")),
}
VERSIONS = ("3.9.4", "4.0.0", "4.1.2", "4.2.0")
PLANS = ("free", "free", "plus", "gold")
FIRST_NAMES = ("ada", "bela", "chen", "dara", "emil", "fatou", "goran", "hana", "ines", "jun")
# The first persons are left as they are, so that whoever tries a first send reaches them.
FIRST_OPTED_OUT = 1000
LABELS = (
    ("Newsletter", "Asked for our weekly news", 9), ("VIP", "Gold plan, two orders a month", 25),
    ("Beta testers", "Agreed to try new versions", 40),
)  # fmt: skip
# What devices carry themselves: every how many devices.
TAGS = (("offers", 3), ("beta", 40))
SEGMENTS = (
    ("German speakers", {"field": "device.language", "op": "eq", "value": "de"}),
    ("Newest version", {"field": "device.app_version", "op": "gte", "value": "4.2"}),
    (
        "Paying on a phone",
        {
            "and": [
                {"field": "person.custom.plan", "op": "in", "value": ["plus", "gold"]},
                {"not": {"field": "device.platform", "op": "eq", "value": "web"}},
            ]
        },
    ),
)


def fill_devices(
    app: App, count: int, platforms: Sequence[str], *, actor: str, now: datetime
) -> None:
    """Register devices whose platforms take turns, and the persons who own them."""
    owners = max(1, count * DEVICES_OF_TEN_PERSONS // 10)
    Person.objects.bulk_create(_make_person(app, number, now) for number in range(owners))
    rows = [
        _make_row(app, number, owners, platforms[number % len(platforms)])
        for number in range(count)
    ]
    register_devices(app, rows, actor=actor, now=now)
    # They were there when the past transfers went out.
    Device.objects.filter(app=app).update(created_at=now - AGE, token_state_at=now - AGE)
    # Of persons joined to devices PostgreSQL would make a loop in a loop while it takes tables for
    # empty, and so long as nobody has looked at them again it does: minutes, of a few hundred.
    owned = Device.objects.filter(app=app, person__isnull=False)
    Person.objects.filter(pk__in=owned.values("person")).update(created_at=now - AGE)
    in_turn = Device.objects.filter(app=app).annotate(turn=F("pk") % len(SEEN_AGO))
    for turn, ago in enumerate(SEEN_AGO):
        in_turn.filter(turn=turn).update(last_seen_at=now - ago)


def _name_person(app: App, number: int) -> str:
    return f"{app.slug}-{number:05d}"


def _make_person(app: App, number: int, now: datetime) -> Person:
    language, country, zone = PLACES[number % len(PLACES)]
    name = FIRST_NAMES[number % len(FIRST_NAMES)]
    opted_out = number >= FIRST_OPTED_OUT and number % 97 == 0
    return Person(
        workspace=app.workspace,
        external_user_id=_name_person(app, number),
        email=f"{name}.{number}@{app.slug}.example",
        phone=f"15550{app.pk % 10}{number:05d}",
        language=language,
        country=country,
        timezone=zone,
        attributes={"plan": PLANS[number % len(PLANS)], "orders": number % 13},
        opted_out_at=now - AGE / 2 if opted_out else None,
    )


def _make_row(app: App, number: int, owners: int, platform: str) -> DeviceRow:
    owner = number % owners
    language, country, zone = PLACES[owner % len(PLACES)]
    models = MODELS[platform]
    manufacturer, model = models[number % len(models)]
    return DeviceRow(
        platform=platform,
        token=hashlib.sha256(f"{app.slug} {number}".encode()).hexdigest(),
        external_user_id=_name_person(app, owner),
        ids=dict(_make_ids(app, number, platform)),
        tags=[name for name, every in TAGS if number % every == 0],
        alias=_name_person(app, owner) if number < owners else None,
        attributes={"theme": "dark" if number % 3 else "light", "visits": number % 50},
        columns={
            "language": language,
            "country": country,
            "timezone": zone,
            "app_version": VERSIONS[number % len(VERSIONS)],
            "manufacturer": manufacturer,
            "model": model,
            "notifications_enabled": True,
            "is_primary": number < owners,
        },
    )


def _make_ids(app: App, number: int, platform: str) -> Iterator[tuple[str, str]]:
    for kind in list_id_kinds(platform):
        made = uuid.uuid5(uuid.NAMESPACE_URL, f"{app.slug}/{kind.name}/{number}")
        # Ids of a platform are UUIDs as the system shows them; vendors give 32 hex digits.
        yield kind.name, made.hex if kind.platform is None else str(made)


@cache
def list_id_kinds(platform: str) -> tuple[IdentifierKind, ...]:
    """For each dialect that serves a platform, the first kind of id that names a device there."""
    kinds: dict[str, IdentifierKind] = {}
    for dialect in registry.all_dialects():
        own = [
            kind
            for kind in dialect.identifier_kinds
            if kind.platform in (None, Platform(platform)) and not kind.is_token
        ]
        kinds |= {kind.name: kind for kind in own[:1] if Platform(platform) in dialect.platforms}
    return tuple(kinds.values())


def fill_audience(app: App, principal: Any, *, actor: str, now: datetime) -> None:
    """Labels with members, and segments."""
    persons = Person.objects.filter(external_user_id__startswith=f"{app.slug}-").order_by("pk")
    names = list(persons.values_list("external_user_id", flat=True))
    for name, description, every in LABELS:
        label = create_label(app, name=name, description=description, actor=actor, now=now)
        add_members(label, names[::every], principal=principal, actor=actor, now=now)
    for name, expression in SEGMENTS:
        create_segment(app, name=name, expression=expression, actor=actor, now=now)
