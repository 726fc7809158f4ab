"""A common link and image on their way out: where a platform says nothing."""

from __future__ import annotations

from typing import Any

import pytest

from campaigns.models import Delivery
from campaigns.services.campaigns import create_campaign, launch_campaign
from providers.contract import Dialect, Fate
from providers.message import PushMessage
from providers.message_common import find_place
from providers.message_fields import Platform
from tests.exchange.conftest import PLATFORMS, Scene
from tests.exchange.gateways import ROUNDS, GatewayScene, gateways
from tests.exchange.messages import is_kept
from tests.exchange.test_pairs import VENDORS, takes_names

__all__ = ["gateways"]

LINK, IMAGE = "https://shop.example/sale?a=b", "https://shop.example/sale.png"
OWN_LINK, OWN_IMAGE = "https://shop.example/here", "https://shop.example/here.png"
OWN: dict[str, dict[str, Any]] = {
    "android": {"deeplink": OWN_LINK, "banner": OWN_IMAGE},
    "ios": {"url": OWN_LINK, "attachments": [{"file_url": OWN_IMAGE}]},
    "web": {"url": OWN_LINK, "image": OWN_IMAGE},
}
NONE: dict[str, dict[str, Any]] = {
    "android": {"deeplink": "", "banner": ""},
    "ios": {"url": "", "attachments": []},
    "web": {"url": "", "image": ""},
}
SAID = [({}, (LINK, IMAGE)), (OWN, (OWN_LINK, OWN_IMAGE)), (NONE, (None, None))]
said = pytest.mark.parametrize(("own", "expected"), SAID, ids=["common", "own", "none"])


def launch(scene: Scene, user: Any, own: dict[str, Any], now: Any) -> None:
    """A campaign to everybody, whose text names the platforms, as `find_taken` asks."""
    message = {"title": "Sale", "body": "android, ios and web", "link": LINK, "image": IMAGE}
    body = {
        "name": "Sale",
        "app": scene.app.slug,
        "audience": {"all": True},
        "message": message | own,
    }
    campaign = create_campaign(user, body, actor="owner", now=now)
    launch_campaign(campaign, actor="owner", now=now)
    scene.work()


def find_wrong(vendor: Dialect, taken: PushMessage, platform: Platform, expected: Any) -> list[str]:
    """Fields that do not hold what they should; what a vendor changes or drops may be missing."""
    wrong = []
    for field, value in zip(("link", "image"), expected, strict=True):
        path = find_place(field, platform)
        found = read(taken, platform, path.partition(".")[2])
        may_lack = not is_kept(vendor, path) and find_fate(vendor, path) is not Fate.TRUNCATED
        if found != value and not (may_lack and found is None):
            wrong.append(path)
    return wrong


def find_fate(vendor: Dialect, path: str) -> Fate | None:
    return vendor.carries[path].fate if path in vendor.carries else None


def read(taken: PushMessage, platform: Platform, name: str) -> str | None:
    value = getattr(getattr(taken.resolve(platform), platform.value), name)
    return (value[0].file_url if isinstance(value, tuple) and value else value) or None


@said
@pytest.mark.parametrize("vendor", [*filter(takes_names, VENDORS)], ids=lambda vendor: vendor.key)
def test_a_vendor_is_told_of_a_platforms_own_before_the_common_one(
    scene: Scene, owner, now, vendor, own, expected
):
    scene.send_through(vendor)

    launch(scene, owner, own, now)

    for platform in PLATFORMS:
        taken = scene.find_taken(platform)
        assert find_wrong(vendor, taken, platform, expected) == []
    assert set(Delivery.objects.values_list("outcome", flat=True)) == {"sent"}


@said
def test_a_gateway_is_told_of_a_platforms_own_before_the_common_one(
    gateways: GatewayScene, owner, now, own, expected
):
    (out, *_others) = ROUNDS
    gateways.serve(out)

    launch(gateways, owner, own, now)

    for platform in out.keys() & set(OWN):
        taken = gateways.find_taken(platform)
        assert find_wrong(out[platform], taken, platform, expected) == []
    assert set(Delivery.objects.values_list("outcome", flat=True)) == {"sent"}
