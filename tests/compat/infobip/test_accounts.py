"""What an account's own settings change: the older version, and calls that name nobody."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction

from campaigns.dispatch import engine
from campaigns.dispatch.events import keep_events
from campaigns.dispatch.plan import start_campaign
from campaigns.dispatch.verify import check_books
from campaigns.models import (
    Account,
    Attempt,
    Campaign,
    Delivery,
    Device,
    Group,
    Message,
    Part,
    ReceiptRow,
    WaitingEvent,
)
from campaigns.models.audience import hash64
from providers import registry
from providers.audience_calls import SaveDevice
from providers.message_fields import Platform
from providers.receipts import ReceiptEvent, ReceiptKind
from providers.simulator.behaviour import Behaviour
from providers.simulator.memory import Visitor
from providers.simulator.plan import read_plan
from tests import builders
from tests.compat.infobip.running import list_sent, vendor
from tests.vendor_cases.conftest import simulator

__all__ = ["simulator", "vendor"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]


@pytest.fixture
def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def begin(app, vendor, now):
    """Send to two phones through an account with these options; every one of them answers."""
    vendor.behaviour = Behaviour(delivered_percent=100, receipt_seconds=0)
    for value in ("a1", "b1"):
        device = builders.make_device(app, f"t-{value}")
        device.identifiers.create(
            app=app, kind="push_registration_id", value=value, value_hash=hash64(value)
        )

    def begin(**options) -> Part:
        Account.objects.update(options=options)
        campaign = Campaign.objects.create(
            app=app, workspace=app.workspace, group=Group.objects.get(app=app),
            message=Message.objects.create(app=app, content={"title": "Hi", "body": "There"}),
            audience={"all": True}, status_since=now, created_at=now, created_by="owner",
        )  # fmt: skip
        start_campaign(campaign, actor="owner", now=now)
        for minutes in (0, 2, 5):
            engine.drain(clock=lambda: now + timedelta(minutes=minutes))  # noqa: B023
        return Part.objects.get()

    return begin


def know_device(vendor) -> None:
    """The vendor knows one Android device of the application."""
    device = SaveDevice(app="code", kind="push_registration_id", id="a1", platform=Platform.ANDROID)
    vendor.vendor.execute(Visitor(registry.get("infobip"), ""), device)


def list_outcomes() -> list[str]:
    return list(Delivery.objects.order_by("recipient").values_list("outcome", flat=True))


def test_version_2_sends_to_everybody_on_their_own_and_hears_of_them(begin, vendor):
    part = begin(version="2")

    heard = ReceiptRow.objects.filter(part_id=part.pk, kind="delivered")
    assert [(sent[0], sent[1]) for sent in list_sent(vendor)] == [
        ("push", ["a1"]), ("push", ["b1"]),
    ]  # fmt: skip
    assert list_outcomes() == ["sent"] * 2
    assert set(heard.values_list("recipient", flat=True)) == set(
        Device.objects.values_list("pk", flat=True)
    )
    assert check_books().faults == []


def test_a_lost_answer_of_version_2_is_unknown_and_nothing_is_sent_again(begin, vendor):
    vendor.follow(read_plan({"faults": ["accepted_answer_lost:nth=1"], "seed": 7}))
    vendor.behaviour = Behaviour(delivered_percent=0)

    begin(version="2")

    assert len(list_sent(vendor)) == 2
    assert list_outcomes() == ["unknown"] * 2
    assert not Attempt.objects.filter(answered_at__isnull=True).exists()


def test_everybody_is_one_call_where_the_account_says_so(app, begin, vendor, now):
    know_device(vendor)

    part = begin(by_audience=True)

    [told] = vendor.vendor.memory.transfers.values()
    assert told.audience
    assert part.declared is not None
    assert list_outcomes() == ["sent"] * 2
    account, device = Account.objects.get(), Device.objects.earliest("pk")
    event = ReceiptEvent(
        "theirs", ReceiptKind.OPENED, now, transfer=Attempt.objects.get().reference,
        target_kind="push_registration_id", target="a1",
    )  # fmt: skip
    with transaction.atomic():
        keep_events([event], account, now)
    opened = ReceiptRow.objects.filter(kind="opened")
    assert list(opened.values_list("recipient", flat=True)) == [device.pk]
    assert not WaitingEvent.objects.exists()
    assert check_books().faults == []


def test_a_query_that_the_vendor_rejects_has_reached_nobody(begin, vendor):
    begin(by_audience=True)

    assert list_outcomes() == ["failed"] * 2
    assert "UNDELIVERABLE_NO_DESTINATION" in Attempt.objects.latest("pk").words


def test_where_everybody_cannot_be_said_each_device_is_named(app, begin, vendor):
    builders.make_route(app, "web", "infobip", options={"sender": "code"})

    begin(by_audience=True)

    assert [sent[1] for sent in list_sent(vendor)] == [["a1", "b1"]]
