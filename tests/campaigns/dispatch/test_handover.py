"""A push and, for whom it does not reach, an e-mail: over a real vendor and a real mail server."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from campaigns.dispatch import engine, folds, freeze, handover, receipts
from campaigns.dispatch.plan import start_due
from campaigns.dispatch.receipt_tokens import write_receipt_token
from campaigns.dispatch.verify import check_books
from campaigns.models import (
    Account,
    Campaign,
    Delivery,
    Device,
    Handover,
    Part,
    Person,
    Route,
    Scenario,
    Transfer,
)
from campaigns.selectors.status import progress
from campaigns.selectors.step_counts import list_steps
from campaigns.selectors.trace import trace_transfer
from campaigns.services import campaigns, transfers
from providers import vault
from providers.receipts import ReceiptEvent, ReceiptKind
from providers.simulator import Simulator
from tests import builders
from tests.campaigns.dispatch.boundaries import Interruptions, crossing
from tests.mail_server import serving_mail

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
WAIT = timedelta(hours=1)
STEPS = [
    {"channel": "push", "sender": "", "wait": 3600, "price": ""},
    {"channel": "email", "sender": "", "wait": None, "price": ""},
]


@pytest.fixture
def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def server(settings):
    with serving_mail(settings) as server:
        yield server


@pytest.fixture
def scenario(routed, server, simulator: Simulator) -> Scenario:
    push = Account.objects.get()
    push.credentials, push.options = vault.encrypt({"api_key": "good"}), {"delivered_percent": 0}
    push.save()
    builders.make_route(routed, "email", dialect="mailserver")
    Account.objects.filter(dialect="mailserver").update(options={"sender": "a@shop.example"})
    return Scenario.objects.create(workspace=routed.workspace, name="Push, mail", steps=STEPS)


@pytest.fixture
def people(routed, scenario) -> dict[str, Person]:
    """Ann has two phones, Bob one, Cy one without a token, Dee no address."""
    phones = {"ann": ["a1", "a2"], "bob": ["b1"], "cy": [""], "dee": ["d1"]}
    persons = {}
    for name, tokens in phones.items():
        address = "" if name == "dee" else f"{name}@x.example"
        persons[name] = builders.make_person(routed.workspace, name, email=address)
        for token in tokens:
            state = {} if token else {"token_state": "missing"}
            builders.make_device(routed, token, person=persons[name], **state)
    return persons


@pytest.fixture
def begin(start, scenario, people, now):
    """Start, and send the push."""

    def begin() -> Transfer:
        transfer = start({"title": "Hi", "body": "There"}, scenario=scenario)
        engine.drain(clock=lambda: now)
        transfer.refresh_from_db()
        return transfer

    return begin


def go_on(at: datetime) -> None:
    engine.drain(clock=lambda: at)


def answer(transfer: Transfer, token: str, now: datetime) -> None:
    part = transfer.parts.get(step=0)
    device = Device.objects.get(token=token)
    reference = write_receipt_token(part.pk, device.pk)
    with transaction.atomic():
        receipts.keep_receipts([ReceiptEvent(reference, ReceiptKind.OPENED, now)], 0, now)


def list_mailed(server) -> list[str]:
    return sorted(address.partition("@")[0] for address, _mail in server.mails)


def test_who_cannot_be_pushed_to_gets_the_next_step_at_once(begin, server):
    transfer = begin()

    assert list_mailed(server) == ["cy"]
    assert transfer.status == Transfer.Status.SENDING
    assert check_books().faults == []


def test_a_trace_tells_who_was_handed_on_and_who_was_not(begin, server, owner, now):
    transfer = begin()
    answer(transfer, "b1", now)
    waiting = trace_transfer(transfer, "ann", owner)
    go_on(now + WAIT + timedelta(minutes=1))

    ann, bob = (trace_transfer(transfer, who, owner) for who in ("ann", "bob"))

    words = [" ".join(line.words for line in one.recipients[-1].lines) for one in (ann, bob)]
    assert [one.kind for one in ann.recipients] == ["device", "device", "person"]
    assert waiting.recipients[-1].outcome == ""
    assert "Waits for an answer" in " ".join(line.words for line in waiting.recipients[0].lines)
    assert "Handed on to step 2: nothing had come back" in words[0]
    assert ann.recipients[-1].outcome == "sent"
    assert "Not handed on to step 2" in words[1]
    assert "Came back: opened." in " ".join(line.words for line in bob.recipients[0].lines)


def test_who_does_not_answer_gets_the_next_step_when_the_wait_is_over(begin, server, now):
    transfer = begin()
    answer(transfer, "b1", now)

    go_on(now + WAIT - timedelta(minutes=1))
    before = list_mailed(server)
    go_on(now + WAIT + timedelta(minutes=1))

    transfer.refresh_from_db()
    assert before == ["cy"]
    assert list_mailed(server) == ["ann", "cy"]
    assert transfer.status == Transfer.Status.SENT
    assert check_books().faults == []


def test_one_phone_of_two_is_an_answer(begin, server, now):
    transfer = begin()
    answer(transfer, "a2", now)

    go_on(now + WAIT + timedelta(minutes=1))

    assert list_mailed(server) == ["bob", "cy"]


def test_a_person_without_an_address_is_counted_and_left_out(begin, people, now):
    begin()

    go_on(now + WAIT + timedelta(minutes=1))

    email = Part.objects.get(step=1)
    rows = dict(Delivery.objects.filter(part_id=email.pk).values_list("recipient", "outcome"))
    assert rows == {
        people["ann"].pk: "sent", people["bob"].pk: "sent", people["cy"].pk: "sent",
        people["dee"].pk: "skipped",
    }  # fmt: skip
    assert (email.audience, email.kind) == (4, "person")


def test_a_late_answer_stops_what_has_not_gone(begin, server, people, now):
    transfer = begin()
    at = now + WAIT + timedelta(minutes=1)
    Account.objects.filter(dialect="mailserver").update(is_enabled=True)
    engine.tick("scheduler", clock=lambda: at)  # handed over, not yet sent
    answer(transfer, "a1", at)

    go_on(at)

    email = Part.objects.get(step=1)
    row = Delivery.objects.get(part_id=email.pk, recipient=people["ann"].pk)
    assert (row.outcome, row.reason) == ("cancelled", "answered")
    assert list_mailed(server) == ["bob", "cy"]
    assert check_books().faults == []


def test_who_has_opted_out_meanwhile_gets_nothing_more(begin, server, people, now):
    begin()
    Person.objects.filter(pk=people["bob"].pk).update(opted_out_at=now)

    go_on(now + WAIT + timedelta(minutes=1))

    assert list_mailed(server) == ["ann", "cy"]


def test_what_is_cancelled_while_it_waits_hands_nobody_on(begin, server, now):
    transfer = begin()
    campaigns.cancel_campaign(transfer.campaign, actor="owner", now=now)

    go_on(now + WAIT + timedelta(minutes=1))

    transfer.refresh_from_db()
    assert list_mailed(server) == ["cy"]
    assert transfer.status == Transfer.Status.CANCELLED
    assert transfer.finished_at is not None
    assert not Handover.objects.filter(done_at__isnull=True).exists()
    assert check_books().faults == []


def test_what_is_paused_hands_nobody_on_until_it_is_resumed(begin, server, now):
    transfer = begin()
    transfers.pause_transfer(transfer, actor="owner", now=now)

    go_on(now + WAIT + timedelta(minutes=1))
    paused = list_mailed(server)
    transfers.resume_transfer(transfer, actor="owner", now=now + WAIT)
    go_on(now + WAIT + timedelta(minutes=2))

    assert paused == ["cy"]
    assert list_mailed(server) == ["ann", "bob", "cy"]


def test_a_handover_that_dies_in_the_middle_is_made_once(begin, server, now, monkeypatch):
    begin()
    at = now + WAIT + timedelta(minutes=1)

    def die(*_args, **_options):
        raise KeyboardInterrupt

    monkeypatch.setattr("campaigns.dispatch.handover.make_batches", die)
    with pytest.raises(KeyboardInterrupt):
        engine.tick("scheduler", clock=lambda: at)
    monkeypatch.undo()
    go_on(at)

    assert list_mailed(server) == ["ann", "bob", "cy"]
    assert check_books().faults == []


def test_who_is_handed_on_while_the_transfer_is_being_ended_is_not_left_behind(begin, server, now):
    at = now + WAIT + timedelta(minutes=1)
    ends = []

    for gap in range(1, 5):
        transfer = begin()
        with crossing(Interruptions(gap, end=lambda: handover.hand_over(lambda: at))):
            folds.finish_transfer(transfer, at)
        go_on(at)
        transfer.refresh_from_db()
        ends.append(transfer.status)

    assert ends == [Transfer.Status.SENT] * 4
    assert list_mailed(server) == sorted(["ann", "bob", "cy"] * 4)
    assert check_books().faults == []


def test_without_a_route_for_the_step_its_people_are_counted(begin, server, now):
    Route.objects.filter(platform="email").delete()
    transfer = begin()

    go_on(now + WAIT + timedelta(minutes=1))

    transfer.refresh_from_db()
    assert server.mails == []
    rows = Delivery.objects.filter(part_id=Part.objects.get(step=1).pk)
    assert set(rows.values_list("reason", flat=True)) == {"no_route"}
    assert transfer.status == Transfer.Status.SENT
    assert check_books().faults == []


def test_each_step_says_who_came_to_it_and_what_it_has_cost(begin, scenario, now):
    scenario.steps = [{**STEPS[0], "price": "0.001"}, {**STEPS[1], "price": "0.02"}]
    scenario.save()
    transfer = begin()
    before = progress(transfer, now=now)
    answer(transfer, "b1", now)
    go_on(now + WAIT + timedelta(minutes=1))
    transfer.refresh_from_db()
    with CaptureQueriesContext(connection) as asked:
        after = list_steps(transfer)

    shown = [
        (one.number, one.channel, one.counters.audience, one.counters.sent, one.counters.skipped)
        for one in after
    ]
    assert shown == [(1, "push", 5, 4, 1), (2, "email", 3, 2, 1)]
    assert [one.accounts for one in after] == [("Sandbox",), ("Mailserver",)]
    assert [(one.handed_over, one.cost) for one in before.steps] == [
        (1, Decimal("0.004")),
        (None, Decimal("0.02")),
    ]
    assert [(one.handed_over, one.cost) for one in after] == [
        (3, Decimal("0.004")),
        (None, Decimal("0.04")),
    ]
    assert [one.delivered for one in after] == [0, None]
    assert before.next_handover == now + WAIT
    assert progress(transfer, now=now).next_handover is None
    assert len(asked) == 4


def test_a_scenario_that_went_to_the_archive_stops_what_waits_for_its_time(schedule, scenario, now):
    scenario.archived_at = now
    scenario.save()
    campaign = schedule(scenario=scenario, due_at=now)

    start_due(now)

    campaign.refresh_from_db()
    assert campaign.status == Campaign.Status.FAILED
    assert "is archived" in campaign.events.get(new="failed").note


def test_who_is_pushed_to_on_one_phone_of_two_may_answer_that_first(begin, people, server, now):
    dead = builders.make_device(people["ann"].devices.first().app, "a3", person=people["ann"])
    Device.objects.filter(pk=dead.pk).update(token_state="disabled")
    transfer = begin()
    before = list_mailed(server)
    answer(transfer, "b1", now)

    go_on(now + WAIT - timedelta(minutes=1))
    waiting = list_mailed(server)
    go_on(now + WAIT + timedelta(minutes=1))

    assert before == waiting == ["cy"]
    assert list_mailed(server) == ["ann", "cy"]
    assert check_books().faults == []


def test_who_was_pushed_to_is_judged_by_the_times_of_the_freeze(
    start, scenario, people, server, now
):
    builders.make_device(
        people["ann"].devices.first().app, "a3", person=people["ann"], token_state="disabled"
    )
    Device.objects.update(last_seen_at=now - timedelta(hours=11, minutes=45))
    recent = {"field": "device.last_seen_at", "op": "within_last", "value": "12h"}
    transfer = start(scenario=scenario, audience={"expression": recent})

    freeze.freeze_step(transfer, "worker", now)
    ended = now + timedelta(hours=10)
    freeze.freeze_transfer(transfer, now=ended, worker="worker")
    go_on(ended + WAIT / 2)

    assert transfer.frozen_at == ended
    assert list_mailed(server) == ["cy"]


def test_a_later_step_goes_out_no_later_than_its_campaign_lives(start, scenario, people, now):
    start(scenario=scenario, expires_in=3700)
    engine.drain(clock=lambda: now)

    engine.drain(clock=lambda: now + timedelta(days=1))

    mailed = Part.objects.get(step=1).batches.all()
    assert {batch.expires_at for batch in mailed} == {now + timedelta(seconds=3700)}
    outcomes = Delivery.objects.filter(part__step=1).values_list("outcome", flat=True)
    assert sorted(outcomes) == ["expired", "expired", "expired", "sent"]
    assert check_books().faults == []
