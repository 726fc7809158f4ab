"""A scenario that the vendor runs: told in one call, heard of again by the step that reached."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.db import transaction

from campaigns.dispatch import engine
from campaigns.dispatch.events import keep_events
from campaigns.dispatch.plan import start_campaign
from campaigns.dispatch.receipt_tokens import write_receipt_token
from campaigns.dispatch.verify import check_books
from campaigns.models import (
    Account,
    Attempt,
    Campaign,
    Counter,
    Delivery,
    Device,
    Group,
    Handover,
    Message,
    Part,
    Person,
    ReceiptRow,
    Route,
    Scenario,
    Transfer,
    WaitingEvent,
)
from campaigns.models.audience import hash64, pack_version
from campaigns.selectors.dimensions import break_down
from campaigns.selectors.lines import sum_lines
from campaigns.selectors.questions import Dimension, Question
from campaigns.selectors.report_facts import make_span
from campaigns.services.preflight import find_campaign_losses, find_problems
from providers import vault
from providers.outcomes import Outcome, Reason
from providers.receipts import OutcomeEvent, ReceiptEvent, ReceiptKind
from providers.simulator.behaviour import Behaviour
from providers.simulator.plan import read_plan
from tests import builders
from tests.compat.infobip.running import list_sent, vendor
from tests.vendor_cases.conftest import simulator

__all__ = ["simulator", "vendor"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
WAIT = 3600
STEPS = [
    {"channel": "push", "sender": "", "wait": WAIT, "price": ""},
    {"channel": "sms", "sender": "Shop", "wait": None, "price": ""},
]
CONTENT = {"title": "Hi", "body": "There", "sms": {"body": "There you are"}}


@pytest.fixture
def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def people(app, vendor) -> dict[str, Person]:
    """Ann has two phones, Bob one and no number, Cy one that no push reaches."""
    persons = {}
    for name, phones in {"ann": ["a1", "a2"], "bob": ["b1"], "cy": [""]}.items():
        number = "" if name == "bob" else f"4179302672{len(persons)}"
        persons[name] = builders.make_person(app.workspace, name, phone=number)
        for value in phones:
            device = builders.make_device(app, f"t-{name}-{value}", person=persons[name])
            if value:
                device.identifiers.create(
                    app=app, kind="push_registration_id", value=value, value_hash=hash64(value)
                )
    return persons


def make_campaign(app, now, **fields) -> Campaign:
    scenario = Scenario.objects.create(
        workspace=app.workspace, name="Both", steps=STEPS, run_by="vendor"
    )
    return Campaign.objects.create(
        app=app,
        workspace=app.workspace,
        group=Group.objects.get(app=app),
        message=Message.objects.create(app=app, content=CONTENT),
        audience={"all": True},
        scenario=scenario,
        status_since=now,
        created_at=now,
        created_by="owner",
        **fields,
    )


@pytest.fixture
def begin(app, people, now):
    """Start, and hand over."""

    def begin(**fields) -> Transfer:
        start_campaign(make_campaign(app, now, **fields), actor="owner", now=now)
        engine.drain(clock=lambda: now)
        return Transfer.objects.get()

    return begin


def tell(event, now) -> None:
    with transaction.atomic():
        keep_events([event], Account.objects.earliest("pk"), now)


def find_token(value: str) -> str:
    device = Device.objects.get(identifiers__value=value)
    return write_receipt_token(Part.objects.get(step=0).pk, device.pk)


def list_deliveries(step: int) -> list[tuple[str, str]]:
    rows = Delivery.objects.filter(part_id=Part.objects.get(step=step).pk).order_by("recipient")
    return list(rows.values_list("outcome", "reason"))


def test_the_vendor_reaches_who_does_not_answer_and_the_books_say_by_which_step(
    begin, vendor, people, now
):
    transfer = begin()
    later = now + timedelta(minutes=2)
    engine.drain(clock=lambda: later)

    transfer.refresh_from_db()
    engine.drain(clock=lambda: now + timedelta(seconds=2 * WAIT))  # no step is ours any more
    push, texts = list_sent(vendor)
    assert push == ("push", ["a1", "a2", "b1"], {find_token("a1"): "sms"})
    assert texts == ("sms", [people["cy"].phone], {})
    assert list_deliveries(0) == [("sent", "")] * 3 + [("skipped", "not_addressable")]
    assert list_deliveries(1) == [("sent", "")] * 2
    sms = Part.objects.get(step=1)
    heard = ReceiptRow.objects.values_list("part_id", "recipient", "kind")
    assert list(heard) == [(sms.pk, people["ann"].pk, "delivered")]
    assert (transfer.status, transfer.audience, sms.audience) == ("sent", 6, 2)
    assert not Handover.objects.filter(done_at__isnull=True).exists()
    assert check_books().faults == []


def test_a_word_that_comes_again_or_fails_later_moves_the_step_it_names(begin, people, now):
    begin()
    came = ReceiptEvent(find_token("a1"), ReceiptKind.DELIVERED, now, channel="sms")
    failed = OutcomeEvent(
        outcome=Outcome.FAILED, at=now, reference=find_token("a1"), reason=Reason.VENDOR,
        message="No such number", channel="sms",
    )  # fmt: skip
    pushed = ReceiptEvent(find_token("b1"), ReceiptKind.DELIVERED, now, channel="push")
    ReceiptRow.objects.all().delete()

    tell(pushed, now)
    tell(failed, now)
    tell(failed, now)
    middle = list_deliveries(1)
    tell(came, now)

    assert ("failed", "vendor") in middle
    assert list_deliveries(1) == middle
    assert list_deliveries(0)[:3] == [("sent", "")] * 3
    assert Part.objects.get(step=1).audience == 2
    row = ReceiptRow.objects.get(part_id=Part.objects.get(step=0).pk)
    assert row.recipient == Device.objects.get(identifiers__value="b1").pk
    assert check_books().faults == []


def test_a_word_about_who_carried_no_address_or_another_account_changes_nothing(begin, now):
    begin()
    counters = list(Counter.objects.order_by("pk").values_list("pk", "count"))
    stranger = Account.objects.create(
        workspace=Transfer.objects.get().app.workspace, name="Other", dialect="infobip"
    )

    tell(ReceiptEvent(find_token("a2"), ReceiptKind.DELIVERED, now, channel="sms"), now)
    with transaction.atomic():
        event = ReceiptEvent(find_token("a1"), ReceiptKind.DELIVERED, now, channel="sms")
        keep_events([event], stranger, now)

    assert list(Counter.objects.order_by("pk").values_list("pk", "count")) == counters
    assert WaitingEvent.objects.filter(account=stranger).count() == 1


@pytest.mark.parametrize("by", [Dimension.GROUP, Dimension.LANGUAGE, Dimension.DAY])
def test_a_step_that_is_heard_of_days_later_is_in_the_report_of_its_own_day(
    app, begin, vendor, now, by
):
    vendor.behaviour = Behaviour(delivered_percent=0, receipt_seconds=10**6)
    ended = begin().finished_at
    later = now + timedelta(days=3)

    tell(ReceiptEvent(find_token("a1"), ReceiptKind.DELIVERED, later, channel="sms"), later)

    first, last = (
        sum_lines(break_down(Question(make_span([app.pk], (day, day), UTC), by, UTC))).outcomes
        for day in (now.date(), later.date())
    )
    assert (first, last) == ({"sent": 4, "skipped": 1}, {"sent": 1})
    assert (ended, Transfer.objects.get().finished_at) == (now, later)
    assert check_books().faults == []


def test_the_upgrade_moves_the_end_of_what_a_vendor_has_taken_later(begin, vendor, now):
    vendor.behaviour = Behaviour(delivered_percent=0, receipt_seconds=10**6)
    begin()
    later = now + timedelta(days=3)
    tell(ReceiptEvent(find_token("a1"), ReceiptKind.DELIVERED, later, channel="sms"), later)
    Transfer.objects.update(finished_at=now)  # as an earlier release left it

    import_module("campaigns.migrations.0059_ends_of_vendors_steps").move_ends(apps, None)

    assert Transfer.objects.get().finished_at == later


def test_a_lost_answer_is_asked_for_and_nothing_is_sent_again(begin, vendor, now):
    vendor.follow(read_plan({"faults": ["accepted_answer_lost:nth=1"], "seed": 7}))

    begin()
    engine.drain(clock=lambda: now + timedelta(minutes=5))

    assert [channel for channel, *_rest in list_sent(vendor)] == ["push", "sms"]
    assert list_deliveries(0)[:3] == [("sent", "")] * 3
    assert Attempt.objects.filter(batch__part__step=0).get().reference
    assert check_books().faults == []


def test_where_a_step_leaves_through_another_account_we_run_it(app, begin, vendor, now):
    other = Account.objects.create(
        workspace=app.workspace, name="Other", dialect="infobip",
        credentials=vault.encrypt({"api_key": "good"}),
        base_urls={"api": f"{vendor.url}/infobip"},
    )  # fmt: skip
    Route.objects.filter(platform="sms").update(account=other)

    begin()

    assert [(channel, failover) for channel, _to, failover in list_sent(vendor)] == [
        ("push", {}), ("sms", {}),
    ]  # fmt: skip
    assert Handover.objects.filter(done_at__isnull=True).count() == 1
    assert check_books().faults == []


def find_refusals(campaign: Campaign, now) -> list[str]:
    campaign.refresh_from_db()
    found = [one for one in find_problems(campaign, now=now) if one.code == "not_at_vendor"]
    assert all(one.field == "scenario" and one.is_blocking for one in found)
    return [one.sentence for one in found]


def test_a_launch_says_why_the_vendor_cannot_run_it(app, people, now):
    campaign = make_campaign(app, now)

    fine = find_refusals(campaign, now)
    Scenario.objects.update(steps=[STEPS[0], {**STEPS[1], "sender": ""}])
    [nameless] = find_refusals(campaign, now)
    Scenario.objects.update(steps=[*STEPS, {**STEPS[1], "channel": "email"}])
    [elsewhere] = find_refusals(campaign, now)
    Account.objects.update(dialect="sandbox")
    [unable] = find_refusals(campaign, now)

    assert fine == []
    assert "needs a sender for the step sms" in nameless
    assert "The step email does not leave through" in elsewhere
    assert "runs no scenarios" in unable


def test_what_a_scenario_of_the_vendor_loses_is_told_before(app, people, now):
    campaign = make_campaign(app, now)
    mirror = {"style": "modal", "open_title": "Look"}
    Message.objects.update(content={**CONTENT, "in_app": mirror})
    campaign.refresh_from_db()

    told = {loss.field: loss.fate.value for loss in find_campaign_losses(campaign)}
    Scenario.objects.update(run_by="us")
    campaign.refresh_from_db()
    ours = {loss.field: loss.fate.value for loss in find_campaign_losses(campaign)}

    assert (told["in_app.open_title"], ours["in_app.open_title"]) == ("dropped", "renamed")
    assert told["in_app.style"] == ours["in_app.style"] == "renamed"


def test_devices_whose_sdk_is_too_old_are_counted_before(app, people, now):
    campaign = make_campaign(app, now)
    versions = ["1.5.0", "2.0.0", "", "1.13.0"]
    for pk, version in zip(Device.objects.order_by("pk").values_list("pk"), versions, strict=True):
        number = pack_version(version)
        Device.objects.filter(pk=pk[0]).update(sdk_version=version, sdk_version_number=number)

    def find_old(**content: Any) -> list[tuple[str, bool, str]]:
        Message.objects.update(content={**CONTENT, **content})
        fresh = Campaign.objects.get(pk=campaign.pk)
        found = [one for one in find_problems(fresh, now=now) if one.code == "old_sdk"]
        return [(one.field, one.is_blocking, one.sentence.partition(" ")[0]) for one in found]

    picture = "https://shop.example/p.png"
    assert find_old(in_app={"style": "banner"}) == [("message.in_app.style", False, "2")]
    assert find_old(in_app={"style": "modal"}) == [("message.in_app.style", False, "1")]
    assert find_old(image=picture) == [("message.image", False, "1")]
    assert find_old(android={"banner": picture}) == [("message.android.banner", False, "1")]
