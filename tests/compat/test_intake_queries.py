"""Questions over several apps: devices that an audience means, app groups and their members."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from campaigns.errors import Forbidden, NotFound
from campaigns.models import Segment
from campaigns.services import access, intake
from campaigns.services.callers import Caller
from providers.audience import Condition, Op
from providers.audience_calls import FindDevices, ListAppGroups
from providers.recipients import AppChoice, Audience
from tests import builders
from tests.compat.conftest import make_key
from tests.compat.planning import PLAIN

pytestmark = [pytest.mark.django_db, pytest.mark.database]
EVERYWHERE = AppChoice(is_all=True)
GERMAN = Audience(expression=Condition("device.country", Op.EQ, "DE"))


@pytest.fixture
def other(workspace):
    return builders.make_app(workspace, "other")


@pytest.fixture
def caller(workspace, app, other):
    """Who reaches the whole workspace, with two devices in one app and one in the other."""
    person = builders.make_person(workspace, "ann", country="FR", language="fr")
    builders.make_device(app, "one", country="DE", person=person)
    builders.make_device(app, "two", country="AT")
    builders.make_device(other, "three", country="DE")
    builders.make_device(builders.make_app(builders.make_workspace("foreign"), "far"), "four")
    now = datetime.now(UTC)
    key, _text = access.issue_key(workspace, name="Wide", actor="owner", now=now)
    return Caller(key, PLAIN, now)


def make_segment(app, name, country):
    expression = {"field": "device.country", "op": "eq", "value": country}
    return str(Segment.objects.create(app=app, name=name, expression=expression).pk)


def find(caller, audience=None, apps=EVERYWHERE, limit=10):
    found = intake.execute(FindDevices(apps, audience or Audience(), limit), caller)
    return found.count, [row.token for row in found.rows]


def test_devices_are_counted_over_all_apps_and_shown_up_to_a_limit(caller, other):
    only_other = AppChoice(apps=(str(other.pk),))

    assert find(caller) == (3, ["one", "two", "three"])
    assert find(caller, limit=1) == (3, ["one"])
    assert find(caller, GERMAN) == (2, ["one", "three"])
    assert find(caller, GERMAN, only_other) == (1, ["three"])


def test_a_device_is_described_with_what_its_person_has_besides(caller):
    [row, *_others] = intake.execute(FindDevices(EVERYWHERE, Audience(), 1), caller).rows

    assert (row.external_user_id, row.values["country"], row.values["language"]) == (
        "ann", "DE", "fr",
    )  # fmt: skip


def test_of_several_segments_one_is_enough_and_none_may_hold_that_is_excluded(caller, app, other):
    german, austrian = make_segment(app, "G", "DE"), make_segment(app, "A", "AT")
    far = make_segment(other, "O", "DE")

    assert find(caller, Audience(any_segments=(german, austrian))) == (2, ["one", "two"])
    assert find(caller, Audience(any_segments=(german, far))) == (2, ["one", "three"])
    assert find(caller, Audience(not_segments=(german,))) == (2, ["two", "three"])
    assert find(caller, Audience(any_segments=(german,), not_segments=(german,))) == (0, [])


@pytest.mark.parametrize("way", ["any_segments", "not_segments"])
def test_a_segment_that_is_not_there_is_named(caller, way):
    foreign = builders.make_app(builders.make_workspace("third"), "third")
    theirs = make_segment(foreign, "T", "DE")

    for text in (theirs, "999999", "x"):
        with pytest.raises(NotFound) as told:
            find(caller, Audience(**{way: (text,)}))
        assert told.value.subject == text


def test_an_app_of_others_is_not_looked_into(caller, app):
    named = AppChoice(apps=(str(app.pk),))
    sibling = replace(caller, key=make_key(builders.make_app(app.workspace, "sibling"))[0])

    with pytest.raises(Forbidden):
        find(sibling, apps=named)

    assert find(sibling) == (0, [])


def test_app_groups_are_listed_with_the_members_that_the_key_reaches(caller, app, other):
    group = app.workspace.app_groups.create(name="Both", slug="both", group_key="a" * 24)
    group.apps.set([app, other])
    narrow = replace(caller, key=make_key(app)[0])
    stranger = replace(caller, key=make_key(builders.make_app(builders.make_workspace("x")))[0])

    listed = intake.execute(ListAppGroups(), caller).rows
    one = intake.execute(ListAppGroups(str(group.pk)), narrow).rows

    assert [(row.id, row.name, row.apps) for row in listed] == [
        (str(group.pk), "Both", (str(app.pk), str(other.pk)))
    ]
    assert [row.apps for row in one] == [(str(app.pk),)]
    assert intake.execute(ListAppGroups(), stranger).rows == ()
    with pytest.raises(NotFound):
        intake.execute(ListAppGroups(str(group.pk)), stranger)
