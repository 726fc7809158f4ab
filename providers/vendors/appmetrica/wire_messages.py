"""The two message blocks of a send: Android and iOS content (vendor page "Sending push messages").

Tables rename; what is allowed in a field stands in `providers.message_fields`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from providers.blocks import is_clean
from providers.fields import Fields, FieldSpec
from providers.message import AndroidContent, Attachment, IosContent, PushMessage
from providers.message_fields import Platform
from providers.message_platforms import ANDROID_FIELDS, IOS_FIELDS

from .wire_values import Block, is_unset, refuse

ANDROID = Fields(
    title="title",
    body="text",
    icon="icon",
    icon_background="icon_background",
    image="image",
    banner="banner",
    data="data",
    channel_id="channel_id",
    priority="priority",
    collapse_key="collapse_key",
    vibration="vibration",
    led_color="led_color",
    led_interval="led_interval",
    led_pause_interval="led_pause_interval",
    time_to_live="time_to_live",
    visibility="visibility",
    urgency="urgency",
)
IOS = Fields(
    title="title",
    body="text",
    badge="badge",
    sound="sound",
    thread_id="thread_id",
    category="category",
    mutable_content="mutable_content",
    expiration="expiration",
    collapse_id="collapse_id",
    data="data",
    attachments="attachments",
)
ATTACHMENT_KEYS = ("id", "file_url", "file_type")

# The page's samples say `iOS`, its table of fields `ios`: we write the one and read both.
IOS_NAMES = ("iOS", "ios")

# The page lists `open_action.url` under Android as well, most likely by a slip: either is read.
LINK_NAMES = ("deeplink", "url")

_SPECS: dict[Platform, dict[str, FieldSpec]] = {
    Platform.ANDROID: {spec.name: spec for spec in ANDROID_FIELDS},
    Platform.IOS: {spec.name: spec for spec in IOS_FIELDS},
}


def write_messages(message: PushMessage) -> dict[str, Any]:
    """The blocks that a message has. Common text must have been folded in by `resolve`."""
    body = {}
    if message.android is not None:
        body["android"] = write_android(message.android)
    if message.ios is not None:
        body[IOS_NAMES[0]] = write_ios(message.ios)
    return body


def read_messages(block: Block) -> PushMessage:
    """One or both blocks; a message without any block is refused."""
    android = block.find_block("android")
    ios = next(filter(None, map(block.find_block, IOS_NAMES)), None)
    if android is None and ios is None:
        raise refuse(block.path, "needs android or iOS")
    return PushMessage(
        android=None if android is None else read_android(android),
        ios=None if ios is None else read_ios(ios),
    )


def write_android(android: AndroidContent) -> dict[str, Any]:
    values = {name: getattr(android, name) for name in ANDROID.names}
    if android.vibration is not None:
        values["vibration"] = list(android.vibration)
    return _write_block(ANDROID.write(values), android.silent, {"deeplink": android.deeplink})


def read_android(block: Block) -> AndroidContent:
    values = _read_content(block, ANDROID, Platform.ANDROID)
    if "vibration" in values:
        values["vibration"] = tuple(values["vibration"])
    silent = _read_silent(block, Platform.ANDROID)
    return AndroidContent(silent=silent, deeplink=_read_link(block), **values)


def write_ios(ios: IosContent) -> dict[str, Any]:
    values = {name: getattr(ios, name) for name in IOS.names}
    if ios.attachments is not None:
        values["attachments"] = [write_attachment(item) for item in ios.attachments]
    return _write_block(IOS.write(values), ios.silent, {"url": ios.url})


def read_ios(block: Block) -> IosContent:
    values = _read_content(block, IOS, Platform.IOS)
    if "attachments" in values:
        values["attachments"] = tuple(read_attachment(item) for item in values["attachments"])
    silent = _read_silent(block, Platform.IOS)
    return IosContent(silent=silent, url=_read_link(block), **values)


def write_attachment(attachment: Attachment) -> dict[str, str]:
    values = {key: getattr(attachment, key) for key in ATTACHMENT_KEYS}
    return {key: value for key, value in values.items() if value}


def read_attachment(body: Mapping[str, Any]) -> Attachment:
    """A live client leaves `file_type` out."""
    return Attachment(**{key: body[key] for key in ATTACHMENT_KEYS if body.get(key)})


def _write_block(
    content: dict[str, Any], silent: bool | None, action: dict[str, Any]
) -> dict[str, Any]:
    body: dict[str, Any] = {} if silent is None else {"silent": silent}
    body["content"] = content
    if any(value is not None for value in action.values()):
        body["open_action"] = action
    return body


def _read_content(block: Block, names: Fields, platform: Platform) -> dict[str, Any]:
    content = block.find_block("content") or Block({}, block.at("content"))
    specs = _SPECS[platform]
    body = _normalise(content, platform)
    for theirs, value in body.items():
        if theirs in names.ours:
            _check_value(specs[names.ours[theirs]], value, content.at(theirs))
    return names.read(body)


def _normalise(content: Block, platform: Platform) -> dict[str, Any]:
    body = {key: value for key, value in content.values.items() if not _is_empty(value)}
    if platform is Platform.IOS:
        _read_badge(content, body)
        _read_attachments(content, body)
    return body


def _is_empty(value: Any) -> bool:
    return is_unset(value) or value == []


def _read_badge(content: Block, body: dict[str, Any]) -> None:
    # The table says int, the use case sends "0". Zero is no unset here: it clears the badge.
    badge = content.values.get("badge")
    if isinstance(badge, str) and badge.isascii() and badge.isdigit() and len(badge) < 10:
        badge = int(badge)
    if badge is not None and badge != "":
        body["badge"] = badge


def _read_attachments(content: Block, body: dict[str, Any]) -> None:
    # `media_attachment` is how an earlier version of the page named one attachment's address.
    media = content.find_text("media_attachment", maximum=2048)
    if media is not None and "attachments" not in body:
        body["attachments"] = [{"file_url": media}]
    items = body.get("attachments")
    if isinstance(items, list):
        body["attachments"] = [_keep_known(item) for item in items]


def _keep_known(item: Any) -> Any:
    if not isinstance(item, dict):
        return item
    return {key: item[key] for key in ATTACHMENT_KEYS if not is_unset(item.get(key))}


def _check_value(spec: FieldSpec, value: Any, path: str) -> None:
    fault = spec.find_fault(value)
    if fault:
        raise refuse(path, fault)
    if not all(is_clean(text) for text in _list_texts(value)):
        raise refuse(path, "must be a text")


def _list_texts(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        return [value]
    items = value if isinstance(value, list) else []
    return [text for item in items if isinstance(item, dict) for text in item.values()]


def _read_silent(block: Block, platform: Platform) -> bool | None:
    value = block.find("silent")
    if value is not None:
        _check_value(_SPECS[platform]["silent"], value, block.at("silent"))
    return None if value is None else bool(value)


def _read_link(block: Block) -> str | None:
    action = block.find_block("open_action")
    if action is None:
        return None
    links = [action.find_text(name, maximum=2048) for name in LINK_NAMES]
    return next((link for link in links if link is not None), None)
