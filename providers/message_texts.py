"""What one reader is told: the text of a channel, and the message of several platforms at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from providers.message import BLOCKS, EmailContent, PushMessage, SmsContent, Text
from providers.message_fields import Platform


def resolve_text(message: PushMessage, channel: str, language: str = "") -> Text:
    """What is said over `sms` or `email` in one language: what a translation says there, else its
    title and text, which win over the channel's own and the common ones."""
    translated = message.translate(language)
    there = translated.find_fields(channel)
    own = message.sms if channel == "sms" else message.email
    subject = translated.title or getattr(own, "subject", None) or message.title
    body = translated.body or (own.body if own else None) or message.body
    return Text(title=there.get("subject") or subject, body=there.get("body") or body)


def resolve_for(
    message: PushMessage, platforms: Iterable[Platform], language: str = ""
) -> PushMessage:
    """The message for several platforms at once in one language: `resolve` for each of them."""
    resolved = [message.resolve(platform, language) for platform in platforms]
    blocks: dict[str, Any] = {}
    for one in resolved:
        found = {platform.value: getattr(one, platform.value) for platform in BLOCKS}
        blocks |= {name: block for name, block in found.items() if block is not None}
    first = resolved[0]
    text = message.translate(language)
    title, body = text.title or message.title, text.body or message.body
    return replace(first, title=title or first.title, body=body or first.body, **blocks)


def write_text_message(text: Text, channel: str) -> PushMessage:
    """What is said over `sms` or `email`, as a message of nothing else."""
    if channel == "sms":
        return PushMessage(sms=SmsContent(body=text.body))
    return PushMessage(email=EmailContent(subject=text.title, body=text.body))
