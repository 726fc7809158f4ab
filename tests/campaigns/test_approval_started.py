"""What was approved is what goes, whatever is changed after the launch."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import connection

from campaigns.dispatch import freeze, plan, runs
from campaigns.errors import ChangedMeanwhile, Conflict
from campaigns.models import App, Campaign, Segment, Transfer
from campaigns.selectors.approvals import find_exempt, read_standing
from campaigns.selectors.signing import digest_campaign
from campaigns.services import approvals, campaigns, rates, transfers, waiting
from tests import builders

pytestmark = pytest.mark.database
FRENCH = {"field": "device.language", "op": "eq", "value": "fr"}
EVERYBODY = {"and": []}
DAILY = {"recurrence": {"unit": "day"}, "send_at": "2040-01-01T09:00", "timezone": "UTC"}


@pytest.fixture
def strict(app):
    """An app that asks for approvals of any send, with two French devices and three others."""
    builders.make_route(app, "android")
    for number in range(5):
        builders.make_device(app, f"t{number}", language="fr" if number < 2 else "de")
    App.objects.filter(pk=app.pk).update(needs_approval=True)
    app.refresh_from_db()
    return app


@pytest.fixture
def segment(strict):
    return Segment.objects.create(app=strict, name="French", expression=FRENCH)


@pytest.fixture
def campaign(strict, segment, now):
    return builders.make_campaign(strict, now, audience={"segment": segment.pk})


def approve(campaign, now):
    campaign = fresh(campaign)
    approvals.request_approval(campaign, actor="ann", now=now)
    digest = digest_campaign(campaign)
    return approvals.approve_campaign(campaign, digest, actor="bob", now=now)


def fresh(campaign):
    related = ("app", "app_group", "group", "message", "scenario")
    return Campaign.objects.select_related(*related).get(pk=campaign.pk)


def launch(campaign, now):
    return campaigns.launch_campaign(fresh(campaign), actor="sue", now=now)


def pause(campaign, now):
    campaigns.pause_campaign(fresh(campaign), actor="sue", now=now)


def resume(campaign, now):
    campaigns.resume_campaign(fresh(campaign), actor="sue", now=now)


def run_series(campaign, now):
    Campaign.objects.update(**DAILY, status="recurring", due_at=now)
    runs.run_due(now)


def find_refusal(campaign, now):
    """The words with which going on is refused."""
    with pytest.raises(Conflict) as refusal:
        resume(campaign, now)
    return refusal.value.message


def count_frozen(now):
    transfer = Transfer.objects.get()
    freeze.freeze_transfer(transfer, now=now)
    return transfer.audience


@contextmanager
def counting(act=lambda: None):
    """The statements that count recipients while a transaction is open; `act` comes right behind
    the first that counts them before."""
    inside, acts = [], [act]

    def look(execute, sql, params, many, context):
        result = execute(sql, params, many, context)
        if "COUNT(" in sql and '"campaigns_device"' in sql:
            inside.extend([sql] * connection.in_atomic_block)
            acts.pop()() if acts else None
        return result

    with connection.execute_wrapper(look):
        yield inside
    assert not acts


def test_a_pause_lets_nobody_in_whom_the_approval_did_not_mean(campaign, now):
    approve(campaign, now)
    launch(campaign, now)

    pause(campaign, now)
    Segment.objects.update(expression=EVERYBODY)
    resume(campaign, now)

    assert count_frozen(now) == 2


def test_what_was_approved_goes_on_slower_and_by_another_way(campaign, strict, now):
    approve(campaign, now)
    launch(campaign, now)
    pause(campaign, now)

    rates.change_campaign_rate(fresh(campaign), 1, actor="sue", now=now)
    strict.routes.update(options={"channel": "other"})
    resume(campaign, now)

    assert Transfer.objects.get().status == Transfer.Status.ACCEPTED


def test_a_run_of_a_series_goes_on_as_it_was_approved_though_the_next_is_another(
    campaign, segment, now
):
    approve(campaign, now)
    launch(campaign, now)
    Campaign.objects.update(**DAILY)
    pause(campaign, now)
    segment.expression = EVERYBODY
    segment.save()
    approve(campaign, now)

    resume(campaign, now)

    assert count_frozen(now) == 2


def test_a_former_approval_of_something_else_lets_nothing_go_on(campaign, strict, now):
    approve(campaign, now)
    App.objects.update(approval_above=2)
    nobody = {**FRENCH, "value": "it"}
    Segment.objects.update(expression={"or": [nobody, {**FRENCH, "value": "fr"}]})
    launch(campaign, now)  # of two: it needs none
    pause(campaign, now)
    builders.make_device(strict, "one more", language="fr")

    with pytest.raises(Conflict) as refusal:
        resume(campaign, now)

    assert refusal.value.code == "approval_required"


def test_an_approval_in_a_pause_signs_what_was_started(campaign, strict, now):
    App.objects.update(approval_above=2)
    launch(campaign, now)
    pause(campaign, now)
    builders.make_device(strict, "one more", language="fr")
    Segment.objects.update(expression={"or": []})
    App.objects.update(default_language="pt")

    with pytest.raises(Conflict):
        resume(campaign, now)  # what the segment means by now would need none
    approve(campaign, now)
    Segment.objects.update(expression=EVERYBODY)
    App.objects.update(default_language="it")
    holds = read_standing(fresh(campaign)).holds
    resume(campaign, now)

    assert holds
    assert count_frozen(now) == 3


def test_a_run_that_has_come_to_need_an_approval_and_cannot_get_one_is_cancelled(
    campaign, strict, segment, now
):
    App.objects.update(approval_above=2)
    run_series(campaign, now)
    pause(campaign, now)
    builders.make_device(strict, "one more", language="fr")
    words = find_refusal(campaign, now)
    Segment.objects.update(expression=EVERYBODY)
    approve(campaign, now)

    changed = find_refusal(campaign, now)
    transfers.cancel_transfer(Transfer.objects.get(), actor="sue", now=now)
    resume(campaign, now)

    assert "Ask for one" in words
    assert "Cancel this run" in changed
    assert fresh(campaign).status == Campaign.Status.RECURRING


def test_a_run_goes_on_by_an_approval_of_the_same(campaign, strict, now):
    App.objects.update(approval_above=2)
    run_series(campaign, now)
    pause(campaign, now)
    builders.make_device(strict, "one more", language="fr")
    approve(campaign, now)

    resume(campaign, now)

    assert count_frozen(now) == 3


def test_what_changes_while_it_is_started_does_not_go(campaign, segment, now):
    approve(campaign, now)
    Segment.objects.update(expression=EVERYBODY)  # after the launch has looked

    with pytest.raises(ChangedMeanwhile):
        plan.create_transfers(fresh(campaign), actor="sue", now=now)

    assert not Transfer.objects.exists()


def launch_cooling(campaign, now):
    campaigns.launch_campaign(fresh(campaign), actor="sue", now=now, cools_for=60)


def launch_cooling_and_start(campaign, now):
    launch_cooling(campaign, now)
    waiting.start_now(fresh(campaign), actor="sue", now=now)


def launch_cooling_and_wait(campaign, now):
    launch_cooling(campaign, now)
    plan.start_due(now + timedelta(seconds=61))


def go_on(campaign, now):
    launch(campaign, now)
    pause(campaign, now)
    resume(campaign, now)


def go_on_alone(campaign, now):
    launch(campaign, now)
    pause(campaign, now)
    transfers.resume_transfer(Transfer.objects.get(), actor="sue", now=now)


def go_on_and_be_refused(campaign, now):
    launch(campaign, now)
    pause(campaign, now)
    App.objects.update(approval_above=1)
    find_refusal(campaign, now)


def ask(campaign, now):
    App.objects.update(approval_above=1)
    approvals.request_approval(fresh(campaign), actor="ann", now=now)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "act",
    [
        *(launch, launch_cooling_and_start, launch_cooling_and_wait, run_series, ask),
        *(go_on, go_on_alone, go_on_and_be_refused),
    ],
)
def test_nobody_is_counted_while_a_transaction_is_open(campaign, now, act):
    App.objects.update(approval_above=2)

    with counting() as inside:
        act(campaign, now)

    assert inside == []
    assert Transfer.objects.exists() is (act is not ask)


@pytest.mark.django_db(transaction=True)
def test_a_series_that_lacks_an_approval_is_stopped_without_counting_in_its_transaction(
    campaign, now
):
    App.objects.update(approval_above=1)

    with counting() as inside:
        run_series(campaign, now)

    assert inside == []
    assert fresh(campaign).status == Campaign.Status.PAUSED


@pytest.mark.django_db(transaction=True)
def test_what_changes_while_recipients_are_counted_is_not_asked_of_anybody(campaign, now):
    with (
        counting(lambda: Segment.objects.update(expression=EVERYBODY)),
        pytest.raises(ChangedMeanwhile),
    ):
        ask(campaign, now)

    assert not campaign.approvals.exists()


def test_what_needed_none_and_changes_while_it_is_started_does_not_go(campaign, now):
    App.objects.update(approval_above=2)
    exempt = find_exempt(fresh(campaign))
    Segment.objects.update(expression=EVERYBODY)

    with pytest.raises(ChangedMeanwhile):
        plan.create_transfers(fresh(campaign), actor="sue", now=now, exempt=exempt)

    assert exempt
