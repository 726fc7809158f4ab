"""The payload of a notification (Apple's page "Generating a remote notification":
https://developer.apple.com/documentation/usernotifications/generating-a-remote-notification).

What Apple has no key for stands beside `aps`, where the app finds it in `userInfo`: the keys of
`data` if that is an object, `data` if it is any other text, `url`, `attachments`, `buttons` and the
receipt token of the recipient.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from providers.contract import LONGEST_REFERENCE, Payload
from providers.fields import Fields
from providers.json_values import read_json_object, write_json
from providers.message import Attachment, Button, IosContent, PushMessage
from providers.message_fields import Platform

from .wire import ALERT, KINDS, LIVE
from .wire_options import KEY, find_kind, find_option_faults, write_activity

ALERT_FIELDS = Fields(title="title", subtitle="subtitle", body="body")
APS_FIELDS = Fields(
    badge="badge",
    thread_id="thread-id",
    category="category",
    interruption_level="interruption-level",
    relevance_score="relevance-score",
    target_content_id="target-content-id",
)
LIVE_FIELDS = Fields(relevance_score="relevance-score")
FILTER = "filter-criteria"
DEFAULT_SOUND = "default"
CRITICAL = "critical"
SOME_INSTANT = 1_000_000_000  # as long as any of these times

REFERENCE_KEY = "pushadmin_reference"
DATA_KEY, URL_KEY, ATTACHMENTS_KEY, BUTTONS_KEY = "data", "url", "attachments", "buttons"
OWN_KEYS = frozenset({"aps", REFERENCE_KEY})


def find_faults(message: PushMessage) -> dict[str, str]:
    """Why Apple would not take a message, by field path."""
    ios = message.ios
    if ios is None:
        return {}
    options = message.extras.get(KEY, {})
    has_text = bool(ios.body) and not ios.silent
    faults = find_option_faults(options, has_text=has_text)
    if faults:
        return {f"extras.{KEY}.{name}": words for name, words in faults.items()}
    if taken := OWN_KEYS & set(read_json_object(ios.data or "") or {}):
        return {"ios.data": f"must not hold {min(taken)}"}
    return _find_size_fault(message)


def _find_size_fault(message: PushMessage) -> dict[str, str]:
    payload = measure(message, Platform.IOS)
    if not payload.is_over:
        return {}
    return {"ios.body": f"the payload has {payload.bytes} bytes; at most {payload.limit} are taken"}


def measure(message: PushMessage, platform: Platform) -> Payload:
    """The body of a call, with the longest receipt token there is."""
    kind, payload = write_payload(message, SOME_INSTANT)
    body = encode({**payload, REFERENCE_KEY: LONGEST_REFERENCE})
    return Payload(len(body), KINDS[kind].max_bytes)


def write_payload(message: PushMessage, now: int) -> tuple[str, dict[str, Any]]:
    """The push type and the payload without the receipt token; `now` in seconds since 1970."""
    ios = message.ios or IosContent(title=message.title or None, body=message.body or None)
    options = message.extras.get(KEY, {})
    name = find_kind(options, is_silent=bool(ios.silent))
    kind = KINDS[name]
    aps: dict[str, Any] = dict(kind.aps or {})
    if options.get("event"):
        aps |= write_activity(options, now)
    if kind.shows:
        aps |= _write_shown(ios, options, name)
    return name, {**_write_beside(ios), "aps": aps}


def _write_shown(ios: IosContent, options: Mapping[str, Any], name: str) -> dict[str, Any]:
    alert, sound = _write_alert(ios, options), _write_sound(ios, options)
    if name == LIVE:
        # A Live Activity plays a sound that stands in its alert, and has no more to show.
        shown = {"alert": alert | ({"sound": sound} if sound else {})} if alert else {}
        return shown | LIVE_FIELDS.write(_take(ios, LIVE_FIELDS))
    aps: dict[str, Any] = {"alert": alert} if alert else {}
    aps |= {"sound": sound} if sound else {}
    aps |= APS_FIELDS.write(_take(ios, APS_FIELDS))
    if name == ALERT and (ios.mutable_content or ios.attachments):
        aps["mutable-content"] = 1
    return aps | ({FILTER: options["filter_criteria"]} if options.get("filter_criteria") else {})


def _write_alert(ios: IosContent, options: Mapping[str, Any]) -> dict[str, Any]:
    if ios.silent:
        return {}
    return ALERT_FIELDS.write(_take(ios, ALERT_FIELDS)) | dict(options.get("alert") or {})


def _take(ios: IosContent, names: Fields) -> dict[str, Any]:
    return {name: getattr(ios, name) for name in names.names}


def _write_sound(ios: IosContent, options: Mapping[str, Any]) -> str | dict[str, Any] | None:
    if ios.silent:
        return None
    name = ios.sound_name or (DEFAULT_SOUND if ios.sound == "default" else None)
    volume = options.get("critical_volume")
    if volume is not None:
        return {CRITICAL: 1, "name": name or DEFAULT_SOUND, "volume": volume / 100}
    if name and ios.interruption_level == CRITICAL:
        return {CRITICAL: 1, "name": name}
    return name


def _write_beside(ios: IosContent) -> dict[str, Any]:
    found = read_json_object(ios.data or "")
    if found is None:
        beside: dict[str, Any] = {DATA_KEY: ios.data} if ios.data else {}
    else:
        beside = {key: value for key, value in found.items() if key not in OWN_KEYS}
    if ios.url:
        beside[URL_KEY] = ios.url
    if ios.attachments:
        beside[ATTACHMENTS_KEY] = [_write_attachment(item) for item in ios.attachments]
    if ios.buttons:
        beside[BUTTONS_KEY] = [_write_button(item) for item in ios.buttons]
    return beside


def _write_attachment(item: Attachment) -> dict[str, str]:
    values = {"id": item.id, "url": item.file_url, "type": item.file_type}
    return {name: text for name, text in values.items() if text}


def _write_button(item: Button) -> dict[str, str]:
    values = {"id": item.id, "title": item.title, "url": item.link}
    return {name: text for name, text in values.items() if text}


def encode(payload: Mapping[str, Any]) -> bytes:
    """As short as JSON can be: bytes are counted. What `data` has of half characters is no text."""
    return write_json(payload).encode("utf-8", "replace")


def read_payload(payload: Mapping[str, Any]) -> IosContent:
    """What a payload of an alert or a background push says in fields of ours."""
    aps = payload["aps"]
    alert = aps.get("alert", {})
    texts: dict[str, Any] = {"body": alert} if isinstance(alert, str) else ALERT_FIELDS.read(alert)
    attachments, buttons = payload.get(ATTACHMENTS_KEY), payload.get(BUTTONS_KEY)
    named: dict[str, Any] = texts | APS_FIELDS.read(aps) | _read_sound(aps.get("sound"))
    return IosContent(
        **named,
        silent=True if aps.get("content-available") and not texts else None,
        mutable_content=aps.get("mutable-content"),
        attachments=tuple(map(_read_attachment, attachments)) if attachments else None,
        buttons=tuple(map(_read_button, buttons)) if buttons else None,
        url=payload.get(URL_KEY),
        data=_read_data(payload),
    )


def _read_sound(sound: Any) -> dict[str, str]:
    name = sound.get("name") if isinstance(sound, dict) else sound
    if not name:
        return {}
    return {"sound": name} if name == DEFAULT_SOUND else {"sound_name": name}


def _read_attachment(item: Mapping[str, str]) -> Attachment:
    return Attachment(item.get("id", ""), item["url"], item.get("type", ""))


def _read_button(item: Mapping[str, str]) -> Button:
    return Button(item.get("title", ""), item.get("url", ""), item.get("id", ""))


def _read_data(payload: Mapping[str, Any]) -> str | None:
    ours = OWN_KEYS | {URL_KEY, ATTACHMENTS_KEY, BUTTONS_KEY}
    rest = {key: value for key, value in payload.items() if key not in ours}
    if set(rest) == {DATA_KEY} and isinstance(rest[DATA_KEY], str):
        text: str = rest[DATA_KEY]
        return text
    return write_json(rest) if rest else None
