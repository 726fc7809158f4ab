"""Recipients get it when their own clocks reach the hour, and not when it is past there."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from campaigns.dispatch import freeze
from campaigns.dispatch.claim import claim_batch
from campaigns.dispatch.local_hours import LocalHours
from campaigns.models import App, Batch, Delivery, Transfer
from campaigns.models.packing import unpack_ids
from tests import builders

pytestmark = [pytest.mark.django_db, pytest.mark.database]
Start = Callable[..., Transfer]

HOUR = timedelta(hours=1)
WALL = datetime(2026, 3, 28, 9, 0)
FIRST = datetime(2026, 3, 27, 19, 0, tzinfo=UTC)  # 9 o'clock, 14 hours ahead of UTC


def list_hours(
    zones: list[str], *, when_past: str = "tomorrow", start: datetime = FIRST
) -> list[datetime | None]:
    hours = LocalHours(WALL, "UTC", when_past=when_past, start=start)
    return [hours.find_hour(zone).due_at for zone in zones]


def test_each_zone_reaches_the_hour_at_its_own_instant() -> None:
    hours = list_hours(["Pacific/Kiritimati", "Europe/Berlin", "Etc/GMT+12"])

    assert hours == [
        datetime(2026, 3, 27, 19, 0, tzinfo=UTC),
        datetime(2026, 3, 28, 8, 0, tzinfo=UTC),
        datetime(2026, 3, 28, 21, 0, tzinfo=UTC),
    ]


def test_what_is_past_is_sent_at_that_hour_of_the_next_day_across_a_change_of_clocks() -> None:
    start = datetime(2026, 3, 28, 12, 0, tzinfo=UTC)

    hours = list_hours(["Europe/Berlin", "America/New_York"], start=start)

    assert hours == [
        datetime(2026, 3, 29, 7, 0, tzinfo=UTC),  # the clocks have gone forward that night
        datetime(2026, 3, 28, 13, 0, tzinfo=UTC),
    ]


def test_after_days_of_standstill_the_next_day_is_one_that_is_still_to_come() -> None:
    start = datetime(2026, 3, 31, 12, 0, tzinfo=UTC)

    hours = list_hours(["Europe/Berlin", "America/New_York"], start=start)

    assert hours == [
        datetime(2026, 4, 1, 7, 0, tzinfo=UTC),
        datetime(2026, 3, 31, 13, 0, tzinfo=UTC),
    ]


@pytest.mark.parametrize(
    ("when_past", "due_at"), [("now", datetime(2026, 3, 28, 12, 0, tzinfo=UTC)), ("skip", None)]
)
def test_what_is_past_may_go_at_once_or_not_at_all(when_past: str, due_at: datetime | None) -> None:
    start = datetime(2026, 3, 28, 12, 0, tzinfo=UTC)

    hours = list_hours(["Europe/Berlin", "Etc/UTC"], when_past=when_past, start=start)

    assert hours == [due_at, due_at]


def test_a_start_that_is_a_little_late_puts_nobody_off() -> None:
    start = FIRST + timedelta(minutes=14)

    hours = list_hours(["Pacific/Kiritimati"], when_past="skip", start=start)

    assert hours == [FIRST]


def freeze_local(
    start: Start, now: datetime, send_at: str = "2026-03-28T09:00", **fields: object
) -> Transfer:
    """A transfer that is due at nine on everybody's own clock, begun and frozen at `now`."""
    transfer = start(send_at=send_at, timezone="recipient", **fields)
    Transfer.objects.filter(pk=transfer.pk).update(due_at=now)
    freeze.freeze_transfer(transfer, now=now)
    return transfer


def list_batches(transfer: Transfer) -> list[tuple[str, int]]:
    batches = Batch.objects.filter(transfer=transfer).order_by("due_at", "pk")
    return [(f"{batch.due_at.astimezone(UTC):%d %H:%M}", batch.count) for batch in batches]


def test_zones_that_reach_the_hour_together_share_a_batch(routed: App, start: Start) -> None:
    zones = ["Europe/Berlin", "Europe/Paris", "Africa/Lagos", "Asia/Tokyo", "Europe/Berlin"]
    for number, zone in enumerate(zones):
        builders.make_device(routed, f"t{number}", timezone=zone)

    transfer = freeze_local(start, FIRST)

    assert list_batches(transfer) == [("28 00:00", 1), ("28 08:00", 4)]
    assert transfer.hours == {
        "2026-03-28T00:00:00+00:00": {"zones": 1, "changed": 0},
        "2026-03-28T08:00:00+00:00": {"zones": 3, "changed": 0},
    }
    assert transfer.unknown_zones == 0


def test_a_zone_is_the_devices_own_else_the_persons_else_the_apps_and_that_is_counted(
    routed: App, start: Start
) -> None:
    App.objects.filter(pk=routed.pk).update(timezone="America/New_York")
    ann = builders.make_person(routed.workspace, timezone="Asia/Tokyo")
    eve = builders.make_person(routed.workspace, "eve", timezone="Mars/Olympus")
    own = builders.make_device(routed, "own", person=ann, timezone="Europe/Berlin")
    hers = builders.make_device(routed, "hers", person=ann)
    bad = builders.make_device(routed, "bad", person=ann, timezone="Mars/Olympus")
    none = builders.make_device(routed, "none", person=eve)
    alone = builders.make_device(routed, "alone")

    transfer = freeze_local(start, FIRST)

    due = {
        f"{batch.due_at.astimezone(UTC):%d %H:%M}": unpack_ids(batch.recipients)
        for batch in Batch.objects.filter(transfer=transfer)
    }
    assert due == {
        "28 00:00": [hers.pk, bad.pk],
        "28 08:00": [own.pk],
        "28 13:00": [none.pk, alone.pk],
    }
    assert transfer.unknown_zones == 2


def test_fifty_zones_on_three_platforms_make_a_batch_per_hour_and_platform(
    routed: App, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(freeze, "CHUNK_DEVICES", 40)
    builders.make_route(routed, "web")
    # Whole hours only: 27 of them, many under two names.
    ahead = [f"Etc/GMT-{n}" for n in range(15)] + [f"Etc/GMT+{n}" for n in range(13)]
    zones = [*ahead, "Europe/Berlin", "Europe/Paris", "Europe/Rome", "Africa/Lagos", "Asia/Tokyo",
             "Asia/Seoul", "America/Lima", "America/Bogota", "America/Panama", "Asia/Dubai",
             "Africa/Cairo", "Africa/Nairobi", "Asia/Bangkok", "Asia/Jakarta", "Asia/Manila",
             "Asia/Singapore", "Pacific/Guam", "Pacific/Fiji", "Pacific/Tongatapu", "Asia/Riyadh",
             "America/Phoenix", "Pacific/Honolulu"]  # fmt: skip
    for zone in zones:
        for platform in ("android", "ios", "web"):
            builders.make_device(routed, f"{platform} {zone}", platform, timezone=zone)

    transfer = freeze_local(start, FIRST)

    batches = Batch.objects.filter(transfer=transfer)
    assert len(zones) == 50
    assert transfer.audience == 150
    assert sum(batch.count for batch in batches) == 150
    assert batches.count() == 27 * 3
    assert sum(hour["zones"] for hour in (transfer.hours or {}).values()) == 50


def test_a_change_of_the_clocks_at_that_hour_is_kept_with_it(routed: App, start: Start) -> None:
    zones = ["Europe/Berlin", "Europe/Paris", "Europe/Berlin", "Africa/Cairo"]
    for number, zone in enumerate(zones):
        builders.make_device(routed, f"t{number}", timezone=zone)

    transfer = freeze_local(start, FIRST, "2026-03-29T02:30")

    assert transfer.hours == {
        "2026-03-29T00:30:00+00:00": {"zones": 1, "changed": 0},
        "2026-03-29T01:00:00+00:00": {"zones": 2, "changed": 3},
    }


@pytest.mark.parametrize("jump", [-HOUR, HOUR, 6 * HOUR])
def test_a_clock_that_jumps_while_a_freeze_goes_on_cuts_no_hour_in_two(
    routed: App, start: Start, monkeypatch: pytest.MonkeyPatch, jump: timedelta
) -> None:
    monkeypatch.setattr(freeze, "CHUNK_DEVICES", 2)
    for number in range(6):
        builders.make_device(routed, f"t{number}", timezone="Asia/Tokyo")
    transfer = start(send_at="2026-03-28T09:00", timezone="recipient")
    begun = datetime(2026, 3, 28, 0, 10, tzinfo=UTC)
    Transfer.objects.filter(pk=transfer.pk).update(due_at=begun)

    freeze.freeze_step(transfer, freeze.ACTOR, begun)
    freeze.freeze_transfer(transfer, now=begun + jump)

    assert list_batches(transfer) == [("28 00:00", 6)]


def test_only_the_hours_that_have_come_are_claimed(routed: App, start: Start) -> None:
    for zone in ("Europe/Berlin", "Asia/Tokyo"):
        builders.make_device(routed, zone, timezone=zone)
    transfer = freeze_local(start, FIRST)
    tokyo = datetime(2026, 3, 28, 0, 0, tzinfo=UTC)

    early = claim_batch(transfer, tokyo - timedelta(seconds=1))
    lease = claim_batch(transfer, tokyo)
    then = claim_batch(transfer, tokyo)

    assert (early, then) == (None, None)
    assert lease is not None
    assert lease.batch.local_at == tokyo


def test_who_is_too_late_and_skipped_has_a_reason_of_its_own(routed: App, start: Start) -> None:
    for zone in ("Europe/Berlin", "America/New_York"):
        builders.make_device(routed, zone, timezone=zone)
    late = datetime(2026, 3, 28, 12, 0, tzinfo=UTC)

    transfer = freeze_local(start, late, when_past="skip")

    [delivery] = Delivery.objects.all()
    assert (delivery.outcome, delivery.reason) == ("skipped", "hour_passed")
    assert list_batches(transfer) == [("28 13:00", 1)]


def test_a_message_expires_so_long_after_its_recipients_own_hour(routed: App, start: Start) -> None:
    for zone in ("Europe/Berlin", "Asia/Tokyo"):
        builders.make_device(routed, zone, timezone=zone)

    transfer = freeze_local(start, FIRST, expires_in=3600)

    batches = Batch.objects.filter(transfer=transfer).order_by("due_at")
    assert [batch.expires_at - batch.due_at for batch in batches if batch.expires_at] == [HOUR] * 2
    assert transfer.expires_at == batches[1].expires_at


def test_other_transfers_have_no_hours(routed: App, start: Start, now: datetime) -> None:
    builders.make_device(routed, "t", timezone="Asia/Tokyo")
    transfer = start()

    freeze.freeze_transfer(transfer, now=now)

    [batch] = Batch.objects.all()
    assert (batch.due_at, batch.local_at, batch.expires_at) == (now, None, None)
    assert (transfer.hours, transfer.unknown_zones) == (None, 0)
