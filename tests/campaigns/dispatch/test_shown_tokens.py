"""Whose token a gateway's word about the past still concerns: of all doors, those by which a device
itself shows it say that it is good again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from campaigns.dispatch.tokens import DeadToken, disable_tokens
from campaigns.models import App, Device
from campaigns.services import browsers, device_door
from campaigns.services.device_door import Registration
from campaigns.services.device_rows import DeviceRow
from campaigns.services.devices import register_devices
from campaigns.services.persons import enable_token
from tests.campaigns.importing import apply, check, upload

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
NOW = datetime.now(UTC)
DIED = NOW - timedelta(hours=1)
LONG_AGO = NOW - timedelta(days=1)
OLD, NEW = "0a" * 32, "0b" * 32
FILE = "platform,token,ios_ifa\nios,{token},AAAA-1\n"


def register(app: App, now: datetime, **row: Any) -> Device:
    told = DeviceRow(platform="ios", ids={"ios_ifa": "AAAA-1"}, **row)
    done = register_devices(app, [told], actor="script", now=now)
    return Device.objects.get(pk=done.devices[0])


def import_token(app: App, token: str) -> Device:
    one = check(upload(app, FILE.format(token=token)), platform="ios")
    apply(one)
    return Device.objects.get()


def is_kept(device: Device) -> bool:
    """Whether the token stays that a gateway says to be dead since an hour."""
    disable_tokens([DeadToken(device.pk, device.token, "Unregistered", DIED)], NOW)
    device.refresh_from_db()
    return device.token_state == Device.TokenState.ACTIVE


@pytest.mark.parametrize(("at", "kept"), [(NOW, True), (LONG_AGO, False)])
def test_a_token_that_is_registered_is_good_from_then_on(app, at, kept):
    assert is_kept(register(app, at, token=OLD)) is kept


def test_a_token_that_is_registered_again_is_good_again(app):
    first = register(app, LONG_AGO, token=OLD)

    again = register(app, NOW, token=OLD)

    assert (again.pk, again.token_state_at) == (first.pk, first.token_state_at)
    assert is_kept(again)


def test_a_registration_without_a_token_shows_none(app):
    register(app, LONG_AGO, token=OLD)

    assert not is_kept(register(app, NOW, columns={"model": "15"}))


def test_an_imported_token_was_shown_by_nobody(app):
    assert not is_kept(import_token(app, OLD))


def test_an_imported_token_is_not_the_one_that_a_device_has_shown(app):
    register(app, NOW, token=OLD)

    assert not is_kept(import_token(app, NEW))


def test_an_import_that_repeats_a_token_takes_nothing_from_it(app):
    register(app, NOW, token=OLD)

    assert is_kept(import_token(app, OLD))


def test_a_token_that_was_taken_away_was_shown_by_nobody(app):
    register(app, NOW, token=OLD)

    device = register(app, NOW, drops_token=True)

    assert device.token_shown_at is None


def test_a_token_that_is_enabled_again_is_switched_off_by_the_next_word(app):
    device = register(app, LONG_AGO, token=OLD)
    assert not is_kept(device)

    enable_token(device, actor="sue", now=NOW)

    assert device.token_state == Device.TokenState.ACTIVE
    assert not is_kept(device)


def test_what_shows_itself_at_the_device_door_is_good_again(app):
    register(app, LONG_AGO, token=OLD)
    device_door.open_door(app, actor="olga", now=NOW)
    told = Registration(platform="ios", installation_id="one", token=OLD)

    shown = device_door.register(app.device_key, told, session=None, now=NOW).device

    assert is_kept(shown)


def test_a_browser_that_subscribes_shows_its_token(app):
    keys = {"p256dh": "B" + "A" * 86, "auth": "A" * 22}
    subscription = {"endpoint": "https://push.example/abc", "keys": keys}

    assert is_kept(browsers.keep_browser(app, subscription, actor="olga", now=NOW))
