"""Pasted ids: whom they mean in one app and in several, and what is told of those nobody has."""

from __future__ import annotations

import pytest
from django.urls import reverse

from campaigns.dispatch.freeze import freeze_transfer
from campaigns.models import AppGroup, Batch, Campaign, DeviceIdentifier, Membership, Transfer
from campaigns.models.audience import hash64
from campaigns.models.packing import unpack_ids
from campaigns.pages import audience_form
from campaigns.pages.pasted_ids import read_pasted, split_pasted
from tests import builders
from tests.pages.sending import send_typed

pytestmark = [pytest.mark.django_db, pytest.mark.database]
AID = "6d3f1c6e-0000-4000-8000-000000000001"


@pytest.fixture
def typed(app):
    return {
        "target": f"app:{app.pk}", "audience_kind": "ids", "ids_kind": "persons", "title": "Hi",
        "body": "There", "when": "now", "timezone": "UTC", "expires_unit": "3600",
        "policy": "at_least_once", "action": "draft",
    }  # fmt: skip


@pytest.fixture
def signed_in(client, owner):
    client.force_login(owner)
    return client


@pytest.fixture
def both(app):
    """Two apps of a group; the same phone has both."""
    apps = [app, builders.make_app(app.workspace, "cafe")]
    group = AppGroup.objects.create(
        workspace=app.workspace, name="Both", slug="both", group_key="g" * 24
    )
    group.apps.set(apps)
    devices = []
    for member in apps:
        builders.make_route(member, "android")
        device = builders.make_device(member, "same-token")
        DeviceIdentifier.objects.create(
            app=member, device=device, kind="google_aid", value=AID, value_hash=hash64(AID)
        )
        devices.append(device)
    return group, devices


def keep(client, typed, kind, ids):
    client.post(reverse("compose"), typed | {"ids_kind": kind, "ids": ids})
    return Campaign.objects.get().audience


def look(client, typed, kind, ids):
    posted = typed | {"ids_kind": kind, "ids": ids}
    return client.post(reverse("check"), posted).content.decode()


@pytest.mark.parametrize(("kind", "value"), [("google_aid", AID), ("token", "same-token")])
def test_an_id_that_every_app_of_a_group_knows_means_a_device_of_each(
    signed_in, typed, both, now, kind, value
):
    group, devices = both
    posted = typed | {"target": f"app_group:{group.pk}", "ids_kind": kind, "ids": value}

    send_typed(signed_in, posted)

    for transfer in Transfer.objects.all():
        freeze_transfer(transfer, now=now)
    assert Campaign.objects.get().audience == {"devices": [device.pk for device in devices]}
    assert [unpack_ids(batch.recipients) for batch in Batch.objects.order_by("transfer__app")] == [
        [device.pk] for device in devices
    ]


def test_external_user_ids_that_nobody_has_are_told_and_stay(signed_in, typed, app):
    builders.make_device(app, "t", person=builders.make_person(app.workspace, "ann"))

    panel = look(signed_in, typed, "persons", "ann, nobody-1, nobody-2")

    words = "2 ids are unknown, and reach nobody as long as they are: nobody-1, nobody-2"
    assert words in panel
    assert keep(signed_in, typed, "persons", "ann nobody-1") == {"persons": ["ann", "nobody-1"]}


def test_external_user_ids_of_people_whom_one_does_not_see_are_told_as_unknown(client, app, typed):
    other = builders.make_app(app.workspace, "cafe")
    builders.make_device(other, "t", person=builders.make_person(app.workspace, "bob"))
    builders.make_device(app, "u", person=builders.make_person(app.workspace, "ann"))
    role = Membership.Role.COMPOSER
    client.force_login(builders.make_member("narrow", app.workspace, app=app, role=role))

    panel = look(client, typed, "persons", "ann bob")

    assert "1 id is unknown, and reaches nobody as long as it is: bob" in panel


@pytest.mark.parametrize(
    ("kind", "ids"),
    [
        ("email", "ANN@shop.example; nobody@shop.example\nbob@shop.example"),
        ("phone", "+49 170 1234567, 4900000000\n0049 (171) 765-4321"),
    ],
)
def test_addresses_become_persons_and_none_stays_in_the_draft(signed_in, typed, app, kind, ids):
    rows = [
        ("ann", "Ann@Shop.example", "491701234567"),
        ("bob", "bob@shop.example", "491717654321"),
    ]
    for name, email, phone in rows:
        person = builders.make_person(app.workspace, name, email=email, phone=phone)
        builders.make_device(app, name, person=person)

    panel = look(signed_in, typed, kind, ids)

    nobody = {"email": "nobody@shop.example", "phone": "4900000000"}[kind]
    assert f"1 id is unknown and left out: {nobody}" in panel
    assert keep(signed_in, typed, kind, ids) == {"persons": ["ann", "bob"]}


def test_persons_without_an_id_of_the_app_are_named_by_their_devices(signed_in, typed, app):
    devices = [
        builders.make_device(
            app, f"t{name}", person=builders.make_person(app.workspace, name, email="a@b.example")
        )
        for name in ("", "ann")
    ]

    audience = keep(signed_in, typed, "email", "a@b.example")

    assert audience == {"devices": [device.pk for device in devices]}


def test_addresses_that_nobody_has_are_refused_and_make_no_draft(signed_in, typed):

    answer = signed_in.post(
        reverse("compose"), typed | {"ids_kind": "email", "ids": "no@body.example"}
    )

    assert answer.status_code == 422
    assert "None of these ids is known here." in answer.content.decode()
    assert not Campaign.objects.exists()


def test_more_recipients_than_may_be_named_are_refused(signed_in, typed, app, monkeypatch):
    monkeypatch.setattr(audience_form, "MAX_RECIPIENTS", 1)
    for name in ("ann", "bob"):
        builders.make_person(app.workspace, name, email="a@b.example")

    answer = signed_in.post(reverse("compose"), typed | {"ids_kind": "email", "ids": "a@b.example"})

    assert answer.status_code == 422
    assert "These ids mean 2 recipients; at most 1 can be named." in answer.content.decode()


def test_thousands_of_addresses_are_looked_up_at_once_in_whatever_letters(
    owner, app, django_assert_max_num_queries
):
    builders.make_person(app.workspace, "joerg", email="Jörg@Shop.example")
    pasted = [f"nobody-{number}@shop.example" for number in range(2000)]

    with django_assert_max_num_queries(5):
        found = read_pasted([app], owner, "email", [*pasted, "JöRG@shop.example"])

    assert found.audience == {"persons": ["joerg"]}
    assert found.unknown == pasted


@pytest.mark.parametrize(
    ("text", "phones"),
    [
        ("+49 170 1234567 +49 171 7654321", ["+49 170 1234567", "+49 171 7654321"]),
        ("491701234567 491717654321", ["491701234567", "491717654321"]),
        (" (0171) 76 54 321;\t0170/1234567,,\n", ["(0171) 76 54 321", "0170/1234567"]),
    ],
)
def test_phones_may_have_blanks_in_them(text, phones):
    assert split_pasted("phone", text) == phones
