"""What stands on top of a person's page, and which labels are offered there."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from django.urls import reverse
from django.utils import timezone

from campaigns.models import AuditEntry, DeviceIdentifier, Label, Person, ReceiptRow
from campaigns.models.audience import hash64
from tests import builders
from tests.pages.test_people import deliver, make_part

pytestmark = pytest.mark.database


@pytest.fixture
def ann(workspace):
    return builders.make_person(workspace, "ann")


@pytest.mark.parametrize(
    ("device", "said"),
    [
        ({"token_state": "active"}, "May be sent to"),
        ({"token_state": "disabled"}, "No device with a token that works"),
        ({"token_state": "missing"}, "No device with a token that works"),
        ({"token_state": "missing", "id": "aa-bb"}, "May be sent to"),
        ({"token_state": "disabled", "second": "active"}, "May be sent to"),
        ({}, "No device: pushes do not reach them"),
        ({"token_state": "active", "opted_out": True}, "Opted out"),
    ],
)
def test_a_persons_page_says_on_top_whether_a_push_can_reach_them(
    client, owner, app, ann, device, said
):
    for number, name in enumerate(name for name in ("token_state", "second") if name in device):
        row = builders.make_device(app, f"t{number}", person=ann, token_state=device[name])
        if "id" in device:
            DeviceIdentifier.objects.create(
                app=app, device=row, kind="google_aid", value="aa", value_hash=hash64("aa")
            )
    Person.objects.update(opted_out_at=timezone.now() if "opted_out" in device else None)
    client.force_login(owner)

    page = client.get(reverse("person", args=[ann.pk])).content.decode()

    told = ("May be sent to", "No device with a token", "No device: pushes", "Opted out")
    [on_top] = [words for words in told if words in page[: page.index("pa-person-title")]]
    assert said.startswith(on_top)


def read_zones(client, page, row):
    """How many of its times a page tells in which zone."""
    text = client.get(reverse(page, args=[row.pk])).content.decode()
    return Counter(re.findall(r"<time [^>]*>[^<]* (\w+)</time>", text))


def test_all_times_of_a_person_and_of_a_device_are_of_one_zone(client, owner, app, ann, now):
    app.timezone = "Asia/Tokyo"
    app.save()
    other = builders.make_app(app.workspace, "cafe", timezone="America/New_York")
    ann.merges.create(
        workspace=app.workspace, kept_id=ann.pk, gone_id=ann.pk + 1, at=now, actor="bob"
    )
    Person.objects.update(opted_out_at=now)
    client.force_login(owner)

    alone = read_zones(client, "person", ann)
    for place, token in ((other, "t1"), (app, "t2")):
        device = builders.make_device(place, token, person=ann, last_seen_at=now)
        delivery = deliver(make_part(place, now), device.pk, now)
        ReceiptRow.objects.create(part=delivery.part, recipient=device.pk, kind="opened", at=now)
        AuditEntry.objects.create(
            workspace=app.workspace, at=now, actor="bob", verb="move", target_type="device",
            target_id=str(device.pk),
        )  # fmt: skip

    assert alone == {"JST": 4}
    assert read_zones(client, "person", ann) == {"JST": 4 + 2 * 5}
    assert read_zones(client, "device", device) == {"JST": 5}


def test_labels_are_offered_of_apps_where_they_have_a_device(client, owner, app, ann, now):
    other = builders.make_app(app.workspace, "cafe")
    for place in (app, other):
        Label.objects.create(app=place, name="vip", created_at=now)
    client.force_login(owner)
    address = reverse("person", args=[ann.pk])

    without = [label.app for label in client.get(address).context["offered"].rows]
    builders.make_device(other, "t1", person=ann)
    of_one = [label.app for label in client.get(address).context["offered"].rows]

    assert (without, of_one) == ([other, app], [other])
