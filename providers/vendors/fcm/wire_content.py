"""The platforms' blocks of a message: AndroidConfig, ApnsConfig and WebpushConfig.

Sources: firebase.google.com/docs/reference/fcm/rest/v1/projects.messages (every field name and
enumeration); inside `apns.payload` Apple's own keys (developer.apple.com, "Generating a remote
notification"), inside `webpush.notification` those of the Web Notifications API.

A value that a field of ours cannot hold is left to the patch (`wire_messages`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from providers.fields import Fields, FieldSpec
from providers.json_values import read_json_object, write_json
from providers.message import AndroidContent, Attachment, Button, IosContent, WebContent
from providers.message_fields import MAX_BUTTONS, Platform
from providers.message_platforms import BLOCK_FIELDS

from .wire_values import (
    Block,
    read_color,
    read_milliseconds,
    read_seconds,
    write_color,
    write_milliseconds,
    write_seconds,
)

# Names in `android.notification` whose values are the same.
ANDROID = Fields(icon="icon", channel_id="channel_id", sound="sound", badge="notification_count")
APS = Fields(
    badge="badge",
    thread_id="thread-id",
    category="category",
    interruption_level="interruption-level",
    relevance_score="relevance-score",
    target_content_id="target-content-id",
)
WEB = Fields(icon="icon", badge="badge", tag="tag", require_interaction="requireInteraction")
PRIORITIES = {
    -2: "PRIORITY_MIN",
    -1: "PRIORITY_LOW",
    0: "PRIORITY_DEFAULT",
    1: "PRIORITY_HIGH",
    2: "PRIORITY_MAX",
}
VISIBILITIES = {"secret": "SECRET", "private": "PRIVATE", "public": "PUBLIC"}
URGENCIES = {"high": "HIGH", "normal": "NORMAL"}
DATA_KEY = "data"
DEEPLINK_KEY, URL_KEY = "deeplink", "url"
COLLAPSE_HEADER, EXPIRATION_HEADER = "apns-collapse-id", "apns-expiration"
BACKGROUND = {"apns-push-type": "background", "apns-priority": "5"}
SPECS: dict[Platform, dict[str, FieldSpec]] = {
    platform: {spec.name: spec for spec in specs} for platform, specs in BLOCK_FIELDS.items()
}


def write_android(android: AndroidContent, expires_in: int | None) -> dict[str, Any]:
    """AndroidConfig without the texts, the picture and the data, which stand in common blocks."""
    body: dict[str, Any] = {}
    if android.urgency:
        body["priority"] = URGENCIES[android.urgency]
    life = find_life(android.time_to_live, expires_in)
    if life is not None:
        body["ttl"] = write_seconds(life)
    if android.collapse_key is not None:
        body["collapse_key"] = str(android.collapse_key)
    if not android.silent:
        put(body, "notification", _write_android_notification(android))
    return body


def _write_android_notification(android: AndroidContent) -> dict[str, Any]:
    body = ANDROID.write({name: getattr(android, name) for name in ANDROID.names})
    if android.icon_background:
        body["color"] = f"#{android.icon_background[3:]}"
    if android.collapse_id or android.collapse_key is not None:
        body["tag"] = android.collapse_id or str(android.collapse_key)
    if android.priority is not None:
        body["notification_priority"] = PRIORITIES[android.priority]
    if android.visibility:
        body["visibility"] = VISIBILITIES[android.visibility]
    if android.vibration:
        body["vibrate_timings"] = [write_milliseconds(number) for number in android.vibration]
    light = (android.led_color, android.led_interval, android.led_pause_interval)
    if android.led_color and None not in light:
        body["light_settings"] = {
            "color": write_color(android.led_color),
            "light_on_duration": write_milliseconds(android.led_interval or 0),
            "light_off_duration": write_milliseconds(android.led_pause_interval or 0),
        }
    return body


def read_android(block: Block) -> dict[str, Any]:
    """Values of AndroidContent."""
    inner = block.find_block("notification") or Block({}, block.at("notification"))
    check_android(block, inner)
    values: dict[str, Any] = ANDROID.read(inner.values)
    values["urgency"] = _turn(URGENCIES, str(block.find("priority") or "").upper())
    values["time_to_live"] = read_seconds(block.find("ttl"))
    values["priority"] = _turn(PRIORITIES, inner.find("notification_priority"))
    values["visibility"] = _turn(VISIBILITIES, inner.find("visibility"))
    color = inner.find("color")
    if isinstance(color, str):
        values["icon_background"] = f"#FF{color[1:]}"
    key = block.find("collapse_key")
    if isinstance(key, str) and key.isascii() and key.isdigit() and str(int(key)) == key:
        values["collapse_key"] = int(key)
    tag = inner.find("tag")
    values["collapse_id"] = None if tag == key and "collapse_key" in values else tag
    values["vibration"] = _read_timings(inner.find("vibrate_timings"))
    return _keep(values | _read_light(inner.find("light_settings")), Platform.ANDROID)


def check_android(block: Block, inner: Block) -> None:
    """Raise `Refusal` for what the reference bounds: the ttl, the enumerations, the colour."""
    ttl = block.find("ttl")
    if ttl is not None:
        seconds = read_milliseconds(ttl)
        if seconds is None or not 0 <= seconds <= 2_419_200_000:
            raise block.refuse_type("ttl", "must be a duration of 0s to 2419200s")
    if str(block.find("priority") or "HIGH").upper() not in URGENCIES.values():
        raise block.refuse_type("priority", "must be NORMAL or HIGH")
    color = inner.find("color")
    if color is not None and SPECS[Platform.ANDROID]["led_color"].find_fault(color):
        raise inner.refuse_type("color", "must look like #RRGGBB")
    for name in ("title", "body", "icon", "sound", "tag", "click_action", "channel_id", "image"):
        inner.find_text(name)


def _turn(table: Mapping[Any, str], word: Any) -> Any:
    return next((ours for ours, theirs in table.items() if theirs == word), None)


def _read_timings(value: Any) -> tuple[int, ...] | None:
    found = [read_milliseconds(item) for item in value] if isinstance(value, list) else []
    return None if None in found or not found else tuple(item for item in found if item is not None)


def _read_light(value: Any) -> dict[str, Any]:
    """All three or none: the vendor requires each of them."""
    if not isinstance(value, dict):
        return {}
    found = {
        "led_color": read_color(value.get("color")),
        "led_interval": read_milliseconds(value.get("light_on_duration")),
        "led_pause_interval": read_milliseconds(value.get("light_off_duration")),
    }
    return {} if None in found.values() else found


def write_ios(ios: IosContent, expires_in: int | None, now: datetime) -> dict[str, Any]:
    """ApnsConfig without the texts, the picture and the data of texts."""
    headers: dict[str, str] = {}
    if ios.collapse_id:
        headers[COLLAPSE_HEADER] = ios.collapse_id
    life = find_life(ios.expiration, expires_in)
    if life is not None:
        headers[EXPIRATION_HEADER] = str(int(now.timestamp()) + life if life else 0)
    aps: dict[str, Any] = APS.write({name: getattr(ios, name) for name in APS.names})
    if ios.silent:
        headers |= BACKGROUND
        aps = {"content-available": 1}
    else:
        sound = ios.sound_name or ("default" if ios.sound == "default" else None)
        put(aps, "sound", sound)
        put(aps, "mutable-content", ios.mutable_content)
    body: dict[str, Any] = {}
    put(body, "headers", headers)
    put(body, "payload", {"aps": aps} if aps else {})
    return body


def read_ios(block: Block, now: datetime | None) -> dict[str, Any]:
    """Values of IosContent."""
    headers = block.find_texts("headers")
    payload = block.find_block("payload") or Block({}, block.at("payload"))
    aps = payload.find_block("aps") or Block({}, payload.at("aps"))
    values: dict[str, Any] = APS.read(aps.values)
    values["collapse_id"] = headers.get(COLLAPSE_HEADER)
    values["expiration"] = _read_expiration(headers.get(EXPIRATION_HEADER, ""), now)
    sound = aps.find("sound")
    if isinstance(sound, str) and sound:
        values["sound" if sound == "default" else "sound_name"] = sound
    if aps.find("mutable-content") in (0, 1):
        values["mutable_content"] = int(aps.find("mutable-content"))
    alert = aps.find("alert")
    if alert is None and aps.find("content-available") == 1:
        values["silent"] = True
    if isinstance(alert, dict):
        values |= {name: alert.get(name) for name in ("title", "subtitle", "body")}
    elif isinstance(alert, str):
        values["body"] = alert
    return _keep(values, Platform.IOS)


def _read_expiration(text: str, now: datetime | None) -> int | None:
    if not (text.isascii() and text.isdigit() and len(text) < 13) or now is None:
        return None
    return max(0, int(text) - int(now.timestamp()))


def write_web(web: WebContent, expires_in: int | None) -> dict[str, Any]:
    """WebpushConfig without the texts, the picture and the data."""
    body: dict[str, Any] = {}
    life = find_life(web.time_to_live, expires_in)
    headers = {} if life is None else {"TTL": str(life)}
    put(headers, "Urgency", web.urgency)
    put(body, "headers", headers)
    shown = WEB.write({name: getattr(web, name) for name in WEB.names})
    put(shown, "actions", [_write_action(button) for button in web.buttons or ()])
    put(body, "notification", shown)
    if web.url:
        body["fcm_options"] = {"link": web.url}
    return body


def read_web(block: Block) -> dict[str, Any]:
    """Values of WebContent."""
    headers = {name.lower(): text for name, text in block.find_texts("headers").items()}
    inner = block.find_block("notification") or Block({})
    options = block.find_block("fcm_options") or Block({}, block.at("fcm_options"))
    link = options.find_text("link")
    if link and not link.startswith("https://"):
        raise options.refuse_type("link", "must be an HTTPS address")
    values = {name: inner.values.get(name) for name in ("title", "body", "image")}
    values |= WEB.read(inner.values)
    values["urgency"], life = headers.get("urgency"), headers.get("ttl", "")
    if life.isascii() and life.isdigit() and len(life) < 9:
        values["time_to_live"] = int(life)
    return _keep({**values, "url": link}, Platform.WEB) | _read_actions(inner)


def _write_action(button: Button) -> dict[str, str]:
    """A button is known to the service worker by its id, else by its address or its title."""
    return {"action": button.id or button.link or button.title, "title": button.title}


def _read_actions(inner: Block) -> dict[str, Any]:
    items = inner.find("actions")
    if not isinstance(items, list) or not 0 < len(items) <= MAX_BUTTONS:
        return {}
    pairs = [(one.get("title"), one.get("action")) for one in items if isinstance(one, dict)]
    if len(pairs) < len(items) or not all(isinstance(text, str) for one in pairs for text in one):
        return {}
    bodies = [{"title": title, "id": name} for title, name in pairs]
    if SPECS[Platform.WEB]["buttons"].find_fault(bodies):
        return {}
    return {"buttons": tuple(Button(str(title), id=str(name)) for title, name in pairs)}


def _keep(values: Mapping[str, Any], platform: Platform) -> dict[str, Any]:
    """What fields of ours can hold; empty is the same as not there."""
    specs = SPECS[platform]
    return {
        name: value
        for name, value in values.items()
        if value is not None and value != "" and not specs[name].find_fault(value)
    }


def find_life(own: int | None, expires_in: int | None) -> int | None:
    """The shorter of how long the message and the send may live."""
    lives = [life for life in (own, expires_in) if life is not None]
    return min(lives) if lives else None


def put(body: dict[str, Any], name: str, value: Any) -> None:
    if value not in (None, "", {}, []):
        body[name] = value


def find_picture(block: AndroidContent | IosContent | WebContent) -> str | None:
    """The picture of a notification; of attachments the first."""
    if isinstance(block, AndroidContent):
        return block.banner
    if isinstance(block, WebContent):
        return block.image
    return block.attachments[0].file_url if block.attachments else None


def write_picture(platform: Platform, address: str) -> dict[str, Any]:
    """The field that holds a picture on a platform."""
    if platform is Platform.IOS:
        return {"attachments": (Attachment(file_url=address),)}
    return {"banner" if platform is Platform.ANDROID else "image": address}


def write_data(block: AndroidContent | IosContent | WebContent) -> dict[str, Any]:
    """What an app gets along, by key; our opaque text is an object or stands alone. All are texts,
    except where Apple's payload takes other values too."""
    if isinstance(block, WebContent):
        return _write_texts(block.extras or {})
    data = _split_data(block.data)
    if isinstance(block, IosContent):
        return {**data, URL_KEY: block.url} if block.url else dict(data)
    texts = _write_texts(data)
    return {**texts, DEEPLINK_KEY: block.deeplink} if block.deeplink else texts


def _split_data(data: str | None) -> Mapping[str, Any]:
    if not data:
        return {}
    found = read_json_object(data)
    return {DATA_KEY: data} if found is None or "aps" in found else found


def _write_texts(values: Mapping[str, Any]) -> dict[str, str]:
    return {
        name: value if isinstance(value, str) else write_json(value)
        for name, value in values.items()
        if value is not None
    }


def read_data(platform: Platform, texts: Mapping[str, Any]) -> dict[str, Any]:
    """The field that holds an app's data on a platform, {} where it is too long for it."""
    if not texts:
        return {}
    if platform is Platform.WEB:
        return {"extras": dict(texts)}
    only = texts.get(DATA_KEY) if len(texts) == 1 else None
    is_plain = isinstance(only, str) and read_json_object(only) is None
    data = only if is_plain else write_json(texts)
    return _keep({"data": data}, platform)
