"""What becomes of devices while they register stays."""

from __future__ import annotations

import pytest
from django.db import transaction

from campaigns.dispatch.tokens import DeadToken, disable_recipients, disable_tokens
from campaigns.models import Device, DeviceMark, Message, Part, Transfer
from campaigns.services.device_rows import DeviceRow
from campaigns.services.devices import register_devices
from tests import builders
from tests.campaigns.rival import Rival

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]


@pytest.fixture
def phone(app):
    return builders.make_device(app, "token-1", attributes={"plan": "pro"})


def speak(phone, now, **named):
    """The device says its language, by our id unless it is named otherwise."""
    row = DeviceRow(platform="android", columns={"language": "de"}, **named or {"device": phone.pk})
    return register_devices(phone.app, [row], actor="key 1", now=now).updated


def test_a_token_that_dies_while_its_device_says_its_language_stays_dead(phone, now):
    rival = Rival(lambda: speak(phone, now))

    with transaction.atomic():
        disable_tokens([DeadToken(phone.pk, phone.token, "NotRegistered")], now)
        rival.begin()

    phone_now = rival.end() and Device.objects.get(pk=phone.pk)
    assert (phone_now.token_state, phone_now.language) == ("disabled", "de")


def test_a_device_stays_with_whom_it_was_given_meanwhile(phone, now):
    ann = builders.make_person(phone.app.workspace, "ann")
    rival = Rival(lambda: speak(phone, now))

    with transaction.atomic():
        Device.objects.filter(pk=phone.pk).update(person=ann)  # as a merge does
        rival.begin()

    phone_now = rival.end() and Device.objects.get(pk=phone.pk)
    assert (phone_now.person, phone_now.language) == (ann, "de")


def test_a_token_that_is_shown_while_it_is_called_dead_is_alive(phone, now):
    rival = Rival(lambda: speak(phone, now, token="token-1"))

    with transaction.atomic():
        disable_tokens([DeadToken(phone.pk, phone.token, "NotRegistered")], now)
        rival.begin()

    phone_now = rival.end() and Device.objects.get(pk=phone.pk)
    assert (phone_now.token_state, phone_now.token_shown_at) == ("active", now)


def call_dead(phones, now):
    disable_tokens([DeadToken(one.pk, one.token, f"Gone: {one.pk}") for one in phones], now)


def receive_dead(phones, now):
    """As vendors tell later of what was sent to them."""
    with transaction.atomic():
        part = Part.objects.get().pk
        disable_recipients({(part, one.pk): f"Gone: {one.pk}" for one in phones}, now)


@pytest.fixture
def part(app, now):
    transfer = Transfer.objects.create(
        app=app, group=app.groups.get(), status="sending", status_since=now, due_at=now,
        created_at=now,
    )  # fmt: skip
    message = Message.objects.create(app=app, content={"body": "Hi"})
    return Part.objects.create(transfer=transfer, number=1, message=message)


@pytest.mark.parametrize("disable", [call_dead, receive_dead])
def test_who_switches_off_the_same_tokens_crosswise_does_not_wait_in_a_ring(
    app, part, now, disable
):
    phones = [builders.make_device(app, f"token-{number}") for number in range(3)]
    rival = Rival(lambda: disable(reversed(phones), now))

    with transaction.atomic():
        disable(phones[1:2], now)
        rival.begin()
        # It has the first by now, and not the last; who only refers to that one goes on.
        DeviceMark.objects.create(app=app, device=phones[0], kind=DeviceMark.Kind.TAG, name="vip")
        disable(phones[2:], now)
    rival.end()

    words = Device.objects.order_by("pk").values_list("token_evidence", flat=True)
    assert list(words) == [f"Gone: {phone.pk}" for phone in phones]
