"""Scripts that asked for it are told what became of their targets: at least once, never others'."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import transaction

from campaigns.dispatch import callbacks
from campaigns.dispatch.engine import drain
from campaigns.dispatch.prune import prune
from campaigns.dispatch.receipt_tokens import write_receipt_token
from campaigns.dispatch.receipts import keep_receipts
from campaigns.dispatch.verify import check_books
from campaigns.models import Account, Device, OutboxRow, Part, Person, TrackedTarget
from campaigns.services import intake
from campaigns.services.callers import Caller
from providers import http, vault
from providers.commands import Callback, PushPart, SendPush
from providers.inbound import CallbackRequest
from providers.message import PushMessage
from providers.receipts import ReceiptEvent, ReceiptKind
from providers.recipients import PersonKind, Targets
from tests import builders
from tests.compat.conftest import make_key
from tests.compat.receiver import Receiver, receiving
from tests.compat.small import make_dialect
from tests.vendor_cases.conftest import simulator

__all__ = ["simulator"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
USER = PersonKind.EXTERNAL_USER_ID
PEOPLE = ("ann", "bo", "nobody")
MINUTE = timedelta(minutes=1)


def write_callback(callback, rows):
    told = [[row.value, str(row.outcome), sorted(map(str, row.receipts))] for row in rows]
    return CallbackRequest("POST", callback.url, {"data": callback.data, "told": told})


@dataclass
class Clock:
    """The time, moved by hand."""

    at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def receiver(settings):
    with receiving() as receiver:
        settings.OUTBOUND_ALLOW = [receiver.url]
        yield receiver
    http.get_session().close()


@pytest.fixture
def send(app, simulator, clock, monkeypatch, receiver):
    """Send to Ann and Bo and somebody unknown; the script wants to be told."""
    dialect = make_dialect(write_callback=write_callback)
    monkeypatch.setattr(callbacks, "find_dialect", {"small": dialect}.get)
    builders.make_route(app, "android")
    silent = {"delivered_percent": 0}
    Account.objects.update(credentials=vault.encrypt({"api_key": "good"}), options=silent)
    for name in PEOPLE[:2]:
        person = builders.make_person(app.workspace, name)
        builders.make_device(app, f"{name}-1", person=person)

    def send(kind: PersonKind = USER, people: tuple[str, ...] = PEOPLE, **fields: Any) -> Part:
        callback = Callback(**{"url": receiver.url, "data": "d1", **fields})
        ids = tuple(f"{callback.data}-{name}" for name in people)
        part = PushPart(PushMessage(title="Hi", body="There"), (Targets(kind, people, ids=ids),))
        push = SendPush(parts=(part,), is_tracked=True, callback=callback)
        accepted = intake.execute(push, Caller(make_key(app)[0], dialect, clock()))
        drain(clock=clock)
        return Part.objects.get(transfer_id=int(accepted.transfer))

    return send


def list_told(receiver: Receiver) -> list[list[Any]]:
    return [row for body in receiver.bodies for row in body["told"]]


def keep_receipt(part: Part, name: str, kind: ReceiptKind, now: datetime) -> None:
    device = Device.objects.get(token=f"{name}-1")
    event = ReceiptEvent(write_receipt_token(part.pk, device.pk), kind, now)
    with transaction.atomic():
        keep_receipts([event], Account.objects.get().pk, now)


def test_each_target_is_told_of_once_it_is_known(send, receiver, clock):
    send()
    early = list_told(receiver)
    clock.at += MINUTE
    drain(clock=clock)

    assert early == [["nobody", "failed", []]]
    assert sorted(list_told(receiver)[1:]) == [["ann", "accepted", []], ["bo", "accepted", []]]
    assert {body["data"] for body in receiver.bodies} == {"d1"}
    assert not OutboxRow.objects.exists()
    assert not check_books().faults


def test_who_is_named_by_an_address_in_another_spelling_is_told_of_in_the_script_s(
    send, receiver, clock
):
    Person.objects.filter(external_user_id="ann").update(email="Ann@X.example")
    Person.objects.filter(external_user_id="bo").update(phone="00491701234567")
    named = {
        "ann": (PersonKind.EMAIL, "ANN@x.example"),
        "bo": (PersonKind.PHONE, "+49 170/123-4567"),
    }

    for name, (kind, value) in named.items():
        part = send(kind, (value,), wants_intermediate=True)
        keep_receipt(part, name, ReceiptKind.DELIVERED, clock())
        drain(clock=clock)

    told = [row for row in list_told(receiver) if row[2]]
    assert told == [[value, "delivered", ["delivered"]] for _kind, value in named.values()]


def test_a_call_says_that_it_comes_from_us(send, receiver):
    send()

    (heard,) = receiver.heard
    assert heard["X-Pushadmin-Hop"].endswith(",1")
    assert "Authorization" not in heard


def test_a_receipt_is_told_of_and_later_what_was_seen(send, receiver, clock):
    part = send(wants_intermediate=True)
    receiver.bodies.clear()

    keep_receipt(part, "ann", ReceiptKind.DELIVERED, clock())
    drain(clock=clock)
    keep_receipt(part, "ann", ReceiptKind.OPENED, clock())
    keep_receipt(part, "ann", ReceiptKind.CLICKED, clock())
    drain(clock=clock)

    assert list_told(receiver) == [
        ["ann", "delivered", ["delivered"]],
        ["ann", "delivered", ["clicked", "delivered", "opened"]],
    ]


def test_what_was_seen_is_told_only_to_who_asked(send, receiver, clock):
    part = send()
    receiver.bodies.clear()

    keep_receipt(part, "ann", ReceiptKind.OPENED, clock())
    drain(clock=clock)

    assert list_told(receiver) == [["ann", "delivered", []]]


def test_who_has_arrived_after_all_is_told_of_again(send, receiver, clock):
    part = send()
    clock.at += MINUTE
    drain(clock=clock)
    receiver.bodies.clear()

    keep_receipt(part, "bo", ReceiptKind.DELIVERED, clock())
    drain(clock=clock)

    assert list_told(receiver) == [["bo", "delivered", ["delivered"]]]


def test_who_wants_nothing_is_not_told(send, receiver, clock):
    send(url="")

    assert not receiver.bodies
    assert not OutboxRow.objects.exists()


class Died(BaseException):
    """A worker's end in the middle of a turn."""


@pytest.mark.parametrize("place", ["_post", "_mark", "_close"])
def test_a_worker_that_dies_leaves_its_call_to_the_next(send, receiver, clock, monkeypatch, place):
    def die(*_args: Any) -> None:
        raise Died

    with monkeypatch.context() as patched:
        patched.setattr(callbacks, place, die)
        with pytest.raises(Died):
            send()
    drain(clock=clock)
    leased = len(receiver.bodies)
    clock.at += callbacks.LEASE
    drain(clock=clock)

    assert leased == (place != "_post")
    again = [row for row in list_told(receiver) if row[0] == "nobody"]
    assert len(again) == (2 if place == "_mark" else 1)
    assert not check_books().faults


@pytest.mark.parametrize(
    ("behaviour", "told"),
    [
        ({"status": 500, "size": 100}, (3, "The address answers: HTTP 500.")),
        (
            {"status": 302, "headers": {"Location": "http://169.254.169.254/latest"}},
            (3, "The address redirects, which is not followed: HTTP 302."),
        ),
        ({"size": 3_000_000}, (3, "No whole answer came in time.")),
        ({"seconds": 0.5}, (0.2, "No whole answer came in time.")),
    ],
)
def test_a_hostile_receiver_is_asked_again_later(
    send, receiver, clock, monkeypatch, behaviour, told
):
    patience, words = told
    monkeypatch.setattr(callbacks, "ANSWER_SECONDS", patience)
    for name, value in behaviour.items():
        setattr(receiver, name, value)

    send()
    tried = len(receiver.bodies)
    receiver.status, receiver.size, receiver.seconds = 200, 0, 0.0
    clock.at += timedelta(seconds=59)
    drain(clock=clock)
    waited = len(receiver.bodies)
    row = OutboxRow.objects.get(tries=1, count=0)
    clock.at += timedelta(seconds=2)
    drain(clock=clock)

    assert tried == waited == 1
    assert row.words == words
    assert {row[0] for row in list_told(receiver)} == set(PEOPLE)


def test_an_inner_address_is_never_called(send, receiver, settings):
    settings.OUTBOUND_ALLOW = []

    send()

    assert not receiver.bodies
    words = set(OutboxRow.objects.values_list("words", flat=True)) - {""}
    assert words == {"The address cannot be called: it is private, or none at all."}


@pytest.mark.parametrize("url", ["ftp://shop.example/x", "nonsense", "http://[::bad/"])
def test_what_is_no_address_is_a_failure_like_others(send, url):
    send(url=url)

    assert OutboxRow.objects.filter(tries=1).exists()


def test_after_ten_tries_nobody_is_bothered_any_more(send, receiver, clock):
    receiver.status = 503

    send()
    waits = []
    while OutboxRow.objects.filter(given_up_at__isnull=True).exists():
        due_at = OutboxRow.objects.order_by("due_at").first().due_at
        waits.append(round((due_at - clock()).total_seconds() / 60))
        clock.at = due_at
        drain(clock=clock)
    lost = OutboxRow.objects.first()

    assert waits == [1 + tries**2 for tries in range(9)]
    assert len(receiver.bodies) == callbacks.TRIES
    assert lost.words == "The address answers: HTTP 503."
    assert "s3cret" not in lost.words
    assert prune(clock())["callbacks"] == 0
    assert prune(clock() + timedelta(days=django_settings.KEEP_EXCHANGES_DAYS + 1))["callbacks"]


def test_an_operator_and_a_script_see_that_nobody_could_be_told(
    client, owner, app, send, receiver, clock
):
    receiver.status = 503
    part = send()
    client.force_login(owner)
    _key, text = make_key(app, scopes=["read"])

    first = client.get(f"/transfers/{part.transfer_id}/").content.decode()
    OutboxRow.objects.update(given_up_at=clock(), tries=10)
    page = client.get(f"/transfers/{part.transfer_id}/").content.decode()
    answer = client.get(
        f"/api/v1/transfers/{part.transfer_id}/", headers={"Authorization": f"Bearer {text}"}
    )

    words = "The address answers: HTTP 503."
    assert "it will be called again" in first
    assert words in page
    assert "it was called 10 times" in page
    assert answer.json()["callback"] == {"words": words, "tries": 10, "is_over": True}
    assert "s3cret" not in first + page + answer.content.decode()


def test_another_script_waits_for_nobody(send, receiver, clock):
    receiver.status = 500
    send()
    receiver.status = 200
    other = send(data="d2")

    assert receiver.bodies[-1]["data"] == "d2"
    assert OutboxRow.objects.filter(tries=1).exclude(part=other).exists()
    assert not OutboxRow.objects.filter(tries__gt=0, part=other).exists()


def test_a_stranger_of_the_same_name_is_left_alone(send, receiver, clock):
    part = send()
    other = send(data="d2")
    clock.at += MINUTE
    drain(clock=clock)
    receiver.bodies.clear()

    keep_receipt(part, "ann", ReceiptKind.DELIVERED, clock())
    drain(clock=clock)

    assert [body["data"] for body in receiver.bodies] == ["d1"]
    told = TrackedTarget.objects.filter(part=other).values_list("value", "told")
    assert dict(told) == {"ann": "accepted", "bo": "accepted", "nobody": "failed"}
