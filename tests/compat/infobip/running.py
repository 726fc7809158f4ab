"""An app that sends through the simulated vendor, and what that has taken."""

from __future__ import annotations

import pytest

from campaigns.models import Account
from providers import vault
from providers.simulator.behaviour import Behaviour
from tests import builders


@pytest.fixture
def vendor(app, simulator, settings):
    """Both steps leave through one account; no push is ever answered by a device."""
    simulator.behaviour = Behaviour(delivered_percent=0, receipt_seconds=0)
    settings.OUTBOUND_ALLOW = [simulator.url]
    for platform in ("android", "sms"):
        builders.make_route(app, platform, "infobip", options={"sender": "code"})
    Account.objects.update(
        credentials=vault.encrypt({"api_key": "good"}),
        base_urls={"api": f"{simulator.url}/infobip"},
    )
    return simulator


def list_sent(vendor) -> list[tuple[str, list[str], dict[str, str]]]:
    """What the vendor has taken: the first channel, whom it names, how else they are reached."""
    return [
        (sent.channel, [place.value for place in sent.list_named()], dict(sent.failover))
        for sent in vendor.vendor.memory.transfers.values()
    ]
