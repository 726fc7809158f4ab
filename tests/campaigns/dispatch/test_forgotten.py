"""Of whom nothing came back is known as long as receipts are kept, and no longer."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from campaigns.dispatch import plan, runs
from campaigns.errors import Conflict, NotReady
from campaigns.models import Campaign, Transfer
from campaigns.services import campaigns
from campaigns.services.preflight import find_problems
from campaigns.services.resends import plan_resend, preview_resend
from campaigns.services.transfers import pause_transfer, resume_transfer
from tests.campaigns.dispatch.test_repeats import keep, silent, unknown

__all__ = ["keep", "silent", "unknown"]
pytestmark = pytest.mark.database
UNOPENED = {"outcomes": ["sent", "unknown"], "without_receipt": "opened"}
KEPT = timedelta(days=400)
CODE = "receipts_forgotten"


@pytest.fixture
def sent(unknown: Transfer) -> Transfer:
    """Sent with receipts of its own account; nothing has come back."""
    return unknown


@pytest.fixture
def asked(sent: Transfer) -> dict[str, object]:
    return {"outcomes_of": {"transfer": sent.pk, **UNOPENED}}


def test_the_choices_that_miss_a_receipt_end_with_what_is_kept(sent: Transfer) -> None:
    last, later = sent.created_at + KEPT, sent.created_at + KEPT + timedelta(seconds=1)

    before, after = (preview_resend(sent, now=at) for at in (last, later))

    assert not before.is_forgotten
    assert [one.key for one in after.choices if one.is_forgotten] == ["undelivered", "unopened"]
    assert all(one.recipients == 0 for one in after.choices if one.is_forgotten)
    assert [one.recipients for one in after.choices if one.key == "unknown"] == [3]


def test_nobody_plans_it_after_that(sent: Transfer, now: datetime) -> None:
    plan_resend(sent, UNOPENED, actor="ann", now=now)

    with pytest.raises(Conflict) as refusal:
        plan_resend(sent, UNOPENED, actor="ann", now=now + KEPT + timedelta(days=1))
    others = plan_resend(
        sent, {"outcomes": ["unknown"]}, actor="ann", now=now + KEPT + timedelta(days=1)
    )

    assert (refusal.value.code, "is kept for 400 days" in refusal.value.message) == (CODE, True)
    assert others.pk


def test_a_draft_of_before_is_not_launched_after_it(sent: Transfer, now: datetime) -> None:
    draft = plan_resend(sent, UNOPENED, actor="ann", now=now)
    later = now + KEPT + timedelta(days=1)

    codes = [one.code for one in find_problems(draft, now=later) if one.is_blocking]
    fields = [one.field for one in find_problems(draft, now=later) if one.code == CODE]
    with pytest.raises(NotReady):
        campaigns.launch_campaign(draft, actor="ann", now=later)

    assert (CODE in codes, fields) == (True, ["audience"])
    assert CODE not in [one.code for one in find_problems(draft, now=now)]


@pytest.mark.parametrize("rule", [None, {"unit": "day"}])
def test_what_waits_for_its_time_does_not_start_after_it(
    sent: Transfer, asked: dict[str, object], now: datetime, rule: dict[str, str] | None
) -> None:
    later = now + KEPT + timedelta(days=1)
    draft = plan_resend(sent, UNOPENED, actor="ann", now=now)
    status = Campaign.Status.RECURRING if rule else Campaign.Status.SCHEDULED
    Campaign.objects.filter(pk=draft.pk).update(
        status=status, due_at=later, send_at=f"{later:%Y-%m-%dT%H:%M}", timezone="UTC",
        recurrence=rule, audience={"combine": {"include": [{"all": True}], "exclude": [asked]}},
    )  # fmt: skip

    plan.start_due(later)
    runs.run_due(later)

    draft.refresh_from_db()
    assert draft.status in (Campaign.Status.FAILED, Campaign.Status.PAUSED)
    assert "is kept for 400 days" in draft.events.last().note
    assert not draft.transfers.exists()


def test_what_was_paused_before_it_was_frozen_does_not_go_on_after_it(
    sent: Transfer, now: datetime
) -> None:
    draft = plan_resend(sent, UNOPENED, actor="ann", now=now)
    campaigns.launch_campaign(draft, actor="ann", now=now)
    again = draft.transfers.get()
    pause_transfer(again, actor="ann", now=now)

    with pytest.raises(Conflict) as refusal:
        resume_transfer(again, actor="ann", now=now + KEPT + timedelta(days=1))

    assert refusal.value.code == CODE


@pytest.mark.django_db
def test_the_page_says_why_it_offers_no_such_choice(sent: Transfer, owner, client: Client) -> None:
    Transfer.objects.update(created_at=timezone.now() - KEPT - timedelta(days=1))
    client.force_login(owner)

    page = client.get(reverse("resend", args=[sent.pk])).content.decode()

    assert "is kept for 400 days, and may be forgotten by now" in page
    assert 'value="unopened"' not in page
    assert 'value="unknown"' in page
