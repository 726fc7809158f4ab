"""What a message says: content, options and custom payload, in the three forms that the vendor's
calls have for them (wire facts, sections 3, 4 and 7).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from providers.fields import is_link, is_web_address
from providers.json_values import read_json_object, write_json
from providers.message import (
    AndroidContent,
    Attachment,
    InAppContent,
    IosContent,
    PushMessage,
    WebContent,
)
from providers.scenarios import TEXTS

from .wire_options import (
    MAX_LINK,
    MAX_TITLE,
    OLD_NAMES,
    check_storable,
    collect,
    find_opaque,
    pick_failover,
    read_in_app,
    rename,
    write_in_app,
)
from .wire_statuses import NO_CONTENT, TOO_BIG, Rejected
from .wire_values import Block, drop_unset, refuse

KEY = "infobip"
MAX_TEXT, MAX_FAILOVER_TEXT = 4000, 2000
MAX_HEADLINE, MAX_HEADLINE_V2 = 50, 45
MAX_PAYLOAD = 4000  # characters of what is shown and carried together
LINK, DATA = "deepLink", "data"  # keys of the custom payload


def read_content(message: Block) -> PushMessage:
    """A message of `/push/3/messages`."""
    content, options = message.take_block("content"), collect(message)
    kind = content.find_choice("type", ("TEXT", "IMAGE"))
    if kind is None:
        raise refuse(content.at("type"), "must not be null")
    text = content.take_text("text", MAX_TEXT)
    title = content.find_text("title", MAX_HEADLINE) or options.find_text("title", MAX_HEADLINE)
    url = content.find_text("url", MAX_LINK)
    if kind == "IMAGE" and url is None:
        raise refuse(content.at("url"), "must not be null")
    picture = url if kind == "IMAGE" else options.find_text("contentUrl", MAX_LINK)
    return _build(text, title, picture, options)


def write_content(message: PushMessage) -> dict[str, Any]:
    """`content` and, where there are any, `options`."""
    title, text, picture = _find_texts(message)
    content = {"type": "IMAGE" if picture else "TEXT", "text": text[:MAX_TEXT]}
    if title:
        content["title"] = title[:MAX_HEADLINE]
    if picture:
        content["url"] = picture
    options = write_options(message)
    return {"content": content} | ({"options": options} if options else {})


def read_old(message: Block) -> PushMessage:
    """A message of `/push/2/message/single`."""
    options = collect(message)
    text = message.take_text("text", MAX_TEXT)
    title = options.find_text("title", MAX_HEADLINE_V2)
    return _build(text, title, options.find_text("contentUrl", MAX_LINK), options)


def write_old(message: PushMessage) -> dict[str, Any]:
    """`text`, `notificationOptions` and `customPayload`."""
    title, text, picture = _find_texts(message)
    options = rename(write_options(message), OLD_NAMES)
    payload = options.pop("customPayload", None)
    headline = title[:MAX_HEADLINE_V2] or None
    options |= drop_unset({"title": headline, "contentUrl": picture})
    body: dict[str, Any] = {"text": text[:MAX_TEXT]}
    body |= {"notificationOptions": options} if options else {}
    return body | drop_unset({"customPayload": payload})


def read_failover(push: Block) -> PushMessage:
    """The `push` block of the failover API."""
    options = collect(push)
    text = push.take_text("text", MAX_FAILOVER_TEXT)
    title = options.find_text("title", MAX_TITLE)
    return _build(text, title, options.find_text("contentUrl", MAX_LINK), options)


def write_failover(message: PushMessage) -> dict[str, Any]:
    title, text, picture = _find_texts(message)
    options = write_options(message)
    payload = options.pop("customPayload", None)
    options |= drop_unset({"title": title or None, "contentUrl": picture})
    known = pick_failover(options)
    body: dict[str, Any] = {"text": text[:MAX_FAILOVER_TEXT]}
    body |= drop_unset({"customPayload": payload})
    return body | ({"notificationOptions": known} if known else {})


def _build(text: str, title: str | None, picture: str | None, options: Block) -> PushMessage:
    if not text.strip():
        raise Rejected(NO_CONTENT)
    data, link, values = _read_payload(options)
    if len(text) + len(title or "") + len(picture or "") + len(data or "") > MAX_PAYLOAD:
        raise Rejected(TOO_BIG)
    silent = options.find_flag("isSilent")
    opaque = find_opaque(options)
    android = AndroidContent(
        silent=silent,
        banner=picture,
        data=data,
        deeplink=link,
        sound=options.find_text("soundName", MAX_TITLE),
    )
    return PushMessage(
        title=title or "",
        body=text,
        android=None if android == AndroidContent() else android,
        ios=_build_ios(android, picture, options),
        web=_build_web(picture, link, values),
        in_app=read_in_app(options),
        extras={KEY: opaque} if opaque else {},
    )


def _build_ios(android: AndroidContent, picture: str | None, options: Block) -> IosContent | None:
    sound = options.find_flag("soundEnabled")
    ios = IosContent(
        silent=android.silent,
        badge=options.find_number("badge", maximum=2**31 - 1),
        sound=None if sound is None else "default" if sound else "disable",
        sound_name=android.sound,
        category=options.find_text("category", MAX_TITLE),
        data=android.data,
        attachments=(Attachment(file_url=picture),) if picture else None,
        url=android.deeplink,
    )
    return None if ios == IosContent() else ios


def _build_web(
    picture: str | None, link: str | None, values: Mapping[str, Any] | None
) -> WebContent | None:
    is_page = link is not None and is_web_address(link)
    web = WebContent(url=link if is_page else None, image=picture, extras=values or None)
    return None if web == WebContent() else web


def _find_texts(message: PushMessage) -> tuple[str, str, str | None]:
    """Title, text and picture, of whichever block has them."""
    blocks = [block for block in (message.android, message.ios, message.web) if block is not None]
    title = message.title or next((block.title for block in blocks if block.title), "")
    text = message.body or next((block.body for block in blocks if block.body), "")
    return title, text, _find_picture(message)


def _find_picture(message: PushMessage) -> str | None:
    android, ios, web = message.android, message.ios, message.web
    if android is not None and android.banner:
        return android.banner
    if ios is not None and ios.attachments:
        return ios.attachments[0].file_url or None
    return web.image if web is not None else None


def write_options(message: PushMessage) -> dict[str, Any]:
    """All options under their canonical names, without title and picture."""
    android = message.android or AndroidContent()
    ios = message.ios or IosContent()
    in_app = message.in_app or InAppContent()
    silent = next((item for item in (android.silent, ios.silent) if item is not None), None)
    sound = None if ios.sound is None else ios.sound != "disable"
    options = drop_unset(
        {
            "vibrationEnabled": True if android.vibration else None,
            "soundEnabled": sound,
            "soundName": android.sound or ios.sound_name,
            "badge": ios.badge,
            "category": ios.category,
            "isSilent": True if in_app.only else silent,
            "customPayload": write_payload(message),
        }
    )
    own = {name: value for name, value in message.extras.get(KEY, {}).items() if name != TEXTS}
    return {**own, **options, **write_in_app(in_app)}


def write_payload(message: PushMessage) -> dict[str, Any] | None:
    """Our data and link as the custom payload: the vendor has no other place for a link."""
    android = message.android or AndroidContent()
    ios = message.ios or IosContent()
    web = message.web or WebContent()
    text = android.data or ios.data
    payload = _write_data(text) if text else dict(web.extras or {})
    link = android.deeplink or ios.url or web.url
    if link:
        payload[LINK] = link
    return payload or None


def _write_data(text: str) -> dict[str, Any]:
    values = read_json_object(text)
    return {DATA: text} if values is None else values


def _read_payload(options: Block) -> tuple[str | None, str | None, dict[str, Any] | None]:
    """The payload's text and link, and what is in it as values. The inverse of `write_payload`."""
    block = options.find_block("customPayload")
    if block is None:
        return None, None, None
    values = dict(block.values)
    check_storable(values, block.path)
    link = values.get(LINK)
    if isinstance(link, str) and len(link) <= MAX_LINK and is_link(link):
        del values[LINK]
    else:
        link = None
    return (_read_data(values) if values else None), link, values


def _read_data(values: dict[str, Any]) -> str:
    text = values.get(DATA)
    if len(values) == 1 and isinstance(text, str) and text and read_json_object(text) is None:
        return text
    return write_json(values)
