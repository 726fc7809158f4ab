"""What stands on top of a person's page, and which labels are offered there."""

from __future__ import annotations

import pytest
from django.urls import reverse
from django.utils import timezone

from campaigns.models import DeviceIdentifier, Label, Person
from campaigns.models.audience import hash64
from tests import builders

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
