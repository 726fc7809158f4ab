"""Whether a message says more in the vendor's words than its fields do: what is kept beside them is
often only another way to write the same (an alert at the root, a platform as a text).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from providers.message import PushMessage
from providers.message_fields import Platform

from .wire_messages import KEY, KIND, REST, write_content

# Of the options these are the command's: when it ends, its tag, its key.
COMMANDED = frozenset({"time_to_live", "plan_id", "cid"})


def says_more(message: PushMessage) -> bool:
    """Whether another vendor would lose something that no field of the message holds."""
    extras = message.extras.get(KEY, {})
    kept = {name: extras[name] for name in (KIND,) if name in extras}
    bare = replace(message, extras={KEY: kept} if kept else {})
    told = {KEY: {name: value for name, value in extras.items() if name != REST}}
    if write_content(bare) != write_content(replace(message, extras=told)):
        return True  # one of the vendor's own options
    whole = write_content(message)
    named = whole["platform"]
    return _expand(whole, named) != _expand(write_content(bare), named)


def _expand(content: Mapping[str, Any], platforms: str | list[str]) -> dict[str, Any]:
    """What a body says to each of some platforms; whom it means is the audience's."""
    expanded = dict(content)
    del expanded["platform"]
    options = expanded.pop("options", {})
    left = {name: value for name, value in options.items() if name not in COMMANDED}
    notification = expanded.pop("notification", None)
    if notification is not None:
        expanded["notification"] = _expand_notification(notification, platforms)
    return {**expanded, **({"options": left} if left else {})}


def _expand_notification(
    notification: Mapping[str, Any], platforms: str | list[str]
) -> dict[str, Any]:
    root = _split_alert(notification.get("alert"))
    named = [platforms] if isinstance(platforms, str) else platforms
    names = [one.value for one in Platform] if named == ["all"] else named
    return {name: {**root, **_expand_block(notification.get(name) or {})} for name in sorted(names)}


def _expand_block(block: Mapping[str, Any]) -> dict[str, Any]:
    rest = {name: value for name, value in block.items() if name not in ("alert", "title")}
    title = {"title": block["title"]} if block.get("title") else {}
    return {**rest, **_split_alert(block.get("alert")), **title}


def _split_alert(alert: Any) -> dict[str, Any]:
    if isinstance(alert, Mapping):
        return dict(alert)
    return {"body": alert} if alert else {}
