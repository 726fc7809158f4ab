"""An app with a sandbox route on Android and iOS, and campaigns and calls to send."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from campaigns.dispatch.freeze import freeze_transfer
from campaigns.dispatch.plan import NewPart, NewTransfer, create_transfer, start_campaign
from campaigns.models import App, Campaign, Device, Group, Message, Submission, Transfer
from campaigns.models.audience import hash64
from providers.recipients import Targets
from tests import builders
from tests.builders import CONTENT
from tests.campaigns.dispatch.gateways import Gateway, connect
from tests.campaigns.dispatch.phones import PHONES, name_phone
from tests.vendor_cases.conftest import simulator

__all__ = ["simulator"]


@pytest.fixture
def routed(app: App) -> App:
    for platform in ("android", "ios"):
        builders.make_route(app, platform)
    return app


@pytest.fixture
def make_campaign(routed: App, now: datetime) -> Callable[..., Campaign]:
    """A draft for everybody, unless the fields say otherwise."""

    def make_campaign(content: dict[str, Any] = CONTENT, **fields: Any) -> Campaign:
        return builders.make_campaign(routed, now, content, **fields)

    return make_campaign


@pytest.fixture
def start(make_campaign: Callable[..., Campaign], now: datetime) -> Callable[..., Transfer]:
    """Start a campaign; gives its transfer, not yet frozen."""

    def start(content: dict[str, Any] = CONTENT, **fields: Any) -> Transfer:
        campaign = make_campaign(content, **fields)
        start_campaign(campaign, actor="owner", now=now)
        return Transfer.objects.get(campaign=campaign)

    return start


@pytest.fixture
def schedule(make_campaign: Callable[..., Campaign], now: datetime) -> Callable[..., Campaign]:
    """A scheduled campaign."""

    def schedule(**fields: Any) -> Campaign:
        campaign = make_campaign(**fields)
        campaign.move_to(Campaign.Status.SCHEDULED, actor="owner", now=now)
        return campaign

    return schedule


@pytest.fixture
def submit(routed: App, now: datetime) -> Callable[..., Transfer]:
    """Take a script's call in the sandbox dialect; gives its transfer, not yet frozen."""

    def submit(*targets: Targets, **fields: Any) -> Transfer:
        submission = Submission.objects.create(
            workspace=routed.workspace, app=routed, door="sandbox", created_at=now
        )
        part = NewPart(Message.objects.create(app=routed, content=CONTENT), targets)
        plan = NewTransfer(
            app=routed,
            group=Group.objects.get(app=routed),
            parts=(part,),
            submission=submission,
            **fields,
        )
        return create_transfer(plan, actor="sandbox", now=now)

    return submit


@pytest.fixture
def gateway(routed: App, monkeypatch: pytest.MonkeyPatch) -> Gateway:
    """Where calls to as many phones go, without a wire."""
    gateway = connect(monkeypatch)
    Device.objects.bulk_create(
        Device(
            app=routed, platform="android", token=name_phone(n), token_hash=hash64(name_phone(n))
        )
        for n in range(PHONES)
    )
    return gateway


@pytest.fixture
def begin(start: Callable[..., Transfer], now: datetime) -> Callable[..., Transfer]:
    """Start a campaign; gives its transfer, frozen."""

    def begin(*args: Any, **fields: Any) -> Transfer:
        transfer = start(*args, **fields)
        freeze_transfer(transfer, now=now)
        return transfer

    return begin
