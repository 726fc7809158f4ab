"""`pushMessage`: basic fields for every phone, and blocks that override them for one push service
(seed section "Request body", vendor page "Configure push notifications").

What a message of ours has is mapped; every other field, whole blocks of other services included,
is kept as it is in `extras`, so that nothing that was read is lost when it is written.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass, fields, replace
from typing import Any

from providers.fields import FieldSpec, is_storable
from providers.json_values import read_json_object, write_json
from providers.message import AndroidContent, IosContent, PushMessage
from providers.message_platforms import ANDROID_FIELDS, IOS_FIELDS

from .wire_values import Block, count_width

KEY = "agora"  # of what is kept in `extras`
MAX_TITLE, MAX_CONTENT, MAX_SUBTITLE = 32, 100, 10
MAX_EXT_PAIRS, MAX_EXT_CHARACTERS = 10, 1024
DEFAULT_TITLE = "You have a message"
DEFAULT_CONTENT = "Check the message"
SUBTITLES = ("subTitle", "sub_title")  # the seed's samples have either; we write the first

Keep = MutableMapping[str, Any]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a field of ours stands in `pushMessage`.

    `read` gives None for a value that cannot be ours and is kept as it is.
    """

    path: tuple[str, ...]
    block: str
    name: str
    write: Callable[[Any], Any] = lambda value: value
    read: Callable[[Any], Any] = lambda value: value


def _read_number(value: Any) -> int | None:
    """The number that a text is, if it is written as we would."""
    is_number = isinstance(value, str) and value.isascii() and value.isdigit()
    return int(value) if is_number and len(value) <= 10 and str(int(value)) == value else None


def _read_flag(value: Any) -> int | None:
    return int(value) if isinstance(value, bool) else None


def _read_urgency(value: Any) -> str | None:
    return value if value in ("high", "normal") else None


def _write_level(level: str) -> str:
    return level.upper().replace("-", "_")


def _read_level(value: Any) -> str | None:
    return value.lower().replace("_", "-") if isinstance(value, str) and value.isupper() else None


# Of a shape of its own: `ext`, badges and sounds, below.
PLACES = (
    Place(("fcm", "notification", "title"), "android", "title"),
    Place(("fcm", "notification", "body"), "android", "body"),
    Place(("fcm", "notification", "androidChannelId"), "android", "channel_id"),
    Place(("fcm", "notification", "icon"), "android", "icon"),
    Place(("fcm", "notification", "sound"), "android", "sound"),
    Place(("fcm", "collapseKey"), "android", "collapse_key", str, _read_number),
    # A push of the same tag takes the place of the one on the screen.
    Place(("fcm", "notification", "tag"), "android", "collapse_id"),
    Place(("fcm", "priority"), "android", "urgency", str, _read_urgency),
    Place(("fcm", "timeToLive"), "android", "time_to_live"),
    Place(("config", "clickAction", "url"), "android", "deeplink"),
    Place(("subTitle",), "ios", "subtitle"),
    Place(("apns", "title"), "ios", "title"),
    Place(("apns", "content"), "ios", "body"),
    Place(("apns", "mutableContent"), "ios", "mutable_content", bool, _read_flag),
    Place(("apns", "categoryName"), "ios", "category"),
    Place(("apns", "threadId"), "ios", "thread_id"),
    Place(("apns", "collapseId"), "ios", "collapse_id"),
    Place(("apns", "interruptionLevel"), "ios", "interruption_level", _write_level, _read_level),
)
DATA = ("ext",)
APNS_DATA = ("apns", "ext")
BADGE = ("config", "badge", "setNum")
APNS_BADGE = ("apns", "badge")
APNS_SOUND = ("apns", "sound")
APNS_TYPE = ("apns", "pushType")
APNS_WAKE = ("apns", "contentAvailable")

# Every block that one of the vendor's two hosts documents is taken by both.
BLOCKS = (
    "agora", "easemob", "apns", "fcm", "fcmV1", "xiaomi", "vivo", "oppo", "meizu", "huawei",
    "honor", "harmonyOS", "config",
)  # fmt: skip
OBJECTS = (
    *((name,) for name in BLOCKS),
    ("config", "badge"), ("config", "clickAction"), ("fcm", "notification"),
)  # fmt: skip

_SPECS: dict[str, dict[str, FieldSpec]] = {
    "android": {spec.name: spec for spec in ANDROID_FIELDS},
    "ios": {spec.name: spec for spec in IOS_FIELDS},
}


def write_message(message: PushMessage) -> dict[str, Any]:
    """The whole `pushMessage`; what was kept when it was read is there again."""
    body: dict[str, Any] = copy.deepcopy(dict(message.extras.get(KEY, {})))
    body |= {"title": message.title} if message.title else {}
    body |= {"content": message.body} if message.body else {}
    android = message.android or AndroidContent()
    ios = message.ios or IosContent()
    for place in PLACES:
        value = getattr(android if place.block == "android" else ios, place.name)
        _put(body, place.path, None if value is None else place.write(value))
    _write_badges(body, android, ios)
    _write_data(body, android, ios)
    _write_sounds(body, ios)
    if ios.silent:
        _put(body, APNS_TYPE, "background")
        _put(body, APNS_WAKE, True)
    return body


def read_message(block: Block) -> PushMessage:
    """A `pushMessage` whose texts are within the vendor's limits; raises Refusal."""
    if not is_storable(block.values):
        raise block.refuse(block.path, "holds a character that cannot be stored")
    body: dict[str, Any] = copy.deepcopy(dict(block.values))
    _check_objects(block, body)
    title = _read_text(block, body, "title", MAX_TITLE) or DEFAULT_TITLE
    content = _read_text(block, body, "content", MAX_CONTENT) or DEFAULT_CONTENT
    _read_subtitle(block, body)
    values: dict[str, dict[str, Any]] = {"android": {}, "ios": {}}
    for place in PLACES:
        _read_place(body, place, values[place.block])
    _read_badges(body, values)
    _read_data(block, body, values)
    _read_sounds(body, values["ios"])
    _read_silence(body, values["ios"])
    android, ios = values["android"], values["ios"]
    return PushMessage(
        title=title,
        body=content,
        android=AndroidContent(**android) if android else None,
        ios=IosContent(**ios) if ios else None,
        extras={KEY: body} if body else {},
    )


def fold_texts(message: PushMessage) -> PushMessage:
    """The same message with a common text, and no block that only repeats it.

    A message for one platform has its text in that one's block, perhaps there only.
    """
    blocks = [block for block in (message.android, message.ios) if block is not None]
    title = message.title or next((block.title for block in blocks if block.title), "")
    body = message.body or next((block.body for block in blocks if block.body), "")
    android, ios = message.android, message.ios
    if android is not None:
        android = replace(android, **_unfold(android, title, body))
    if ios is not None:
        ios = replace(ios, **_unfold(ios, title, body))
    return replace(
        message, title=title, body=body, android=_drop_bare(android), ios=_drop_bare(ios)
    )


def _unfold(block: AndroidContent | IosContent, title: str, body: str) -> dict[str, Any]:
    return {
        "title": None if block.title in ("", title) else block.title,
        "body": None if block.body in ("", body) else block.body,
    }


def _drop_bare(block: Any) -> Any:
    is_bare = block is None or all(getattr(block, item.name) is None for item in fields(block))
    return None if is_bare else block


def find_faults(message: PushMessage) -> dict[str, str]:
    """What the vendor would refuse of a message, by field path: texts and data that are too long.

    The stricter of the vendor's two hosts counts.
    """
    folded = fold_texts(message)
    subtitle = folded.ios.subtitle if folded.ios else None
    faults = {
        "title": _find_long(folded.title, MAX_TITLE),
        "body": _find_long(folded.body, MAX_CONTENT),
        "ios.subtitle": _find_long(subtitle or "", MAX_SUBTITLE),
    }
    if folded.android is not None and folded.android.data is not None:
        faults["android.data"] = _find_ext_fault(_write_ext(folded.android.data))
    return {path: words for path, words in faults.items() if words}


def says_more(message: PushMessage) -> bool:
    """Whether what is kept beside the fields says anything: a block may be empty."""
    return _has_value(message.extras.get(KEY))


def _has_value(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(map(_has_value, value.values()))
    return not _is_empty(value)


def _find_long(text: str, most: int) -> str:
    return f"must have at most {most} characters" if count_width(text) > most else ""


def _check_objects(block: Block, body: Keep) -> None:
    """Blocks, and what is an object inside of them, are objects or absent."""
    for path in OBJECTS:
        value = _look(body, path)
        if value is not None and not isinstance(value, dict):
            raise block.refuse(block.at(".".join(path)), "must be an object")


def _read_text(block: Block, body: Keep, name: str, most: int) -> str:
    text = block.find_text(name, most)
    if text is not None:
        del body[name]
    return text or ""


def _read_subtitle(block: Block, body: Keep) -> None:
    """One spelling of it, where it says anything."""
    found = [name for name in SUBTITLES if block.find_text(name, MAX_SUBTITLE)]
    if found and found[0] != SUBTITLES[0]:
        body[SUBTITLES[0]] = body.pop(found[0])


def _read_place(body: Keep, place: Place, values: dict[str, Any]) -> None:
    value = _look(body, place.path)
    ours = None if _is_empty(value) else place.read(value)
    if ours is not None and _fits(place.block, place.name, ours):
        values[place.name] = ours
        _take(body, place.path)


def _is_empty(value: Any) -> bool:
    """Whether a value says nothing; it is kept as it is."""
    return value is None or value in ("", {}, [])


def _fits(block: str, name: str, value: Any) -> bool:
    """Whether a value can be a field of ours; what cannot is kept as it is."""
    return _SPECS[block][name].find_fault(value) is None


def _write_badges(body: Keep, android: AndroidContent, ios: IosContent) -> None:
    _put(body, BADGE, android.badge)
    if ios.badge != android.badge:
        _put(body, APNS_BADGE, ios.badge)


def _read_badges(body: Keep, values: dict[str, dict[str, Any]]) -> None:
    """The basic badge is for every phone, the block's for Apple's alone."""
    basic, apple = _look(body, BADGE), _look(body, APNS_BADGE)
    if _fits("android", "badge", basic):
        values["android"]["badge"] = values["ios"]["badge"] = basic
        _take(body, BADGE)
    if _fits("ios", "badge", apple):
        values["ios"]["badge"] = apple
        _take(body, APNS_BADGE)


def _write_data(body: Keep, android: AndroidContent, ios: IosContent) -> None:
    _put(body, DATA, None if android.data is None else _write_ext(android.data))
    if ios.data is not None and ios.data != android.data:
        _put(body, APNS_DATA, _write_ext(ios.data))


def _read_data(block: Block, body: Keep, values: dict[str, dict[str, Any]]) -> None:
    """The basic extension is for every phone, the block's for Apple's alone."""
    basic, apple = _look(body, DATA), _look(body, APNS_DATA)
    if not _is_empty(basic):
        fault = _find_ext_fault(basic) if isinstance(basic, dict) else "must be an object"
        if fault:
            raise block.refuse(block.at("ext"), fault)
        values["android"]["data"] = values["ios"]["data"] = _read_ext(basic)
        _take(body, DATA)
    if isinstance(apple, dict) and _fits("ios", "data", _read_ext(apple)) and apple:
        values["ios"]["data"] = _read_ext(apple)
        _take(body, APNS_DATA)


def _write_ext(data: str) -> dict[str, Any]:
    """Our opaque text as the object that the vendor wants: itself, or under one name."""
    return read_json_object(data) or {"data": data}


def _read_ext(ext: Mapping[str, Any]) -> str:
    text = ext.get("data")
    if len(ext) == 1 and isinstance(text, str) and not read_json_object(text):
        return text
    return write_json(ext)


def _find_ext_fault(ext: Mapping[str, Any]) -> str:
    if len(ext) > MAX_EXT_PAIRS:
        return f"must have at most {MAX_EXT_PAIRS} pairs"
    size = sum(len(name) + len(_write_value(value)) for name, value in ext.items())
    return (
        "" if size <= MAX_EXT_CHARACTERS else f"must have at most {MAX_EXT_CHARACTERS} characters"
    )


def _write_value(value: Any) -> str:
    if isinstance(value, str):
        return value
    return write_json(value)


def _write_sounds(body: Keep, ios: IosContent) -> None:
    """A name, or "default"; Apple plays nothing where no sound is named."""
    _put(body, APNS_SOUND, ios.sound_name or (ios.sound if ios.sound == "default" else None))


def _read_sounds(body: Keep, values: dict[str, Any]) -> None:
    sound = _look(body, APNS_SOUND)
    if isinstance(sound, str) and sound and len(sound) <= 255:
        values["sound" if sound == "default" else "sound_name"] = sound
        _take(body, APNS_SOUND)


def _read_silence(body: Keep, values: dict[str, Any]) -> None:
    if _look(body, APNS_TYPE) == "background" and _look(body, APNS_WAKE) is True:
        values["silent"] = True
        _take(body, APNS_TYPE)
        _take(body, APNS_WAKE)


def _look(body: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    """The value at a path, None where there is none."""
    value: Any = body
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _take(body: Keep, path: tuple[str, ...]) -> None:
    """Remove what is at a path, and the objects that it leaves empty."""
    *outer, last = path
    home: Any = body
    for name in outer:
        home = home[name]
    del home[last]
    if outer and not home:
        _take(body, tuple(outer))


def _put(body: Keep, path: tuple[str, ...], value: Any) -> None:
    if value is None:
        return
    *outer, last = path
    home: Any = body
    for name in outer:
        inner = home.get(name)
        home[name] = inner if isinstance(inner, dict) else {}
        home = home[name]
    home[last] = value
