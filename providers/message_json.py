"""The JSON form of a message, as the native API has it and as it is stored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any

from providers.fields import BUTTON_PARTS
from providers.message import (
    BLOCKS,
    Attachment,
    Button,
    EmailContent,
    InAppContent,
    PushMessage,
    SmsContent,
    Text,
)
from providers.message_channels import OTHER_BLOCKS, TRANSLATED_SINGLY
from providers.message_fields import TRANSLATED_FIELDS, Platform

_TEXTS = frozenset(spec.name for spec in TRANSLATED_FIELDS)


def read_message(body: Mapping[str, Any]) -> PushMessage:
    """Build a message from its JSON form, which `message_faults` has passed."""
    blocks = {
        platform.value: _read_block(kind, body[platform.value])
        for platform, kind in BLOCKS.items()
        if body.get(platform.value) is not None
    }
    translations = {
        language: _read_text(text) for language, text in (body.get("translations") or {}).items()
    }
    fallbacks = body.get("fallbacks")
    return PushMessage(
        title=body.get("title") or "",
        body=body.get("body") or "",
        link=body.get("link") or "",
        image=body.get("image") or "",
        buttons=_read_buttons(body.get("buttons")),
        translations=translations,
        in_app=_read_block(InAppContent, body["in_app"]) if body.get("in_app") else None,
        channel=body.get("channel") or "",
        sms=_read_block(SmsContent, body["sms"]) if body.get("sms") else None,
        email=_read_block(EmailContent, body["email"]) if body.get("email") else None,
        template=body.get("template") or "",
        defaults=body.get("defaults") or {},
        default_language=body.get("default_language") or "",
        fallbacks=None if fallbacks is None else tuple(fallbacks),
        extras=body.get("extras") or {},
        **blocks,
    )


def _read_text(body: Mapping[str, Any]) -> Text:
    platforms = {
        platform.value: _read_text(own)
        for platform in Platform
        if _TEXTS & (own := body.get(platform.value) or {}).keys()
    }
    titles = tuple(body.get("buttons") or ())
    single = {path: _find_words(body, path) for path in TRANSLATED_SINGLY}
    said = {path: words for path, words in single.items() if words}
    return Text(body.get("title") or "", body.get("body") or "", platforms, titles, said)


def _find_words(body: Mapping[str, Any], path: str) -> str:
    block, _dot, name = path.partition(".")
    return str((body.get(block) or {}).get(name) or "")


def _write_text(text: Text) -> dict[str, Any]:
    platforms = {name: _write_text(own) for name, own in text.platforms.items()}
    titles = {"buttons": list(text.buttons)} if text.buttons else {}
    written: dict[str, Any] = {"title": text.title, "body": text.body, **titles, **platforms}
    for path, words in text.fields.items():
        block, _dot, name = path.partition(".")
        written.setdefault(block, {})[name] = words
    return written


def _read_block(kind: type[Any], body: Mapping[str, Any]) -> Any:
    values = {key: value for key, value in body.items() if value is not None}
    if "vibration" in values:
        values["vibration"] = tuple(values["vibration"])
    if "attachments" in values:
        values["attachments"] = tuple(Attachment(**item) for item in values["attachments"])
    if "buttons" in values:
        values["buttons"] = _read_buttons(values["buttons"])
    return kind(**values)


def _read_buttons(items: Any) -> tuple[Button, ...] | None:
    return None if items is None else tuple(Button(**item) for item in items)


def write_message(message: PushMessage) -> dict[str, Any]:
    """The JSON form that `read_message` reads back to an equal value; what is unset is absent."""
    body: dict[str, Any] = {"title": message.title, "body": message.body}
    if message.buttons is not None:
        body["buttons"] = _write_buttons(message.buttons)
    for platform in BLOCKS:
        block = getattr(message, platform.value)
        if block is not None:
            body[platform.value] = _write_block(block)
    for name in OTHER_BLOCKS:
        block = getattr(message, name)
        if block is not None:
            body[name] = _write_block(block)
    for name in ("link", "image", "channel", "template", "default_language"):
        if getattr(message, name):
            body[name] = getattr(message, name)
    return body | _write_tables(message)


def _write_tables(message: PushMessage) -> dict[str, Any]:
    tables: dict[str, Any] = {"defaults": dict(message.defaults)} if message.defaults else {}
    if message.translations:
        tables["translations"] = {
            language: _write_text(text) for language, text in message.translations.items()
        }
    if message.fallbacks is not None:
        tables["fallbacks"] = list(message.fallbacks)
    if message.extras:
        tables["extras"] = {key: dict(values) for key, values in message.extras.items()}
    return tables


def _write_block(block: Any) -> dict[str, Any]:
    values = {item.name: getattr(block, item.name) for item in fields(block)}
    if values.get("vibration") is not None:
        values["vibration"] = list(values["vibration"])
    if values.get("attachments") is not None:
        values["attachments"] = [
            {"id": item.id, "file_url": item.file_url, "file_type": item.file_type}
            for item in values["attachments"]
        ]
    if values.get("buttons") is not None:
        values["buttons"] = _write_buttons(values["buttons"])
    return {key: value for key, value in values.items() if value is not None}


def _write_buttons(buttons: Iterable[Button]) -> list[dict[str, str]]:
    parts = [{name: getattr(one, name) for name in BUTTON_PARTS} for one in buttons]
    return [{name: text for name, text in part.items() if text} for part in parts]
