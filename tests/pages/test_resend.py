"""Sending again from a transfer's page, and over the API: a choice, a draft, its review."""

from __future__ import annotations

import re

import pytest
from django.urls import reverse

from campaigns.errors import Conflict
from campaigns.models import (
    Campaign,
    Counter,
    Delivery,
    Device,
    Group,
    Membership,
    Message,
    Part,
    Transfer,
)
from campaigns.services import twice
from campaigns.services.repeats import repeat_unknown
from tests import builders
from tests.api.conftest import make_client
from tests.pages.sending import press_send

Role = Membership.Role


@pytest.fixture
def transfer(app, now):
    """One that has ended: of three phones one is unknown, one failed at the vendor, one is sent."""
    builders.make_route(app, "android")
    transfer = Transfer.objects.create(
        app=app, group=Group.objects.get(app=app), name="Spring", status="sent", due_at=now,
        created_at=now, status_since=now, finished_at=now, frozen_at=now, audience=3,
    )  # fmt: skip
    message = Message.objects.create(app=app, content={"title": "Hi", "body": "There"})
    part = Part.objects.create(transfer=transfer, message=message, audience=3)
    for number, (outcome, reason) in enumerate(
        [("unknown", "no_answer"), ("failed", "vendor"), ("sent", "")]
    ):
        device = builders.make_device(app, f"token-{number}")
        Delivery.objects.create(
            part=part, recipient=device.pk, outcome=outcome, reason=reason, at=now, cohort_id=1,
            account_id=99,
        )  # fmt: skip
        Counter.objects.create(
            part=part, platform="android", outcome=outcome, reason=reason, count=1, account_id=99
        )
    return transfer


def choose(client, transfer, who):
    return client.post(reverse("resend", args=[transfer.pk]), {"who": who}, follow=True)


def test_the_page_counts_and_says_what_nobody_reports(client, owner, transfer):
    client.force_login(owner)

    page = client.get(reverse("resend", args=[transfer.pk]))

    counts = [(c.key, c.recipients, c.twice) for c in page.context["preview"].choices]
    assert counts == [
        ("failed", 1, 0),
        ("cancelled", 0, 0),
        ("expired", 0, 0),
        ("unknown", 1, 1),
        ("undelivered", 0, 0),
        ("unopened", 0, 0),
    ]
    assert "1 recipient was sent to by an account that reports no receipts" in page.content.decode()
    transfer_page = client.get(reverse("transfer", args=[transfer.pk])).content.decode()
    assert reverse("resend", args=[transfer.pk]) in transfer_page


def test_a_choice_becomes_a_draft_whose_review_is_sent(client, owner, transfer):
    client.force_login(owner)

    review = choose(client, transfer, "failed")
    draft = Campaign.objects.get()
    press_send(client, draft.pk)

    draft.refresh_from_db()
    page = client.get(reverse("resend", args=[transfer.pk])).content.decode()
    failed = Device.objects.get(token="token-1")
    assert review.redirect_chain[-1][0] == reverse("campaign_review", args=[draft.pk])
    assert "Those of transfer" in review.content.decode()
    assert draft.is_cooling
    assert draft.audience["outcomes_of"]["outcomes"] == ["failed", "skipped"]
    assert "Sent again already" in page
    assert failed.pk == Delivery.objects.get(outcome="failed").recipient


@pytest.mark.parametrize(("outcome", "reason"), [("cancelled", "cancelled"), ("expired", "")])
def test_whom_a_cancel_or_the_end_came_before_can_be_sent_to(
    client, owner, transfer, outcome, reason
):
    client.force_login(owner)
    for model in (Delivery, Counter):
        model.objects.filter(outcome="unknown").update(outcome=outcome, reason=reason)

    choose(client, transfer, outcome)
    draft = Campaign.objects.get()
    press_send(client, draft.pk)

    page = client.get(reverse("resend", args=[transfer.pk]))
    [choice] = [c for c in page.context["preview"].choices if c.key == outcome]
    assert (choice.recipients, choice.twice) == (1, 0)
    assert draft.audience["outcomes_of"]["outcomes"] == [outcome]


def test_who_chooses_the_same_comes_to_the_draft_that_waits(client, owner, transfer):
    client.force_login(owner)

    def go(who):
        return choose(client, transfer, who).redirect_chain[0][0]

    places = [go(who) for who in ("failed", "failed", "unknown")]
    Campaign.objects.filter(pk=Campaign.objects.earliest("pk").pk).update(status="sent")
    places.append(go("failed"))

    assert (places[0] == places[1], len({*places})) == (True, 3)
    assert Campaign.objects.count() == 3


@pytest.mark.parametrize("empty", [{"without_receipt": ""}, {"reasons": []}, {}])
def test_what_is_asked_with_nothing_in_it_is_not_asked(app, transfer, monkeypatch, empty):
    monkeypatch.setattr(twice, "MOST_READ", 0)  # as of a large transfer
    address = f"/api/v1/transfers/{transfer.pk}/resend/"

    made = make_client(app.workspace).post(
        address, {"outcomes": ["unknown"], **empty}, format="json"
    )

    assert made.status_code == 201
    assert Campaign.objects.get().twice == 1


def test_what_a_vendor_took_back_may_have_been_shown_before(client, app, owner, transfer):
    client.force_login(owner)
    for model in (Delivery, Counter):
        model.objects.filter(outcome="unknown").update(outcome="cancelled", reason="recalled")

    page = client.get(reverse("resend", args=[transfer.pk]))
    address = f"/api/v1/transfers/{transfer.pk}/resend/"
    make_client(app.workspace).post(address, {"outcomes": ["cancelled"]}, format="json")

    draft = Campaign.objects.get()
    assert [c.recipients for c in page.context["preview"].choices if c.key == "cancelled"] == [0]
    assert (draft.twice, draft.is_twice_bound) == (1, True)


def test_a_test_is_not_sent_again(client, owner, transfer, now):
    client.force_login(owner)
    Transfer.objects.update(is_test=True)
    transfer.refresh_from_db()

    refused = choose(client, transfer, "failed").content.decode()
    with pytest.raises(Conflict, match="Send another test"):
        repeat_unknown(transfer, actor="owner", now=now)

    words = "A test is not sent again. Send another test of its campaign."
    shown = client.get(reverse("transfer", args=[transfer.pk])).content.decode()
    assert refused.count(words) == 2, "once as the answer, once on the page"
    assert "Write a draft" not in refused
    assert reverse("resend", args=[transfer.pk]) not in shown
    assert not Campaign.objects.exists()


def test_who_failed_for_good_is_told_and_in_no_choice(client, owner, transfer):
    client.force_login(owner)
    for model in (Delivery, Counter):
        model.objects.filter(outcome="failed").update(reason="token")

    page = client.get(reverse("resend", args=[transfer.pk]))

    assert [c.recipients for c in page.context["preview"].choices] == [0, 0, 0, 1, 0, 0]
    assert "1 recipient failed or was left out" in page.content.decode()


def draw_declared(client, campaign):
    """What the review, the campaign's page and that of its transfer say of getting it twice."""
    again = Transfer.objects.create(
        app=campaign.app, group=campaign.group, campaign=campaign, status="sent", audience=5,
        due_at=campaign.created_at, created_at=campaign.created_at, frozen_at=campaign.created_at,
        status_since=campaign.created_at, finished_at=campaign.created_at,
    )  # fmt: skip
    part = Part.objects.create(transfer=again, message=campaign.message, audience=5)
    for outcome, count in (("sent", 2), ("unknown", 1), ("failed", 2)):
        Counter.objects.create(part=part, platform="android", outcome=outcome, count=count)
    addresses = [
        reverse("campaign_review", args=[campaign.pk]), reverse("campaign", args=[campaign.pk]),
        reverse("transfer", args=[again.pk]),
    ]  # fmt: skip
    pages = [client.get(address).content.decode() for address in addresses]
    return [re.findall(r"<span data-pa-twice[^>]*>([^<]*)</span>", page) for page in pages]


@pytest.mark.parametrize(
    ("kept", "declared", "told"),
    [
        ((0, False), "", ""),
        ((4, False), "4 of them may get it twice.", "3 of those who were sent to"),
        ((2, True), "At most 2 of them may get it twice.", "At most 2 of those who were sent to"),
        ((None, False), "Some of them may get it twice.", "At most 3 of those who were sent to"),
    ],
)
def test_its_pages_say_how_many_may_get_it_twice(client, owner, transfer, kept, declared, told):
    client.force_login(owner)
    choose(client, transfer, "failed")
    Campaign.objects.update(twice=kept[0], is_twice_bound=kept[1])

    reviewed, shown, sent = draw_declared(client, Campaign.objects.get())

    rest = " may have got it twice." if told else ""
    assert (reviewed, shown, sent) == ([declared], [declared], [told + rest])


@pytest.mark.parametrize(
    ("who", "count"), [("failed", 0), ("unknown", 1)]
)  # fmt: skip
def test_a_draft_keeps_what_the_choice_has_declared(client, owner, transfer, who, count):
    client.force_login(owner)

    choose(client, transfer, who)

    draft = Campaign.objects.get()
    assert (draft.twice, draft.is_twice_bound) == (count, False)


@pytest.mark.parametrize("kind", ["outcomes_of", "unknown_of"])
def test_a_draft_of_sending_again_is_edited_and_keeps_whom_it_means(client, owner, transfer, kind):
    client.force_login(owner)
    choose(client, transfer, "failed")
    asked = {"outcomes_of": Campaign.objects.get().audience["outcomes_of"]}
    audience = asked if kind == "outcomes_of" else {"unknown_of": transfer.pk}
    Campaign.objects.update(audience=audience)
    address = reverse("edit", args=[Campaign.objects.get().pk])

    opened = client.get(address)
    form = opened.context["composition"].audience
    typed = {
        "target": f"app:{transfer.app_id}", "body": "Better", "group": "General", "when": "now",
        "timezone": "UTC", "expires_unit": "3600", "policy": "at_least_once", "action": "draft",
        "audience_kind": form["audience_kind"].value(), "kept": form["kept"].value(),
        "version": opened.context["composition"].version, "name": "Once more",
    }  # fmt: skip
    forged = client.post(address, typed | {"kept": '{"all": true}'})
    saved = client.post(address, typed)

    assert f"transfer {transfer.pk}" in opened.content.decode()
    assert (forged.status_code, saved.status_code) == (422, 302)
    assert Campaign.objects.get().audience == audience
    assert Campaign.objects.get().message.content["body"] == "Better"


def test_what_is_no_choice_or_means_nobody_makes_no_draft(client, owner, transfer):
    client.force_login(owner)

    nonsense = choose(client, transfer, "everybody")
    nobody = choose(client, transfer, "unopened")

    assert nonsense.status_code == 404
    assert "Nobody is meant by this." in nobody.content.decode()
    assert not Campaign.objects.exists()


def test_a_viewer_sees_the_counts_and_makes_no_draft(client, app, transfer):
    client.force_login(builders.make_member("vic", app.workspace, app=app, role=Role.VIEWER))

    page = client.get(reverse("resend", args=[transfer.pk])).content.decode()
    refused = choose(client, transfer, "failed")

    assert "Write a draft" not in page
    assert refused.status_code == 403


def test_a_script_looks_and_makes_a_draft(app, transfer):
    script = make_client(app.workspace)
    reader = make_client(app.workspace, scopes=["read"])
    address = f"/api/v1/transfers/{transfer.pk}/resend/"

    preview = script.get(address).json()
    asked = preview["choices"][0]["asked"]
    refused = reader.post(address, asked, format="json")
    wrong = script.post(address, {"outcomes": ["sent"]}, format="json")
    made = script.post(address, asked, format="json")

    assert [choice["recipients"] for choice in preview["choices"]] == [1, 0, 0, 1, 0, 0]
    assert (preview["silent"], preview["hopeless"]) == (1, 0)
    assert (refused.status_code, wrong.status_code) == (403, 400)
    assert list(wrong.json()["fields"]) == ["audience.outcomes_of.without_receipt"]
    assert (made.status_code, made.json()["status"]) == (201, "draft")
    assert made.json()["repeats"] == transfer.pk
