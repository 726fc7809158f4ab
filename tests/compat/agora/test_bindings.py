"""A script binds devices to users, and sends to them."""

from __future__ import annotations

from typing import Any

import pytest

from campaigns.models import Device
from tests import builders
from tests.compat.agora.conftest import Script, read_data, read_error

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def test_a_binding_makes_a_device_and_unbinds_it(script: Script, app: Any) -> None:
    body = {"device_id": "d-1", "notifier_name": "fcm-7", "device_token": "token-of-ann"}

    bound = script.call("PUT", "users/ann/push/binding", body).json()
    shown = script.call("GET", "users/ann/push/binding").json()
    unbound = script.call("PUT", "users/ann/push/binding", {**body, "device_token": ""}).json()
    nothing = script.call("GET", "users/ann/push/binding").json()

    assert bound["entities"] == shown["entities"] == [body]
    assert (bound["action"], shown["action"], bound["path"]) == ("put", "get", "/users")
    assert (bound["organization"], bound["applicationName"]) == ("acme", "shop")
    assert unbound["entities"] == [{**body, "device_token": ""}]
    assert nothing["entities"] == []
    device = Device.objects.get()
    assert (device.platform, device.person.external_user_id) == ("android", "ann")


def test_a_user_who_was_bound_can_be_sent_to(script: Script, app: Any, naps: Any) -> None:
    builders.make_route(app, "android")
    body = {"device_id": "d-1", "notifier_name": "", "device_token": "token-of-ann"}
    script.call("PUT", "users/ann/push/binding", body)

    data = read_data(script.send("push/sync/ann"))

    assert data == [{"pushStatus": "ERROR", "desc": "timeout"}]  # nobody works in this test


def test_a_device_that_is_not_there_cannot_be_unbound(script: Script) -> None:
    body = {"device_id": "d-1", "notifier_name": "n", "device_token": ""}

    refused = script.call("PUT", "users/ann/push/binding", body)

    assert read_error(refused)[:2] == (404, "service_resource_not_found")
    assert not Device.objects.exists()


def test_a_phone_that_changes_hands_is_its_new_owners(script: Script) -> None:
    body = {"device_id": "d-1", "notifier_name": "n", "device_token": "token-1"}
    for user in ("ann", "bo"):
        script.call("PUT", f"users/{user}/push/binding", body)

    old = script.call("GET", "users/ann/push/binding").json()
    new = script.call("GET", "users/bo/push/binding").json()

    assert (old["entities"], new["entities"]) == ([], [body])
