"""The platform blocks of a notification: android, ios and web content (vendor page "Create Push
API", its own clients' models). hmos has no block of ours; its fields are carried as they are.

Tables rename; what is allowed in a field stands in `providers.message_fields`. A value that a
field of ours cannot hold is left to the opaque rest.
"""

from __future__ import annotations

from typing import Any

from providers.fields import Fields, FieldSpec
from providers.json_values import read_json_object, write_json
from providers.message import AndroidContent, Button, IosContent, WebContent
from providers.message_fields import Platform
from providers.message_platforms import BLOCK_FIELDS

from .wire_rules import MAX_WEB_BUTTONS
from .wire_values import Block, refuse_type, refuse_value

ANDROID = Fields(
    title="title",
    body="alert",
    channel_id="channel_id",
    priority="priority",
    icon="small_icon",
    image="large_icon",
    banner="big_pic_path",
    sound="sound",
    badge="badge_set_num",
)
IOS = Fields(
    badge="badge",
    thread_id="thread-id",
    category="category",
    interruption_level="interruption-level",
)
WEB = Fields(title="title", body="alert", url="url", icon="icon", image="image", extras="extras")

BUTTON = Fields(id="id", title="text", link="url")

PICTURE_STYLE = 3  # the style that shows `big_pic_path`
NO_SOUND = ""
DEFAULT_SOUND = "default"
DATA_KEY = "data"

# These may be something else than a field of ours holds: a dictionary of the gateway, "+1".
_ALTERNATIVES: dict[str, type] = {"alert": dict, "sound": dict, "badge": str}
_SPECS: dict[Platform, dict[str, FieldSpec]] = {
    platform: {spec.name: spec for spec in specs} for platform, specs in BLOCK_FIELDS.items()
}


def write_android(android: AndroidContent) -> dict[str, Any]:
    body = ANDROID.write({name: getattr(android, name) for name in ANDROID.names})
    if android.banner is not None:
        body["style"] = PICTURE_STYLE
    if android.deeplink:
        body["intent"] = {"url": android.deeplink}
    return _write_data(body, android.data)


def read_android(block: Block) -> dict[str, Any]:
    """Values of AndroidContent."""
    values = _read_fields(block, ANDROID, Platform.ANDROID)
    priority = block.values.get("priority")
    if priority is not None and "priority" not in values:
        raise refuse_value(block.at("priority"), "must be from -2 to 2")
    intent = block.find_block("intent")
    link = intent.find_text("url") if intent else None
    if link and not _SPECS[Platform.ANDROID]["deeplink"].find_fault(link):
        values["deeplink"] = link
    return values | _read_data(block, Platform.ANDROID)


def write_ios(ios: IosContent) -> dict[str, Any]:
    body: dict[str, Any] = {}
    if ios.title or ios.subtitle:
        alert = {"title": ios.title, "subtitle": ios.subtitle, "body": ios.body}
        body["alert"] = {name: text for name, text in alert.items() if text}
    elif ios.body:
        body["alert"] = ios.body
    body |= IOS.write({name: getattr(ios, name) for name in IOS.names})
    sound = ios.sound_name or {"default": DEFAULT_SOUND, "disable": NO_SOUND}.get(ios.sound or "")
    if sound is not None:
        body["sound"] = sound
    if ios.mutable_content is not None:
        body["mutable-content"] = bool(ios.mutable_content)
    return _write_data(body, ios.data)


def write_silent_ios(ios: IosContent) -> dict[str, Any]:
    """A push that only wakes the app: no alert, no sound."""
    return _write_data({"content-available": True}, ios.data)


def read_ios(block: Block) -> dict[str, Any]:
    """Values of IosContent."""
    values = _read_fields(block, IOS, Platform.IOS) | _read_apple_alert(block)
    sound = block.values.get("sound")
    if isinstance(sound, str):
        values |= _read_sound(sound)
    elif sound is not None and not isinstance(sound, dict):
        raise refuse_type(block.at("sound"), "must be a text or an object")
    mutable = block.find_flag("mutable-content")
    if mutable is not None:
        values["mutable_content"] = int(mutable)
    if block.find_flag("content-available") and "body" not in values:
        values["silent"] = True
    return values | _read_data(block, Platform.IOS)


def _read_sound(sound: str) -> dict[str, str]:
    if sound in (DEFAULT_SOUND, NO_SOUND):
        return {"sound": "default" if sound else "disable"}
    fault = _SPECS[Platform.IOS]["sound_name"].find_fault(sound)
    return {} if fault else {"sound_name": sound}


def _read_apple_alert(block: Block) -> dict[str, str]:
    alert = block.values.get("alert")
    if isinstance(alert, str):
        return _keep_fitting({"body": alert}, Platform.IOS)
    if alert is None:
        return {}
    inner = block.find_block("alert")
    names = ("title", "subtitle", "body")
    texts = {name: inner.find_text(name) for name in names} if inner else {}
    return _keep_fitting({name: text for name, text in texts.items() if text}, Platform.IOS)


def write_web(web: WebContent) -> dict[str, Any]:
    return WEB.write({name: getattr(web, name) for name in WEB.names})


def read_web(block: Block) -> dict[str, Any]:
    """Values of WebContent."""
    return _read_fields(block, WEB, Platform.WEB)


def write_buttons(buttons: tuple[Button, ...]) -> list[dict[str, str]]:
    """`options.web_buttons`: two at most (vendor page "Create Push API")."""
    return [
        BUTTON.write({name: getattr(one, name) or None for name in BUTTON.names})
        for one in buttons[:MAX_WEB_BUTTONS]
    ]


def read_buttons(value: Any) -> tuple[Button, ...]:
    """Those that fields of ours can hold; a list with anything else in it is left to the rest."""
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        return ()
    parts = [BUTTON.read(item) for item in value]
    if _SPECS[Platform.WEB]["buttons"].find_fault(parts):
        return ()
    buttons = tuple(Button(**part) for part in parts)
    return buttons if write_buttons(buttons) == value else ()


def _read_fields(block: Block, names: Fields, platform: Platform) -> dict[str, Any]:
    values = {}
    for theirs, ours in names.ours.items():
        value = block.values.get(theirs)
        spec = _SPECS[platform][ours]
        if value is None or isinstance(value, _ALTERNATIVES.get(theirs, ())):
            if not _fits_text(spec, value):
                continue
        elif not _has_type(spec, value):
            raise refuse_type(block.at(theirs), f"must be {_TYPES[spec.kind]}")
        values[ours] = value
    return _keep_fitting(values, platform)


def _fits_text(spec: FieldSpec, value: Any) -> bool:
    return value is not None and _has_type(spec, value)


_TYPES = {"int": "a whole number", "json_object": "an object"} | dict.fromkeys(
    ("text", "long_text", "url", "link", "choice"), "a text"
)


def _has_type(spec: FieldSpec, value: Any) -> bool:
    if spec.kind == "int":
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, dict if spec.kind == "json_object" else str)


def _keep_fitting(values: dict[str, Any], platform: Platform) -> dict[str, Any]:
    """What fields of ours can hold; empty is the same as not there."""
    specs = _SPECS[platform]
    return {
        name: value
        for name, value in values.items()
        if value not in ("", {}) and not specs[name].find_fault(value)
    }


def _write_data(body: dict[str, Any], data: str | None) -> dict[str, Any]:
    """Our opaque text as the app's key-value pairs: its own if it is an object, else under one."""
    if data:
        body["extras"] = write_extras(data)
    return body


def write_extras(data: str) -> dict[str, Any]:
    found = read_json_object(data)
    return {DATA_KEY: data} if found is None else found


def _read_data(block: Block, platform: Platform) -> dict[str, str]:
    extras = block.find_block("extras")
    return _keep_fitting({"data": read_extras(extras.values)}, platform) if extras else {}


def read_extras(extras: Any) -> str:
    """The text that `write_extras` has written them from, else the object as JSON."""
    only = extras.get(DATA_KEY) if len(extras) == 1 else None
    if isinstance(only, str) and read_json_object(only) is None:
        return only
    return write_json(extras) if extras else ""
