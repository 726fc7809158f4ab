"""Fields of which a vendor has one for all the platforms that a call of it reaches.

What differs from platform to platform cannot be told to it: the value of one goes to the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from campaigns.selectors.addressing import PER_RECIPIENT
from providers.contract import Dialect, Fate
from providers.message import Attachment, PushMessage
from providers.message_fields import Platform
from providers.message_platforms import BLOCK_FIELDS

OWN = (Fate.DROPPED, Fate.EMULATED)


def find_shared(
    dialect: Dialect, message: PushMessage, platforms: Sequence[str]
) -> dict[str, tuple[str, str]]:
    """By field path (`ios.url`), its platform and the vendor's name of the one field for several.

    A vendor to whom recipients are named gets a call for each platform, and shares nothing.
    """
    if dialect.limits.addressing & PER_RECIPIENT:
        return {}
    values: dict[str, dict[str, Any]] = {}
    for platform in map(Platform, platforms):
        for path, name, value in _list_values(dialect, message, platform):
            values.setdefault(name, {})[path] = value
    differing = {name: found for name, found in values.items() if len(set(found.values())) > 1}
    return {
        path: (path.partition(".")[0], name) for name, found in differing.items() for path in found
    }


def _list_values(
    dialect: Dialect, message: PushMessage, platform: Platform
) -> list[tuple[str, str, Any]]:
    """Path, vendor's name and value of what the vendor would be told for a platform."""
    block = getattr(message.resolve(platform), platform.value, None)
    paths = {f"{platform.value}.{spec.name}": spec.name for spec in BLOCK_FIELDS.get(platform, ())}
    kept = {path: dialect.carries[path] for path in paths if path in dialect.carries}
    return [
        (path, carry.name, _read_plain(getattr(block, paths[path])))
        for path, carry in kept.items()
        if carry.name and carry.fate not in OWN
    ]


def _read_plain(value: Any) -> str:
    """A value as vendors compare it: of attachments the first one's address."""
    if isinstance(value, tuple) and value and isinstance(value[0], Attachment):
        return value[0].file_url
    return "" if value is None else str(value)
