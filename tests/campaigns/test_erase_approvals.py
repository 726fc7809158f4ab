"""What an erasure changes of campaigns, and that it says whose approvals hold no more by that."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from campaigns.models import AuditEntry, Campaign, Message, Segment
from campaigns.selectors.approvals import read_standing
from campaigns.selectors.signing import digest_campaign
from campaigns.services.erase import start_erasure
from campaigns.services.job_work import drain_jobs
from tests import builders
from tests.campaigns.test_erase import erase, now

__all__ = ["now"]
pytestmark = pytest.mark.database
WHO = "anna-4711"


@pytest.fixture
def anna(app):
    return builders.make_person(app.workspace, WHO)


@pytest.fixture(autouse=True)
def policy(app):
    """Every campaign needs an approval."""
    app.needs_approval = True
    app.save()


def make_campaign(app, now, *, name="Spring", title="Hi", status="scheduled", **fields):
    message = Message.objects.create(app=app, content={"title": title, "body": "There"})
    return Campaign.objects.create(
        workspace=app.workspace, app=app, name=name, message=message, status=status,
        status_since=now, created_at=now, created_by="owner", audience={"all": True}, **fields,
    )  # fmt: skip


def approve(campaign, now, who="bob", state="approved"):
    return campaign.approvals.create(
        state=state, digest=digest_campaign(campaign), asked_by="owner", asked_at=now,
        decided_by=who, decided_at=now,
    )  # fmt: skip


def list_voided() -> list[tuple[str, Any]]:
    kept = AuditEntry.objects.filter(verb="void_approval").order_by("pk")
    return list(kept.values_list("target_id", "fields"))


@pytest.mark.parametrize(
    "texts", [{"title": f"Hi {WHO}"}, {"name": f"For {WHO}"}, {"title": WHO, "name": WHO}]
)
@pytest.mark.parametrize("state", ["approved", "bypassed"])
def test_an_approval_that_holds_no_more_is_told_with_its_approver_and_campaign(
    app, anna, now, texts, state
):
    campaign = make_campaign(app, now, **texts)
    approve(campaign, now, state=state)

    job = erase(app, WHO, now)

    campaign.refresh_from_db()
    assert not read_standing(campaign).holds
    assert (job.counts["approvals"], job.note.count("needs another approval")) == (1, 1)
    assert f"Campaign {campaign.pk} {campaign.name} needs" in job.note
    assert "bob had approved it" in job.note
    assert list_voided() == [(str(campaign.pk), ["approved by bob"])]
    assert "bob" in campaign.events.get().note


def test_nobody_who_was_erased_is_named_by_it(app, anna, now):
    campaign = make_campaign(app, now, name=WHO)
    approve(campaign, now, who=WHO)

    job = erase(app, WHO, now)

    assert f"Campaign {campaign.pk} erased needs another approval: erased had" in job.note
    assert WHO not in f"{job.note} {list_voided()} {campaign.events.get().note}"


@pytest.mark.parametrize(
    ("title", "status", "state"),
    [
        ("Hi all", "scheduled", "approved"),  # not changed
        (f"Hi {WHO}", "sent", "approved"),  # it went as it was approved
        (f"Hi {WHO}", "in_review", "asked"),  # nothing is signed yet
        (f"Hi {WHO}", "draft", "void"),
    ],
)
def test_an_approval_that_is_none_or_holds_is_not_told_of(app, anna, now, title, status, state):
    approve(make_campaign(app, now, title=title, status=status), now, state=state)

    job = erase(app, WHO, now)

    assert (job.counts["approvals"], job.note, list_voided()) == (0, "", [])


@pytest.mark.parametrize(("letters", "least"), [(1, 3), (100, 1), (180, 1)])
def test_more_than_a_few_are_found_in_the_audit_log(app, anna, now, letters, least):
    """What nobody but the operator may change is told whatever the campaigns are called."""
    for number in range(7):
        approve(make_campaign(app, now, name=f"{number} {'x' * letters} {WHO}"), now)
    named = {"field": "person.external_user_id", "op": "eq", "value": WHO}
    segments = [
        Segment.objects.create(app=app, name=f"Segment {number}", expression=named).pk
        for number in range(12)
    ]

    job = erase(app, WHO, now)

    assert job.counts["approvals"] == len(list_voided()) == 7
    assert least <= job.note.count("needs another approval: bob had approved it.") < 7
    assert job.note.endswith("All others are in the audit log, as void_approval.")
    ids = ", ".join(f"#{pk}" for pk in segments[:10])
    assert f"which nobody but you may change: {ids} and 2 more." in job.note


def test_where_none_is_needed_any_more_nobody_is_told_that_one_is(app, anna, now):
    approve(make_campaign(app, now, title=WHO), now)
    app.needs_approval = False
    app.save()

    job = erase(app, WHO, now)

    assert (job.counts["approvals"], job.note, list_voided()) == (0, "", [])


def test_whoever_erases_for_one_app_is_told_no_name_of_another_apps_campaign(app, now):
    mine = builders.make_app(app.workspace, "mine")
    builders.make_device(mine, "t", person=builders.make_person(app.workspace, WHO))
    approve(make_campaign(app, now, name=f"Secret of {WHO}"), now)
    admin = builders.make_member("admin", app.workspace, app=mine, role="admin")

    job = start_erasure(admin, app.workspace, [WHO.encode()], kind="external_user_id",
                        actor="admin", now=now)  # fmt: skip
    drain_jobs()
    job.refresh_from_db()

    assert job.note == "A campaign of another app needs another approval."
    assert len(list_voided()) == 1


def test_the_page_of_the_job_says_it(app, anna, now, client, owner):
    campaign = make_campaign(app, now, title=WHO)
    approve(campaign, now)
    job = erase(app, WHO, now)
    client.force_login(owner)

    page = client.get(reverse("job", args=[job.pk])).content.decode()

    assert f"Campaign {campaign.pk} Spring needs another approval: bob had approved it." in page
    assert "Approvals that hold no more" in page


def test_what_is_called_like_somebody_is_called_erased_and_not_nothing(app, anna, now):
    campaign = make_campaign(app, now, name=WHO, title=WHO.upper(), tag=WHO)

    erase(app, WHO, now)

    campaign.refresh_from_db()
    said = campaign.message.content["title"]
    assert (campaign.name, campaign.tag, said) == ("erased", "erased", "erased")
