"""What an audience names and is gone stands against every start: least of all is whoever was to be
left out sent to.
"""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import transaction
from django.urls import reverse

from campaigns.dispatch import plan, runs
from campaigns.errors import ChangedMeanwhile, Conflict, Invalid, NotReady
from campaigns.models import App, AppGroup, Campaign, Label, Segment, Transfer
from campaigns.selectors import uses
from campaigns.selectors.starting import GONE, find_obstacle
from campaigns.services import campaigns
from campaigns.services.audience import (
    create_label,
    create_segment,
    delete_label,
    delete_segment,
    update_label,
)
from campaigns.services.preflight import find_problems
from tests import builders
from tests.campaigns.rival import Rival
from tests.pages.read_form import read_form

pytestmark = pytest.mark.database
FRENCH = {"field": "device.language", "op": "eq", "value": "fr"}
BY = {"actor": "ann"}


@pytest.fixture
def served(app):
    builders.make_route(app, "android")
    builders.make_device(app, "t1", language="fr")
    return app


@pytest.fixture
def make(served, owner, now):
    def make(audience, **body):
        message = {"title": "Hi", "body": "There"}
        body = {"app": "shop", "audience": audience, "message": message, **body}
        return campaigns.create_campaign(owner, body, **BY, now=now)

    return make


@pytest.fixture
def segment(served, now):
    return create_segment(served, name="French", expression=FRENCH, **BY, now=now)


@pytest.fixture
def label(served, now):
    return create_label(served, name="vip", **BY, now=now)


def spare(part):
    return {"combine": {"include": [{"all": True}], "exclude": [part]}}


def delete_it(request, name, now):
    """Delete or rename; gives how an audience had named it."""
    if name == "segment":
        segment = request.getfixturevalue("segment")
        body = {"segment": segment.pk}
        return body, lambda: delete_segment(segment, **BY, now=now)
    label = request.getfixturevalue("label")
    changes = {
        "label": lambda: delete_label(label, **BY, now=now),
        "renamed": lambda: update_label(label, name="other", **BY, now=now),
    }
    return {"labels": ["vip"]}, changes[name]


@pytest.mark.parametrize("place", [spare, dict], ids=["left out", "sent to"])
@pytest.mark.parametrize("name", ["segment", "label", "renamed"])
def test_a_copy_that_names_what_is_gone_is_not_launched(request, make, now, name, place):
    body, remove = delete_it(request, name, now)
    first = make(place(body))
    campaigns.cancel_campaign(first, **BY, now=now)
    remove()

    copy = campaigns.duplicate_campaign(first, **BY, now=now)
    blocking = [one for one in find_problems(copy, now=now) if one.is_blocking]
    with pytest.raises(NotReady) as refusal:
        campaigns.launch_campaign(copy, **BY, now=now)

    assert (blocking[0].code, refusal.value.code) == (GONE, GONE)
    assert [one.code for one in blocking].count(GONE) == 1
    assert blocking[0].field.startswith("audience")
    assert not Transfer.objects.exists()


def copy_without(make, segment, label, now):
    """A copy of a campaign to a segment without a label, both of which are gone by then."""
    parts = {"include": [{"segment": segment.pk}], "exclude": [{"labels": [label.name]}]}
    first = make({"combine": parts})
    campaigns.cancel_campaign(first, **BY, now=now)
    delete_segment(segment, **BY, now=now)
    delete_label(label, **BY, now=now)
    return campaigns.duplicate_campaign(first, **BY, now=now)


def test_it_is_told_what_is_gone_and_what_that_would_do(make, segment, label, now):
    number = segment.pk
    copy = copy_without(make, segment, label, now)

    told = {one.field: one.sentence for one in find_problems(copy, now=now) if one.code == GONE}
    assert told == {
        "audience.combine.include[0]":
            f"The segment #{number} is not there any more and means nobody. Choose anew who "
            "gets it.",
        "audience.combine.exclude[0]":
            "The label vip is not there any more, so that nobody would be left out by it. Choose "
            "anew who does not get it.",
    }  # fmt: skip


@pytest.mark.parametrize("key", ["unknown_of", "outcomes_of"])
def test_a_transfer_that_is_gone_stands_against_a_start(make, served, now, key):
    asked = {"unknown_of": 7, "outcomes_of": {"transfer": 7, "outcomes": ["failed"]}}
    campaign = make({"all": True})
    Campaign.objects.update(audience=spare({key: asked[key]}))
    campaign.refresh_from_db()

    obstacle = find_obstacle(campaign, now)

    assert obstacle is not None
    assert (obstacle.code, "The transfer #7" in obstacle.sentence) == (GONE, True)


def test_what_is_scheduled_fails_and_a_series_pauses_with_the_reason(
    make, label, owner, client, now
):
    later = {"send_at": "2026-11-21T09:00", "timezone": "UTC"}
    once, daily = (
        make(spare({"labels": ["vip"]}), **later),
        make(spare({"labels": ["vip"]}), **later, recurrence={"unit": "day", "every": 1}),
    )
    for campaign in (once, daily):
        campaigns.launch_campaign(campaign, **BY, now=now)
    Label.objects.all().delete()

    plan.start_due(now + timedelta(days=1))
    runs.run_due(now + timedelta(days=1))

    ends = {one.status: one.events.last().note for one in Campaign.objects.all()}
    assert ends.keys() == {"failed", "paused"}
    assert all("The label vip is not there any more" in note for note in ends.values())
    assert not Transfer.objects.exists()
    client.force_login(owner)
    assert client.get(reverse("home")).content.decode().count("label vip is not there any more")


def test_in_a_group_whoever_is_left_out_is_named_in_every_app(make, served, label, now):
    other = builders.make_app(served.workspace, "other")
    group = AppGroup.objects.create(
        workspace=served.workspace, name="Both", slug="both", group_key="g" * 24
    )
    group.apps.set([served, other])
    both = {"app": None, "app_group": "both"}
    spared, sent = make(spare({"labels": ["vip"]}), **both), make({"labels": ["vip"]}, **both)

    found = [
        [one for one in find_problems(campaign, now=now) if one.code == GONE]
        for campaign in (spared, sent)
    ]
    obstacles = [find_obstacle(campaign, now) for campaign in (spared, sent)]
    create_label(App.objects.get(slug="other"), name="vip", **BY, now=now)
    mended = [one.code for one in find_problems(spared, now=now)]

    assert [len(problems) for problems in found] == [1, 0]
    assert found[0][0].sentence.startswith(f"{other.name}: there is no label vip")
    assert obstacles == [None, None]
    assert GONE not in mended


def test_a_segment_that_is_deleted_between_the_look_and_the_start_starts_nothing(
    make, segment, now
):
    campaign = make(spare({"segment": segment.pk}))
    Segment.objects.all().delete()

    with pytest.raises(ChangedMeanwhile):
        plan.create_transfers(campaign, **BY, now=now)


DELETIONS = {
    "a label": lambda one: delete_label(one["label"], **one["by"]),
    "a label's name": lambda one: update_label(one["label"], name="other", **one["by"]),
    "a segment": lambda one: delete_segment(one["segment"], **one["by"]),
}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", DELETIONS)
def test_whoever_deletes_waits_for_who_begins_to_name_it(make, label, segment, now, name):
    by = {"label": label, "segment": segment, "by": BY | {"now": now}}

    def delete():
        try:
            return DELETIONS[name](by)
        except Conflict as refusal:
            return refusal.code

    rival = Rival(delete)

    with transaction.atomic():
        parts = {"include": [{"segment": segment.pk}], "exclude": [{"labels": ["vip"]}]}
        make({"combine": parts})
        rival.begin()

    assert rival.end() == "in_use"


def test_who_deletes_a_label_reads_no_more_than_what_has_not_ended(served):
    rows = uses.select_waiting([served.pk]).order_by("-transfer")

    plan = rows.values_list("transfer__name", "audiences").explain()

    assert "transfer_app_recent" not in plan


def test_what_was_deleted_while_it_was_written_is_refused(make, label, now, monkeypatch):
    hold = campaigns.lock_app

    def delete_first(app, lock):
        Label.objects.all().delete()
        hold(app, lock)

    monkeypatch.setattr(campaigns, "lock_app", delete_first)

    with pytest.raises(Invalid) as refusal:
        make(spare({"labels": ["vip"]}))

    assert set(refusal.value.fields) == {"audience.combine.exclude[0]"}
    assert not Campaign.objects.exists()


def test_a_draft_that_names_what_is_gone_is_changed_in_all_else(make, label, segment, owner, now):
    copy = copy_without(make, segment, label, now)
    parts = copy.audience["combine"]

    def change(**body):
        fresh = Campaign.objects.select_related("message").get(pk=copy.pk)
        return campaigns.update_campaign(fresh, owner, body, **BY, now=now)

    kept = change(name="Sale", audience=copy.audience)
    renamed = change(name="Sale 2", message={"body": "Now."})
    with pytest.raises(Invalid) as refusal:
        change(audience={"combine": {**parts, "include": [{"all": True}]}})
    with pytest.raises(Invalid) as elsewhere:
        change(app=builders.make_app(copy.workspace, "cafe").slug)

    assert (kept.audience, renamed.name, renamed.audience) == (
        copy.audience,
        "Sale 2",
        copy.audience,
    )
    assert set(refusal.value.fields) == {"audience.combine.exclude[0].labels"}
    assert set(elsewhere.value.fields) == {"audience.combine.include[0].segment"}
    assert find_obstacle(renamed, now).code == GONE


def test_compose_draws_a_box_for_what_is_gone_and_saves_nothing_with_it(
    make, label, segment, owner, client, now
):
    number = segment.pk
    copy = copy_without(make, segment, label, now)
    client.force_login(owner)

    form = client.get(reverse("edit", args=[copy.pk])).context["composition"].audience
    typed = {
        "target": f"app:{copy.app_id}", "audience_kind": "combine", "title": "Sale", "body": "Now.",
        "group": "General", "when": "now", "timezone": "UTC", "expires_unit": "3600",
        "policy": "at_least_once", "action": "draft", "translations-TOTAL_FORMS": "0",
        "translations-INITIAL_FORMS": "0", "include": ["all"], "exclude": ["label:vip"],
    }  # fmt: skip
    posted = client.post(reverse("compose"), typed)

    assert str(form["exclude"]).count("checked") == 1
    assert "vip (not there)" in str(form["exclude"])
    assert f"#{number} (not there)" in str(form["include"])
    assert posted.context["composition"].audience.errors["exclude"] == [
        "There is no label named vip."
    ]
    assert Campaign.objects.count() == 2


def post_draft(client, draft, **typed):
    """Open a draft, type into it, save it; the answer."""
    place = reverse("edit", args=[draft.pk])
    form = read_form(client.get(place).content.decode())
    return client.post(place, dict(form.lists()) | {"action": "draft", **typed})


@pytest.mark.parametrize(
    "audience",
    [
        {"labels": ["abc", "vip"]},
        {"combine": {"include": [{"labels": ["abc"]}, {"labels": ["vip"]}]}},
    ],
    ids=["labels", "several"],
)
def test_compose_saves_a_draft_that_names_what_is_gone_in_any_order(
    make, label, owner, client, now, audience
):
    create_label(label.app, name="abc", **BY, now=now)
    first = make(audience)
    campaigns.cancel_campaign(first, **BY, now=now)
    delete_label(label, **BY, now=now)
    copy = campaigns.duplicate_campaign(first, **BY, now=now)
    client.force_login(owner)

    saved = post_draft(client, copy, body="Today.")

    draft = Campaign.objects.select_related("message").get(pk=copy.pk)
    assert (saved.status_code, draft.message.content["body"]) == (302, "Today.")
    assert find_obstacle(draft, now).code == GONE


def test_compose_saves_all_but_an_audience_that_is_changed_and_names_what_is_gone(
    make, label, segment, owner, client, now
):
    copy = copy_without(make, segment, label, now)
    client.force_login(owner)

    posted = post_draft(client, copy, include=["all"], body="Today.")
    again = client.post(
        reverse("autosave"),
        dict(read_form(posted.content.decode()).lists()) | {"campaign": copy.pk, "body": "Now."},
    )

    draft = Campaign.objects.select_related("message").get(pk=copy.pk)
    assert (posted.status_code, "Saved, but for who gets it" in posted.content.decode()) == (
        422,
        True,
    )
    drawn = posted.context["composition"]
    assert ([*drawn.audience.errors], drawn.stored.content["body"]) == (["exclude"], "Today.")
    assert again.json()["parts"] == ["Audience: But not to who is in one of these"]
    assert (draft.audience, draft.message.content["body"]) == (copy.audience, "Now.")
