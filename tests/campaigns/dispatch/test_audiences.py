"""Vendors that select recipients themselves, and vendors that know persons: over a socket."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import transaction

from campaigns.dispatch import books, events, freeze, piles, vendor_labels
from campaigns.dispatch.engine import drain
from campaigns.dispatch.receipt_tokens import write_receipt_token
from campaigns.dispatch.verify import check_books
from campaigns.models import (
    Account,
    App,
    Attempt,
    Batch,
    Correction,
    Counter,
    Delivery,
    Device,
    Label,
    LabelMember,
    Part,
    Person,
    Rollup,
    Scenario,
    Transfer,
)
from campaigns.models.packing import unpack_ids
from campaigns.selectors import routes
from campaigns.services.checks import list_checks
from campaigns.services.preflight import find_problems
from providers import vault
from providers.contract import Addressing, Dialect, Idempotency
from providers.message_fields import Platform
from providers.outcomes import Outcome, Reason
from providers.receipts import OutcomeEvent
from providers.recipients import PersonKind
from providers.simulator import Simulator, read_plan
from tests import builders
from tests.campaigns.dispatch import telling

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
Start = Callable[..., Transfer]
Offer = Callable[..., Dialect]
JUST_MADE = {"field": "device.created_at", "op": "within_last", "value": "30d"}
USER = PersonKind.EXTERNAL_USER_ID.value


@pytest.fixture
def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def offer(
    routed: App, simulator: Simulator, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> Offer:
    """Let the app's Android and iOS go to a vendor that names recipients in these ways."""

    def offer(*addressing: Addressing, **abilities: Any) -> Dialect:
        platforms = frozenset({Platform.ANDROID, Platform.IOS})
        dialect = telling.make_dialect(*addressing, platforms=platforms, **abilities)
        telling.serve(simulator, dialect)
        monkeypatch.setattr(routes, "find_dialect", lambda key: dialect)
        settings.OUTBOUND_ALLOW = [simulator.url]
        account = Account.objects.get()
        account.credentials = vault.encrypt({"api_key": "good"})
        account.base_urls = {"api": f"{simulator.url}/sandbox"}
        account.save()
        return dialect

    return offer


def add_people(app: App, count: int = 6) -> None:
    """Each has a phone and a tablet of the other platform."""
    for number in range(count):
        person = builders.make_person(app.workspace, f"p{number}")
        builders.make_device(
            app, f"a{number}", "android", person=person, country="DE", is_primary=True
        )
        builders.make_device(app, f"i{number}", "ios", person=person, country="FR")


def add_label(app: App, name: str, *people: str) -> Label:
    label: Label = Label.objects.create(app=app, name=name)
    for person in Person.objects.filter(external_user_id__in=people):
        LabelMember.objects.create(label=label, person=person)
    return label


def list_calls(simulator: Simulator) -> list[dict[str, Any]]:
    """What the vendor took: of whom it was told, or whom it was named."""
    return [
        dict(transfer.audience[0])
        if transfer.audience
        else {"named": sorted(place.value for place in transfer.list_named())}
        for transfer in simulator.vendor.transfers.values()
    ]


def count_outcomes() -> dict[str, int]:
    rows = Counter.objects.filter(count__gt=0).values_list("platform", "outcome", "reason", "count")
    return {" ".join(filter(None, row)): count for *row, count in rows}


def is_balanced() -> bool:
    return not check_books().faults


def test_the_whole_app_is_one_call_that_names_nobody(offer, routed, start, simulator, monkeypatch):
    offer()
    add_people(routed, 6)
    monkeypatch.setattr(piles, "MAX_BATCH", 5)
    monkeypatch.setattr(freeze, "CHUNK_DEVICES", 4)

    transfer = start()
    drain()

    assert list_calls(simulator) == [{"all": True}]
    assert count_outcomes() == {"android sent": 6, "ios sent": 6}
    assert Batch.objects.count() == 3
    assert Attempt.objects.count() == 1
    assert Part.objects.get().declared
    transfer.refresh_from_db()
    assert (transfer.status, transfer.audience) == ("sent", 12)
    assert is_balanced()


@pytest.mark.parametrize(
    ("audience", "reached"),
    [
        ({"labels": ["vip"]}, 4),
        ({"labels": ["vip", "gold"]}, 2),
        ({"expression": {"field": "device.country", "op": "eq", "value": "DE"}}, 3),
    ],
)
def test_what_a_vendor_can_be_told_exactly_it_is_told(
    offer, routed, start, simulator, audience, reached
):
    offer()
    add_people(routed, 3)
    add_label(routed, "vip", "p0", "p1")
    add_label(routed, "gold", "p1", "p2")

    start(audience=audience)
    drain()

    assert list_calls(simulator) == [audience]
    assert sum(count_outcomes().values()) == reached
    assert set(Delivery.objects.values_list("outcome", flat=True)) == {"sent"}
    assert is_balanced()


def test_labels_become_a_filter_where_there_are_too_many(offer, routed, start, simulator):
    offer(labels_per_call=1)
    add_people(routed, 2)
    add_label(routed, "vip", "p0")
    add_label(routed, "gold", "p0")

    start(audience={"labels": ["vip", "gold"]})
    drain()

    carries = [{"field": "person.label", "op": "eq", "value": name} for name in ("vip", "gold")]
    assert list_calls(simulator) == [{"expression": {"and": carries}}]


def opt_out(app: App) -> None:
    Person.objects.filter(external_user_id="p0").update(opted_out_at=datetime.now(UTC))


def disable(app: App) -> None:
    Device.objects.filter(token="a0").update(token_state="disabled")


def move_ios_elsewhere(app: App) -> None:
    app.routes.filter(platform="ios").delete()


@pytest.mark.parametrize(
    ("more", "calls"),
    [
        ({}, [{"all": True}]),
        ({"ios": {"title": "Kurz"}}, []),
        ({"buttons": ["Ja"]}, []),
        ({"ios": {"subtitle": "Nur"}}, []),
        ({"in_app": {"open_title": "Zeig"}}, [{"all": True}]),
    ],
)
def test_who_chooses_among_translations_is_told_of_a_title_and_a_text_each(
    offer, routed, start, simulator, more, calls
):
    offer(takes_translations=True)
    add_people(routed, 2)

    start(content={"body": "Hi", "translations": {"de": {"body": "Hallo", **more}}})
    drain()

    assert list_calls(simulator) == calls


@pytest.mark.values(8)
@pytest.mark.parametrize(
    ("fields", "before"),
    [
        ({"audience": {"persons": ["p0"]}}, None),
        ({"audience": {"combine": {"include": [{"all": True}]}}}, None),
        ({"audience": {"expression": {"or": [{"not": JUST_MADE}, JUST_MADE]}}}, None),
        ({"only_primary": True}, None),
        ({"content": {"body": "Hi", "translations": {"de": {"body": "Hallo"}}}}, None),
        ({"content": {"android": {"body": "Hi"}}}, None),
        ({}, opt_out),
        ({}, disable),
    ],
)
def test_what_is_not_exact_reaches_nobody(offer, routed, start, simulator, fields, before):
    offer()
    add_people(routed, 2)
    if before is not None:
        before(routed)

    start(**fields)
    drain()

    assert list_calls(simulator) == []
    assert set(Delivery.objects.values_list("outcome", flat=True)) == {"skipped"}
    assert "not_addressable" in set(Delivery.objects.values_list("reason", flat=True))
    assert is_balanced()


def test_what_is_not_exact_is_told_before_the_launch(offer, routed, make_campaign, now):
    offer()
    add_people(routed, 2)
    campaigns = [make_campaign(), make_campaign(audience={"persons": ["p0"]})]

    told = [
        [check.verdict.value for check in list_checks(find_problems(campaign, now=now))
         if check.key == "addressing"]
        for campaign in campaigns
    ]  # fmt: skip

    assert told == [["passed"], ["blocking"]]


def test_a_platform_that_goes_another_way_is_left_out_by_the_filter(
    offer, routed, start, simulator
):
    offer()
    add_people(routed, 2)
    move_ios_elsewhere(routed)

    start()
    drain()

    only = {"field": "device.platform", "op": "in", "value": ["android"]}
    assert list_calls(simulator) == [{"expression": only}]
    assert count_outcomes() == {"android sent": 2, "ios skipped no_route": 2}


def test_who_opts_out_before_the_call_stops_it(offer, routed, start, simulator, now):
    offer()
    add_people(routed, 2)
    transfer = start()
    freeze.freeze_transfer(transfer, now=now)
    opt_out(routed)

    drain()

    assert list_calls(simulator) == []
    assert count_outcomes() == {
        "android failed not_addressable": 2,
        "ios failed not_addressable": 2,
    }
    assert is_balanced()


@pytest.mark.parametrize("fault", ["accepted_answer_lost", "close_before_acceptance", "error_503"])
def test_a_call_with_a_key_is_made_again_whole(offer, routed, start, simulator, monkeypatch, fault):
    offer()
    add_people(routed, 6)
    monkeypatch.setattr(piles, "MAX_BATCH", 5)
    simulator.follow(read_plan({"faults": [f"{fault}:times=1"]}))
    moment = datetime.now(UTC)

    start()
    for minute in range(4):
        drain(clock=lambda minute=minute: moment.replace(year=moment.year + minute))

    assert list_calls(simulator) == [{"all": True}]
    assert set(Delivery.objects.values_list("outcome", flat=True)) == {"sent"}
    assert Part.objects.get().resent == 0
    assert is_balanced()


def test_a_call_without_key_or_lookup_is_never_made_again(offer, routed, start, simulator):
    offer(idempotency=Idempotency.NONE, blind_resend=True)
    add_people(routed, 3)
    simulator.follow(read_plan({"faults": ["accepted_answer_lost:times=1"]}))

    start()
    moment = datetime.now(UTC)
    for year in range(3):
        drain(clock=lambda year=year: moment.replace(year=moment.year + year))

    assert list_calls(simulator) == [{"all": True}]
    assert set(Delivery.objects.values_list("outcome", flat=True)) == {"unknown"}
    assert is_balanced()


def test_persons_are_named_once_and_their_devices_settle_together(
    offer, routed, start, simulator, monkeypatch
):
    offer(Addressing.USERNAME, batch_size=4)
    add_people(routed, 6)
    nobody = builders.make_device(routed, "lonely")
    monkeypatch.setattr(freeze, "CHUNK_DEVICES", 5)

    start()
    drain()

    named = [name for call in list_calls(simulator) for name in call["named"]]
    assert sorted(named) == [f"p{number}" for number in range(6)]
    assert all(len(call["named"]) <= 4 for call in list_calls(simulator))
    assert count_outcomes() == {
        "android sent": 6,
        "ios sent": 6,
        "android skipped not_addressable": 1,
    }
    assert Delivery.objects.get(recipient=nobody.pk).reason == "not_addressable"
    assert is_balanced()


def test_a_person_of_whom_only_some_devices_are_meant_is_not_called(
    offer, routed, start, simulator
):
    offer(Addressing.USERNAME)
    add_people(routed, 2)
    single = builders.make_person(routed.workspace, "single")
    builders.make_device(routed, "a9", "android", person=single, country="DE")

    start(audience={"expression": {"field": "device.country", "op": "eq", "value": "DE"}})
    drain()

    assert list_calls(simulator) == [{"named": ["single"]}]
    assert count_outcomes() == {"android sent": 1, "android skipped not_addressable": 2}


def test_a_vendor_that_prefers_it_is_told_of_an_audience_where_that_is_exact(
    offer, routed, start, simulator
):
    offer(Addressing.USERNAME, Addressing.EVERYONE, prefers_audience=True)
    add_people(routed, 2)

    start()
    start(audience={"persons": ["p1"]})
    start(audience={"combine": {"include": [{"all": True}], "exclude": [{"persons": ["p1"]}]}})
    drain()

    assert list_calls(simulator) == [{"all": True}, {"named": ["p1"]}, {"named": ["p0"]}]


def test_languages_of_persons_get_their_own_calls(offer, routed, start, simulator):
    offer(Addressing.USERNAME)
    add_people(routed, 3)
    Person.objects.filter(external_user_id="p1").update(language="de")

    start({"body": "Hi", "translations": {"de": {"body": "Hallo"}}})
    drain()

    texts = {transfer.text: transfer for transfer in simulator.vendor.transfers.values()}
    assert sorted(texts) == ["Hallo", "Hi"]
    assert [place.value for place in texts["Hallo"].list_named()] == ["p1"]


def test_a_person_who_opted_out_is_left_out_with_all_devices(offer, routed, start, simulator):
    offer(Addressing.USERNAME)
    add_people(routed, 2)
    opt_out(routed)

    start()
    drain()

    assert list_calls(simulator) == [{"named": ["p1"]}]
    assert count_outcomes() == {
        "android sent": 1,
        "ios sent": 1,
        "android skipped opted_out": 1,
        "ios skipped opted_out": 1,
    }
    assert is_balanced()


def list_members(simulator: Simulator, label: str) -> list[str]:
    [shelf] = [key for key in simulator.vendor.memory.rows.shelves if key[-1] == label]
    return sorted(simulator.vendor.memory.rows.list(shelf))


def test_only_what_changed_of_a_label_is_sent(offer, routed, start, simulator, monkeypatch):
    offer()
    add_people(routed, 7)
    label = add_label(routed, "vip", *(f"p{number}" for number in range(6)))
    monkeypatch.setattr(vendor_labels, "MEMBERS_ONCE", 2)
    monkeypatch.setattr(vendor_labels, "CALLS_ONCE", 2)
    start(audience={"labels": ["vip"]})
    drain()
    first = list_members(simulator, "vip")
    made = simulator.calls
    LabelMember.objects.filter(label=label, person__external_user_id="p0").delete()
    LabelMember.objects.create(label=label, person=Person.objects.get(external_user_id="p6"))

    start(audience={"labels": ["vip"]})
    drain()

    assert first == [f"p{number}" for number in range(6)]
    assert list_members(simulator, "vip") == [f"p{number}" for number in range(1, 7)]
    assert simulator.calls - made == 2 + 1  # one look, one change, one push
    assert list_calls(simulator) == [{"labels": ["vip"]}] * 2
    assert set(Delivery.objects.values_list("outcome", flat=True)) == {"sent"}


def test_a_label_that_cannot_be_kept_stops_the_call_with_its_reason(
    offer, routed, start, simulator
):
    offer()
    add_people(routed, 2)
    add_label(routed, "vip", "p0")
    simulator.follow(read_plan({"faults": ["error_400:on=labels"]}))

    start(audience={"labels": ["vip"]})
    drain()

    assert list_calls(simulator) == []
    assert set(Delivery.objects.values_list("outcome", "reason")) == {("failed", "payload")}
    assert Attempt.objects.get().words
    assert is_balanced()


def test_somebody_without_a_user_id_makes_a_label_inexact(offer, routed, start, simulator):
    offer(Addressing.LABEL)
    add_people(routed, 2)
    label = add_label(routed, "vip", "p0")
    nameless = builders.make_person(routed.workspace, "")
    builders.make_device(routed, "x", person=nameless)
    LabelMember.objects.create(label=label, person=nameless)

    start(audience={"labels": ["vip"]})
    drain()

    assert list_calls(simulator) == []
    assert set(Delivery.objects.values_list("reason", flat=True)) == {"not_addressable"}


def test_a_later_word_finds_a_recipient_in_whichever_batch_of_the_call(
    offer, routed, start, monkeypatch
):
    offer()
    add_people(routed, 6)
    monkeypatch.setattr(piles, "MAX_BATCH", 5)
    monkeypatch.setattr(freeze, "CHUNK_DEVICES", 4)
    start()
    drain()
    now = datetime.now(UTC)
    leader, *_others, last = Batch.objects.order_by("pk")
    Batch.objects.filter(pk=leader.pk).update(is_folded=False)
    Rollup.objects.all().delete()
    for batch in Batch.objects.filter(is_folded=True):
        books.fold_deliveries(batch.part_id, list(unpack_ids(batch.recipients)))
    far = list(unpack_ids(last.recipients))[-1]
    near = next(iter(unpack_ids(leader.recipients)))
    told = [
        OutcomeEvent(
            outcome=Outcome.FAILED,
            at=now,
            reference=write_receipt_token(last.part_id, recipient),
            reason=Reason.VENDOR,
            message="Gone.",
        )
        for recipient in (near, far)
    ]

    for _repeat in range(2):
        with transaction.atomic():
            events.keep_events(told, Account.objects.get(), now)

    assert leader.pk != last.pk
    assert set(Delivery.objects.filter(outcome="failed").values_list("recipient", flat=True)) == {
        near, far,
    }  # fmt: skip
    kept = Rollup.objects.filter(outcome="failed").values_list("count", flat=True)
    assert list(kept) == [1]
    assert Correction.objects.count() == 2
    assert is_balanced()


def test_a_campaign_with_steps_is_not_launched_where_nobody_says_who_was_reached(
    offer, routed, make_campaign, now
):
    offer()
    add_people(routed, 2)
    steps = [
        {"channel": "push", "sender": "", "wait": 3600, "price": ""},
        {"channel": "email", "sender": "", "wait": None, "price": ""},
    ]
    plain = make_campaign()
    stepped = make_campaign()
    stepped.scenario = Scenario.objects.create(
        workspace=routed.workspace, name="Push, mail", steps=steps
    )
    stepped.save()

    found = [
        [problem.sentence for problem in find_problems(one, now=now) if problem.is_blocking]
        for one in (plain, stepped)
    ]

    assert found[0] == []
    assert "later steps" in " ".join(found[1])
