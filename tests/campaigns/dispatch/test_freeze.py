"""An audience becomes batches; who gets nothing is settled with a reason."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from campaigns.dispatch import freeze, plan
from campaigns.models import (
    App,
    Batch,
    Campaign,
    Counter,
    Delivery,
    Device,
    Group,
    Person,
    RejectedIds,
    Rollup,
    Transfer,
)
from campaigns.models.packing import unpack_ids
from providers.commands import Fault, FaultKind
from providers.recipients import Targets
from tests import builders

pytestmark = [pytest.mark.django_db, pytest.mark.database]
Start = Callable[..., Transfer]


def list_frozen(transfer: Transfer) -> list[int]:
    batches = Batch.objects.filter(transfer=transfer).order_by("pk")
    return [recipient for batch in batches for recipient in unpack_ids(batch.recipients)]


def test_every_device_of_the_audience_stands_in_one_batch(
    routed: App, start: Start, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(freeze, "CHUNK_DEVICES", 7)
    devices = [builders.make_device(routed, f"t{n}").pk for n in range(40)]
    transfer = start()

    freeze.freeze_transfer(transfer, now=now)

    assert list_frozen(transfer) == devices
    assert Batch.objects.filter(transfer=transfer).count() == 1
    assert (transfer.status, transfer.audience) == (Transfer.Status.SENDING, 40)


def test_a_chunk_packs_anew_only_what_is_about_as_small_and_the_last_one_everything(
    routed: App, start: Start, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(freeze, "CHUNK_DEVICES", 1)
    devices = [builders.make_device(routed, f"t{n}").pk for n in range(7)]
    transfer = start()

    for _chunk in range(4):
        freeze.freeze_step(transfer, freeze.ACTOR, now)
    midway = list(Batch.objects.order_by("pk").values_list("count", flat=True))
    freeze.freeze_transfer(transfer, now=now)

    assert midway == [3, 1]
    assert list_frozen(transfer) == devices
    assert Batch.objects.count() == 1


def test_batches_share_a_platform_and_the_text_that_recipients_get(
    routed: App, start: Start, now: datetime
) -> None:
    for number, language in enumerate(["de", "de-AT", "fr", ""]):
        builders.make_device(routed, f"a{number}", language=language)
        builders.make_device(routed, f"i{number}", "ios", language=language)
    transfer = start({"body": "Hello", "translations": {"de": {"body": "Hallo"}}})

    freeze.freeze_transfer(transfer, now=now)

    batches = Batch.objects.filter(transfer=transfer).order_by("platform", "language")
    assert [(batch.platform, batch.language, batch.count) for batch in batches] == [
        ("android", "", 2),
        ("android", "de", 2),
        ("ios", "", 2),
        ("ios", "de", 2),
    ]


def test_a_batch_of_a_slow_transfer_holds_a_minutes_worth(
    routed: App, start: Start, now: datetime
) -> None:
    for number in range(130):
        builders.make_device(routed, f"t{number}")
    transfer = start(rate=1)

    freeze.freeze_transfer(transfer, now=now)

    batches = Batch.objects.filter(transfer=transfer).order_by("pk")
    assert [batch.count for batch in batches] == [60, 60, 10]


def test_who_cannot_be_reached_is_skipped_with_the_reason(
    routed: App, start: Start, now: datetime
) -> None:
    out = Person.objects.create(workspace=routed.workspace, opted_out_at=now)
    builders.make_device(routed, "opted", person=out)
    builders.make_device(routed, "dead", token_state=Device.TokenState.DISABLED)
    builders.make_device(routed, "browser", "web")
    Device.objects.create(app=routed, platform="ios", token_state="missing")
    transfer = start()

    freeze.freeze_transfer(transfer, now=now)

    reasons = Counter.objects.filter(part__transfer=transfer).values_list("reason", "platform")
    assert set(reasons) == {
        ("opted_out", "android"),
        ("no_token", "android"),
        ("no_token", "ios"),
        ("no_route", "web"),
    }
    assert Delivery.objects.count() == sum(Rollup.objects.values_list("count", flat=True)) == 4


def test_a_platform_without_a_message_is_skipped(routed: App, start: Start, now: datetime) -> None:
    builders.make_device(routed, "phone", "ios")
    transfer = start({"android": {"title": "Hi", "body": "There"}})

    freeze.freeze_transfer(transfer, now=now)

    assert Delivery.objects.get().reason == "no_message"


def test_ids_that_a_script_names_are_resolved_and_count_once(
    routed: App, submit: Start, now: datetime
) -> None:
    devices = [builders.make_device(routed, f"t{n}").pk for n in range(3)]
    transfer = submit(
        Targets("token", ("t2", "t0", "t0")), Targets("token", ("t1", "t2", "who", "who"))
    )

    freeze.freeze_transfer(transfer, now=now)

    assert list_frozen(transfer) == devices
    assert transfer.audience == 4
    assert RejectedIds.objects.get().count == 1
    assert Counter.objects.get(reason="unknown_id").count == 1


def test_a_named_id_of_another_app_is_unknown(routed: App, submit: Start, now: datetime) -> None:
    other = builders.make_app(routed.workspace, "other")
    builders.make_device(other, "theirs")
    transfer = submit(Targets("token", ("theirs",)))

    freeze.freeze_transfer(transfer, now=now)

    assert list_frozen(transfer) == []
    assert RejectedIds.objects.get().count == 1


def test_a_transfer_with_faults_becomes_failed(routed: App, submit: Start, now: datetime) -> None:
    builders.make_device(routed, "t0")
    transfer = submit(Targets("token", ("t0",)), faults=(Fault(FaultKind.NO_TEXT, "android"),))

    freeze.freeze_transfer(transfer, now=now)

    assert transfer.status == Transfer.Status.FAILED
    assert transfer.audience == 1


def test_nobody_freezes_what_another_worker_holds(start: Start, now: datetime) -> None:
    transfer = start()
    Transfer.objects.filter(pk=transfer.pk).update(
        freeze_cursor={"by": "other", "until": "2999-01-01T00:00:00+00:00"}
    )

    did = freeze.freeze_step(transfer, "me", now)

    assert did is False


@pytest.mark.parametrize(
    "case",
    [("within_last", [1, 13, 11, 1, 11], "0234"), ("longer_ago_than", [13, 1, 11, 13, 13], "034")],
)
def test_a_freeze_counts_relative_times_from_its_beginning_also_after_a_crash(
    case: tuple[str, list[int], str],
    routed: App,
    start: Start,
    now: datetime,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    op, ages, meant = case
    monkeypatch.setattr(freeze, "CHUNK_DEVICES", 2)
    devices = [
        builders.make_device(routed, f"t{n}", last_seen_at=now - timedelta(hours=age)).pk
        for n, age in enumerate(ages)
    ]
    seen = {"field": "device.last_seen_at", "op": op, "value": "12h"}
    transfer = start(audience={"combine": {"include": [{"expression": seen}]}})

    freeze.freeze_step(transfer, "dies", now)
    freeze.freeze_transfer(transfer, now=now + timedelta(hours=10), worker="goes on")

    assert list_frozen(transfer) == [devices[int(place)] for place in meant]


def test_an_audience_of_relative_times_is_whom_it_means_when_it_is_frozen(
    routed: App, start: Start, now: datetime
) -> None:
    builders.make_device(routed, "t0", last_seen_at=now)
    recent = builders.make_device(routed, "t1", last_seen_at=now + timedelta(days=5))
    seen = {"field": "device.last_seen_at", "op": "within_last", "value": "30d"}
    transfer = start(audience={"expression": seen})

    freeze.freeze_transfer(transfer, now=now + timedelta(days=31))

    assert list_frozen(transfer) == [recent.pk]


def test_a_scheduled_campaign_starts_when_its_time_has_come(
    routed: App, schedule: Callable[..., Campaign], now: datetime
) -> None:
    campaign = schedule(due_at=now)
    later = schedule(due_at=now + timedelta(seconds=1))

    plan.start_due(now)

    campaign.refresh_from_db()
    later.refresh_from_db()
    assert (campaign.status, later.status) == ("sending", "scheduled")
    assert Transfer.objects.get().campaign == campaign


def test_a_due_campaign_that_cannot_start_fails_and_says_why(
    routed: App, schedule: Callable[..., Campaign], now: datetime
) -> None:
    group = Group.objects.get(app=routed)
    campaign = schedule(due_at=now, group=group)
    Group.objects.update(archived_at=now)

    plan.start_due(now)

    campaign.refresh_from_db()
    assert campaign.status == "failed"
    assert "archived" in campaign.events.last().note
