"""Whom a transfer means, and which texts they get, is settled when it is started."""

from __future__ import annotations

from datetime import timedelta

import pytest

from campaigns.dispatch import engine, freeze, runs
from campaigns.errors import Conflict
from campaigns.models import App, Batch, Campaign, Label, Part, Segment, Transfer
from campaigns.models.packing import unpack_ids
from campaigns.selectors.started import match_meanings, settle_body
from campaigns.selectors.trace import trace_transfer
from campaigns.services.audience import create_label, delete_label, update_label
from tests import builders

pytestmark = [pytest.mark.django_db, pytest.mark.database]
FRENCH = {"field": "device.language", "op": "eq", "value": "fr"}
EVERYBODY = {"and": []}


@pytest.fixture
def devices(routed):
    """Six, of which every second one speaks French."""
    return [
        builders.make_device(routed, f"t{number}", language="de" if number % 2 else "fr").pk
        for number in range(6)
    ]


@pytest.fixture
def segment(routed, devices):
    Label.objects.create(app=routed, name="a")
    return Segment.objects.create(app=routed, name="French", expression=FRENCH)


def list_frozen(transfer):
    batches = Batch.objects.filter(transfer=transfer)
    return sorted(one for batch in batches for one in unpack_ids(batch.recipients))


AUDIENCES = {
    "the segment": lambda pk: {"segment": pk},
    "one of several": lambda pk: {"combine": {"include": [{"segment": pk}, {"labels": ["a"]}]}},
}


@pytest.mark.parametrize("name", AUDIENCES.values(), ids=AUDIENCES.keys())
def test_a_segment_that_is_changed_after_the_start_changes_nobody(
    start, segment, devices, now, name
):
    transfer = start(audience=name(segment.pk))

    Segment.objects.update(expression=EVERYBODY)
    freeze.freeze_transfer(transfer, now=now)

    assert list_frozen(transfer) == devices[::2]


@pytest.mark.parametrize("change", [{"or": []}, EVERYBODY])
def test_who_is_left_out_is_settled_too(start, segment, devices, now, change):
    transfer = start(
        audience={"combine": {"include": [{"all": True}], "exclude": [{"segment": segment.pk}]}}
    )

    Segment.objects.update(expression=change)
    freeze.freeze_transfer(transfer, now=now)

    assert list_frozen(transfer) == devices[1::2]


@pytest.fixture
def push(routed, submit, segment):
    """A script's push to the segment."""
    transfer = submit()
    transfer.parts.update(audiences=[{"segment": segment.pk}])
    return transfer


@pytest.fixture
def former(start, segment):
    """A campaign that a worker of the former release has started."""
    transfer = start(audience={"segment": segment.pk})
    Part.objects.update(audiences=None)
    Transfer.objects.update(freeze_cursor={})
    return transfer


@pytest.mark.parametrize("name", ["push", "former"])
def test_what_no_start_has_settled_the_first_chunk_does(request, devices, now, name, monkeypatch):
    monkeypatch.setattr(freeze, "CHUNK_DEVICES", 1)
    transfer = request.getfixturevalue(name)

    freeze.freeze_step(transfer, freeze.ACTOR, now)
    Segment.objects.update(expression=EVERYBODY)
    freeze.freeze_transfer(transfer, now=now)

    assert list_frozen(transfer) == devices[::2]


def test_only_primary_devices_stay_the_ones_that_are_meant(start, segment, devices, now):
    for pk in devices:
        app = segment.app
        person = builders.make_person(app.workspace, f"p{pk}")
        app.devices.filter(pk=pk).update(person=person, is_primary=pk == devices[0])
    transfer = start(audience={"segment": segment.pk}, only_primary=True)

    freeze.freeze_transfer(transfer, now=now)

    assert list_frozen(transfer) == devices[:1]


def test_texts_are_chosen_by_the_languages_that_the_app_had(
    start, routed, devices, now, monkeypatch
):
    monkeypatch.setattr(freeze, "CHUNK_DEVICES", 3)
    texts = {"body": "Hello", "translations": {"it": {"body": "Ciao"}, "es": {"body": "Hola"}}}
    App.objects.update(fallbacks=["it"])
    transfer = start(texts)

    App.objects.update(fallbacks=["es"])
    freeze.freeze_step(transfer, freeze.ACTOR, now)
    App.objects.update(fallbacks=[], default_language="es")
    freeze.freeze_transfer(transfer, now=now)

    assert set(Batch.objects.values_list("language", flat=True)) == {"it"}


def test_each_run_of_a_series_takes_what_the_segment_means_by_then(
    make_campaign, segment, devices, now
):
    campaign = make_campaign(
        audience={"segment": segment.pk}, recurrence={"unit": "day"}, timezone="UTC",
        send_at=f"{now:%Y-%m-%dT%H:%M}", due_at=now,
    )  # fmt: skip
    campaign.move_to(Campaign.Status.RECURRING, actor="owner", now=now)

    runs.run_due(now)
    first = Transfer.objects.get()
    freeze.freeze_transfer(first, now=now)
    Transfer.objects.update(status="sent", finished_at=now)
    Segment.objects.update(expression=EVERYBODY)
    runs.run_due(now + timedelta(days=1))
    second = Transfer.objects.exclude(pk=first.pk).get()
    freeze.freeze_transfer(second, now=now + timedelta(days=1))

    assert [list_frozen(one) for one in (first, second)] == [devices[::2], devices]


def test_a_trace_judges_by_what_the_segment_meant(start, segment, owner, now):
    transfer = start(audience={"segment": segment.pk})
    engine.drain(clock=lambda: now)
    Segment.objects.update(expression={**FRENCH, "value": "de"})

    [one] = trace_transfer(Transfer.objects.get(pk=transfer.pk), "t0", owner).recipients

    said = {line.code: line.words for line in one.lines}
    assert "Found: “fr”" in said["condition"]
    assert "changed" not in said


def test_a_label_that_only_what_was_started_names_stays(start, segment, routed, now):
    label = create_label(routed, name="vip", actor="owner", now=now)
    carried = {"field": "person.label", "op": "eq", "value": "vip"}
    Segment.objects.update(expression={"not": carried})
    start(audience={"segment": segment.pk})
    Segment.objects.update(expression=EVERYBODY)

    with pytest.raises(Conflict) as deleted:
        delete_label(label, actor="owner", now=now)
    with pytest.raises(Conflict):
        update_label(label, name="other", actor="owner", now=now)

    assert deleted.value.message == "It is still used, by Spring."


def test_a_campaign_and_its_transfer_are_one_use(start, routed, now):
    label = create_label(routed, name="vip", actor="owner", now=now)
    segment = Segment.objects.create(app=routed, name="All", expression=EVERYBODY)
    both = {"combine": {"include": [{"labels": ["vip"]}, {"segment": segment.pk}]}}
    start(audience=both)

    with pytest.raises(Conflict) as refusal:
        delete_label(label, actor="owner", now=now)

    assert refusal.value.message == "It is still used, by Spring."


def test_what_an_expression_compares_with_is_no_segment():
    named = {"combine": {"include": [{"segment": 7}], "exclude": [{"expression": {"segment": 8}}]}}

    settled = settle_body(named, {7: FRENCH, 8: EVERYBODY})

    assert settled["combine"]["include"] == [{"expression": FRENCH}]
    assert settled["combine"]["exclude"] == named["combine"]["exclude"]
    assert match_meanings(named, settled) == {7: FRENCH}


def test_a_start_writes_down_nothing_of_an_audience_that_cannot_change(start, segment):
    start(audience={"combine": {"include": [{"all": True}], "exclude": [{"labels": ["a"]}]}})

    assert Part.objects.get().audiences is None


def test_steps_choose_their_texts_as_the_freeze_did(start, routed, devices, now):
    transfer = start()
    Transfer.objects.update(has_steps=True)
    App.objects.update(default_language="pt")

    freeze.freeze_transfer(transfer, now=now)

    kept = Transfer.objects.get().freeze_cursor
    assert kept["app"]["default_language"] == routed.default_language
    assert sorted(kept) == ["app", "now"]
