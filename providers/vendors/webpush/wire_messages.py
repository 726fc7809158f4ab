"""What our service worker is told, as JSON: nobody but us writes or reads this (RFC 8291 leaves the
content open). The worker is in static/; its fields are those of `showNotification`
(notifications.spec.whatwg.org, NotificationOptions) and three of ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from providers.contract import LONGEST_REFERENCE, Payload
from providers.fields import FieldSpec, gettext_noop
from providers.json_values import write_json
from providers.message import Button, PushMessage, WebContent
from providers.message_fields import Platform

from .wire_encryption import MAX_BYTES, MAX_PLAIN_BYTES, find_sealed_bytes

DIALECT_KEY = "webpush"

OPTION_FIELDS = (
    FieldSpec(
        name="topic",
        label=gettext_noop("Topic"),
        help=gettext_noop(
            "A push with the same topic replaces one that the push service still holds for a "
            "browser that is off."
        ),
        maximum=255,
    ),
    FieldSpec(name="silent", kind="bool", label=gettext_noop("Without sound")),
)


def read_options(message: PushMessage) -> Mapping[str, Any]:
    """What a message says to this vendor alone."""
    return message.extras.get(DIALECT_KEY, {})


def write_message(message: PushMessage) -> dict[str, Any]:
    """A resolved message as the service worker's object, without a receipt token."""
    web = message.web or WebContent()
    values = {
        "title": web.title or message.title,
        "body": web.body or message.body,
        "url": web.url,
        "icon": web.icon,
        "image": web.image,
        "badge": web.badge,
        "tag": web.tag,
        "actions": [_write_action(place, one) for place, one in enumerate(web.buttons or ())],
        "requireInteraction": web.require_interaction,
        "silent": read_options(message).get("silent"),
        "data": dict(web.extras) if web.extras else None,
    }
    return {name: value for name, value in values.items() if value}


def _write_action(place: int, button: Button) -> dict[str, str]:
    """A button needs a word of its own (NotificationAction); where it has none, it is its place."""
    action = {"action": button.id or str(place), "title": button.title}
    return {**action, "url": button.link} if button.link else action


def read_message(body: Mapping[str, Any]) -> PushMessage:
    """The message of such an object; a button without an id has its place for one."""
    title, text = body.get("title", ""), body.get("body", "")
    actions = body.get("actions")
    web = WebContent(
        title=title or None,
        body=text or None,
        url=body.get("url"),
        icon=body.get("icon"),
        image=body.get("image"),
        badge=body.get("badge"),
        tag=body.get("tag"),
        buttons=actions and tuple(map(_read_action, actions)),
        require_interaction=body.get("requireInteraction"),
        extras=body.get("data"),
    )
    extras = {DIALECT_KEY: {"silent": body["silent"]}} if "silent" in body else {}
    return PushMessage(title=title, body=text, web=web, extras=extras)


def _read_action(action: Mapping[str, str]) -> Button:
    return Button(action["title"], action.get("url", ""), action["action"])


class Template:
    """A message rendered once; what differs per recipient is its receipt token."""

    def __init__(self, message: PushMessage) -> None:
        body = write_message(message)
        self.whole = write_json(body).encode("utf-8", "replace")
        self._head = self.whole[:-1] + (b',"receipt":"' if body else b'"receipt":"')

    @property
    def is_too_long(self) -> bool:
        """Whether no push service must take it (RFC 8030 §7.2)."""
        return len(self.render(LONGEST_REFERENCE)) > MAX_PLAIN_BYTES

    def render(self, reference: str) -> bytes:
        """With somebody's receipt token, "" for none. These hold letters, digits and dots."""
        return self._head + reference.encode() + b'"}' if reference else self.whole


def measure(message: PushMessage, platform: Platform) -> Payload:
    """What a push service is sent: padded, encrypted, with the longest receipt token there is."""
    plain = Template(message).render(LONGEST_REFERENCE)
    return Payload(find_sealed_bytes(len(plain)), MAX_BYTES)


def find_faults(message: PushMessage) -> dict[str, str]:
    """Why no browser would take a message, by field path."""
    languages = ["", *message.translations]
    templates = (Template(message.resolve(Platform.WEB, language)) for language in languages)
    if any(template.is_too_long for template in templates):
        return {"body": f"is longer than the {MAX_PLAIN_BYTES} bytes that a push may have"}
    return {}
