"""A push with its translations (vendor page "pushes"; wire facts section 5).

Language is the axis of content here, and a picture or a link may differ by language: what our
message has no place for is carried along in `extras`, so that nothing is lost on the way back.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from providers.inbound import Call, Reply
from providers.message import AndroidContent, Attachment, IosContent, PushMessage, Text, WebContent
from providers.message_fields import MAX_BODY, MAX_TITLE, MAX_TRANSLATIONS
from providers.schedules import DropRecord, FetchRecord, RecordRow, SaveRecord

from .wire_values import Block, read_body, read_path_id, refuse

KEY = "pushexpress"
KIND = "push"
MEDIA = ("image", "icon", "link")
MAX_LINK = 2048
PER_PUSH = 1_000  # a translation's id is its push's times this, and its place


def read_push(block: Block) -> dict[str, Any]:
    """A push as we keep it: checked, without what is unknown."""
    default = block.take_text("default_lang", 2)
    if len(default) != 2 or not default.isascii() or not default.isalpha():
        raise refuse(block.at("default_lang"), "must be a language code of 2 letters")
    items = block.take_blocks("translations")
    if len(items) > MAX_TRANSLATIONS:
        raise refuse(block.at("translations"), f"must have at most {MAX_TRANSLATIONS} items")
    translations = [_read_translation(item) for item in items]
    languages = [item["language"] for item in translations]
    if len(set(languages)) < len(languages):
        raise refuse(block.at("translations"), "has a language twice")
    if default not in languages:
        raise refuse(block.at("translations"), f"must contain default_lang {default}")
    return {"default_lang": default, "translations": translations}


def _read_translation(block: Block) -> dict[str, str]:
    values = {
        "language": block.take_text("language", 16),
        "title": block.take_text("title", MAX_TITLE),
        "text": block.take_text("text", MAX_BODY),
    }
    # The samples have addresses without a scheme: whatever stands there is taken.
    media = {name: block.find_text(name, MAX_LINK) for name in MEDIA}
    return values | {name: text for name, text in media.items() if text}


def read_message(push: Mapping[str, Any]) -> PushMessage:
    """The message of a push that `read_push` has passed."""
    by_language = {item["language"]: item for item in push["translations"]}
    default = by_language.pop(push["default_lang"])
    media = {name: _take_media(item) for name, item in _list_media(push)}
    extras: dict[str, Any] = {"default_lang": push["default_lang"]}
    if media:
        extras["media"] = media
    return PushMessage(
        title=default["title"],
        body=default["text"],
        translations={
            language: Text(item["title"], item["text"]) for language, item in by_language.items()
        },
        extras={KEY: extras},
        **_write_blocks(_take_media(default)),
    )


def _list_media(push: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    return [(item["language"], item) for item in push["translations"] if _take_media(item)]


def _take_media(item: Mapping[str, Any]) -> dict[str, str]:
    return {name: item[name] for name in MEDIA if item.get(name)}


def _write_blocks(media: Mapping[str, str]) -> dict[str, Any]:
    """Pictures and link of the default language where each platform has them."""
    image, icon, link = (media.get(name) for name in MEDIA)
    if not media:
        return {}
    attachments = (Attachment(file_url=image),) if image else None
    blocks: dict[str, Any] = {
        "android": AndroidContent(banner=image, image=icon, deeplink=link),
        "web": WebContent(image=image, icon=icon, url=link),
    }
    if image or link:
        blocks["ios"] = IosContent(attachments=attachments, url=link)
    return blocks


def write_push(message: PushMessage, default_lang: str) -> dict[str, Any]:
    """A message as a push. Raises ValueError where a language has no title or no text, which the
    vendor demands."""
    own = message.extras.get(KEY, {})
    default = own.get("default_lang") or default_lang
    common = message.translations.get(default) or _find_common(message)
    texts = {default: common, **message.translations}
    media = own.get("media") or {default: _find_media(message)}
    return {
        "default_lang": default,
        "translations": [
            _write_translation(language, text, common, media.get(language) or {})
            for language, text in texts.items()
        ],
    }


def find_faults(message: PushMessage) -> dict[str, str]:
    """Why the vendor would not take a message, by field path."""
    texts = {"": _find_common(message), **message.translations}
    common = texts[""]
    faults = {}
    for language, text in texts.items():
        prefix = f"translations.{language}." if language else ""
        if not (text.title or common.title):
            faults[f"{prefix}title"] = "the vendor demands a title"
        if not (text.body or common.body):
            faults[f"{prefix}body"] = "the vendor demands a text"
    return faults


def says_more(message: PushMessage) -> bool:
    """Whether a language other than the common text's has a picture or a link of its own."""
    own = message.extras.get(KEY, {})
    return bool(set(own.get("media") or {}) - {own.get("default_lang")})


def _find_common(message: PushMessage) -> Text:
    """The common text, else that of the first platform that has one."""
    blocks = [item for item in (message.android, message.ios, message.web) if item is not None]
    titles = (message.title, *(block.title for block in blocks))
    bodies = (message.body, *(block.body for block in blocks))
    return Text(next(filter(None, titles), ""), next(filter(None, bodies), ""))


def _write_translation(
    language: str, text: Text, common: Text, media: Mapping[str, str]
) -> dict[str, str]:
    title, body = text.title or common.title, text.body or common.body
    if not title or not body:
        raise ValueError(f"the vendor demands a title and a text ({language})")
    return {"language": language, "title": title, "text": body, **_take_media(media)}


def _find_media(message: PushMessage) -> dict[str, str]:
    android, ios, web = message.android, message.ios, message.web
    attachments = (ios.attachments if ios else None) or ()
    found: dict[str, tuple[str | None, ...]] = {
        "image": (
            web.image if web else None,
            android.banner if android else None,
            attachments[0].file_url if attachments else None,
        ),
        "icon": (web.icon if web else None, android.image if android else None),
        "link": (
            web.url if web else None,
            android.deeplink if android else None,
            ios.url if ios else None,
        ),
    }
    chosen = {name: next(filter(None, values), None) for name, values in found.items()}
    return {name: value for name, value in chosen.items() if value}


def list_translations(row: RecordRow) -> list[dict[str, Any]]:
    """`[{"id", "language"}]`: ids of translations are derived of the push's."""
    first = int(row.id) * PER_PUSH + 1
    return [
        {"id": first + place, "language": item["language"]}
        for place, item in enumerate(row.body["translations"])
    ]


def read_create(call: Call) -> SaveRecord:
    return SaveRecord(kind=KIND, body=read_push(read_body(call.body)))


def read_update(call: Call) -> SaveRecord:
    body = read_push(read_body(call.body))
    return SaveRecord(kind=KIND, id=read_path_id(call.path["push"], "push"), body=body)


def read_fetch(call: Call) -> FetchRecord:
    return FetchRecord(KIND, read_path_id(call.path["push"], "push"))


def read_delete(call: Call) -> DropRecord:
    return DropRecord(KIND, read_path_id(call.path["push"], "push"))


def read_activate(call: Call) -> SaveRecord:
    return _read_switch(call, is_archived=False)


def read_deactivate(call: Call) -> SaveRecord:
    return _read_switch(call, is_archived=True)


def _read_switch(call: Call, *, is_archived: bool) -> SaveRecord:
    number = read_path_id(call.path["push"], "push")
    return SaveRecord(kind=KIND, id=number, body=None, is_archived=is_archived)


def write_created(row: RecordRow, call: Call) -> Reply:
    return Reply(201, {"id": int(row.id), "translations": list_translations(row)})


def write_updated(row: RecordRow, call: Call) -> Reply:
    return Reply(200, write_created(row, call).body)


def write_fetched(row: RecordRow, call: Call) -> Reply:
    ids = (item["id"] for item in list_translations(row))
    translations = [
        {"id": number, **item} for number, item in zip(ids, row.body["translations"], strict=True)
    ]
    return Reply(
        200,
        {
            "id": int(row.id),
            "active": not row.is_archived,
            "default_lang": row.body["default_lang"],
            "translations": translations,
        },
    )


def write_done(answer: Any, call: Call) -> Reply:
    """204: there is nothing to say."""
    return Reply(204, "")
