"""Sending again by what became of recipients: exactly these, declared before, as a new campaign."""

from __future__ import annotations

from datetime import datetime

import pytest

from campaigns.dispatch.verify import check_books
from campaigns.errors import Conflict, Invalid
from campaigns.models import Account, Campaign, Delivery, Device, Route, Transfer
from campaigns.selectors.audience import read_audience
from campaigns.services import twice
from campaigns.services.campaigns import launch_campaign, update_campaign
from campaigns.services.resends import plan_resend, preview_resend
from tests import builders
from tests.campaigns.dispatch.test_repeats import (
    Simulator,
    keep,
    list_recipients,
    send,
    silent,
    unknown,
)

__all__ = ["keep", "silent", "unknown"]
pytestmark = pytest.mark.database


def count_choices(transfer: Transfer) -> dict[str, tuple[int, int]]:
    choices = preview_resend(transfer, now=transfer.created_at).choices
    return {choice.key: (choice.recipients, choice.twice) for choice in choices}


def fail(transfer: Transfer, reason: str) -> int:
    """Let one of the unknown have failed; gives who it is."""
    recipient = list_recipients(transfer, outcome="unknown")[0]
    rows = Delivery.objects.filter(part__transfer=transfer, recipient=recipient)
    rows.update(outcome="failed", reason=reason)
    return recipient


def test_a_draft_goes_to_exactly_those_who_are_meant(
    unknown: Transfer, simulator: Simulator, now: datetime
) -> None:
    campaign = plan_resend(unknown, {"outcomes": ["unknown"]}, actor="ann", now=now)
    assert campaign.status == Campaign.Status.DRAFT
    launch_campaign(Campaign.objects.get(pk=campaign.pk), actor="sue", now=now)

    send(now, 1)

    again = Transfer.objects.get(campaign=campaign)
    assert list_recipients(again) == list_recipients(unknown, outcome="unknown")
    assert (campaign.repeats, campaign.message.content) == (
        unknown, unknown.campaign.message.content,
    )  # fmt: skip
    assert check_books().faults == []


def test_it_is_told_how_many_may_get_it_twice(unknown: Transfer) -> None:
    assert count_choices(unknown) == {
        "failed": (0, 0), "cancelled": (0, 0), "expired": (0, 0), "unknown": (3, 3),
        "undelivered": (0, 0), "unopened": (0, 0),
    }  # fmt: skip


def test_only_reasons_that_another_try_can_mend_count_as_failed(unknown: Transfer) -> None:
    fail(unknown, "token")
    mended = fail(unknown, "vendor")

    assert count_choices(unknown)["failed"] == (1, 0)
    body = {"outcomes": ["failed"], "reasons": ["vendor"]}
    assert plan_resend(unknown, body, actor="ann", now=unknown.created_at).audience["outcomes_of"][
        "reasons"
    ] == ["vendor"]
    assert mended in list_recipients(unknown, outcome="failed")


@pytest.mark.parametrize("most_read", [20_000, 0])
def test_who_had_no_route_is_sent_to_once_there_is_one(
    unknown: Transfer, simulator: Simulator, now: datetime, monkeypatch, most_read: int
) -> None:
    """A large transfer is counted by what was folded; who opted out is in neither count."""
    monkeypatch.setattr(twice, "MOST_READ", most_read)
    campaign = plan_resend(unknown, {"outcomes": ["unknown"]}, actor="ann", now=now)
    launch_campaign(Campaign.objects.get(pk=campaign.pk), actor="sue", now=now)
    opted = Device.objects.get(pk=list_recipients(unknown, outcome="unknown")[0])
    opted.person = builders.make_person(opted.app.workspace, "out", opted_out_at=now)
    opted.save()
    routes = list(Route.objects.filter(app=unknown.app))
    Route.objects.all().delete()
    send(now, 1)
    unserved = Transfer.objects.get(campaign=campaign)
    meant = list_recipients(unserved, reason="no_route")
    Route.objects.bulk_create(routes)

    [choice] = [
        one
        for one in preview_resend(unserved, now=unserved.created_at).choices
        if one.key == "failed"
    ]
    again = plan_resend(unserved, choice.asked, actor="ann", now=now)
    launch_campaign(Campaign.objects.get(pk=again.pk), actor="sue", now=now)
    send(now, 2)

    assert (choice.recipients, choice.twice, len(meant)) == (2, 0, 2)
    assert list_recipients(Transfer.objects.get(campaign=again)) == meant
    assert check_books().faults == []


@pytest.mark.parametrize(
    ("changed", "declared"),
    [
        ({"name": "Other"}, (3, False)),
        ({"only_primary": True}, (3, True)),
        ({"audience": {"all": True}}, (4, True)),  # one was sent to, of three nobody knows
        ({"audience": {"outcomes_of": {"outcomes": ["failed"]}}}, (0, False)),
    ],
)
def test_a_draft_for_others_declares_anew_who_may_get_it_twice(
    unknown: Transfer, owner: object, now: datetime, changed: dict, declared: tuple
) -> None:
    campaign = plan_resend(unknown, {"outcomes": ["unknown"]}, actor="ann", now=now)
    asked = changed.get("audience", {}).get("outcomes_of")
    if asked:
        asked["transfer"] = unknown.pk

    update_campaign(campaign, owner, changed, actor="ann", now=now)

    campaign.refresh_from_db()
    assert (campaign.twice, campaign.is_twice_bound) == declared


@pytest.mark.parametrize("most_read", [20_000, 0])
def test_what_is_declared_of_a_large_transfer_is_a_bound(
    unknown: Transfer, now: datetime, monkeypatch: pytest.MonkeyPatch, most_read: int
) -> None:
    monkeypatch.setattr(twice, "MOST_READ", most_read)

    campaign = plan_resend(unknown, {"outcomes": ["unknown"]}, actor="ann", now=now)

    assert (campaign.twice, campaign.is_twice_bound) == (3, not most_read)


def test_what_is_not_reported_is_not_taken_for_unopened(unknown: Transfer) -> None:
    Delivery.objects.filter(part__transfer=unknown).update(outcome="sent")
    telling = preview_resend(unknown, now=unknown.created_at)
    account = Account.objects.get()
    reports = {choice.key: choice.recipients for choice in telling.choices}

    Delivery.objects.filter(part__transfer=unknown).update(account_id=account.pk + 1)
    mute = {
        choice.key: choice.recipients
        for choice in preview_resend(unknown, now=unknown.created_at).choices
    }

    assert (reports["unopened"], reports["undelivered"]) == (3, 3)  # one has opened it
    assert (mute["unopened"], mute["undelivered"]) == (0, 0)


@pytest.mark.parametrize(
    "asked",
    [None, {}, {"outcomes": []}, {"outcomes": ["nonsense"]}, {"outcomes": "failed"},
     {"outcomes": ["sent"]}, {"outcomes": ["sent"], "without_receipt": "shown"},
     {"outcomes": ["failed"], "reasons": ["weather"]}, {"outcomes": ["failed"], "transfer": 1}],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused(unknown: Transfer, now: datetime, asked: object) -> None:
    with pytest.raises(Invalid):
        plan_resend(unknown, asked, actor="ann", now=now)

    assert not Campaign.objects.filter(repeats=unknown).exists()


def test_what_has_not_ended_or_means_nobody_is_refused(unknown: Transfer, now: datetime) -> None:
    with pytest.raises(Conflict) as nobody:
        plan_resend(unknown, {"outcomes": ["failed"]}, actor="ann", now=now)
    unknown.finished_at = None
    with pytest.raises(Conflict) as running:
        plan_resend(unknown, {"outcomes": ["unknown"]}, actor="ann", now=now)

    assert (nobody.value.code, running.value.code) == ("nobody_meant", "not_ended")


def test_a_transfer_of_somebody_else_is_named_by_nobody(
    unknown: Transfer, stranger: object
) -> None:
    body = {"outcomes_of": {"transfer": unknown.pk, "outcomes": ["unknown"]}}

    with pytest.raises(Invalid) as refusal:
        read_audience(unknown.app, body, principal=stranger)

    assert list(refusal.value.fields) == ["audience.outcomes_of.transfer"]
