"""Approval in the browser: asked by one, given by another, or gone without and shown to all."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone

from campaigns.models import App, Approval, Campaign, Membership
from campaigns.pages import approvals
from campaigns.services.approvals import request_approval
from tests import builders
from tests.pages.sending import press_send
from tests.pages.test_pages import make_campaign

Role = Membership.Role
Status = Campaign.Status


@pytest.fixture
def draft(app):
    builders.make_route(app, "android")
    builders.make_device(app, "one")
    App.objects.update(needs_approval=True)
    return make_campaign(app, audience={"all": True})


@pytest.fixture
def enter(client, app):
    """Sign in as somebody with a role in the app; made when first asked for."""

    def sign_in(name, role):
        members = Membership.objects.filter(user__username=name)
        user = members[0].user if members else builders.make_member(
            name, app.workspace, app=app, role=role
        )  # fmt: skip
        client.force_login(user)
        return client

    return sign_in


def look(client, draft):
    return client.get(reverse("review_checks", args=[draft.pk]))


def decide(client, draft, decision, **values):
    address = reverse("campaign_approval", args=[draft.pk, decision])
    return client.post(address, values, follow=True)


def test_one_asks_another_approves_and_a_third_sends(enter, draft):
    ann = enter("ann", Role.COMPOSER)
    offered = look(ann, draft).content.decode()
    decide(ann, draft, "ask", note="Please by noon")
    waiting = look(ann, draft).content.decode()

    bob = enter("bob", Role.APPROVER)
    home = bob.get(reverse("home")).content.decode()
    listed = bob.get(reverse("approvals")).content.decode()
    version = look(bob, draft).context["review"].version
    approved = decide(bob, draft, "approve", version=version).content.decode()
    tried = bob.post(reverse("campaign_review", args=[draft.pk]), {"version": version, "seen": 1})

    sue = enter("sue", Role.SENDER)
    press_send(sue, draft.pk)

    draft.refresh_from_db()
    assert "Ask for approval" in offered
    assert "It waits for somebody with the role Approver" in waiting
    assert reverse("campaign_review", args=[draft.pk]) in home
    assert "Please by noon" in listed
    assert "Approved. Whoever may send launches it." in approved
    assert tried.status_code == 403  # to approve and to send are rights apart
    assert draft.is_cooling


def test_who_asks_is_told_when_there_is_nobody_to_approve(enter, draft):
    ann = enter("ann", Role.COMPOSER)

    alone = decide(ann, draft, "ask").content.decode()

    assert "nobody can approve it yet" in alone
    assert "An approver finds it" not in alone


def test_a_sender_sends_nothing_that_is_not_approved(enter, draft):
    sue = enter("sue", Role.SENDER)

    page = look(sue, draft).content.decode()
    refused = press_send(sue, draft.pk, reason="I am in a hurry")

    draft.refresh_from_db()
    assert (refused.status_code, draft.status) == (422, Status.DRAFT)
    assert "you can send it without" not in page
    assert not Approval.objects.exists()


def test_an_admin_goes_without_only_by_a_reason_that_everybody_sees(client, owner, enter, draft):
    client.force_login(owner)
    offered = look(client, draft).content.decode()
    refused = press_send(client, draft.pk, reason="  ")
    press_send(client, draft.pk, reason="The approvers are asleep")

    draft.refresh_from_db()
    home = enter("vic", Role.VIEWER).get(reverse("home")).content.decode()
    assert "you can send it without" in offered
    assert refused.status_code == 422
    assert draft.is_cooling
    assert "The approvers are asleep" in home


@pytest.mark.parametrize(
    ("name", "role", "decision", "status"),
    [("vic", Role.VIEWER, "ask", 403), ("cem", Role.COMPOSER, "approve", 403),
     ("sue", Role.SENDER, "approve", 403), ("sue", Role.SENDER, "send_back", 403),
     ("bob", Role.APPROVER, "refuse", 404)],
)  # fmt: skip
def test_who_may_not_decide_does_not(enter, draft, name, role, decision, status):
    decide(enter("ann", Role.COMPOSER), draft, "ask")

    answer = decide(enter(name, role), draft, decision, note="x")

    assert answer.status_code == status
    assert Approval.objects.get().state == "asked"


def test_what_is_wrong_is_told_and_changes_nothing(enter, draft):
    ann = enter("ann", Role.COMPOSER)
    too_long = decide(ann, draft, "ask", note="x" * 501).content.decode()
    decide(ann, draft, "ask")
    again = decide(ann, draft, "ask").content.decode()
    bob = enter("bob", Role.APPROVER)
    stale = decide(bob, draft, "approve", version="old").content.decode()
    mute = decide(bob, draft, "send_back").content.decode()
    # What is left of the form is its note: somebody else has asked or answered meanwhile.
    late = decide(enter("ann", Role.COMPOSER), draft, "ask", note="x" * 501).content.decode()

    assert "At most 500 characters." in too_long
    assert "At most 500 characters." in late
    assert f"readonly>{'x' * 501}</textarea>" in late
    assert "It waits for an approval already." in again
    assert "has been changed since you opened this page" in stale
    assert "Say what should be changed." in mute
    assert Approval.objects.get().state == "asked"


def test_a_note_is_drawn_again_whatever_stands_against_the_answer(enter, draft):
    note = "Lines\r\nof it"
    decide(enter("ann", Role.COMPOSER), draft, "ask")
    bob = enter("bob", Role.APPROVER)

    stale = decide(bob, draft, "approve", version="old", note=note)
    draft.approvals.update(state=Approval.State.VOID)  # an edit does
    edited = decide(bob, draft, "approve", version="old", note=note)

    shown = look(bob, draft).context["review"].version
    assert (stale.status_code, edited.status_code) == (422, 422)
    assert "Nobody has asked for an approval of it." in edited.content.decode()
    assert read_areas(edited) == read_areas(stale) == ["Lines\nof it"]
    assert f'name="version" value="{shown}"' in stale.content.decode()


def test_a_note_of_several_lines_has_the_length_that_a_browser_counts(enter, draft):
    note = "x" * 244 + "\r\n" * 12 + "x" * 244
    address = reverse("campaign_approval", args=[draft.pk, "ask"])

    enter("ann", Role.COMPOSER).post(address, {"note": note})

    assert len(Approval.objects.get().note) == 500


def test_who_reloads_a_refused_answer_sees_the_review(enter, draft):
    address = reverse("campaign_approval", args=[draft.pk, "send_back"])

    answer = enter("bob", Role.APPROVER).get(address)

    assert answer.headers["Location"] == reverse("campaign_review", args=[draft.pk])


def read_areas(answer):
    """What stands in fields of several lines."""
    found = re.findall(r"<textarea[^>]*>([^<]*)</textarea>", answer.content.decode())
    return [text.strip() for text in found if text.strip()]


def test_what_was_sent_back_says_why_on_its_page(enter, draft):
    decide(enter("ann", Role.COMPOSER), draft, "ask")
    decide(enter("bob", Role.APPROVER), draft, "send_back", note="The price is wrong")

    page = enter("ann", Role.COMPOSER).get(reverse("campaign", args=[draft.pk])).content.decode()

    draft.refresh_from_db()
    assert draft.status == Status.DRAFT
    assert "The price is wrong" in page


def test_who_wrote_it_is_offered_no_approval_of_it(client, owner, draft):
    Campaign.objects.update(created_by="owner")
    client.force_login(owner)
    decide(client, draft, "ask")

    page = look(client, draft).content.decode()

    assert "somebody else must approve it" in page
    assert 'formaction="' not in page


def test_what_waits_for_its_time_is_edited_as_a_draft_that_keeps_it(client, owner, draft):
    App.objects.update(needs_approval=False)
    Campaign.objects.update(
        status="scheduled", send_at="2030-01-01T09:00", timezone="UTC", due_at="2030-01-01T09:00Z"
    )
    client.force_login(owner)
    address = reverse("edit_waiting", args=[draft.pk])

    opened = client.post(address, follow=True)
    again = client.post(address, follow=True)

    draft.refresh_from_db()
    assert opened.redirect_chain[-1][0] == reverse("edit", args=[draft.pk])
    assert 'value="2030-01-01T09:00"' in opened.content.decode()
    assert again.redirect_chain[-1][0] == reverse("campaign", args=[draft.pk])
    assert (draft.status, draft.send_at) == (Status.DRAFT, "2030-01-01T09:00")


def test_what_has_begun_is_not_edited(client, owner, draft):
    Campaign.objects.update(status="sending")
    client.force_login(owner)

    page = client.post(reverse("edit_waiting", args=[draft.pk]), follow=True).content.decode()

    draft.refresh_from_db()
    assert draft.status == Status.SENDING
    assert "Only a campaign that waits for its time" in page


def read_waiting(client):
    """The campaigns under `Waiting for you` and under `Approvals`, and whether nothing waits."""
    page = client.get(reverse("home"))
    names = ("to_approve", "to_launch", "asked")
    shown = {name: [str(row.campaign) for row in page.context[name]] for name in names}
    return shown | {"none": "Nothing waits for you" in page.content.decode()}


def test_home_has_what_is_asked_of_one_under_what_waits_for_one(enter, draft):
    Campaign.objects.update(created_by="ann", authors=["abe"])
    decide(enter("ann", Role.COMPOSER), draft, "ask", note="Please by noon")
    name, nothing = draft.name, {"to_approve": [], "to_launch": [], "asked": [], "none": True}

    of_ann = read_waiting(enter("ann", Role.COMPOSER))
    of_author = read_waiting(enter("abe", Role.APPROVER))
    bob = enter("bob", Role.APPROVER)
    of_bob = read_waiting(bob)
    home = bob.get(reverse("home")).content.decode()
    decide(bob, draft, "approve", version=look(bob, draft).context["review"].version)
    after = read_waiting(bob)
    of_asker = read_waiting(enter("ann", Role.COMPOSER))
    press_send(enter("sue", Role.SENDER), draft.pk)
    launched = read_waiting(enter("ann", Role.COMPOSER))

    assert of_ann == of_author == nothing | {"asked": [name]}
    assert of_bob == nothing | {"to_approve": [name], "none": False}
    assert home.index("Waiting for you") < home.index("Please by noon")
    assert after == launched == nothing
    assert of_asker == nothing | {"to_launch": [name], "none": False}


def test_home_finds_what_is_asked_of_one_among_much_that_is_asked_of_others(
    enter, draft, app, now, monkeypatch
):
    monkeypatch.setattr(approvals, "ON_HOME", 1)
    other = builders.make_app(app.workspace, slug="other")
    builders.make_device(other, "theirs")
    builders.make_route(other, "android")
    App.objects.update(needs_approval=True)
    theirs = builders.make_campaign(App.objects.get(pk=other.pk), now)
    request_approval(theirs, actor="ann", now=now)
    decide(enter("ann", Role.COMPOSER), draft, "ask")
    bob = enter("bob", Role.APPROVER)
    user = User.objects.get(username="bob")
    Membership.objects.create(user=user, workspace=app.workspace, app=other, role=Role.VIEWER)

    waiting = read_waiting(bob)

    assert (waiting["to_approve"], waiting["asked"]) == ([draft.name], [str(theirs)])


def test_a_stranger_sees_none_of_it(client, enter, owner, stranger, draft):
    decide(enter("ann", Role.COMPOSER), draft, "ask")

    seen = []
    for user in (owner, stranger):
        client.force_login(user)
        pages = [client.get(reverse(name)).content.decode() for name in ("home", "approvals")]
        seen.append([draft.name in page for page in pages])

    assert seen == [[True, True], [False, False]]


def test_who_can_approve_is_named_and_an_approved_campaign_says_so(enter, draft):
    ann = enter("ann", Role.COMPOSER)
    nobody = look(ann, draft).content.decode()
    decide(ann, draft, "ask")
    enter("zoe", Role.ADMIN)
    bob = enter("bob", Role.APPROVER)
    asked = look(bob, draft).content.decode()

    page = decide(bob, draft, "approve", version=look(bob, draft).context["review"].version)
    listed = bob.get(reverse("campaigns"))
    edited = bob.get(reverse("campaign_review", args=[draft.pk]))

    assert "Nobody can approve it yet" in nobody
    assert 'href="#pa-approval">Who can approve it</a>' in nobody
    assert "Can approve it: <strong>bob, zoe</strong>" in asked
    for shown in (page, edited):
        assert shown.context["standing"] == ("approved", "Approved")
    assert '<span class="pa-strong">Approved.</span>' in page.content.decode()
    assert [row.is_approved for row in listed.context["shown"]] == [True]
    assert ">Approved</span>" in listed.content.decode()


def test_what_was_scheduled_before_the_policy_waits_visibly_and_is_asked_about(enter, draft):
    App.objects.update(needs_approval=False)
    later = timezone.now() + timedelta(days=1)
    Campaign.objects.update(
        send_at=f"{later:%Y-%m-%dT%H:%M}", timezone="UTC", due_at=later, status=Status.SCHEDULED
    )
    ann = enter("ann", Role.COMPOSER)
    calm = ann.get(reverse("home")).context["unapproved"]
    App.objects.update(needs_approval=True)

    home = ann.get(reverse("home"))
    page = ann.get(reverse("campaign", args=[draft.pk]))
    decide(ann, draft, "ask")
    asked = ann.get(reverse("home")).context["unapproved"]
    bob = enter("bob", Role.APPROVER)
    decide(bob, draft, "approve", version=look(bob, draft).context["review"].version)
    approved = bob.get(reverse("home")).context["unapproved"]
    Campaign.objects.update(name="Another")
    changed = bob.get(reverse("home")).context["unapproved"]

    assert (calm, asked, approved) == ([], [], [])
    assert (home.context["unapproved"], changed) == ([draft], [draft])
    assert "it does not go out without" in home.content.decode()
    assert page.context["standing"] == ("asked", "Waits for an approval")
    assert page.context["may_ask"]
    assert "Until it has one it waits" in page.content.decode()


def test_nothing_is_unscheduled_by_a_click_on_edit_alone(client, owner, draft):
    App.objects.update(needs_approval=False)
    later = timezone.now() + timedelta(days=1)
    Campaign.objects.update(due_at=later, status=Status.SCHEDULED, timezone="UTC")
    client.force_login(owner)

    page = client.get(reverse("campaign", args=[draft.pk])).content.decode()

    opener = page.index('data-pa-dialog="pa-edit-waiting"')
    dialog = page.index('<dialog class="pa-dialog" id="pa-edit-waiting"')
    assert "Unschedule and edit" in page[opener : opener + 200]
    assert page.index(f'action="{reverse("edit_waiting", args=[draft.pk])}"') > dialog


def test_copies_are_told_apart_by_a_number(client, owner, draft):
    client.force_login(owner)
    address = reverse("compose") + f"?copy={draft.pk}"

    names = []
    for _turn in range(3):
        page = client.get(address).content.decode()
        names += re.findall(r'name="name" value="([^"]*)"', page)
        make_campaign(draft.app, names[-1])

    assert names == [f"Copy of {draft.name}{number}" for number in ("", " (2)", " (3)")]
