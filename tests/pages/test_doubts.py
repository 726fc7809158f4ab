"""What is told of values that nobody has, where segments and campaigns are made."""

from __future__ import annotations

import json

import pytest
from django.core.cache import cache
from django.urls import reverse

from campaigns.models import Label, Segment
from tests import builders
from tests.pages.sending import type_message
from tests.pages.test_segments import fill

pytestmark = pytest.mark.database
SLIP = {"and": [{"not": {"field": "person.label", "op": "eq", "value": "vipp"}}]}
TOLD = "There is no label “vipp”; do you mean “vip”? It leaves nobody out."


@pytest.fixture
def page(client, owner, app, now):
    cache.clear()
    Label.objects.create(app=app, name="vip", created_at=now)
    builders.make_device(app, "t1")
    client.force_login(owner)
    return client


def test_a_slip_is_told_at_its_condition_and_beside_the_count_and_can_be_saved(page, app):
    form = fill(app, SLIP)

    counted = page.post(reverse("segment_count"), form).content.decode()
    saved = page.post(reverse("new_segment"), form)

    assert counted.count(TOLD) == 2
    assert "1 device" in counted
    assert (saved.status_code, Segment.objects.get().expression) == (302, SLIP)


def test_of_json_it_is_told_beside_the_count(page, app):
    form = fill(app, SLIP) | {"view": "json", "json": json.dumps(SLIP)}

    counted = page.post(reverse("segment_count"), form).content.decode()

    assert counted.count(TOLD) == 1


def test_compose_warns_of_it_and_can_be_sent(page, app):
    builders.make_route(app, "android")
    typed = type_message(app, audience_kind="expression", expression=json.dumps(SLIP))

    panel = page.post(reverse("check"), typed)

    assert TOLD in panel.content.decode()
    assert "data-pa-blocked" not in panel.content.decode()


def test_countries_are_found_by_their_names(page, app):
    asked = {"app": app.pk, "key": "2", "field-2": "device.country", "op-2": "eq"}

    offered = page.post(reverse("segment_values"), asked | {"value-2": "germ"}).content.decode()

    assert '<option value="DE">Germany (DE)</option>' in offered
