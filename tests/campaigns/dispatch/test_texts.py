"""Each recipient gets a text of their own, once, and the same one however often it is sent."""

from __future__ import annotations

import json
from collections import Counter as Tally
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest

from campaigns.dispatch import freeze, send, settle
from campaigns.dispatch.engine import Clock, drain
from campaigns.dispatch.verify import check_books
from campaigns.models import (
    Account,
    App,
    Attempt,
    Batch,
    Delivery,
    Device,
    DeviceSession,
    Exchange,
    InboxItem,
    Person,
    Route,
    Transfer,
)
from campaigns.services.device_inbox import Waiting, pull_inbox
from providers import http, registry, vault
from providers.outbound import Request
from providers.simulator import Simulator
from tests import builders

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
Start = Callable[..., Transfer]
NAME = "{{ person.custom.name }}"
PLAIN = {"template": "liquid", "title": "Hi", "body": f"Hi {NAME}"}
CHOOSING = PLAIN | {"body": "Hi {% if person.custom.name == 'Ann' %}A{% else %}B{% endif %}"}


@pytest.fixture
def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def account(routed: App, simulator: Simulator) -> Account:
    account = Account.objects.get()
    account.credentials = vault.encrypt({"api_key": "good"})
    account.save()
    return account


@pytest.fixture
def clock(now: datetime) -> Clock:
    ticks = count()
    return lambda: now + timedelta(seconds=next(ticks) / 20)


class Wire:
    """Every call that left, as the sandbox reads it."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []

    def list_texts(self) -> list[tuple[str, str]]:
        """Each token that was sent to, with the text that it got, once for each time."""
        return sorted(
            (token, part["message"]["body"])
            for call in self.calls
            for part in call["pushes"]
            for targets in part["recipients"]
            for token in targets["ids"]
        )


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Wire:
    """Looks at what leaves, and lets it go."""
    wire, leave = Wire(), http.send

    def look(session: Any, request: Request, **options: Any) -> Any:
        wire.calls.append(json.loads(request.body))
        return leave(session, request, **options)

    monkeypatch.setattr(http, "send", look)
    return wire


def make_people(app: App, *names: str | None, platform: str = "android") -> list[Device]:
    devices = []
    for number, name in enumerate(names):
        attributes = {} if name is None else {"name": name}
        person = builders.make_person(app.workspace, f"{platform}{number}", attributes=attributes)
        devices.append(builders.make_device(app, f"{platform}{number}", platform, person=person))
    return devices


def allow_texts(monkeypatch: pytest.MonkeyPatch, most: int, size: int = 250) -> None:
    """As if the vendor's calls carried so many texts, and so many recipients."""
    dialect = registry.get("sandbox")
    limits = replace(dialect.limits, texts_per_call=most, batch_size=size)
    changed = replace(dialect, limits=limits)
    monkeypatch.setattr(registry, "get", lambda key: changed)


def count_outcomes() -> dict[tuple[str, str], int]:
    return dict(Tally(Delivery.objects.values_list("outcome", "reason")))


def test_everybody_gets_a_text_of_their_own_in_one_call(
    account: Account, routed: App, start: Start, clock: Clock, wire: Wire
) -> None:
    make_people(routed, "Ann", "Bo", "{{ app.name }}", None)
    start(PLAIN)

    drain(clock=clock)

    assert wire.list_texts() == [
        ("android0", "Hi Ann"), ("android1", "Hi Bo"), ("android2", "Hi {{ app.name }}"),
    ]  # fmt: skip
    assert len(wire.calls) == 1
    assert count_outcomes() == {("sent", ""): 3, ("skipped", "template"): 1}
    assert check_books().faults == []
    assert not Batch.objects.filter(texts__isnull=False).exists()
    assert "Ann" not in str(list(Exchange.objects.values()))


Limit = tuple[int, int, list[int]]  # texts and recipients of a call; how many calls then carry


@pytest.mark.parametrize(
    "limit",
    [
        (1, 250, [1, 2, 3]),
        (2, 250, [2, 4]),
        (250, 250, [6]),
        (250, 4, [2, 4]),
        (1, 2, [1, 1, 2, 2]),
    ],
)
@pytest.mark.usefixtures("account")
def test_who_gets_the_same_text_is_called_together(
    routed: App,
    start: Start,
    clock: Clock,
    wire: Wire,
    monkeypatch: pytest.MonkeyPatch,
    limit: Limit,
) -> None:
    most, size, calls = limit
    make_people(routed, "Cy", "Ann", "Bo", "Cy", "Bo", "Cy")
    allow_texts(monkeypatch, most, size)
    start(PLAIN)

    drain(clock=clock)

    assert [text for _token, text in wire.list_texts()] == [
        "Hi Cy", "Hi Ann", "Hi Bo", "Hi Cy", "Hi Bo", "Hi Cy",
    ]  # fmt: skip
    found = [sum(len(one["recipients"][0]["ids"]) for one in call["pushes"]) for call in wire.calls]
    assert sorted(found) == calls
    assert count_outcomes() == {("sent", ""): 6}


def test_a_choice_is_made_for_each_and_languages_are_kept(
    account: Account, routed: App, start: Start, clock: Clock, wire: Wire
) -> None:
    _ann, bo = make_people(routed, "Ann", "Bo")
    Device.objects.filter(pk=bo.pk).update(language="de-AT")
    start(CHOOSING | {"translations": {"de": {"body": f"Hallo {NAME}"}}})

    drain(clock=clock)

    assert wire.list_texts() == [("android0", "Hi A"), ("android1", "Hallo Bo")]


def test_a_repeat_says_what_was_said_whatever_has_changed(
    account: Account, routed: App, start: Start, clock: Clock, wire: Wire,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    make_people(routed, "Ann", "Bo", "Cy")
    transfer = start(PLAIN)
    freeze.freeze_transfer(transfer, now=clock())
    assert send.send_batch(transfer, clock)  # renders
    flush = settle.flush
    monkeypatch.setattr(settle, "flush", _die)
    with pytest.raises(SystemExit):  # called, and died before it was written down
        send.send_batch(transfer, clock)
    monkeypatch.setattr(settle, "flush", flush)
    Person.objects.update(attributes={"name": "Somebody Else"})
    Batch.objects.update(lease_until=clock())

    drain(clock=clock)

    first, second = wire.calls
    assert first == second
    assert first["idempotency_key"] == second["idempotency_key"]
    assert count_outcomes() == {("sent", ""): 3}
    assert check_books().faults == []


def _die(*_args: Any, **_named: Any) -> None:
    raise SystemExit


def test_who_dies_while_rendering_has_sent_nothing(
    account: Account, routed: App, start: Start, clock: Clock, wire: Wire,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    make_people(routed, "Ann", "Bo")
    transfer = start(PLAIN)
    freeze.freeze_transfer(transfer, now=clock())
    leave_settled = settle.leave_settled
    monkeypatch.setattr(settle, "leave_settled", _die)
    with pytest.raises(SystemExit):
        send.send_batch(transfer, clock)
    monkeypatch.setattr(settle, "leave_settled", leave_settled)
    assert (Batch.objects.count(), wire.calls) == (1, [])
    Batch.objects.update(lease_until=clock())

    drain(clock=clock)

    assert wire.list_texts() == [("android0", "Hi Ann"), ("android1", "Hi Bo")]
    assert count_outcomes() == {("sent", ""): 2}


def test_a_rate_cuts_a_rendered_batch_with_its_texts(
    account: Account, routed: App, start: Start, clock: Clock, wire: Wire
) -> None:
    names = [f"n{number}" for number in range(40)]
    make_people(routed, *names)
    start(PLAIN, rate=15)

    late = count(step=3)  # seconds, at each look
    drain(clock=lambda: clock() + timedelta(seconds=next(late)))

    assert dict(wire.list_texts()) == {f"android{n}": f"Hi n{n}" for n in range(40)}
    assert len(wire.calls) > 2


def test_a_transfer_that_is_cancelled_renders_nobody(
    account: Account, routed: App, start: Start, clock: Clock, wire: Wire
) -> None:
    make_people(routed, "Ann", "Bo")
    transfer = start(PLAIN)
    freeze.freeze_transfer(transfer, now=clock())
    transfer.move_to(Transfer.Status.CANCELLED, actor="ann", now=clock())

    drain(clock=clock)

    assert count_outcomes() == {("cancelled", "cancelled"): 2}
    assert wire.calls == []


def test_an_inbox_holds_each_ones_own_text_and_language(
    account: Account, routed: App, start: Start, clock: Clock, wire: Wire, now: datetime
) -> None:
    make_people(routed, "Ann", "Bo", None)
    for device in Device.objects.all():
        DeviceSession.objects.create(device=device, secret_hash="x", created_at=now, pulled_at=None)
    start(PLAIN | {"channel": "own"})

    drain(clock=clock)

    Person.objects.update(attributes={"name": "Other"})
    found = [
        [item.message.body for item in pull(device, clock)]
        for device in Device.objects.order_by("pk")
    ]
    assert found == [["Hi Ann"], ["Hi Bo"], []]
    assert count_outcomes() == {("sent", "retained"): 2, ("skipped", "template"): 1}
    assert InboxItem.objects.count() == 2


def pull(device: Device, clock: Clock) -> list[Waiting]:
    session = DeviceSession.objects.select_related("device__app", "device__person").get(
        pk=device.pk
    )
    return pull_inbox(session, after=None, topic=None, now=clock())


def test_what_the_app_shows_beside_a_push_holds_no_brace(
    account: Account, routed: App, start: Start, clock: Clock, now: datetime
) -> None:
    ann, _bo = make_people(routed, "Ann", "Bo")
    DeviceSession.objects.create(device=ann, secret_hash="x", created_at=now, pulled_at=None)
    start(PLAIN | {"in_app": {"open_title": f"Go, {NAME}"}})

    drain(clock=clock)

    [shown] = pull(ann, clock)
    assert shown.message.in_app is not None
    assert (shown.message.body, shown.message.in_app.open_title) == ("Hi Ann", "Go, Ann")


def test_what_no_longer_can_be_rendered_is_sent_to_nobody(
    account: Account, routed: App, start: Start, clock: Clock, wire: Wire
) -> None:
    make_people(routed, "Ann")
    start(PLAIN | {"body": "{{ broken"})

    drain(clock=clock)

    assert count_outcomes() == {("skipped", "template"): 1}
    assert wire.calls == []


def test_no_other_apps_device_is_read(
    account: Account, routed: App, start: Start, clock: Clock, wire: Wire
) -> None:
    other = builders.make_app(routed.workspace, "other")
    [ann] = make_people(routed, "Ann")
    builders.make_device(other, "theirs", person=ann.person, attributes={"code": "secret"})
    start(PLAIN | {"body": "{{ device.custom.code | default: 'none' }}"})

    drain(clock=clock)

    assert wire.list_texts() == [("android0", "none")]
    assert Attempt.objects.count() == 1
    assert Route.objects.filter(app=other).count() == 0
