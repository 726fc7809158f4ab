"""What comes in by this door leaves through every vendor that takes names, and every gateway: what
arrives is what the loss report says."""

from __future__ import annotations

from typing import Any

import pytest

from campaigns.dispatch.verify import check_books
from campaigns.models import Delivery, Transfer
from providers.message_fields import Platform
from providers.vendors.fcm import DIALECT, wire_messages
from tests.compat.fcm.conftest import Script
from tests.exchange.conftest import PLATFORMS, Scene, scene, simulator
from tests.exchange.gateways import ROUNDS, find_wrong, gateways, name_round
from tests.exchange.messages import write_full
from tests.exchange.test_pairs import VENDORS, find_undeclared, takes_names

__all__ = ["gateways", "scene", "simulator"]
TAKING = [vendor for vendor in VENDORS if takes_names(vendor)]
REFUSING = [vendor for vendor in VENDORS if not takes_names(vendor)]


def name_vendor(vendor: Any) -> str:
    return str(vendor.key)


def send(client: Any, scene: Scene, platform: Platform) -> Any:
    message = write_full(DIALECT, [platform]).resolve(platform)
    token = scene.name(DIALECT, platform)[0].values[0]
    body = {"token": token, **wire_messages.write_message(message)}
    return Script(client, scene.app).send(body)


@pytest.mark.parametrize("vendor", TAKING, ids=name_vendor)
def test_a_device_gets_what_the_loss_report_says(scene, client, vendor):
    scene.send_through(vendor)

    answers = [send(client, scene, platform) for platform in PLATFORMS]
    scene.work()

    transfers = list(Transfer.objects.order_by("pk"))
    assert [answer.status_code for answer in answers] == [200, 200]
    for platform, transfer in zip(PLATFORMS, transfers, strict=True):
        assert find_undeclared(scene, transfer, [platform]) == {}
    assert list(Delivery.objects.values_list("outcome", flat=True)) == ["sent", "sent"]
    assert check_books().faults == []


@pytest.mark.parametrize("vendor", REFUSING, ids=name_vendor)
def test_a_vendor_that_takes_no_names_is_told_of_nobody(scene, client, vendor):
    scene.send_through(vendor)

    answer = send(client, scene, Platform.ANDROID)

    assert answer.status_code == 400
    assert answer.json()["error"]["status"] == "INVALID_ARGUMENT"
    assert not Transfer.objects.exists()


@pytest.mark.parametrize("out", ROUNDS, ids=name_round)
def test_a_device_gets_it_from_every_gateway(gateways, client, out):
    gateways.serve(out)

    for platform in out:
        gateways.calls.clear()
        answer = send(client, gateways, platform)
        gateways.work()

        assert answer.status_code == 200
        assert list(gateways.find_calls(platform)) == gateways.names[platform][:1]
        assert len(gateways.calls) == 1
        assert find_wrong(gateways, Transfer.objects.latest("pk"), platform) == {}
    assert list(Delivery.objects.values_list("outcome", flat=True)) == ["sent"] * len(out)
    assert check_books().faults == []
