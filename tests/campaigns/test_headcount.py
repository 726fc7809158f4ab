"""The people whom a headcount shows: each once, whatever they carry."""

from __future__ import annotations

import pytest
from django.core.cache import cache

from campaigns.models import App
from campaigns.selectors import headcount
from campaigns.selectors.audience import Audience, AudienceKind
from campaigns.selectors.headcount import take_headcount
from tests import builders

pytestmark = pytest.mark.database
EVERYBODY = Audience(AudienceKind.ALL)


def make_people(app: App, phones: dict[str, int]) -> None:
    """So many phones of each; those of nobody under an empty name."""
    for name, count in phones.items():
        person = builders.make_person(app.workspace, name) if name else None
        for number in range(count):
            builders.make_device(app, f"{name}-{number}", person=person)


def list_shown(app: App, seconds: float) -> list[str]:
    return [device.token for device in take_headcount(app, EVERYBODY, seconds=seconds).people]


@pytest.mark.parametrize("seconds", [60, 0])
def test_who_has_several_phones_is_shown_once_and_phones_of_nobody_each(app, seconds):
    """Counted or estimated."""
    make_people(app, {"ann": 3, "bob": 2, "": 2, "cy": 1})

    assert list_shown(app, seconds) == ["ann-0", "bob-0", "-0", "-1", "cy-0"]


@pytest.mark.parametrize("seconds", [60, 0])
def test_ten_people_are_shown_though_the_first_have_many_phones(app, seconds):
    make_people(app, {f"p{number:02}": 4 for number in range(12)})

    assert list_shown(app, seconds) == [f"p{number:02}-0" for number in range(10)]


def test_no_more_phones_are_looked_at_than_so_many(app, monkeypatch):
    monkeypatch.setattr(headcount, "LOOKED_AT", 5)
    make_people(app, {"ann": 5, "bob": 1})

    assert list_shown(app, 60) == ["ann-0"]


def test_of_a_sample_each_person_is_shown_once(app):
    make_people(app, {"ann": 3, "bob": 3})
    drawn = list(app.devices.exclude(token="ann-0").order_by("pk").values_list("pk", flat=True))
    cache.set(f"headcount-sample-{app.pk}", drawn)

    assert list_shown(app, 0) == ["ann-1", "bob-0"]
