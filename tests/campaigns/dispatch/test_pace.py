"""How fast an account may be called: per second, per day, per group, and how much at once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import transaction

from campaigns.dispatch.freeze import freeze_transfer
from campaigns.dispatch.pace import open_pace
from campaigns.models import Account, Batch, Group
from campaigns.selectors.routes import Way, list_ways
from tests import builders

pytestmark = [pytest.mark.database, pytest.mark.django_db]


@pytest.fixture
def transfer(start, app):
    builders.make_device(app, "token")
    return start()


def limit(transfer, **limits) -> Way:
    """The app's way on Android, through a vendor with these limits and no others."""
    way = list_ways(transfer.app_id, "android")[0]
    plain = {"requests_per_second": None, "requests_per_day": None, "recipients_per_second": None}
    narrowed = replace(way.dialect.limits, **{**plain, **limits})
    return Way(way.route, replace(way.dialect, limits=narrowed))


def take(way, transfer, now, recipients=1):
    with transaction.atomic():
        open_pace(way, transfer, now).take(recipients)


def may_call(way, transfer, now):
    with transaction.atomic():
        pace = open_pace(way, transfer, now)
        return not pace.is_blocked() and pace.may_send()


def test_a_days_calls_are_used_up_until_the_vendors_midnight(transfer, now):
    way = limit(transfer, requests_per_day=2, day_zone="UTC")
    take(way, transfer, now)
    take(way, transfer, now + timedelta(minutes=1))

    assert not may_call(way, transfer, now + timedelta(hours=11, minutes=59))
    assert may_call(way, transfer, now + timedelta(hours=12))


def test_calls_come_no_faster_than_the_vendor_takes_them(transfer, now):
    way = limit(transfer, requests_per_second=1)
    take(way, transfer, now)

    assert not may_call(way, transfer, now + timedelta(seconds=0.9))
    assert may_call(way, transfer, now + timedelta(seconds=1))


def test_a_group_is_sent_to_at_its_own_rate(transfer, now):
    Group.objects.update(send_rate=100)
    transfer.group.refresh_from_db()
    way = limit(transfer)
    take(way, transfer, now, recipients=200)

    assert not may_call(way, transfer, now + timedelta(seconds=1.9))
    assert may_call(way, transfer, now + timedelta(seconds=2))


def test_no_more_calls_are_in_flight_than_the_vendor_allows(transfer, now):
    freeze_transfer(transfer, now=now)
    way = limit(transfer, in_flight=1)
    leased = {"state": "leased", "account": Account.objects.get()}
    Batch.objects.update(**leased, lease_until=now + timedelta(seconds=60))

    assert not may_call(way, transfer, now)
    assert may_call(way, transfer, now + timedelta(seconds=61))
