"""How fast a transfer was promised to go, how fast it went, and what holds it back."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from campaigns.dispatch import books
from campaigns.dispatch.claim import claim_batch
from campaigns.dispatch.folds import finish_transfer
from campaigns.dispatch.freeze import freeze_transfer
from campaigns.dispatch.pace import block_pair
from campaigns.models import (
    Account,
    App,
    Batch,
    Counter,
    Group,
    Route,
    SendMinute,
    Throttle,
    Transfer,
)
from campaigns.pages.plot import HEIGHT, draw_plot
from campaigns.selectors import routes
from campaigns.selectors.course import Course, Piece, read_course
from campaigns.selectors.speed import read_speed
from campaigns.services.rates import change_transfer_rate
from providers import registry
from providers.message_fields import Platform
from tests import builders
from tests.campaigns.dispatch.conftest import make_campaign, routed, start

__all__ = ["make_campaign", "routed", "start"]
pytestmark = [pytest.mark.database, pytest.mark.django_db]


@pytest.fixture
def begin(routed, start, now):
    """A frozen transfer of so many devices, as the engine finds it."""

    def begin(size=30, **fields):
        for number in range(size):
            builders.make_device(routed, f"token {number}")
        transfer = start(**fields)
        freeze_transfer(transfer, now=now)
        return reload(transfer)

    return begin


def reload(transfer):
    return Transfer.objects.select_related("app", "group").get(pk=transfer.pk)


def read_codes(transfer, now):
    return [hold.code for hold in read_speed(reload(transfer), now=now).holds]


def note_sent(transfer, at, count):
    part = transfer.parts.get()
    SendMinute.objects.create(part=part, minute=at.replace(second=0, microsecond=0), count=count)


def test_the_lowest_rate_is_the_promise(begin, now):
    transfer = begin(rate=700)
    own = read_speed(transfer, now=now).promised
    Group.objects.update(send_rate=600)
    group = read_speed(reload(transfer), now=now).promised
    App.objects.update(send_rate=500)
    app = read_speed(reload(transfer), now=now).promised
    Account.objects.update(limits={"recipients_per_second": 400})
    account = read_speed(reload(transfer), now=now).promised
    Account.objects.update(limits={"requests_per_second": 1})  # of 250 recipients each
    calls = read_speed(reload(transfer), now=now).promised

    assert [own, group, app, account, calls] == [700, 600, 500, 400, 250]


@pytest.mark.parametrize(
    ("model", "fields", "code"),
    [
        (Transfer, {"rate": 10}, "rate"),
        (Transfer, {"rate": 100, "ramp_up": 60}, "ramp_up"),
        (App, {"send_rate": 10}, "app_rate"),
        (Account, {"limits": {"requests_per_second": 1}}, "calls_per_second"),
        (Account, {"limits": {"recipients_per_second": 10}}, "recipients_per_second"),
        (Account, {"limits": {"in_flight": 1}}, "in_flight"),
        (Account, {"limits": {"running_tasks": 1}}, "running_tasks"),
        (Account, {"limits": {"requests_per_day": 1}}, "day_quota"),
    ],
)
def test_what_holds_it_back_is_told(begin, now, model, fields, code):
    transfer = begin(300)  # more than one call carries
    model.objects.update(**fields)

    free = read_codes(transfer, now)
    claim_batch(reload(transfer), now)

    assert free == []
    assert read_codes(transfer, now) == [code]
    assert claim_batch(reload(transfer), now) is None


def test_a_gateway_works_off_so_many_batches_at_once(begin, now):
    transfer = begin(300)
    gateway = next(
        one for one in registry.all_dialects() if one.fans_out and Platform.ANDROID in one.platforms
    )
    Account.objects.update(dialect=gateway.key, limits={"in_flight": 1})
    claim_batch(reload(transfer), now)

    [hold] = read_speed(reload(transfer), now=now).holds

    assert hold.words == "Sandbox works off 1 batches at the same time"


def test_what_a_rate_holds_back_is_told_between_two_calls_too(begin, now):
    transfer = begin(300, rate=10)
    claim_batch(reload(transfer), now)

    assert read_codes(transfer, now + timedelta(seconds=2)) == ["rate"]
    assert read_codes(transfer, now + timedelta(seconds=20)) == []


def test_a_group_holds_it_back(begin, now):
    transfer = begin(250)
    Group.objects.update(send_rate=100)
    claim_batch(reload(transfer), now)

    assert read_codes(transfer, now) == ["group_rate"]


def test_a_vendor_that_asked_to_wait_is_named_with_the_moment(begin, app, now):
    transfer = begin()
    until = now + timedelta(minutes=5)
    block_pair(Account.objects.get().pk, app.pk, until)

    [hold] = read_speed(transfer, now=now).holds

    assert (hold.code, hold.until) == ("retry_after", until)
    assert hold.words == "Sandbox asked us to wait (Retry-After)"


def test_a_used_up_quota_says_when_it_goes_on(begin, now):
    transfer = begin()
    account = Account.objects.get()
    Account.objects.update(limits={"requests_per_day": 5})
    Throttle.objects.create(account=account, app_id=0, day=now.date(), day_used=5)

    [hold] = read_speed(transfer, now=now).holds

    assert hold.words == "today's 5 calls of Sandbox are used up"
    assert hold.until == now.replace(hour=0) + timedelta(days=1)


def test_who_does_not_send_is_held_by_nothing(begin, now):
    transfer = begin(rate=10)
    claim_batch(reload(transfer), now)

    transfer.move_to(Transfer.Status.PAUSED, actor="owner", now=now)

    assert read_codes(transfer, now) == []


def test_minutes_without_a_send_are_nothing_and_are_shown(begin, now):
    transfer = begin()
    note_sent(transfer, now, 600)
    note_sent(transfer, now + timedelta(minutes=2), 300)

    speed = read_speed(transfer, now=now + timedelta(minutes=2, seconds=30))

    assert [minute.rate for minute in speed.minutes] == [10, 0, 10]
    assert speed.achieved == 10


def test_the_last_hour_is_shown_and_no_more(begin, now):
    transfer = begin()
    for minute in range(90):
        note_sent(transfer, now + timedelta(minutes=minute), 60 + minute)

    speed = read_speed(transfer, now=now + timedelta(minutes=90) - timedelta(seconds=1))

    assert len(speed.minutes) == 60
    assert speed.minutes[0].rate == pytest.approx((60 + 30) / 60)


def test_what_is_settled_as_sent_counts_in_its_minute(begin, now):
    transfer = begin(5)
    batch = Batch.objects.get()
    members = [(recipient, 0) for recipient in range(1, 6)]
    page = books.Page(part_id=batch.part_id, platform="android", at=now)

    books.append_deliveries(page, books.Verdict("sent"), members[:3])
    books.append_deliveries(page, books.Verdict("sent"), members[:4])  # three are known
    books.append_deliveries(page, books.Verdict("failed", "vendor"), members[4:])

    assert SendMinute.objects.get(part__transfer=transfer).count == 4


def test_a_larger_audience_costs_no_query_more(begin, routed, now):
    transfer = begin(10, rate=3)
    with CaptureQueriesContext(
        connection,
    ) as small:
        read_speed(transfer, now=now)
    Batch.objects.bulk_create(
        Batch(
            part=transfer.parts.get(), transfer=transfer, app=routed, platform="android",
            recipients=b"", cohorts=b"", count=1, due_at=now,
        )
        for _number in range(500)
    )  # fmt: skip
    with CaptureQueriesContext(connection) as large:
        read_speed(transfer, now=now)

    assert len(large) == len(small) < 20


def test_what_has_ended_is_held_to_no_limit_of_today(begin, client, superuser, now):
    transfer = begin(rate=700)
    note_sent(transfer, now, 3000)
    transfer.move_to("sent", actor="test", now=now, finished_at=now)
    App.objects.update(send_rate=20)

    speed = read_speed(reload(transfer), now=now)
    client.force_login(superuser)
    page = client.get(reverse("transfer", args=[transfer.pk])).content.decode()
    said = re.sub("<.*?>", "", re.search(r"<p data-pa-speed>(.*?)</p>", page)[1])

    assert (speed.promised, speed.holds) == (700, ())
    assert speed.achieved > 20
    assert said == "At most 700 per second promised; 3,000 per second achieved on average."


def test_what_has_ended_is_told_by_its_whole_course(begin, client, superuser, now):
    """Two hours at 1,000 a second, then an hour of tries that reach one a second."""
    transfer = begin(rate=1200)
    part = transfer.parts.get()
    SendMinute.objects.bulk_create(
        SendMinute(part=part, minute=now + timedelta(minutes=minute),
                   count=60_000 if minute < 120 else 61)
        for minute in range(180)
    )  # fmt: skip
    end = now + timedelta(hours=3)
    running = read_speed(reload(transfer), now=end).achieved
    # It ended before promises were kept.
    Transfer.objects.update(status="sent", finished_at=end + timedelta(minutes=30), promised=None)

    speed = read_speed(reload(transfer), now=end + timedelta(days=1))
    client.force_login(superuser)
    page = client.get(reverse("transfer", args=[transfer.pk])).content.decode()

    assert running == pytest.approx(1.0, rel=0.1)
    assert speed.achieved == pytest.approx((120 * 60_000 + 60 * 61) / (3 * 3600))
    assert len(speed.minutes) == 60
    said = re.search(r"<p data-pa-speed>(.*?)</p>", page)[1]
    assert re.sub("<.*?>", "", said) == (
        "667 per second achieved on average; its own rate was 1,200 per second."
    )


@pytest.mark.parametrize(
    ("model", "bound", "later"),
    [
        (Account, {"limits": {"recipients_per_second": 400}}, {"limits": {}}),
        (App, {"send_rate": 400}, {"send_rate": None}),
        (Group, {"send_rate": 400}, {"send_rate": 5_000}),
    ],
)
def test_what_bound_it_is_kept_with_it(begin, now, model, bound, later):
    model.objects.update(**bound)
    transfer = begin(rate=700)
    Transfer.objects.update(status="sent", finished_at=now + timedelta(minutes=1))
    model.objects.update(**later)

    speed = read_speed(reload(transfer), now=now + timedelta(days=1))

    assert speed.promised == 400


def test_a_rate_that_is_changed_is_the_promise_from_then_on(begin, now):
    transfer = begin(rate=700)

    change_transfer_rate(transfer, 300, actor="ann", now=now)
    slower = reload(transfer).promised
    App.objects.update(send_rate=200)
    change_transfer_rate(reload(transfer), None, actor="ann", now=now)

    assert (slower, reload(transfer).promised) == (300, 200)


def test_it_ends_with_what_bound_it_at_last(begin, now):
    transfer = begin(rate=700)
    App.objects.update(send_rate=200)
    Batch.objects.update(state="done", is_folded=True)
    Counter.objects.create(part=transfer.parts.get(), platform="android", outcome="sent", count=30)

    assert finish_transfer(reload(transfer), now)
    assert reload(transfer).promised == 200


def test_of_what_has_no_way_any_more_the_promise_stays(begin, now):
    transfer = begin(rate=700)
    Route.objects.all().delete()

    change_transfer_rate(transfer, 300, actor="ann", now=now)

    assert reload(transfer).promised == 700


def test_of_a_scripts_few_recipients_no_promise_is_kept(begin, now):
    transfer = begin(rate=700)
    Transfer.objects.update(campaign=None)

    change_transfer_rate(reload(transfer), 300, actor="ann", now=now)

    assert reload(transfer).promised == 700


def test_what_has_ended_and_sent_nothing_achieved_nothing(begin, now):
    transfer = begin()
    Transfer.objects.update(status="cancelled", finished_at=now)

    assert read_speed(reload(transfer), now=now).achieved == 0.0


def test_what_was_sent_in_seconds_has_one_speed_in_words_and_in_the_plot(begin, now):
    transfer = begin()
    note_sent(transfer, now, 600)
    Transfer.objects.update(frozen_at=now.replace(second=10), status="sent",
                            finished_at=now.replace(second=22))  # fmt: skip

    transfer = reload(transfer)
    speed = read_speed(transfer, now=now + timedelta(days=1))
    course = read_course(transfer, now=now + timedelta(days=1))

    assert (speed.achieved, course.highest) == (50.0, 50.0)


def test_a_plot_has_a_bar_for_each_piece_and_the_promise(now):
    pieces = (Piece(now, 60, 3000), Piece(now + timedelta(minutes=1), 60, 6000))

    plot = draw_plot(Course(60, pieces), 110)

    assert plot is not None
    assert [float(bar.height) for bar in plot.bars] == pytest.approx([41.3, 82.6], abs=0.1)
    assert float(plot.promised_y) == pytest.approx(HEIGHT * (1 - 1 / 1.1), abs=0.1)
    assert plot.highest == 100


def test_a_promise_far_above_does_not_flatten_the_plot(now):
    plot = draw_plot(Course(60, (Piece(now, 60, 60),)), 5000)

    assert plot is not None
    assert plot.promised_y == ""
    assert float(plot.bars[0].height) > HEIGHT / 2


def test_where_nothing_is_promised_no_bucket_is_looked_for(begin, now, monkeypatch):
    transfer = begin()
    keeps_groups = replace(registry.get("sandbox"), has_groups=True)
    monkeypatch.setattr(routes, "find_dialect", lambda key: keeps_groups)

    with CaptureQueriesContext(connection) as queries:
        speed = read_speed(transfer, now=now)

    assert speed.promised is None
    assert not [query for query in queries if "campaigns_allowance" in query["sql"]]
