"""Any dialect in, the gateways out: who is called, what they are told, what the script hears."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from typing import Any

import pytest

from campaigns.dispatch.verify import check_books
from campaigns.models import Attempt, Delivery, Device, Transfer
from providers.contract import Addressing, Dialect
from providers.message_fields import Platform
from providers.message_texts import resolve_for
from providers.outbound import Request
from tests.exchange.conftest import PEOPLE, write
from tests.exchange.gateways import (
    GATEWAYS,
    ROUNDS,
    GatewayScene,
    find_wrong,
    gateways,
    list_fresh,
    name_round,
)
from tests.exchange.messages import write_full
from tests.exchange.test_pairs import VENDORS, check_answers
from tests.vendor_cases.accounts import names_recipients

__all__ = ["gateways"]


def test_every_gateway_serves_each_of_its_platforms_once():
    served = {(gateway.key, platform) for out in ROUNDS for platform, gateway in out.items()}

    assert served == {(one.key, platform) for one in GATEWAYS for platform in one.platforms}
    assert {gateway.key for gateway in ROUNDS[0].values()} == {one.key for one in GATEWAYS}
    assert len(GATEWAYS) >= 3


@pytest.mark.parametrize("out", ROUNDS, ids=name_round)
@pytest.mark.parametrize("dialect", VENDORS, ids=lambda dialect: dialect.key)
def test_what_comes_in_leaves_as_the_loss_report_says(gateways: GatewayScene, dialect, out):
    gateways.serve(out)
    client = gateways.connect(dialect)
    reached: set[Platform] = set()
    fresh = list_fresh(out) & dialect.platforms

    for request in write_all(gateways, client, dialect, fresh):
        gateways.calls.clear()
        receipt = client.send(request)
        gateways.work()

        transfer = Transfer.objects.latest("pk")
        reached |= check_arrival(gateways, transfer)
        check_answers(client, dialect, receipt, transfer)

    assert reached >= fresh
    assert check_books().faults == []


def write_all(
    scene: GatewayScene, client: Any, dialect: Dialect, platforms: Collection[Platform]
) -> Iterator[Request]:
    """What the dialect can ask for: a call to the people of each platform, one to everybody."""
    if names_recipients(dialect):
        for platform in sorted(platforms):
            message = write_full(dialect, [platform]).resolve(platform)
            named = scene.name(dialect, platform)
            yield write(client, dialect, message, platform.value, named)
    if Addressing.EVERYONE in dialect.limits.addressing:
        message = resolve_for(write_full(dialect, platforms), platforms)
        yield write(client, dialect, message, "everyone")


def check_arrival(scene: GatewayScene, transfer: Transfer) -> set[Platform]:
    """Each of whom it means is called once and told what was said; gives their platforms."""
    ends = Delivery.objects.filter(part__transfer=transfer)
    devices = Device.objects.filter(pk__in=ends.values_list("recipient", flat=True))
    counts = Counter(devices.values_list("platform", flat=True))
    platforms = {Platform(name) for name in counts}

    assert [end.outcome for end in ends] == ["sent"] * transfer.audience
    assert counts == dict.fromkeys(counts, PEOPLE)
    assert len(scene.calls) == counts.total() == transfer.audience
    for platform in platforms:
        assert scene.find_calls(platform).keys() == set(scene.names[platform])
        assert find_wrong(scene, transfer, platform) == {}
    assert Attempt.objects.filter(batch__part__transfer=transfer).exists()
    return platforms
