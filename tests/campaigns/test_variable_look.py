"""For how many of an audience a variable is empty, and who the worst cases are."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.cache import cache

from campaigns.models import App, Device
from campaigns.models.audience import hash64
from campaigns.selectors import variable_look
from campaigns.selectors.audience import Audience, AudienceKind
from campaigns.selectors.personal import Reader, is_empty, list_fixed
from campaigns.selectors.variable_look import look_at_everybody, look_at_variables
from tests import builders

pytestmark = [pytest.mark.django_db, pytest.mark.database]
EVERYBODY = Audience(AudienceKind.ALL)
NAME = "person.custom.name"
TIER = "device.custom.tier"


@pytest.fixture
def app() -> App:
    cache.clear()
    return builders.make_app(builders.make_workspace())


def make_many(app: App, tiers: list[Any]) -> list[int]:
    """A device with each."""
    rows = [
        Device(app=app, platform="android", token=f"t{number}", token_hash=hash64(f"t{number}"),
               attributes={"tier": tier})
        for number, tier in enumerate(tiers)
    ]  # fmt: skip
    Device.objects.bulk_create(rows, batch_size=500)
    return list(app.devices.order_by("pk").values_list("pk", flat=True))


def test_who_has_no_value_is_counted_and_the_worst_cases_are_found(app: App) -> None:
    names = ["person.custom.name", "device.model"]
    values = [
        {"name": "Ann"},
        {"name": " "},
        {"name": "Maximiliane"},
        {},
        {"name": 0},
        {"name": []},
    ]
    devices = [
        builders.make_device(
            app, f"t{number}", model="X1" if number else "",
            person=builders.make_person(app.workspace, f"p{number}", attributes=value),
        )
        for number, value in enumerate(values)
    ]  # fmt: skip
    look = look_at_variables(app, EVERYBODY, names=names)

    assert look == {
        "total": 6, "looked_at": 6, "is_all": True, "empty": {names[0]: 3, names[1]: 1},
        "longest": devices[2].pk, "emptiest": devices[0].pk, "longest_by": 13, "emptiest_by": 1,
    }  # fmt: skip
    assert look_at_variables(app, EVERYBODY, names=[]) == {
        "total": 6, "looked_at": 6, "is_all": True, "empty": {},
        "longest": devices[0].pk, "emptiest": None, "longest_by": 0, "emptiest_by": 0,
    }  # fmt: skip


def test_everybody_is_counted_however_many_there_are(app: App) -> None:
    ids = make_many(app, [*["gold"] * 2_000, "", "platinum", *[""] * 3])

    look = look_at_variables(app, EVERYBODY, names=[TIER])

    assert look == {
        "total": 2_005, "looked_at": 2_005, "is_all": True, "empty": {TIER: 4},
        "longest": ids[2_001], "emptiest": ids[2_000],
        "longest_by": 8, "emptiest_by": 1,
    }  # fmt: skip


def test_without_the_time_for_that_a_sample_is_scaled_and_said_so(app: App, monkeypatch) -> None:
    ids = make_many(app, ["gold", "", "gold", "", "platinum", ""])
    cache.set(f"headcount-sample-{app.pk}", ids[:3])
    monkeypatch.setattr(variable_look, "QUICK", 0)

    quick = look_at_variables(app, EVERYBODY, names=[TIER])
    patient = look_at_everybody(app, EVERYBODY, names=[TIER])

    assert quick == {
        "total": 6, "looked_at": 3, "is_all": False, "empty": {TIER: 2},
        "longest": ids[0], "emptiest": ids[1], "longest_by": 4, "emptiest_by": 1,
    }  # fmt: skip
    assert (patient["is_all"], patient["empty"], patient["longest"]) == (True, {TIER: 3}, ids[4])


def test_of_a_small_app_the_sample_is_everybody(app: App, monkeypatch) -> None:
    make_many(app, ["gold", ""])
    monkeypatch.setattr(variable_look, "QUICK", 0)

    look = look_at_variables(app, EVERYBODY, names=[TIER])

    assert (look["is_all"], look["total"], look["empty"]) == (True, 2, {TIER: 1})


@pytest.mark.parametrize(
    "value",
    ["Ann", "", " ", "\t\n\u2003", "[]", "{}", "é", 0, 1.5, False, True, None, [], [""], [1], {}],
)
def test_what_counts_as_empty_is_what_a_recipient_would_not_read(app: App, value: Any) -> None:
    [pk] = make_many(app, [value])
    read = Reader(app, [TIER]).read_devices([pk])[pk].get(TIER)

    look = look_at_variables(app, EVERYBODY, names=[TIER])

    assert look["empty"] == {TIER: int(is_empty(read))}


def test_every_variable_can_be_counted(app: App) -> None:
    ann = builders.make_person(app.workspace, email="ann@example.org")
    device = builders.make_device(app, "a", person=ann, model="X1")
    read = Reader(app, list_fixed()).read_devices([device.pk])[device.pk]

    look = look_at_variables(app, EVERYBODY, names=list_fixed())

    assert look["empty"] == {name: int(is_empty(read.get(name))) for name in list_fixed()}
    assert {look["empty"][name] for name in ("person.email", "device.model", "app.name")} == {0}
