"""An app whose route names the vendor's group: one call to everyone, an entry for each app."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from campaigns.dispatch.engine import drain
from campaigns.dispatch.verify import check_books
from campaigns.models import Account, App, Attempt, Part, Route, Transfer
from campaigns.selectors.status import count_transfers, progress
from providers.simulator import Simulator
from tests.campaigns.dispatch.conftest import make_campaign, routed, start
from tests.campaigns.dispatch.test_receipts import lead_to
from tests.compat.engagelab.conftest import add_device, read_error
from tests.vendor_cases.conftest import simulator

__all__ = ["make_campaign", "routed", "simulator", "start"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
GROUP_KEY = "c96f42e0d2e662e45d035ab1"


@pytest.fixture
def grouped(routed: App, simulator: Simulator, settings: Any) -> App:
    lead_to("engagelab", routed, simulator, settings)
    Route.objects.create(
        app=routed, platform="ios", account=Account.objects.get(routes__isnull=False)
    )
    Route.objects.update(options={"group_key": GROUP_KEY})
    for number in range(3):
        add_device(routed, number, "ios" if number else "android")
    return routed


def test_everyone_of_the_group_is_one_call_and_each_app_answers(
    grouped: App, start: Any, simulator: Simulator, client: Any, owner: Any, now: Any
) -> None:
    transfer = start()
    drain()
    client.force_login(owner)

    page = client.get(reverse("transfer", args=[transfer.pk])).content.decode()

    attempt = Attempt.objects.get()
    taken = list(simulator.vendor.transfers.values())
    lines = progress(transfer, now=now).app_parts
    assert count_transfers([transfer.pk])[transfer.pk].sent == 3
    assert attempt.reference == taken[0].reference == taken[1].reference
    assert [line.reference for line in lines] == [str(one.id) for one in taken]
    assert len({line.app for line in lines}) == len(taken) == 2
    assert all(line.app in page for line in lines)
    assert "It was told:" in page
    assert Part.objects.get().declared
    assert check_books().faults == []


def test_whoever_means_less_than_everyone_is_told_before_anything_is_sent(
    grouped: App, start: Any, script: Any, simulator: Simulator
) -> None:
    body = {"platform": ["android"], "notification": {"alert": "Hi"}}

    answer = script("POST", "v4/push", {"to": {"registration_id": ["rid-0"]}, "body": body})
    transfer = start(audience={"expression": {
        "field": "device.language", "op": "eq", "value": "de"}})  # fmt: skip
    drain()

    assert read_error(answer)[0] == 400
    assert Transfer.objects.get() == transfer
    assert count_transfers([transfer.pk])[transfer.pk].sent == 0
    assert not simulator.vendor.transfers
    assert check_books().faults == []
