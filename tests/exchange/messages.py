"""Messages that say all that a dialect can say, and what of them arrives elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any

from providers.contract import Dialect, Fate
from providers.fields import FieldSpec
from providers.message import BLOCKS, Attachment, Button, PushMessage
from providers.message_fields import Platform
from providers.message_platforms import BLOCK_FIELDS
from tests.vendor_cases.strategies import is_kept

HOUR = 3600
VALUES: Mapping[str, Any] = {
    "attachments": (Attachment("1", "https://example.com/a.png", "png"),),
    "url": "https://example.com/a.png",
    "link": "https://example.com/x?a=b",
    "json_object": {"order": "17"},
    "int_list": (0, 500),
    "buttons": (Button("Show", "https://example.com/x?a=b", "show"),),
    "number": 0.5,
}
# A silent push has no text to compare, and a sound file stands where the word for a sound does.
LEFT_OUT = {"title", "body", "silent", "sound"}


def write_full(dialect: Dialect, platforms: Iterable[Platform]) -> PushMessage:
    """A message with every field that the dialect keeps on those platforms, named in its text."""
    blocks = {platform.value: _write_block(dialect, platform) for platform in platforms}
    return PushMessage(title="Sale", body=" and ".join(blocks), **blocks)


def _write_block(dialect: Dialect, platform: Platform) -> Any:
    values = {
        spec.name: make_value(spec)
        for spec in BLOCK_FIELDS[platform]
        if spec.name not in LEFT_OUT and is_kept(dialect, f"{platform.value}.{spec.name}")
    }
    return BLOCKS[platform](**values)


def make_value(spec: FieldSpec) -> Any:
    """A value that every vendor would take."""
    if spec.choices:
        return spec.choices[0]
    if spec.kind == "int":
        return min(spec.maximum or HOUR, HOUR)
    if spec.kind == "color":
        return "#12AB34CD"[: 9 if "8" in spec.pattern else 7]
    return VALUES.get(spec.kind, spec.name)


def find_fates(sent: PushMessage, taken: PushMessage, platform: Platform) -> dict[str, Fate]:
    """What became of each field that was sent: by what the vendor read of it."""
    before, after = _read_block(sent, platform), _read_block(taken, platform)
    return {
        f"{platform.value}.{name}": _judge(value, after.get(name)) for name, value in before.items()
    }


def list_invented(sent: PushMessage, taken: PushMessage, platform: Platform) -> set[str]:
    """Fields that the vendor was told of and nobody had said."""
    before, after = _read_block(sent, platform), _read_block(taken, platform)
    return {f"{platform.value}.{name}" for name in after.keys() - before.keys()}


def _judge(before: Any, after: Any) -> Fate:
    if after is None:
        return Fate.DROPPED
    return Fate.CARRIED if after == before else Fate.TRUNCATED


def _read_block(message: PushMessage, platform: Platform) -> dict[str, Any]:
    block = getattr(message.resolve(platform), platform.value)
    values = {item.name: getattr(block, item.name) for item in fields(block)}
    return {name: value for name, value in values.items() if value not in (None, "")}
