"""Devices whose app has a vendor's SDK that is too old for what a message says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import ngettext

from campaigns.models import App
from campaigns.models.audience import pack_version
from campaigns.selectors.audience import Audience, select_devices
from campaigns.selectors.routes import find_first_ways
from campaigns.services.carrying import find_source
from campaigns.services.messages import Problem, list_set_fields
from providers.contract import SdkFloor
from providers.message import PushMessage
from providers.message_json import write_message


@dataclass(frozen=True, slots=True)
class Floor:
    """What an account's vendor needs of the SDK for a field that a message sets."""

    account: str
    need: SdkFloor
    field: str  # where that is written, as a path of the message

    @property
    def key(self) -> str:
        """What `count_old_sdks` counts it under."""
        return f"{self.need.platform} {self.need.version}"


def list_floors(app: App, message: PushMessage, platforms: Iterable[str]) -> list[Floor]:
    """What the first way of each platform needs for this message."""
    ways, body = find_first_ways(app), write_message(message)
    return [
        Floor(ways[platform].account.name, need, source)
        for platform in platforms
        if platform in ways
        for need in ways[platform].dialect.sdk_floors
        if need.platform == platform
        if (source := find_source(message, need.field)) in list_set_fields(message, platform)
        if need.value in ("", _find_value(body, need.field))
    ]


def _find_value(body: Mapping[str, Any], path: str) -> Any:
    block, _dot, name = path.rpartition(".")
    return body.get(block, {}).get(name)


def count_old_sdks(
    app: App, audience: Audience, *, only_primary: bool = False, floors: Sequence[Sequence[str]]
) -> dict[str, int]:
    """By `platform version` of the `floors` the devices of an audience that are known to be older;
    whose version nobody knows is not counted."""
    devices = select_devices(app, audience, only_primary=only_primary)
    known = devices.filter(sdk_version_number__gt=0)
    return {
        f"{platform} {version}": known.filter(
            platform=platform, sdk_version_number__lt=pack_version(version)
        ).count()
        for platform, version in floors
    }


def write_floors(floors: Iterable[Floor]) -> list[list[str]]:
    """What `count_old_sdks` is asked."""
    return [[str(floor.need.platform), floor.need.version] for floor in floors]


def find_sdk_problems(floors: Iterable[Floor], counts: Mapping[str, int]) -> Iterator[Problem]:
    """A warning for each field that some devices would not show."""
    for floor in floors:
        count = counts.get(floor.key, 0)
        if count:
            words = ngettext(
                "%(count)d %(platform)s device has an SDK of %(account)s before %(version)s, "
                "which leaves it out.",
                "%(count)d %(platform)s devices have an SDK of %(account)s before %(version)s, "
                "which leaves it out.",
                count,
            )
            names = {
                "count": count,
                "platform": floor.need.platform,
                "account": floor.account,
                "version": floor.need.version,
            }
            yield Problem(
                code="old_sdk",
                field=f"message.{floor.field}",
                sentence=words % names,
                is_blocking=False,
            )
