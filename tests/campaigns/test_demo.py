"""An empty database becomes something to look at and to send to, once."""

from __future__ import annotations

from collections import Counter as Tally
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth import get_user_model
from django.db.models import Count, F

from campaigns.dispatch.freeze import freeze_transfer
from campaigns.dispatch.verify import check_books
from campaigns.models import (
    Account,
    App,
    Campaign,
    Delivery,
    Device,
    DeviceIdentifier,
    Person,
    ReceiptCount,
    ReceiptRow,
    Route,
    Transfer,
    Workspace,
)
from campaigns.models.apps import DEFAULT_GROUP
from campaigns.selectors import attention
from campaigns.selectors.audience import count_devices, read_audience
from campaigns.selectors.hours import list_hours
from campaigns.selectors.status import count_receipts, count_transfers
from campaigns.services import demo
from campaigns.services.access import find_key
from campaigns.services.campaigns import create_campaign, launch_campaign
from providers import registry, vault
from tests import builders
from tests.databases import kept_rows

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def filled(django_db_setup, django_db_blocker):
    """A small demo, for all tests here."""
    with kept_rows(django_db_blocker), pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo, "DEVICES", 600)
        patch.setattr(demo, "LAPSED_DEVICES", 30)
        yield demo.fill_demo(now=builders.NOW)


def test_the_platforms_of_the_demos_devices_take_turns(filled):
    platforms = Device.objects.filter(app__slug="shoply").order_by("pk").values_list("platform")

    assert [platform for (platform,) in platforms[:4]] == ["android", "ios", "web", "android"]
    assert Tally(platforms) == {("android",): 200, ("ios",): 200, ("web",): 200}


def test_every_device_of_the_demo_was_seen_since_it_registered(filled):
    devices = Device.objects.filter(created_at__lte=F("last_seen_at"))
    recent = devices.filter(last_seen_at__gte=builders.NOW - timedelta(days=1))

    assert devices.count() == Device.objects.count()
    assert not devices.exclude(person__created_at=F("created_at")).exists()
    assert not devices.exclude(token_state_at=F("created_at")).exists()
    assert 0.3 < recent.count() / devices.count() < 0.5


def test_nothing_waits_for_who_has_just_begun_and_silence_is_in_the_past(filled):
    apps = list(App.objects.values_list("pk", flat=True))

    told = {
        days: attention.list_undecided(apps, builders.NOW - timedelta(days=days), 20)
        for days in (7, 14)
    }

    assert told[7] == []
    assert told[14]


def test_a_send_at_their_own_hours_reaches_all_of_the_demos_people(filled, now):
    admin = get_user_model().objects.get(username=filled.user)
    body = {
        "app": "shoply", "audience": {"all": True}, "message": {"body": "Good morning"},
        "send_at": "2026-11-21T09:00", "timezone": "recipient",
    }  # fmt: skip
    campaign = create_campaign(admin, body, actor="admin", now=now)

    launch_campaign(campaign, actor="admin", now=datetime(2026, 11, 20, 19, 0, tzinfo=UTC))
    local = campaign.transfers.get()
    freeze_transfer(local, now=now)

    hours = list_hours(local)
    assert [f"{hour.at:%d %H}" for hour in hours] == ["21 04", "21 08", "21 09", "21 12", "21 14"]
    assert sum(hour.zones for hour in hours) == 7
    assert sum(hour.pending for hour in hours) == count_transfers([local.pk])[local.pk].pending
    assert (local.audience, local.unknown_zones) == (600, 0)
    assert check_books().faults == []


def test_every_phone_of_the_demo_has_a_token_and_an_id_of_its_platform(filled):
    kinds = DeviceIdentifier.objects.filter(app__slug="shoply").values_list(
        "device__platform", "kind"
    )

    counted = {(platform, kind): n for platform, kind, n in kinds.annotate(n=Count("pk"))}

    assert counted[("android", "google_aid")] == counted[("ios", "ios_ifa")] == 200
    assert not Device.objects.filter(token="").exists()


def test_a_script_of_any_dialect_finds_somebody_in_the_demo(filled):
    app = App.objects.get(slug="shoply")
    doors = [dialect for dialect in registry.all_dialects() if dialect.has_door]

    found = {dialect.key: find_known_platforms(app, dialect) for dialect in doors}

    assert found == {
        dialect.key: {platform.value for platform in dialect.platforms} & set(app.platforms)
        for dialect in doors
    }


def find_known_platforms(app, dialect):
    own = [kind.name for kind in dialect.identifier_kinds if not kind.is_token]
    known = DeviceIdentifier.objects.filter(app=app, kind__in=own)
    found = set(known.values_list("device__platform", flat=True))
    if any(kind.is_token and kind.platform is None for kind in dialect.identifier_kinds):
        found |= set(Device.objects.filter(app=app).values_list("platform", flat=True))
    return found & {platform.value for platform in dialect.platforms}


def test_devices_of_the_demo_carry_tags_and_their_owners_names(filled):
    app = App.objects.get(slug="shoply")
    bodies = [
        {"expression": {"field": f"device.{field}", "op": "eq", "value": value}}
        for field, value in [("tag", "offers"), ("tag", "beta"), ("alias", "shoply-00000")]
    ]

    counts = [
        count_devices(app, read_audience(app, body, principal=None))["total"] for body in bodies
    ]

    assert counts == [200, 15, 1]


def test_the_demos_labels_and_segments_reach_somebody(filled):
    app = App.objects.get(slug="shoply")
    audiences = [{"labels": [label.name]} for label in app.labels.all()]
    audiences += [{"segment": segment.pk} for segment in app.segments.all()]

    counts = [
        count_devices(app, read_audience(app, body, principal=None))["total"] for body in audiences
    ]

    assert len(counts) == 6
    assert all(0 < count < 600 for count in counts)
    assert {group.name for group in app.groups.all()} > {DEFAULT_GROUP}
    assert Person.objects.filter(email__endswith="@shoply.example").count() == 420


@pytest.mark.database
def test_the_books_of_the_demos_past_balance_and_cover_the_last_days(filled, now):
    audit = check_books()

    transfers = Transfer.objects.all()
    days = {(now.date() - transfer.created_at.date()).days for transfer in transfers}
    assert audit.faults == []
    assert days == set(range(1, 14))
    assert audit.transfers == 13
    assert {transfer.status for transfer in transfers} == {"sent"}
    assert Tally(Campaign.objects.values_list("status", flat=True)) == {"sent": 13, "draft": 1}


def test_the_demos_receipts_agree_with_their_rows(filled, now):
    transfer = Transfer.objects.latest("audience")

    receipts = count_receipts([transfer.pk])[transfer.pk]

    counters = count_transfers([transfer.pk])[transfer.pk]
    rows = ReceiptRow.objects.filter(part__transfer=transfer)
    assert receipts["delivered"] == rows.filter(kind="delivered").count()
    assert 0 < receipts["opened"] < receipts["delivered"] < counters.sent
    assert not ReceiptRow.objects.filter(at__gt=now).exists()
    assert ReceiptCount.objects.filter(part__transfer=transfer, platform="ios").exists()
    assert Delivery.objects.filter(part__transfer=transfer).count() == counters.audience


def test_only_the_android_route_of_the_lapsed_app_is_refused(filled):
    routes = Route.objects.filter(app__slug="lapsed").select_related("account")
    keys = {
        route.platform: set(vault.decrypt(route.account.credentials).values()) for route in routes
    }

    assert keys == {"android": {"refused"}, "ios": {demo.GOOD_KEY}}
    assert Account.objects.count() == 2
    assert Device.objects.filter(app__slug="lapsed").count() == 30


def test_the_demos_key_and_password_are_good(filled, now):
    key = find_key(filled.api_key, now=now)
    user = get_user_model().objects.get(username=filled.user)

    assert [app.slug for app in App.objects.for_user(key)] == ["shoply"]
    assert key.dialect == ""
    assert user.is_superuser
    assert user.check_password(filled.password)


def test_a_second_demo_changes_nothing(filled, now):
    assert demo.fill_demo(now=now) is None

    assert Workspace.objects.count() == 1
    assert Device.objects.count() == 630
