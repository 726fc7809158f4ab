"""What a push says: `notification`, `message`, `live_activity`, `voip` and the part of `options`
that belongs to the message (vendor page "Create Push API"; its own clients' models).

What no field of ours holds is in the message's extras: by name (`wire_options`), the rest as an RFC
7386 patch of the body that the fields alone give. So nothing is lost between reading and writing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from providers.json_values import apply_patch, find_patch, strip_nulls
from providers.message import (
    BLOCKS,
    AndroidContent,
    Content,
    IosContent,
    PushMessage,
    Text,
)
from providers.message_fields import MAX_BODY, MAX_TITLE, Platform

from . import wire_content
from .wire_errors import Code, Refused
from .wire_options import REPLACED, read_options, write_options
from .wire_rules import check_content
from .wire_values import Block, refuse_type, refuse_value

KEY = "engagelab"
REST = "rest"  # where the patch is among the extras
KIND = "kind"  # says "message" where a custom message was meant
CUSTOM = "message"
PLATFORMS = {platform.value: platform for platform in Platform}
EVERY_PLATFORM = "all"
MAX_TTL = 15 * 86_400
MAX_COLLAPSE_ID = 64  # bytes
BUTTONS = "web_buttons"


def write_content(message: PushMessage) -> dict[str, Any]:
    """The body of a call: what the fields give, the options by name, then the rest."""
    extras = message.extras.get(KEY, {})
    body = write_options(_write_fields(message), extras)
    rest = extras.get(REST)
    content: dict[str, Any] = apply_patch(body, rest) if rest else body
    return content


def read_content(body: Block) -> PushMessage:
    """The message of a call's body, with what no field holds among its extras."""
    check_content(body)
    message = _read_fields(body)
    extras = read_options(body)
    if body.find_block("notification") is None and body.find_block(CUSTOM) is not None:
        extras[KIND] = CUSTOM
    known = replace(message, extras={KEY: extras})
    rest = find_patch(write_content(known), body.values)
    if rest:
        extras[REST] = rest
    return replace(message, extras={KEY: extras} if extras else {})


def narrow_content(message: PushMessage, platform: Platform) -> PushMessage:
    """A message for one platform: its text stands in its block, and of the rest only that stays
    which concerns the platform. The fourth platform has no block; its block is the rest's.
    """
    extras = dict(message.extras.get(KEY, {}))
    rest = _narrow_rest(extras.pop(REST, {}), platform)
    if platform is Platform.HMOS:
        rest = apply_patch(rest, {"notification": {"hmos": _write_hmos(message, extras)}})
    rest["platform"] = write_platforms((platform,))
    block = getattr(message, platform.value, None)
    return PushMessage(
        translations={},
        extras={KEY: {**extras, REST: rest}},
        **({platform.value: block} if block is not None else {}),
    )


def narrow_platforms(message: PushMessage, platforms: tuple[Platform, ...]) -> PushMessage:
    """A message for several platforms, as `narrow_content` says it for each of them."""
    whole, *others = (narrow_content(message, platform) for platform in platforms)
    for one in others:
        blocks = {item.value: getattr(one, item.value) for item in BLOCKS}
        said = {**whole.extras[KEY], REST: {}}
        said[REST] = apply_patch(whole.extras[KEY][REST], one.extras[KEY][REST])
        present = {name: block for name, block in blocks.items() if block is not None}
        whole = replace(whole, extras={KEY: said}, **present)
    whole.extras[KEY][REST]["platform"] = write_platforms(platforms)
    return whole


def write_platforms(platforms: tuple[Platform, ...]) -> str | list[str]:
    """A browser stands alone, and as a text."""
    if platforms == (Platform.WEB,):
        return Platform.WEB.value
    return [platform.value for platform in platforms] or EVERY_PLATFORM


def read_platforms(body: Block) -> tuple[Platform, ...]:
    """The platforms that a push is for, () for all. Batch items show one as a text or a list."""
    value = body.values.get("platform")
    if value is None:
        raise Refused(Code.MISSING, f"The parameter {body.at('platform')} is missing.")
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise refuse_type(body.at("platform"), "must be a text or a list of texts")
    if names == [EVERY_PLATFORM]:
        return ()
    if not names or not set(names) <= set(PLATFORMS):
        raise refuse_value(body.at("platform"), f"is all or some of {', '.join(PLATFORMS)}")
    return tuple(dict.fromkeys(PLATFORMS[name] for name in names))


def _write_fields(message: PushMessage) -> dict[str, Any]:
    blocks = {item: getattr(message, item.value) for item in BLOCKS}
    present = tuple(item for item, block in blocks.items() if block is not None)
    body: dict[str, Any] = {"platform": write_platforms(present)}
    if _is_custom(message):
        body[CUSTOM] = _write_custom(message)
    else:
        notification = _write_notification(message)
        if notification:
            body["notification"] = notification
    options = _write_message_options(message)
    if options:
        body["options"] = options
    return body


def _is_custom(message: PushMessage) -> bool:
    """Whether it shows nothing by itself: then it is a custom message, which the app handles."""
    is_said = message.extras.get(KEY, {}).get(KIND) == CUSTOM
    return is_said or bool(message.android and message.android.silent)


def _write_custom(message: PushMessage) -> dict[str, Any]:
    block = message.android or message.ios or AndroidContent()
    data = block.data or ""
    body: dict[str, Any] = {"msg_content": block.body or data}
    if block.title:
        body["title"] = block.title
    if data:
        body["extras"] = wire_content.write_extras(data)
    return body


def _write_notification(message: PushMessage) -> dict[str, Any]:
    body: dict[str, Any] = {}
    if message.title:
        texts = {"title": message.title, "body": message.body}
        body["alert"] = {name: text for name, text in texts.items() if text}
    elif message.body:
        body["alert"] = message.body
    ios = message.ios
    write_ios = wire_content.write_silent_ios if ios and ios.silent else wire_content.write_ios
    blocks = {
        "android": wire_content.write_android(message.android) if message.android else {},
        "ios": write_ios(ios) if ios else {},
        "web": wire_content.write_web(message.web) if message.web else {},
    }
    return body | {name: block for name, block in blocks.items() if block}


def _write_message_options(message: PushMessage) -> dict[str, Any]:
    lives = [
        message.android.time_to_live if message.android else None,
        message.ios.expiration if message.ios else None,
    ]
    life = next((life for life in lives if life is not None), None)
    options: dict[str, Any] = {}
    if life is not None:
        options["time_to_live"] = min(life, MAX_TTL)
    if message.ios and message.ios.collapse_id:
        options["apns_collapse_id"] = message.ios.collapse_id
    if message.web and message.web.buttons:
        options[BUTTONS] = wire_content.write_buttons(message.web.buttons)
    if message.translations:
        options["multi_language"] = {
            language: _write_translation(text) for language, text in message.translations.items()
        }
    return options


def _write_translation(text: Text) -> dict[str, str]:
    texts = {"content": text.body, "title": text.title}
    return {name: value for name, value in texts.items() if value}


def _read_fields(body: Block) -> PushMessage:
    platforms = read_platforms(body)
    notification = body.find_block("notification")
    if notification is not None:
        message = _read_notification(notification, platforms)
    else:
        message = _read_custom(body.find_block(CUSTOM), platforms)
    options = body.find_block("options")
    return message if options is None else _read_message_options(message, options, platforms)


def _read_notification(notification: Block, platforms: tuple[Platform, ...]) -> PushMessage:
    common = _read_alert(notification)
    reads = {
        Platform.ANDROID: wire_content.read_android,
        Platform.IOS: wire_content.read_ios,
        Platform.WEB: wire_content.read_web,
    }
    found = {item: notification.find_block(item.value) for item in reads}
    values = {item: reads[item](block) for item, block in found.items() if block is not None}
    if platforms and Platform.HMOS not in platforms:
        # Folded in, so that nobody of another platform has a text.
        return _make_message(Text(), {item: _fold(common, values.get(item)) for item in platforms})
    if not common.body and Platform.HMOS in (platforms or (Platform.HMOS,)):
        common = _read_hmos_text(notification) or common
    listed = {item: block for item, block in values.items() if not platforms or item in platforms}
    return _make_message(common, listed)


def _fold(common: Text, values: dict[str, Any] | None) -> dict[str, Any]:
    texts = {"title": common.title, "body": common.body}
    if values and values.get("silent"):
        return values
    return {name: text for name, text in texts.items() if text} | (values or {})


def _make_message(common: Text, values: Mapping[Platform, dict[str, Any]]) -> PushMessage:
    blocks: dict[str, Content] = {
        item.value: BLOCKS[item](**block) for item, block in values.items()
    }
    return PushMessage(title=common.title, body=common.body, **blocks)  # type: ignore[arg-type]  # by platform


def _read_alert(block: Block) -> Text:
    """The text for every platform: a text, or an object with a title."""
    alert = block.values.get("alert")
    if isinstance(alert, str):
        return Text(body=alert) if len(alert) <= MAX_BODY else Text()
    inner = block.find_block("alert")
    if inner is None:
        return Text()
    title, body = inner.find_text("title") or "", inner.find_text("body") or ""
    fits = len(title) <= MAX_TITLE and len(body) <= MAX_BODY
    return Text(title, body) if fits else Text()


def _read_hmos_text(notification: Block) -> Text | None:
    hmos = notification.find_block("hmos")
    if hmos is None:
        return None
    return Text(hmos.find_text("title") or "", hmos.find_text("alert") or "")


def _read_custom(custom: Block | None, platforms: tuple[Platform, ...]) -> PushMessage:
    """A custom message: it wakes the app, which does with it what it wants."""
    if custom is None:  # a live activity or a call, which the rest carries
        return PushMessage(ios=IosContent(silent=True))
    content = custom.values.get("msg_content")
    extras = custom.find_block("extras")
    data = wire_content.read_extras(extras.values) if extras else ""
    values = {
        "silent": True,
        "title": custom.find_text("title") or None,
        "body": content if isinstance(content, str) and len(content) <= MAX_BODY else None,
        "data": data or None,
    }
    phones = [item for item in (Platform.ANDROID, Platform.IOS) if item in platforms]
    both = [Platform.ANDROID, Platform.IOS]
    return _make_message(Text(), dict.fromkeys(phones if platforms else both, values))


def _read_message_options(
    message: PushMessage, options: Block, platforms: tuple[Platform, ...]
) -> PushMessage:
    life = options.find_number("time_to_live", 0, MAX_TTL)
    collapse_id = options.find_text("apns_collapse_id", MAX_COLLAPSE_ID)
    android, ios = message.android, message.ios
    if life is not None and Platform.ANDROID in (platforms or Platform):
        android = replace(android or AndroidContent(), time_to_live=life)
    if Platform.IOS in (platforms or Platform):
        ios = _read_ios_options(ios, life, collapse_id)
    buttons = wire_content.read_buttons(options.values.get(BUTTONS))
    if buttons and message.web is not None:
        message = replace(message, web=replace(message.web, buttons=buttons))
    languages = options.find_block("multi_language")
    texts = {} if languages is None else _read_translations(languages)
    return replace(message, android=android, ios=ios, translations=texts)


def _read_ios_options(
    ios: IosContent | None, life: int | None, collapse_id: str | None
) -> IosContent | None:
    if life is None and not collapse_id:
        return ios
    return replace(ios or IosContent(), expiration=life, collapse_id=collapse_id or None)


def _read_translations(languages: Block) -> dict[str, Text]:
    texts = {}
    for language in languages.values:
        block = languages.find_block(language)
        if block is not None:
            title, body = block.find_text("title") or "", block.find_text("content") or ""
            texts[language] = Text(title, body)
    return texts


def _narrow_rest(rest: Mapping[str, Any], platform: Platform) -> dict[str, Any]:
    kept: dict[str, Any] = strip_nulls(rest)
    notification = kept.pop("notification", {})
    own = notification.get(platform.value)
    if own:
        kept["notification"] = {platform.value: own}
    kept.pop("platform", None)
    for name in ("live_activity", "voip"):
        if platform is not Platform.IOS:
            kept.pop(name, None)
        elif name in kept:
            kept["notification"] = None
    options = kept.get("options")
    if isinstance(options, dict):
        # One language is sent: the text of this call. A number of ours names nothing there.
        for name in ("multi_language", REPLACED):
            options.pop(name, None)
    return kept


def _write_hmos(message: PushMessage, extras: Mapping[str, Any]) -> dict[str, Any]:
    """What the platform demands, and our text over what a script had written."""
    rest = message.extras.get(KEY, {}).get(REST, {})
    own = strip_nulls(rest.get("notification", {}).get("hmos", {}))
    required = {
        "category": extras.get("hmos_category", "MARKETING"),
        "intent": {"url": "action.system.home"},
    }
    texts = {"alert": message.body, "title": message.title}
    return {**required, **own, **{name: text for name, text in texts.items() if text}}
