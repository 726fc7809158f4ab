"""Compose sends to several segments and labels and spares others."""

from __future__ import annotations

import pytest
from django.urls import reverse

from campaigns.models import Campaign, Label, LabelMember, Segment
from tests import builders

GERMANS = {"field": "device.country", "op": "eq", "value": "DE"}


@pytest.fixture
def typed(app):
    return {
        "target": f"app:{app.pk}", "audience_kind": "combine", "title": "Sale", "body": "Now.",
        "group": "General", "when": "now", "timezone": "UTC", "expires_unit": "3600",
        "policy": "at_least_once", "action": "draft", "translations-TOTAL_FORMS": "0",
        "translations-INITIAL_FORMS": "0",
    }  # fmt: skip


@pytest.fixture
def segment(app):
    ann = builders.make_person(app.workspace, "ann")
    builders.make_device(app, "t1", country="DE", person=ann)
    builders.make_device(app, "t2", country="DE")
    LabelMember.objects.create(label=Label.objects.create(app=app, name="vip: a"), person=ann)
    return Segment.objects.create(app=app, name="Germans", expression=GERMANS)


def test_parts_are_chosen_counted_saved_and_shown_again(client, owner, app, typed, segment):
    client.force_login(owner)
    form = typed | {"include": [f"segment:{segment.pk}"], "exclude": ["label:vip: a"]}

    counted = client.post(reverse("check"), form).context["check"].total
    saved = client.post(reverse("compose"), form)
    campaign = Campaign.objects.get()
    shown = client.get(reverse("edit", args=[campaign.pk])).context["composition"].audience

    assert (counted, saved.status_code) == (1, 302)
    assert campaign.audience == {
        "combine": {"include": [{"segment": segment.pk}], "exclude": [{"labels": ["vip: a"]}]}
    }
    assert shown["include"].value() == [f"segment:{segment.pk}"]
    assert shown["exclude"].value() == ["label:vip: a"]


def test_what_a_script_has_combined_stays_as_it_is(client, owner, app, typed, segment):
    client.force_login(owner)
    client.post(reverse("compose"), typed | {"include": ["all"]})
    parts = {"include": [{"all": True}], "exclude": [{"expression": GERMANS}]}
    Campaign.objects.update(audience={"combine": parts})
    campaign = Campaign.objects.get()
    shown = client.get(reverse("edit", args=[campaign.pk]))
    composition = shown.context["composition"]

    form = typed | {
        "include": ["all"], "others": composition.audience["others"].value(),
        "version": composition.version,
    }  # fmt: skip
    client.post(reverse("edit", args=[campaign.pk]), form)

    campaign.refresh_from_db()
    assert b"1 more part, made by a script" in shown.content
    assert campaign.audience == {"combine": parts}


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({}, "Choose at least one segment or label to send to."),
        ({"include": ["segment:404"]}, "This app has no segment 404."),
        ({"include": ["all"], "others": "{"}, "The form came incomplete"),
        ({"include": ["all"], "others": '{"exclude": 5}'}, "The form came incomplete"),
        ({"include": ["all"], "others": '{"exclude": [5]}'}, "An audience is an object"),
    ],
)
def test_what_is_missing_or_wrong_is_said_where_it_stands(client, owner, typed, given, fault):
    client.force_login(owner)

    answer = client.post(reverse("compose"), typed | given)

    assert answer.status_code == 422
    assert fault in answer.content.decode()
    assert not Campaign.objects.exists()
