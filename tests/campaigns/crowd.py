"""Devices that differ in everything an expression can name, and whom an expression selects."""

from __future__ import annotations

from datetime import UTC, datetime

from django.db.models import prefetch_related_objects

from campaigns.models import Device, DeviceIdentifier, DeviceMark, Label, LabelMember, Person
from campaigns.models.audience import hash64, pack_version
from campaigns.selectors.expressions import check_expression, compile_expression
from campaigns.selectors.identifiers import identifier_platforms
from tests import builders
from tests.campaigns.audience_oracle import READ

TEXTS = ["", "DE", "de", "Ä", "a%", "a_b", "Z", "\U0001f600", "ﬀ", "10", "true"]
VERSIONS = ["", "0", "2", "2.9", "2.10", "2.10.0", "10.1", "2.x"]
CUSTOM = [None, True, False, 0, 1, 1.0, -2.5, 10, "1", "true", "", "pro", "Pro", [1], {"a": 1},
          "2026-11-03", "2026-11-02T23:59:59.5Z", "2026-11-03T00:00:00+03:00", "2026-11-25 09:00",
          "2026-11-20T12:00:00.5+00:00", "2026-11-25T09:00:00Z", 1763640000, 1763640000.5,
          1764064800, "2026-11-20T13:00:00Z?", 1763640000000]  # fmt: skip
TIMES = [datetime(2026, 11, day, tzinfo=UTC) for day in (1, 2, 3)]
NAMES = ["plan", "0", "a.b", "it's 5 % {off} ?", "event_reg"]
WORDS = ["vip", "VIP", "Ä", "a%", "a_b", "10"]  # of labels, tags, aliases, ids


def make_crowd(app):
    """Devices that differ in everything an expression can name, some without a person."""
    rows = range(60)
    persons = Person.objects.bulk_create(
        Person(
            workspace=app.workspace,
            external_user_id=f"u{row}" if row % 3 else "",
            country=TEXTS[row % 3],
            language=TEXTS[row % 4],
            email=TEXTS[row % 11],
            attributes=make_attributes(row * 7),
        )
        for row in rows
    )
    devices = Device.objects.bulk_create(make_device(app, row, persons) for row in rows)
    mark_devices(devices)
    # What another app keeps under the same names is none of ours.
    other = builders.make_app(app.workspace, "other")
    mark_devices(
        Device.objects.bulk_create(
            Device(app=other, person=persons[row], platform="android") for row in rows
        )
    )
    prefetch_related_objects(devices, *READ)
    return devices


def mark_devices(devices):
    """Give devices labels, tags, an alias and ids, from none to all of them."""
    app = devices[0].app
    labels = [Label.objects.create(app=app, name=word) for word in WORDS]
    owners = dict.fromkeys(device.person for device in devices if device.person)
    LabelMember.objects.bulk_create(
        LabelMember(label=labels[place % 6], person=person)
        for row, person in enumerate(owners)
        for place in range(row, row + row % 4)
    )
    DeviceMark.objects.bulk_create(
        DeviceMark(app=app, device=device, kind=kind, name=WORDS[place % 6])
        for row, device in enumerate(devices)
        for kind, places in [("tag", range(row % 4)), ("alias", [row] * (row % 2))]
        for place in places
    )
    DeviceIdentifier.objects.bulk_create(
        DeviceIdentifier(
            app=app, device=devices[row], kind=kind, value=word, value_hash=hash64(word)
        )
        for kind in identifier_platforms()
        for row, word in enumerate(WORDS[:4])
    )


def make_attributes(row):
    return {
        name: CUSTOM[(row + place) % len(CUSTOM)] for place, name in enumerate(NAMES[row % 4 :])
    }


def make_device(app, row, persons):
    version = VERSIONS[row % len(VERSIONS)]
    return Device(
        app=app,
        person=persons[row] if row % 5 else None,
        token=f"{WORDS[row % 6]}{row}",
        token_hash=hash64(f"{WORDS[row % 6]}{row}"),
        platform=["android", "ios", "web"][row % 3],
        manufacturer=TEXTS[row % len(TEXTS)],
        country=TEXTS[row % 3],
        app_version=version,
        app_version_number=pack_version(version),
        is_secure=[None, True, False][row % 3],
        is_primary=bool(row % 2),
        attributes=make_attributes(row),
        last_seen_at=[None, *TIMES][row % 4],
    )


def select(app, body, now=builders.NOW):
    condition = compile_expression(check_expression(body), app.pk, now)
    return Device.objects.filter(condition, app=app)
