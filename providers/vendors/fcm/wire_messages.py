"""What a push says: the resource `Message` without its target.

Source: firebase.google.com/docs/reference/fcm/rest/v1/projects.messages.

Title, text, picture and data stand in the common blocks (`notification`, `data`) where all
platforms of the message agree on them, else in each platform's own. What no field of ours holds is
in the message's extras: a few options by name, the rest as an RFC 7386 patch of the body that the
fields alone give. So nothing is lost between reading and writing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from providers.fields import FieldSpec, gettext_noop
from providers.json_values import apply_patch, find_patch
from providers.message import (
    BLOCKS,
    AndroidContent,
    Content,
    IosContent,
    PushMessage,
    WebContent,
)
from providers.message_fields import MAX_BODY, MAX_TITLE, Platform

from . import wire_content
from .wire_content import put
from .wire_values import Block

KEY = "fcm"
REST = "rest"  # where the patch is among the extras
CONFIGS = {Platform.ANDROID: "android", Platform.IOS: "apns", Platform.WEB: "webpush"}
RESERVED = ("google", "gcm")  # keys of data may not begin so
RESERVED_KEYS = frozenset({"from", "message_type"})
MAX_BYTES = 4096  # of what a message carries
OPTION_FIELDS = (
    FieldSpec(
        name="analytics_label",
        label=gettext_noop("Analytics label"),
        help=gettext_noop("The vendor's reports are broken down by it."),
        pattern=r"[a-zA-Z0-9\-_.~%]{1,50}",
    ),
    FieldSpec(
        name="click_action",
        label=gettext_noop("Click action"),
        help=gettext_noop("Android: the intent filter of the activity that a tap opens."),
        maximum=255,
    ),
)
OPTIONS: dict[str, tuple[str, ...]] = {
    "analytics_label": ("fcm_options", "analytics_label"),
    "click_action": ("android", "notification", "click_action"),
}
_SPECS = {spec.name: spec for spec in OPTION_FIELDS}
_TEXTS = {"title": MAX_TITLE, "body": MAX_BODY}


def write_message(
    message: PushMessage, expires_in: int | None = None, now: datetime | None = None
) -> dict[str, Any]:
    """The message's body; `expires_in` (seconds) shortens its life on every platform."""
    blocks = list_blocks(message)
    body = _write_fields(message, blocks, expires_in, now or datetime.now(UTC))
    extras = message.extras.get(KEY, {})
    for name, path in OPTIONS.items():
        if extras.get(name) and _has_place(path, blocks):
            patch: Any = extras[name]
            for key in reversed(path):
                patch = {key: patch}
            body = apply_patch(body, patch)
    rest = extras.get(REST)
    if not isinstance(rest, dict):
        return body
    absent = {CONFIGS[platform] for platform in BLOCKS if platform not in blocks} if blocks else ()
    kept = {name: value for name, value in rest.items() if name not in absent}
    patched: dict[str, Any] = apply_patch(body, kept)
    return patched


def list_blocks(message: PushMessage) -> dict[Platform, Content]:
    found = {platform: getattr(message, platform.value) for platform in BLOCKS}
    return {platform: block for platform, block in found.items() if block is not None}


def _has_place(path: tuple[str, ...], blocks: Mapping[Platform, Content]) -> bool:
    """An option of a platform is written only where the message is for it, and shows something."""
    owner = next((platform for platform, name in CONFIGS.items() if name == path[0]), None)
    if owner is None:
        return True
    return owner in blocks and not getattr(blocks[owner], "silent", False)


def _write_fields(
    message: PushMessage,
    blocks: Mapping[Platform, Content],
    expires_in: int | None,
    now: datetime,
) -> dict[str, Any]:
    configs = {
        platform: _write_config(block, expires_in, now) for platform, block in blocks.items()
    }
    body: dict[str, Any] = {}
    put(body, "notification", _write_texts(message, blocks, configs))
    put(body, "data", _write_data(blocks, configs))
    for platform, config in configs.items():
        put(body, CONFIGS[platform], config)
    return body


def _write_config(block: Content, expires_in: int | None, now: datetime) -> dict[str, Any]:
    if isinstance(block, AndroidContent):
        return wire_content.write_android(block, expires_in)
    if isinstance(block, IosContent):
        return wire_content.write_ios(block, expires_in, now)
    return wire_content.write_web(block, expires_in)


def _write_texts(
    message: PushMessage,
    blocks: Mapping[Platform, Content],
    configs: Mapping[Platform, dict[str, Any]],
) -> dict[str, Any]:
    """The common notification; what differs from it goes into the platforms' own. Where one
    platform shows nothing there is no common one, which it would show."""
    shown = {item: block for item, block in blocks.items() if not getattr(block, "silent", False)}
    common = {"title": message.title, "body": message.body}
    pictures = {wire_content.find_picture(block) for block in shown.values()}
    if len(pictures) == 1:
        common["image"] = pictures.pop() or ""
    if len(shown) < len(blocks):
        common = {}
    for platform, block in shown.items():
        own = {
            "title": block.title or message.title,
            "body": block.body or message.body,
            "image": wire_content.find_picture(block) or "",
        }
        differing = {name: text for name, text in own.items() if text != common.get(name, "")}
        _put_texts(configs[platform], block, differing, own)
    return {name: text for name, text in common.items() if text}


def _put_texts(
    config: dict[str, Any], block: Content, texts: Mapping[str, str], own: Mapping[str, str]
) -> None:
    if not isinstance(block, IosContent):
        if texts:
            config["notification"] = {**config.get("notification", {}), **texts}
        return
    if texts.get("image"):
        config["fcm_options"] = {"image": texts["image"]}
    alert = {name: texts[name] for name in _TEXTS if name in texts}
    if block.subtitle:  # an alert of Apple's replaces the common one as a whole
        alert = {name: own[name] for name in _TEXTS if own[name]} | {"subtitle": block.subtitle}
    if alert:
        payload = config.setdefault("payload", {})
        payload["aps"] = {**payload.get("aps", {}), "alert": alert}


def _write_data(
    blocks: Mapping[Platform, Content], configs: Mapping[Platform, dict[str, Any]]
) -> dict[str, str]:
    """The common data; none where the platforms differ, whose own it is then."""
    texts = {platform: wire_content.write_data(block) for platform, block in blocks.items()}
    first = next(iter(texts.values()), {})
    are_texts = all(isinstance(value, str) for value in first.values())
    if are_texts and all(own == first for own in texts.values()):
        return first
    for platform, own in texts.items():
        if platform is Platform.IOS:
            configs[platform]["payload"] = {**own, **configs[platform].get("payload", {})}
        else:
            put(configs[platform], "data", own)
    return {}


def read_message(body: Block, now: datetime | None = None) -> PushMessage:
    """The message of a call, with what no field holds among its extras; raises `Refusal`."""
    message = _read_fields(body, now)
    extras = _read_options(body)
    wanted = {name: value for name, value in body.values.items() if name not in TARGETS}
    known = replace(message, extras={KEY: extras})
    rest = find_patch(write_message(known, now=now), wanted)
    if rest:
        extras[REST] = rest
    return replace(message, extras={KEY: extras} if extras else {})


TARGETS = frozenset({"name", "token", "topic", "condition", "fid"})


def _read_options(body: Block) -> dict[str, Any]:
    found = {}
    for name, path in OPTIONS.items():
        value: Any = body.values
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        if value is not None and not _SPECS[name].find_fault(value):
            found[name] = value
    return found


def _read_fields(body: Block, now: datetime | None) -> PushMessage:
    common = body.find_block("notification") or Block({}, body.at("notification"))
    texts = {name: _find_text(common, name, most) for name, most in _TEXTS.items()}
    picture = common.find_text("image") or ""
    data = body.find_texts("data")
    check_keys(data, body.at("data"))
    options = body.find_block("fcm_options") or Block({})
    label = options.find_text("analytics_label")
    if label and _SPECS["analytics_label"].find_fault(label):
        raise options.refuse_type("analytics_label", "must match ^[a-zA-Z0-9-_.~%]{1,50}$")
    values = {
        platform: _read_block(body, platform, (picture, data, bool(any(texts.values()))), now)
        for platform in CONFIGS
    }
    android, ios, web = (values[platform] for platform in CONFIGS)
    return PushMessage(
        title=texts["title"] or "",
        body=texts["body"] or "",
        android=None if android is None else AndroidContent(**android),
        ios=None if ios is None else IosContent(**ios),
        web=None if web is None else WebContent(**web),
    )


def _find_text(block: Block, name: str, maximum: int) -> str:
    text = block.find_text(name) or ""
    if len(text) > maximum:
        raise block.refuse_type(name, f"must have at most {maximum} characters")
    return text


def _read_block(
    body: Block, platform: Platform, common: tuple[str, Mapping[str, str], bool], now: Any
) -> dict[str, Any] | None:
    """Values of a platform's block; None where nothing is said that the common text does not."""
    picture, data, has_text = common
    config = body.find_block(CONFIGS[platform])
    values = _read_config(config, platform, now) if config is not None else {}
    own, address = _find_own(config, platform)
    values |= wire_content.read_data(platform, own or data)
    if address or picture:
        values |= wire_content.write_picture(platform, address or picture)
    shows = has_text or values.get("title") or values.get("body")
    if not shows and platform is not Platform.WEB and (values or config is not None):
        values["silent"] = True
    return values if values or config is not None else None


def _read_config(config: Block, platform: Platform, now: datetime | None) -> dict[str, Any]:
    if platform is Platform.IOS:
        return wire_content.read_ios(config, now)
    if platform is Platform.WEB:
        return wire_content.read_web(config)
    values = wire_content.read_android(config)
    inner = config.find_block("notification") or Block({})
    found = {name: _find_text(inner, name, most) for name, most in _TEXTS.items()}
    return values | {name: text for name, text in found.items() if text}


def _find_own(config: Block | None, platform: Platform) -> tuple[Mapping[str, Any], str]:
    """A platform's own data and picture."""
    if config is None:
        return {}, ""
    if platform is Platform.IOS:
        payload = config.find_block("payload") or Block({})
        options = config.find_block("fcm_options") or Block({}, config.at("fcm_options"))
        own = {name: value for name, value in payload.values.items() if name != "aps"}
        return own, options.find_text("image") or ""
    data = config.find_texts("data")
    check_keys(data, config.at("data"))
    if platform is Platform.WEB:
        return data, ""
    inner = config.find_block("notification") or Block({}, config.at("notification"))
    return data, inner.find_text("image") or ""


def check_keys(texts: Mapping[str, Any], path: str) -> None:
    """Raise `Refusal` for keys that the vendor keeps for itself."""
    for name in texts:
        if is_reserved(name):
            raise Block(texts, path).refuse_type(name, "is a reserved key of data")


def is_reserved(name: str) -> bool:
    return name in RESERVED_KEYS or name.startswith(RESERVED)


def find_message_faults(message: PushMessage) -> dict[str, str]:
    """By field path, why the vendor would not take a message at all."""
    faults = {}
    if message.web is not None and message.web.url and not message.web.url.startswith("https://"):
        faults["web.url"] = "must begin with https://"
    for platform, block in list_blocks(message).items():
        name = "extras" if platform is Platform.WEB else "data"
        taken = sorted(filter(is_reserved, wire_content.write_data(block)))
        if taken:
            faults[f"{platform.value}.{name}"] = f"{taken[0]} is a key that the vendor keeps"
    return faults
