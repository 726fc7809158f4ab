"""Labels and tags that are offered while somebody types, the same on every database."""

from __future__ import annotations

import pytest
from django.utils import timezone

from campaigns.models import DeviceMark, Label
from campaigns.selectors.audience_fields import find_field
from campaigns.selectors.suggestions import suggest_values
from tests import builders

pytestmark = pytest.mark.database
NAMES = ("Newsletter", "News", "old newsletter", "VIP", "Ärzte", "vip gold", "new")


@pytest.fixture
def suggest(app):
    def suggest(name, term):
        field = find_field(name)
        assert field is not None
        return suggest_values(app, field, term)

    return suggest


@pytest.fixture
def labels(app):
    Label.objects.bulk_create(Label(app=app, name=name) for name in NAMES)
    Label.objects.create(app=app, name="Newsless", archived_at=timezone.now())


@pytest.mark.usefixtures("labels")
@pytest.mark.parametrize(
    ("term", "found"),
    [
        ("letter", ("Newsletter", "old newsletter")),
        ("news", ("News", "Newsletter", "old newsletter")),
        ("new", ("new", "News", "Newsletter", "old newsletter")),
        ("vip", ("VIP", "vip gold")),
        ("ärz", ("Ärzte",)),
        ("", ("new", "News", "Newsletter", "old newsletter", "VIP", "vip gold", "Ärzte")),
        ("zzz", ()),
    ],
)
def test_labels_are_offered_by_any_piece_whatever_the_case(suggest, term, found):
    assert suggest("person.label", term) == found


def test_of_many_labels_the_one_that_is_typed_is_never_cut_off(app, suggest):
    others = [f"{letter}{number}-vip" for letter in "aAbB" for number in range(30)]
    Label.objects.bulk_create(Label(app=app, name=name) for name in (*others, "vip 2", "vip"))

    found = suggest("person.label", "vip")

    assert found[:2] == ("vip", "vip 2")
    assert len(found) == 20


def test_tags_that_others_stand_between_are_offered_too(app, suggest):
    device = builders.make_device(app, "phone")
    names = [f"t{number:02}" for number in range(12)] + [f"T{number:02}" for number in range(12)]
    DeviceMark.objects.bulk_create(
        DeviceMark(app=app, device=device, kind="tag", name=name) for name in names
    )

    assert suggest("device.tag", "t") == tuple(names[:12])
