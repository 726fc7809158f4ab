"""How fast an account may be called: per second, per day, per group, and how much at once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import transaction

from campaigns.dispatch.claim import claim_batch
from campaigns.dispatch.freeze import freeze_transfer
from campaigns.dispatch.pace import block_pair, count_call, open_paces
from campaigns.models import Account, Attempt, Batch, Device, Group, Part, Throttle, Transfer
from campaigns.models.apps import MAX_SEND_RATE
from campaigns.models.packing import unpack_ids
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
        [pace] = open_paces([way], transfer, now)
        pace.take(recipients)


def may_call(way, transfer, now, owed=1):
    with transaction.atomic():
        [pace] = open_paces([way], transfer, now)
        return not pace.is_blocked() and pace.find_size(owed, is_whole=False) > 0


def find_size(way, transfer, now, owed, *, is_whole=False):
    with transaction.atomic():
        [pace] = open_paces([way], transfer, now)
        return pace.find_size(owed, is_whole=is_whole)


def test_a_days_calls_are_used_up_until_the_vendors_midnight(transfer, now):
    way = limit(transfer, requests_per_day=2, day_zone="UTC")
    take(way, transfer, now)
    take(way, transfer, now + timedelta(minutes=1))

    assert not may_call(way, transfer, now + timedelta(hours=11, minutes=59))
    assert may_call(way, transfer, now + timedelta(hours=12))


def test_calls_come_no_faster_than_the_vendor_takes_them(transfer, now):
    way = limit(transfer, requests_per_second=1)
    take(way, transfer, now)

    assert not may_call(way, transfer, now + timedelta(seconds=1))
    assert may_call(way, transfer, now + timedelta(seconds=1.12))


@pytest.mark.parametrize("of", ["requests_per_second", "recipients_per_second"])
def test_a_fan_out_takes_half_of_a_burst_at_once_so_that_none_of_the_rate_is_lost(
    transfer, now, of
):
    way = limit(transfer, **{of: 100})
    gateway = Way(way.route, replace(way.dialect, fans_out=True))

    sizes = []
    for seconds in (0, 0, 0, 0.5, 0.51):
        moment = now + timedelta(seconds=seconds)
        sizes.append(find_size(gateway, transfer, moment, 1000))
        if sizes[-1]:
            take(gateway, transfer, moment, sizes[-1])

    assert sizes == [50, 50, 0, 0, 50]


def test_one_kind_of_calls_has_a_rate_of_its_own(transfer, now):
    way = limit(transfer, call_rates={"sync": 1.0})
    way = Way(way.route, replace(way.dialect, name_call=lambda call: "sync"))
    take(way, transfer, now)

    assert not may_call(way, transfer, now + timedelta(seconds=1))
    assert may_call(limit(transfer, call_rates={"sync": 1.0}), transfer, now)


def test_who_is_told_of_an_audience_is_called_at_the_rate_of_such_calls(transfer, now):
    way = limit(transfer, call_rates={"EVERYONE": 1.0})
    named = replace(way.dialect, name_call=lambda call: call.told.name if call.told else "")
    way = Way(way.route, named)
    declared = {str(way.account.pk): {"platforms": ["android"], "labels": [], "expression": None}}
    told = Batch(part=Part(declared=declared), transfer=transfer, count=5)
    listed = Batch(part=Part(), transfer=transfer, count=5)

    with transaction.atomic():
        open_paces([way], transfer, now, told)[0].take(5)
        sizes = [
            open_paces([way], transfer, now, batch)[0].find_size(5, is_whole=True)
            for batch in (told, listed)
        ]

    assert sizes == [0, 5]


@pytest.mark.parametrize(("fans_out", "sizes"), [(True, [20, 20, 300]), (False, [300, 300, 300])])
@pytest.mark.parametrize("whose", ["the app's", "everybody's"])
def test_a_fan_out_is_small_right_after_a_wait_that_was_asked_for(
    transfer, now, whose, fans_out, sizes
):
    way = limit(transfer, streams=20, batch_size=300)
    gateway = Way(way.route, replace(way.dialect, fans_out=fans_out))
    block_pair(way.account.pk, transfer.app_id if whose == "the app's" else 0, now)

    found = []
    for seconds in (0, 4.9, 5):
        with transaction.atomic():
            [pace] = open_paces([gateway], transfer, now + timedelta(seconds=seconds))
            found.append(pace.find_most())

    assert found == sizes


def test_a_question_about_a_call_is_a_call_too(transfer, now):
    way = limit(transfer, requests_per_second=1)
    count_call(way, now)

    assert not may_call(way, transfer, now)
    assert Throttle.objects.get(app_id=0).day_used == 1


def test_a_group_is_sent_to_at_its_own_rate(transfer, now):
    Group.objects.update(send_rate=100)
    transfer.group.refresh_from_db()
    way = limit(transfer)
    take(way, transfer, now, recipients=200)

    assert not may_call(way, transfer, now + timedelta(seconds=1.1), owed=1000)
    assert find_size(way, transfer, now + timedelta(seconds=2.3), 1000) == 100


def test_a_group_at_the_highest_rate_holds_nobody_back(transfer, now):
    way = limit(transfer)

    assert transfer.group.send_rate == MAX_SEND_RATE
    assert find_size(way, transfer, now, 50_000) == 50_000


@pytest.mark.parametrize("scope", ["app", "account", "transfer"])
def test_at_most_a_seconds_worth_goes_at_once(transfer, now, scope):
    transfer.app.send_rate = 40 if scope == "app" else None
    transfer.rate = 40 if scope == "transfer" else None
    way = limit(transfer, recipients_per_second=40 if scope == "account" else None)

    assert find_size(way, transfer, now, 1000) == 40
    assert find_size(way, transfer, now, 7) == 7
    assert find_size(way, transfer, now, 1000, is_whole=True) == 1000


def test_a_lowered_rate_holds_at_once_and_a_raised_one_waits_for_no_old_debt(transfer, now):
    way = limit(transfer)
    transfer.rate = 10
    take(way, transfer, now, recipients=1000)
    transfer.rate = 10_000
    is_ready = may_call(way, transfer, now + timedelta(seconds=2), owed=1000)
    transfer.rate = 2

    assert is_ready
    assert find_size(way, transfer, now + timedelta(hours=1), 1000) == 2


def test_a_ramp_up_begins_with_a_tenth_and_grows_with_what_was_sent(transfer, now):
    way = limit(transfer)
    transfer.rate, transfer.ramp_up = 1000, 100
    first = find_size(way, transfer, now, 5000)
    take(way, transfer, now, recipients=55_000)  # all that a whole ramp-up sends

    assert first == 100
    assert find_size(way, transfer, now + timedelta(hours=1), 5000) == 1000


def test_an_operator_lowers_what_the_vendor_allows_and_never_raises_it(transfer, now):
    account = Account.objects.get()
    account.limits = {"requests_per_second": 2, "in_flight": 1, "requests_per_day": 10**8}
    way = limit(transfer, requests_per_second=30, requests_per_day=5000)
    way.route.account = account

    assert way.limits.requests_per_second == 2
    assert (way.limits.in_flight, way.limits.requests_per_day) == (1, 5000)


def test_a_block_from_before_the_clock_went_back_is_over(transfer, now):
    way = limit(transfer)
    block_pair(way.account.pk, transfer.app_id, now + timedelta(hours=1))

    assert not may_call(way, transfer, now)
    assert may_call(way, transfer, now - timedelta(hours=5))


def test_a_batch_is_cut_to_what_may_go_and_nobody_is_lost(transfer, now, app):
    for number in range(24):
        builders.make_device(app, f"more {number}")
    Transfer.objects.update(rate=10)
    freeze_transfer(transfer, now=now)
    everybody = sorted(Device.objects.values_list("pk", flat=True))

    moments = [now, now, now + timedelta(seconds=1.2)]
    leases = [claim_batch(transfer, moment) for moment in moments]

    members = [unpack_ids(batch.recipients) for batch in Batch.objects.all()]
    assert [lease and lease.batch.count for lease in leases] == [10, None, 10]
    assert sorted(recipient for ids in members for recipient in ids) == everybody
    assert sum(batch.count for batch in Batch.objects.all()) == 25


def test_a_batch_that_was_called_for_is_never_cut(transfer, now, app):
    for number in range(24):
        builders.make_device(app, f"more {number}")
    freeze_transfer(transfer, now=now)
    Batch.objects.update(fence=1)  # only a claim makes a call
    batch, account = Batch.objects.get(), Account.objects.get()
    Attempt.objects.create(
        batch=batch, account=account, key="k", last=24, started_at=now, answered_at=now,
        was_sent=False, reason="vendor",
    )  # fmt: skip
    Transfer.objects.update(rate=10)

    lease = claim_batch(transfer, now)

    assert lease.batch.pk == batch.pk
    assert lease.batch.count == 25


def test_no_more_calls_are_in_flight_than_the_vendor_allows(transfer, now):
    freeze_transfer(transfer, now=now)
    way = limit(transfer, in_flight=1)
    leased = {"state": "leased", "account": Account.objects.get()}
    Batch.objects.update(**leased, lease_until=now + timedelta(seconds=60))

    assert not may_call(way, transfer, now)
    assert may_call(way, transfer, now + timedelta(seconds=61))


@pytest.fixture
def accept(transfer, now):
    """Note a call of the transfer's batch that the vendor has accepted as a task."""
    freeze_transfer(transfer, now=now)
    facts = {"was_sent": True, "outcome": "accepted", "reference": "task", "answered_at": now}
    facts |= {"batch": Batch.objects.get(), "account": Account.objects.get(), "started_at": now}

    def accept(**changes):
        return Attempt.objects.create(key="k", last=0, **facts | changes)

    return accept


def test_no_more_tasks_run_than_the_vendor_allows(transfer, now, accept):
    way = limit(transfer, running_tasks=2)
    accept(poll_at=now)
    first = may_call(way, transfer, now)
    second = accept(poll_at=now)

    assert first
    assert not may_call(way, transfer, now)
    Attempt.objects.filter(pk=second.pk).update(polled_state="sent")
    assert may_call(way, transfer, now)


def test_a_task_that_cannot_be_asked_about_counts_for_a_while(transfer, now, accept):
    way = limit(transfer, running_tasks=1, task_seconds=300)
    accept()

    assert not may_call(way, transfer, now + timedelta(seconds=299))
    assert may_call(way, transfer, now + timedelta(seconds=301))


def test_a_call_without_an_answer_may_have_become_a_task(transfer, now, accept):
    way = limit(transfer, running_tasks=1)
    accept(was_sent=None, outcome="", reference="", answered_at=None)

    assert not may_call(way, transfer, now + timedelta(seconds=59))
    assert may_call(way, transfer, now + timedelta(seconds=61))
