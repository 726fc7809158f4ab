"""A long list of people stays with its campaign: no page holds it, and no save loses it."""

from __future__ import annotations

import json

import pytest
from django.urls import reverse

from campaigns.models import Campaign
from campaigns.selectors.audience import MAX_RECIPIENTS
from tests import builders
from tests.pages.read_form import read_form

MOST = 300_000
IDS = [f"00000000-0000-4000-8000-{number:012}" for number in range(MAX_RECIPIENTS)]
LISTS = {
    "persons": {"persons": IDS},
    "devices": {"devices": list(range(10**9, 10**9 + MAX_RECIPIENTS))},
    "expression": {
        "expression": {"field": "person.external_user_id", "op": "in", "value": IDS[:10_000]}
    },
    "combine": {"combine": {"include": [{"persons": IDS}], "exclude": []}},
}
WORDS = {
    "persons": f"20,000 pasted ids, kept as they are: {', '.join(IDS[:5])}…",
    "devices": "20,000 pasted ids, kept as they are: 1000000000, ",
    "expression": "An expression, kept as it is",
    "combine": "20,000 pasted ids, kept as it is",
}


@pytest.fixture
def make(client, owner, app, now):
    builders.make_route(app, "android")
    builders.make_device(app, "one", person=builders.make_person(app.workspace, IDS[7]))
    client.force_login(owner)
    return lambda audience: builders.make_campaign(app, now, audience=audience)


def find_place(campaign):
    return reverse("edit", args=[campaign.pk])


def open_form(client, campaign):
    return read_form(client.get(find_place(campaign)).content.decode())


def find_stored(campaign):
    return Campaign.objects.get(pk=campaign.pk)


@pytest.mark.parametrize("kind", LISTS)
def test_it_is_opened_checked_and_saved_as_it_was(client, make, kind):
    campaign = make(LISTS[kind])

    page = client.get(find_place(campaign)).content
    form = read_form(page.decode())
    panel = client.post(reverse("check"), form)
    refused = client.post(find_place(campaign), form | {"rate": "-1"})
    saved = client.post(find_place(campaign), form | {"name": "Summer"})

    assert WORDS[kind] in page.decode()
    assert (panel.status_code, refused.status_code, saved.status_code) == (200, 422, 302)
    assert max(len(page), len(panel.content), len(refused.content)) < MOST
    assert find_stored(campaign).audience == LISTS[kind]
    assert find_stored(campaign).name == "Summer"


def test_its_recipients_are_counted_while_it_is_kept(client, make):
    form = open_form(client, make(LISTS["persons"]))

    panel = client.post(reverse("check"), form)

    assert panel.context["check"].total == 1


def test_autosave_and_a_copy_keep_it_too(client, make):
    campaign = make(LISTS["persons"])
    copied = client.get(f"{reverse('compose')}?copy={campaign.pk}").content

    autosaved = client.post(
        reverse("autosave"), open_form(client, campaign) | {"campaign": campaign.pk, "tag": "x"}
    ).json()
    client.post(reverse("compose"), read_form(copied.decode()))

    assert autosaved["parts"] == []
    assert len(copied) < MOST
    found = Campaign.objects.order_by("pk")
    assert [(one.tag, one.audience == LISTS["persons"]) for one in found] == [
        ("x", True), ("", True),
    ]  # fmt: skip


def test_a_new_list_takes_its_place(client, make):
    campaign = make(LISTS["persons"])
    form = open_form(client, campaign)
    pasted = {"audience_kind": "ids", "ids_kind": "persons", "ids": "ann\nbob"}

    saved = client.post(find_place(campaign), form | pasted)

    assert saved.status_code == 302
    assert find_stored(campaign).audience == {"persons": ["ann", "bob"]}


def test_what_was_pasted_and_stored_is_not_sent_back(client, make):
    """Autosave keeps it before the form is refused."""
    campaign = make(LISTS["persons"])
    pasted = {
        "audience_kind": "ids", "ids_kind": "persons", "ids": "\n".join(IDS), "kept": "",
        "rate": "-1",
    }  # fmt: skip

    refused = client.post(find_place(campaign), open_form(client, campaign) | pasted)

    again = read_form(refused.content.decode())
    assert refused.status_code == 422
    assert len(refused.content) < MOST
    assert (again["audience_kind"], again["ids"], again["rate"]) == ("kept", "", "-1")
    client.post(find_place(campaign), again | {"rate": "5"})
    assert find_stored(campaign).audience == LISTS["persons"]


def test_a_short_list_is_edited_in_its_box(client, make):
    form = open_form(client, make({"persons": IDS[:500]}))

    assert form["ids"].split() == IDS[:500]
    assert form["audience_kind"] == "ids"


def test_what_is_not_stored_so_any_more_is_not_saved(client, make, app):
    """It was changed by a script, or the page was drawn for another app."""
    changed, moved = make(LISTS["persons"]), make(LISTS["persons"])
    forms = [open_form(client, campaign) for campaign in (changed, moved)]
    Campaign.objects.filter(pk=changed.pk).update(audience={"persons": IDS[:-1]})
    other = builders.make_app(app.workspace, "other")
    forms[1]["target"] = f"app:{other.pk}"

    answers = [
        client.post(find_place(campaign), form)
        for campaign, form in zip((changed, moved), forms, strict=True)
    ]

    for answer in answers:
        assert answer.status_code == 422
        assert "not stored so any more" in answer.content.decode()
    assert find_stored(changed).audience == {"persons": IDS[:-1]}
    assert find_stored(moved).audience == LISTS["persons"]


@pytest.mark.parametrize("digest", ["", None])
def test_nobody_takes_a_list_of_another_workspace(client, make, stranger, digest):
    campaign = make(LISTS["persons"])
    form = open_form(client, campaign)
    theirs = builders.make_app(stranger.memberships.get().workspace, "theirs")
    named = json.loads(form["kept"])
    form["kept"] = json.dumps(named if digest is None else named | {"digest": digest})
    client.force_login(stranger)

    taken = client.post(reverse("compose"), form | {"target": f"app:{theirs.pk}"})

    assert taken.status_code == 422
    assert Campaign.objects.count() == 1
