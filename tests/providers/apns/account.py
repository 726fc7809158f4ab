"""An account with the key of RFC 6979, which is nobody's secret, and pushes through it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from providers.commands import PushPart, SendPush
from providers.message import IosContent, PushMessage
from providers.message_fields import Platform
from providers.outbound import AccountConfig, DeviceCall
from providers.recipients import Targets
from providers.vendors.apns import DIALECT
from providers.vendors.apns.outbound import Apns, Calls
from tests.vendor_cases.accounts import make_account

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC).timestamp()
TOKEN = "00fc13adff785122b4ad28809a3420982341241421348097878e577c991de8f0"
URL = "https://gateway.example"
HI = PushMessage(title="Hi", body="There").resolve(Platform.IOS)


def open_account(**changes: Any) -> AccountConfig:
    account = replace(make_account(DIALECT, URL), base_urls={})
    return replace(account, **changes)


def connect(now: float = NOON, **changes: Any) -> Apns:
    return Apns(open_account(**changes), lambda: now)


def make_push(*messages: PushMessage, **values: Any) -> SendPush:
    """One recipient for each message."""
    parts = tuple(
        PushPart(message, (Targets("token", (TOKEN,), (f"1.2.{place}.abc",)),))
        for place, message in enumerate(messages)
    )
    return SendPush(parts=parts, **values)


def write_calls(*messages: PushMessage, now: float = NOON, **values: Any) -> Calls:
    return connect(now).write_calls(make_push(*messages, **values))


def write_one(message: PushMessage, now: float = NOON, **values: Any) -> DeviceCall:
    call = write_calls(message, now=now, **values).write(0)
    assert isinstance(call, DeviceCall), call
    return call


def read_headers(call: DeviceCall) -> dict[str, str]:
    pairs = [line.split(": ", 1) for line in call.headers]
    names = [name for name, _ in pairs]
    assert len(names) == len(set(names))
    return dict(pairs)


def say(options: dict | None = None, **values) -> PushMessage:
    ios = IosContent(**{"title": "Hi", "body": "There", **values})
    return PushMessage(ios=ios, extras={"apns": options} if options else {})
