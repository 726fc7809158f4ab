"""Whether a message goes our own way, by a device's inbox, as far as its part says."""

from __future__ import annotations

from campaigns.models import Part


def find_channel(part: Part) -> str:
    """By which ways a part's message goes to devices; "" for the vendor's alone.

    The later steps of a scenario say the same message to persons, who have no inbox.
    """
    if part.kind != Part.Kind.DEVICE:
        return ""
    channel: str = part.message.content.get("channel") or ""
    return channel
