"""A push that goes our own way and, for whom it does not reach, an e-mail: the e-mail is nobody's
inbox's, whichever devices have the numbers of its persons."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from campaigns.dispatch.bars import find_barred
from campaigns.dispatch.engine import drain
from campaigns.dispatch.plan import NewPart, NewTransfer, create_transfer
from campaigns.dispatch.verify import check_books
from campaigns.models import (
    Batch,
    Delivery,
    Device,
    DeviceSession,
    Group,
    InboxItem,
    Message,
    Part,
    Person,
    Transfer,
)
from campaigns.selectors.trace_audience import list_route_lines
from campaigns.services.device_inbox import MAX_MESSAGES, pull_inbox
from providers.outcomes import Reason
from providers.scenarios import Channel
from tests import builders
from tests.builders import CONTENT
from tests.campaigns.dispatch.test_handover import WAIT, list_mailed, now, scenario, server

__all__ = ["now", "scenario", "server"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
FIRST = 9_000_001
NAMES = ["ann", "bob", "cid", "dot"]
TEMPLATE = {"template": "liquid", "body": "Hi {{ name }}", "defaults": {"name": "you"}}


@pytest.fixture
def people(routed, scenario) -> dict[str, Person]:
    """Each has a phone that the push does not reach."""
    persons = {}
    for number, name in enumerate(NAMES, start=FIRST):
        person = builders.make_person(
            routed.workspace, name, pk=number, email=f"{name}@x.example"
        )  # fmt: skip
        builders.make_device(routed, name, person=person, token_state="disabled")
        persons[name] = person
    return persons


@pytest.fixture
def strangers(people, now) -> dict[str, Device]:
    """Devices of somebody else's with the numbers of persons: online, offline, of one who has
    opted out; no device has Dot's."""
    workspace = builders.make_workspace("other")
    app = builders.make_app(workspace, "theirs")
    owner = builders.make_person(workspace, "owner", opted_out_at=now)
    fields = {"ann": {}, "bob": {}, "cid": {"person": owner}}
    devices = {
        name: builders.make_device(app, f"their-{name}", pk=people[name].pk, **more)
        for name, more in fields.items()
    }
    for name, pulled_at in (("ann", now + WAIT), ("bob", now - WAIT)):
        DeviceSession.objects.create(
            device=devices[name], secret_hash="x", created_at=now - WAIT, pulled_at=pulled_at
        )
    return devices


@pytest.fixture
def start_steps(start, scenario, now) -> Callable[..., Transfer]:
    """Send both steps of a campaign."""

    def start_steps(**content: Any) -> Transfer:
        transfer = start(CONTENT | content, scenario=scenario)
        drain(clock=lambda: now)
        drain(clock=lambda: now + WAIT + timedelta(seconds=10))
        transfer.refresh_from_db()
        return transfer

    return start_steps


@pytest.mark.parametrize("template", [{}, TEMPLATE])
@pytest.mark.parametrize("channel", ["own", "own_first", "own_online"])
def test_a_later_step_goes_its_ordinary_way(start_steps, strangers, server, channel, template):
    transfer = start_steps(channel=channel, **template)

    assert list_mailed(server) == NAMES
    assert not InboxItem.objects.filter(device__in=[one.pk for one in strangers.values()]).exists()
    assert transfer.status == Transfer.Status.SENT
    assert check_books().faults == []


def test_whom_a_later_step_fails_nobodys_inbox_keeps(start_steps, strangers, people):
    Person.objects.update(email="")

    start_steps(channel="vendor_first")

    rows = Delivery.objects.filter(part__step=1).values_list("recipient", "outcome")
    assert dict(rows) == {person.pk: "skipped" for person in people.values()}
    assert not InboxItem.objects.exists()


def test_a_trace_names_the_account_of_a_later_step(start_steps, strangers):
    transfer = start_steps(channel="own")

    push, email = transfer.parts.order_by("step")

    words = [line.words for line in list_route_lines(email, "email", email.batches.first())]
    assert words == ["Route: Mailserver."]
    [line] = list_route_lines(push, "android", None)
    assert "inbox alone" in line.words


def make_part(app, now, channel: str = "push") -> Part:
    message = Message.objects.create(app=app, content=CONTENT)
    plan = NewTransfer(
        app=app, group=Group.objects.get(app=app), parts=(NewPart(message, (), channel=channel),)
    )
    return create_transfer(plan, actor="owner", now=now).parts.get()


def test_who_is_barred_is_asked_of_the_parts_kind(routed, people, strangers, now):
    """Cid's number is that of a device whose person has opted out, Dot's is no device's."""
    Person.objects.filter(pk=people["bob"].pk).update(opted_out_at=now)
    members = [(person.pk, 0) for person in people.values()]
    found = {}
    for channel in (Channel.PUSH, Channel.EMAIL):
        part = make_part(routed, now, channel)
        batch = Batch(part=part, transfer=part.transfer, app_id=routed.pk, platform="android")
        found[channel] = find_barred(batch, members, now)

    bob, cid, dot = ([(people[name].pk, 0)] for name in ("bob", "cid", "dot"))
    assert found[Channel.PUSH] == {Reason.OPTED_OUT: cid, Reason.GONE: dot}
    assert found[Channel.EMAIL] == {Reason.OPTED_OUT: bob}


def test_what_persons_of_its_number_were_sent_hides_no_mirrored_push(routed, strangers, now):
    """However many texts there were since."""
    device = strangers["ann"]
    session = DeviceSession.objects.select_related("device__app", "device__person").get(
        pk=device.pk
    )
    push = make_part(device.app, now)
    Message.objects.filter(pk=push.message_id).update(content=CONTENT | {"in_app": {"topic": "a"}})
    parts = [push, *(make_part(routed, now, Channel.EMAIL) for _number in range(MAX_MESSAGES))]
    for minutes, part in enumerate(parts):
        at = now - WAIT + timedelta(minutes=minutes / 10)
        Delivery.objects.create(
            part_id=part.pk, recipient=device.pk, at=at, cohort_id=0, outcome="sent"
        )

    found = pull_inbox(session, after=None, topic=None, now=now)

    assert [message.is_mirror for message in found] == [True]


def test_a_device_pulls_what_its_own_app_has_sent_to_devices(routed, strangers, now):
    """What a mistake has put there stays unseen."""
    device = strangers["ann"]
    session = DeviceSession.objects.select_related("device__app", "device__person").get(
        pk=device.pk
    )
    own = make_part(device.app, now)
    for part in (own, make_part(device.app, now, Channel.EMAIL), make_part(routed, now)):
        InboxItem.objects.create(
            device=device, part=part, batch_id=1, created_at=now, expires_at=now + WAIT
        )

    found = pull_inbox(session, after=None, topic=None, now=now)

    assert len(found) == 1
    assert InboxItem.objects.get(pulled_at__isnull=False).part == own
