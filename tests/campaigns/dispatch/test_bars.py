"""Who may not be sent to is asked for right before a call, whatever was frozen before."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from campaigns.dispatch.engine import Clock, drain
from campaigns.dispatch.freeze import freeze_transfer
from campaigns.dispatch.verify import check_books
from campaigns.models import (
    Account,
    App,
    Delivery,
    Device,
    DeviceIdentifier,
    DeviceSession,
    InboxItem,
    Part,
    Person,
    Suppression,
    Transfer,
)
from campaigns.models.audience import hash64
from campaigns.selectors.holders import find_holders
from campaigns.selectors.left_out import count_left_out
from campaigns.selectors.trace_bars import list_bar_lines
from campaigns.services.merges import merge_persons, unmerge
from campaigns.services.suppressions import Entry, Place, Terms, add_suppressions
from providers import vault
from providers.simulator import Simulator
from tests import builders

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
Start = Callable[..., Transfer]
SENT, SUPPRESSED = ("sent", ""), ("skipped", "suppressed")
BOBS = hash64("bob") % 10**6  # the last of a phone number
NAMES = ("ann", "bob", "cid", "dot", "eve", "fay")


@pytest.fixture
def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def clock(now: datetime) -> Clock:
    ticks = count()
    return lambda: now + timedelta(seconds=next(ticks) / 20)


@pytest.fixture
def people(routed: App, simulator: Simulator) -> dict[str, Device]:
    """Persons with a device each, by name."""
    account = Account.objects.get()
    account.credentials = vault.encrypt({"api_key": "good"})
    account.save()
    devices = {}
    for name in NAMES:
        person = builders.make_person(
            routed.workspace, name, email=f"{name}@x.example", phone=f"4930{hash64(name) % 10**6}"
        )
        devices[name] = builders.make_device(routed, f"t-{name}", person=person)
    DeviceIdentifier.objects.create(
        app=routed, device=devices["eve"], kind="google_aid", value="aid-eve",
        value_hash=hash64("aid-eve"),
    )  # fmt: skip
    return devices


def suppress(place_of: App, now: datetime, kind: str, value: str, **more: Any) -> None:
    place = Place(place_of.workspace, more.pop("app", None))
    done = add_suppressions(
        place, [Entry(kind, value)], Terms(reason="complaint", **more), actor="owner", now=now
    )
    assert done.changed == 1


def list_fates(people: dict[str, Device]) -> dict[str, tuple[str, str]]:
    names = {device.pk: name for name, device in people.items()}
    return {names[row.recipient]: (row.outcome, row.reason) for row in Delivery.objects.all()}


def test_who_is_suppressed_after_the_freeze_is_skipped(people, start: Start, clock, now):
    """By whatever identifier, however it is written."""
    transfer = start()
    freeze_transfer(transfer, now=now)
    for kind, value in (
        ("email", " ANN@x.example "),
        ("phone", f"+49 (30) {hash64('bob') % 10**6}"),
        ("external_user_id", "cid"),
        ("token", "t-dot"),
        ("google_aid", "aid-eve"),
    ):
        suppress(transfer.app, now, kind, value)

    drain(clock=clock)

    assert list_fates(people) == {**dict.fromkeys(NAMES, SUPPRESSED), "fay": SENT}
    assert check_books().faults == []


@pytest.mark.parametrize(
    ("kind", "value"),
    [("external_user_id", "bob"), ("email", "Bob@x.example"), ("phone", f"+49 (30) {BOBS}")],
)
def test_who_was_merged_is_suppressed_by_a_former_id_or_address_too(
    people, start, clock, now, kind, value
):
    keep, gone = people["ann"].person, people["bob"].person
    merge_persons(keep, gone, actor="owner", now=now)
    suppress(people["ann"].app, now, kind, value)
    left = count_left_out(people["ann"].app, Device.objects.all(), now)
    start()

    drain(clock=clock)

    fates = list_fates(people)
    assert (fates["ann"], fates["bob"], fates["cid"]) == (SUPPRESSED, SUPPRESSED, SENT)
    assert left.suppressed == 2
    bars = list_bar_lines(Part.objects.get(), keep, people["ann"], None, is_in=True)
    assert [bar.code for bar in bars] == ["suppressed"]


def test_an_address_that_somebody_has_again_is_not_of_whom_its_former_owner_was_merged_into(
    people, now
):
    merge_persons(people["ann"].person, people["bob"].person, actor="owner", now=now)
    Person.objects.filter(pk=people["cid"].person_id).update(email="bob@x.example")

    holders = find_holders(people["ann"].app.workspace, [("email", "bob@x.example")])

    assert list(holders.values()) == [(people["cid"].person_id, None)]


def test_a_merge_that_was_taken_back_suppresses_nobody(people, start, clock, now):
    keep, gone = people["ann"].person, people["bob"].person
    unmerge(merge_persons(keep, gone, actor="owner", now=now), actor="owner", now=now)
    suppress(people["ann"].app, now, "email", "bob@x.example")
    start()

    drain(clock=clock)

    fates = list_fates(people)
    assert (fates["ann"], fates["bob"]) == (SENT, SUPPRESSED)


def test_an_entry_holds_for_its_app_its_channel_and_its_time(people, start, clock, now):
    app = people["ann"].app
    other = builders.make_app(app.workspace, "other")
    suppress(app, now, "external_user_id", "ann", app=other)
    suppress(app, now, "external_user_id", "bob", channel="email")
    suppress(app, now, "external_user_id", "cid", until=now + timedelta(hours=1))
    Suppression.objects.filter(masked="…", until__isnull=False).update(until=now)
    start()

    drain(clock=clock)

    assert list_fates(people) == dict.fromkeys(NAMES, SENT)


def test_nothing_goes_to_them_on_any_way_of_ours(people, start, clock, now):
    """All were reachable when the audiences were frozen."""
    for device in people.values():
        DeviceSession.objects.create(device=device, secret_hash="x", created_at=now, pulled_at=now)
    channels = ("", "own", "own_first", "vendor_first", "own_online")
    transfers = [start({"title": "Hi", "body": "There", "channel": one}) for one in channels]
    for transfer in transfers:
        freeze_transfer(transfer, now=now)
    ids = {name: device.pk for name, device in people.items()}
    suppress(people["ann"].app, now, "email", "ann@x.example")
    Person.objects.filter(external_user_id="bob").update(opted_out_at=now)
    people["cid"].delete()

    drain(clock=clock)

    fates = {ids["ann"]: "suppressed", ids["bob"]: "opted_out", ids["cid"]: "gone"}
    for transfer in transfers:
        skipped = Delivery.objects.filter(part__transfer=transfer, outcome="skipped")
        assert dict(skipped.values_list("recipient", "reason")) == fates, transfer.parts.get()
    assert Delivery.objects.filter(outcome="sent").count() == 3 * len(channels)
    assert not InboxItem.objects.filter(device__in=[ids["ann"], ids["bob"]]).exists()
    assert check_books().faults == []


def test_a_workspace_without_a_list_asks_one_small_question(people, start, clock, now):
    freeze_transfer(start(), now=now)

    with CaptureQueriesContext(connection) as queries:
        drain(clock=clock)

    asked = [one["sql"] for one in queries.captured_queries if "suppression" in one["sql"]]
    assert len(asked) == 1
    assert "suppressioncount" in asked[0]
    assert list_fates(people) == dict.fromkeys(NAMES, SENT)
