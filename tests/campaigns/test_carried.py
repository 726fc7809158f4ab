"""What devices and persons carry is found by an index, not by looking at every device."""

from __future__ import annotations

import re

import pytest
from django.db import connection

from campaigns.models import Device, DeviceIdentifier, DeviceMark, Label, LabelMember, Person
from campaigns.models.audience import hash64
from campaigns.selectors.expressions import check_expression, compile_expression
from campaigns.selectors.identifiers import identifier_platforms
from tests import builders
from tests.databases import kept_rows

pytestmark = [pytest.mark.database, pytest.mark.django_db]

MANY = 3_000
LABELS = 60
SCANNED = re.compile(r"(?:SCAN|Seq Scan on) (\w+)")
KIND = next(name for name, platform in identifier_platforms().items() if not platform)


@pytest.fixture(scope="module")
def crowded(django_db_setup, django_db_blocker):
    """An app of many devices."""
    with kept_rows(django_db_blocker):
        app = builders.make_app(builders.make_workspace())
        fill(app)
        yield app


def fill(app):
    """Many devices with a person, a label, a tag, an alias and an id each."""
    Person.objects.bulk_create(
        Person(workspace=app.workspace, external_user_id=f"u{row}") for row in range(MANY)
    )
    devices = Device.objects.bulk_create(
        Device(
            app=app,
            platform="android",
            person=person,
            token=f"t{row}",
            token_hash=hash64(f"t{row}"),
        )
        for row, person in enumerate(Person.objects.order_by("pk"))
    )
    labels = [Label.objects.create(app=app, name=f"l{number}") for number in range(LABELS)]
    LabelMember.objects.bulk_create(
        LabelMember(label=labels[row % LABELS], person=device.person)
        for row, device in enumerate(devices)
    )
    DeviceMark.objects.bulk_create(
        DeviceMark(app=app, device=device, kind=kind, name=name)
        for row, device in enumerate(devices)
        for kind, name in [("tag", "common" if row % 500 else "rare"), ("alias", f"a{row}")]
    )
    DeviceIdentifier.objects.bulk_create(
        DeviceIdentifier(
            app=app, device=device, kind=KIND, value=f"i{row}", value_hash=hash64(f"i{row}")
        )
        for row, device in enumerate(devices)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


@pytest.mark.parametrize(
    ("field", "value", "count"),
    [
        ("person.label", "l7", MANY // LABELS),
        ("device.tag", "rare", 6),
        ("device.alias", "a7", 1),
        (f"device.id.{KIND}", "i7", 1),
    ],
)
def test_an_index_finds_who_carries_it(crowded, field, value, count):
    body = {"field": field, "op": "eq", "value": value}
    found = compile_expression(check_expression(body), crowded.pk, builders.NOW)
    devices = Device.objects.filter(found, app=crowded)

    plan = devices.explain()

    assert devices.count() == count
    # The planner looks through an app's few labels, and rightly so.
    assert set(SCANNED.findall(plan)) <= {"campaigns_label"}, plan
