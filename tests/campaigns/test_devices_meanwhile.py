"""What becomes of devices while they register stays."""

from __future__ import annotations

import pytest
from django.db import transaction

from campaigns.dispatch.tokens import DeadToken, disable_tokens
from campaigns.models import Device
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
