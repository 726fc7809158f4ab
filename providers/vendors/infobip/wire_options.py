"""Options of a notification under every name that the vendor has had for them (seed sections
"Mirror push notifications within the application" and "Send Push over OMNI API", wire facts,
sections 3 and 4).

The canonical names are those of `/push/3/messages`. The seed mixes the versions, so every name is
read at either place.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from providers.fields import FieldSpec
from providers.message import InAppContent

from .wire_statuses import BAD_ACTION, BAD_VALIDITY, Rejected
from .wire_values import Block, drop_unset, refuse

ALIASES = {
    "showInApp": "showMirroredPush",
    "inAppStyle": "mirroredPushStyle",
    "inAppExpirationPeriod": "mirroredPushExpirationPeriod",
    "inAppExpirationTimeUnit": "mirroredPushExpirationTimeUnit",
    "inAppDismissTitle": "mirroredPushDismissTitle",
    "inAppOpenTitle": "mirroredPushOpenTitle",
    "primaryButtonAction": "onTapButtonAction",
}
OLD_NAMES = {new: old for old, new in ALIASES.items()}
# What the failover API documents in its block; the rest it has never had.
FAILOVER_NAMES = {
    "vibrationEnabled": "vibrationEnabled",
    "soundEnabled": "soundEnabled",
    "soundName": "soundName",
    "badge": "badge",
    "contentUrl": "contentUrl",
    "category": "category",
    "mirroredPushStyle": "inAppStyle",
    "title": "title",
    "isSilent": "isSilent",
    "webViewUrl": "webViewUrl",
    "inboxTopic": "inboxTopic",
}
# Options that are read into something of ours; every other one is carried as it is.
READ = frozenset(
    {
        "showMirroredPush", "mirroredPushStyle", "mirroredPushExpirationPeriod",
        "mirroredPushExpirationTimeUnit", "mirroredPushDismissTitle", "mirroredPushOpenTitle",
        "onTapButtonAction", "webViewUrl", "inboxTopic", "inboxMessageExpirationPeriod",
        "inboxMessageExpirationTimeUnit", "isSilent", "badge", "soundName", "title", "contentUrl",
        "validityPeriod", "validityPeriodTimeUnit", "sendAt", "customPayload",
        "campaignReferenceId",
    }
)  # fmt: skip
# What stands beside the options in the older call and in the failover API.
BESIDE = ("validityPeriod", "validityPeriodTimeUnit", "sendAt", "customPayload",
          "campaignReferenceId")  # fmt: skip

STYLES = {"MODAL": "modal", "BANNER": "banner"}
TAPS = {
    "WEB_VIEW_URL": "web_view",
    "DEEP_LINK": "deep_link",
    "OPEN_URL_IN_BROWSER": "browser",
}
_STYLE_WORDS = {ours: theirs for theirs, ours in STYLES.items()}
_TAP_WORDS = {ours: theirs for theirs, ours in TAPS.items()}
UNITS = {
    "NANOSECONDS": 1e-9,
    "MICROSECONDS": 1e-6,
    "MILLISECONDS": 1e-3,
    "SECONDS": 1,
    "MINUTES": 60,
    "HOURS": 3600,
    "DAYS": 86_400,
}
MONTH = 30 * 86_400
MIN_VALIDITY = 30
MAX_VALIDITY = 48 * 3600
MAX_VALIDITY_V2 = 72 * 3600
MAX_MIRROR = 2_419_200
MAX_INBOX = 31_536_000
MAX_LINK = 2048
MAX_TITLE = 255
_OPAQUE = FieldSpec(name="options", kind="json_object", label="")


def collect(message: Block) -> Block:
    """All options of a message under their canonical names, wherever they stand."""
    values = {name: message.find(name) for name in BESIDE if message.find(name) is not None}
    path = message.path
    for place in ("notificationOptions", "options"):
        block = message.find_block(place)
        if block is None:
            continue
        path = block.path
        for name, value in block.values.items():
            if value is not None:
                values[ALIASES.get(name, name)] = value
    return Block(values, path)


def find_opaque(options: Block) -> dict[str, Any]:
    """Options that no field of ours holds, and those that ours hold for one platform only."""
    kept = {name: value for name, value in options.values.items() if name not in READ}
    if kept.get("soundEnabled") is True:
        del kept["soundEnabled"]
    check_storable(kept, options.path)
    return kept


def check_storable(value: Mapping[str, Any], path: str) -> None:
    """Refuse what no database can hold."""
    fault = _OPAQUE.find_fault(value)
    if fault:
        raise refuse(path, fault)


def read_in_app(options: Block) -> InAppContent | None:
    """How the message is mirrored inside the app, and its inbox topic; None for neither."""
    kind, target = _read_tap(options)
    style = _read_style(options)
    in_app = InAppContent(
        only=True if style and options.find_flag("isSilent") else None,
        style=style,
        expires_in=_read_period(options, "mirroredPushExpiration", ("MINUTES", "HOURS")),
        dismiss_title=options.find_text("mirroredPushDismissTitle", MAX_TITLE),
        open_title=options.find_text("mirroredPushOpenTitle", MAX_TITLE),
        tap_kind=kind,
        tap_target=target,
        topic=options.find_text("inboxTopic", MAX_TITLE),
        topic_expires_in=_read_period(options, "inboxMessageExpiration", ("DAYS", "MONTHS")),
    )
    return None if in_app == InAppContent() else in_app


def _read_style(options: Block) -> str | None:
    """A style alone mirrors too: the failover API has no switch beside it."""
    is_shown = options.find_flag("showMirroredPush")
    word = options.find_choice("mirroredPushStyle", tuple(STYLES))
    if is_shown is False or (is_shown is None and word is None):
        return None
    return STYLES[word or "MODAL"]


def _read_period(options: Block, name: str, units: tuple[str, str]) -> int | None:
    unit = options.find_choice(f"{name}TimeUnit", units) or units[0]
    period = options.find_number(f"{name}Period")
    if period is None:
        return None
    seconds = period * (MONTH if unit == "MONTHS" else int(UNITS[unit]))
    return min(max(seconds, 86_400), MAX_INBOX) if "DAYS" in units else min(seconds, MAX_MIRROR)


def _read_tap(options: Block) -> tuple[str | None, str | None]:
    """Type and resource of the button; one without the other is rejected."""
    action = options.find_block("onTapButtonAction")
    if action is None:
        url = options.find_text("webViewUrl", MAX_LINK)
        return ("web_view", url) if url else (None, None)
    kind = action.find_choice("type", tuple(TAPS))
    resource = action.find_text("resource", MAX_LINK)
    if (kind is None) != (resource is None):
        raise Rejected(BAD_ACTION)
    return (TAPS[kind] if kind else None), resource


def write_in_app(in_app: InAppContent) -> dict[str, Any]:
    """The options of `read_in_app`."""
    body = drop_unset(
        {
            "showMirroredPush": True if in_app.style else None,
            "mirroredPushStyle": _STYLE_WORDS.get(in_app.style or ""),
            "mirroredPushDismissTitle": in_app.dismiss_title,
            "mirroredPushOpenTitle": in_app.open_title,
            "inboxTopic": in_app.topic,
        }
    )
    if in_app.expires_in is not None:
        is_hours = in_app.expires_in % 3600 == 0
        body["mirroredPushExpirationPeriod"] = -(-in_app.expires_in // (3600 if is_hours else 60))
        body["mirroredPushExpirationTimeUnit"] = "HOURS" if is_hours else "MINUTES"
    if in_app.topic_expires_in is not None:
        body["inboxMessageExpirationPeriod"] = -(-in_app.topic_expires_in // 86_400)
        body["inboxMessageExpirationTimeUnit"] = "DAYS"
    if in_app.tap_kind and in_app.tap_target:
        tap = {"resource": in_app.tap_target, "type": _TAP_WORDS[in_app.tap_kind]}
        body["onTapButtonAction"] = tap
    return body


def read_validity(
    options: Block, default_unit: str = "HOURS", maximum: int = MAX_VALIDITY
) -> int | None:
    """Seconds for which the message may be delivered; more than the maximum is cut.

    `{"amount", "timeUnit"}` or a number with its unit beside it.
    """
    period = options.find("validityPeriod")
    if period is None:
        return None
    block, name, unit_name = options, "validityPeriod", "validityPeriodTimeUnit"
    if isinstance(period, dict):
        block, name, unit_name = Block(period, options.at(name)), "amount", "timeUnit"
    unit = block.find_choice(unit_name, tuple(UNITS)) or default_unit
    seconds = int(block.take_number(name) * UNITS[unit])
    if seconds < MIN_VALIDITY:
        raise Rejected(BAD_VALIDITY)
    return min(seconds, maximum)


def write_validity(seconds: int) -> dict[str, Any]:
    """In the greatest of the vendor's three units that keeps it whole."""
    seconds = min(max(seconds, MIN_VALIDITY), MAX_VALIDITY)
    for unit, size in (("HOURS", 3600), ("MINUTES", 60)):
        if seconds % size == 0:
            return {"amount": seconds // size, "timeUnit": unit}
    return {"amount": seconds, "timeUnit": "SECONDS"}


def rename(options: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Canonical options under another version's names."""
    return {names.get(name, name): value for name, value in options.items()}


def pick_failover(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that the failover API has, under its names."""
    action = options.get("onTapButtonAction") or {}
    link = action.get("resource") if action.get("type") == "WEB_VIEW_URL" else None
    known = {**options, **drop_unset({"webViewUrl": link})}
    return {theirs: known[ours] for ours, theirs in FAILOVER_NAMES.items() if ours in known}
