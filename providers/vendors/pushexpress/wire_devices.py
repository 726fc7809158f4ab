"""Devices: the management's query, and what the app on a device calls (the vendor's open SDKs for
Android, Swift and web; wire facts section 6).

A device's calls carry no key. The app in the path is named by its SDK id, which nobody can guess,
and the device by the uuid that it has drawn for itself.
"""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

from providers.audience_calls import (
    CheckIn,
    DeviceRow,
    DevicesFound,
    FindDevices,
    ReportEvent,
    SaveDevice,
)
from providers.fields import gettext_noop
from providers.inbound import Call, Reply
from providers.message_fields import Platform
from providers.receipts import ReceiptKind
from providers.recipients import IdentifierKind

from .wire_filters import read_filters
from .wire_values import Block, read_body, refuse, refuse_unknown

MAX_INSTANCES = 5_000
IC_KIND = "pushexpress_ic_token"
IDENTIFIER_KINDS = (IdentifierKind(IC_KIND, label=gettext_noop("Push.express ic_token")),)
SDK_ID = re.compile(r"[0-9a-f]{32}")
UPDATE_SECONDS = 120
MAX_TAGS = 64
MAX_TOKEN = 4_096
PLATFORMS = {
    "android": Platform.ANDROID,
    "ios": Platform.IOS,
    "browser": Platform.WEB,
}
NAMES = {platform.value: name for name, platform in PLATFORMS.items()}
TRANSPORTS = ("fcm", "fcm.data", "onesignal", "huawei", "apns", "webpush")
EVENTS = {"delivered": ReceiptKind.DELIVERED, "clicked": ReceiptKind.CLICKED}
LIFECYCLE = ("onscreen", "background", "closed", "hbeat")  # the last is of older SDKs
HALF_DAY = 14 * 3600


def read_query(call: Call) -> FindDevices:
    """The filters may stand in the body, or nested as in the sending at once."""
    body = read_body(call.body)
    block = body.take_block("filters") if body.values.get("filters") is not None else body
    filters = read_filters(block)
    return FindDevices(filters.apps, filters.audience, MAX_INSTANCES)


def write_found(found: DevicesFound, call: Call) -> Reply:
    rows = [write_instance(row) for row in found.rows]
    return Reply(200, {"active_count": found.count, "app_instances": rows})


def write_instance(row: DeviceRow) -> dict[str, Any]:
    """A device; its token is masked, as the vendor's is."""
    return {
        "id": str(row.id),
        "external_id": row.external_user_id,
        "transport_type": row.transport,
        "transport_token_masked": mask_token(row.token),
        "platform_type": NAMES.get(row.platform, row.platform),
        "language": row.values.get("language", ""),
        "country": row.values.get("country", ""),
    }


def mask_token(token: str) -> str:
    """The first and the last four characters of a long token, else nothing of it."""
    if len(token) < 16:
        return "***" if token else ""
    return f"{token[:4]}***{token[-4:]}"


def read_register(call: Call) -> CheckIn:
    """A device that begins. What it is, its person included, it says by the next call: before
    that there is nothing to keep."""
    body = read_body(call.body)
    body.find_text("ext_id")
    return CheckIn(_read_app(call), IC_KIND, _read_uuid(body.take_text("ic_token"), "ic_token"))


def write_registered(row: DeviceRow, call: Call) -> Reply:
    """The id by which the device calls itself from now on is its own token: to know another one
    is to have guessed 122 random bits."""
    return Reply(200, {"id": row.ids[IC_KIND], "just_created": row.is_new})


def read_update(call: Call) -> SaveDevice:
    """What the device is now; empty fields say nothing."""
    body = read_body(call.body)
    platform = _read_word(body, "platform_type", tuple(PLATFORMS))
    return SaveDevice(
        app=_read_app(call),
        kind=IC_KIND,
        id=_read_instance(call),
        platform=PLATFORMS[platform] if platform else None,
        transport=_read_word(body, "transport_type", TRANSPORTS),
        token=body.find_text("transport_token", MAX_TOKEN) or None,
        external_user_id=body.find_text("ext_id") or None,
        values=_read_columns(body),
        attributes=_read_tags(body),
    )


def _read_columns(body: Block) -> dict[str, Any]:
    values: dict[str, Any] = {
        "language": body.find_text("lang", 16),
        "country": (body.find_text("country", 2) or "").upper() or None,
        "timezone": _read_zone(body.values.get("tz_sec")),
    }
    if body.values.get("notif_perm_granted") is not None:
        values["notifications_enabled"] = body.find_flag("notif_perm_granted")
    return {name: value for name, value in values.items() if value is not None and value != ""}


def _read_zone(seconds: Any) -> str | None:
    """An offset of whole hours as a zone; of others no zone has a name."""
    is_number = isinstance(seconds, int) and not isinstance(seconds, bool)
    if not is_number or seconds % 3600 or not -12 * 3600 <= seconds <= HALF_DAY:
        return None
    hours = seconds // 3600
    # POSIX counts westwards: Etc/GMT-3 is three hours ahead of Greenwich.
    return f"Etc/GMT{-hours:+d}" if hours else "Etc/UTC"


def _read_tags(body: Block) -> dict[str, str]:
    if body.values.get("tags") is None:
        return {}
    tags = body.take_block("tags")
    if len(tags.values) > MAX_TAGS:
        raise refuse("tags", f"must have at most {MAX_TAGS} keys")
    found = {name: tags.find_text(name) for name in tags.values}
    return {name: text for name, text in found.items() if text is not None}


def _read_word(body: Block, name: str, known: tuple[str, ...]) -> str | None:
    word = body.find_text(name)
    if word and word not in known:
        raise refuse(name, f"must be one of {', '.join(known)}")
    return word or None


def write_updated(row: DeviceRow, call: Call) -> Reply:
    return Reply(200, {"id": row.ids[IC_KIND], "update_interval_sec": UPDATE_SECONDS})


def read_notification(call: Call) -> ReportEvent:
    """A receipt: `msg_id` is the token that we sent along, and proves itself."""
    body = read_body(call.body)
    _read_instance(call)
    word = _read_word(body, "event", tuple(EVENTS))
    if word is None:
        raise refuse("event", "is required")
    return ReportEvent(_read_app(call), body.take_text("msg_id"), EVENTS[word])


def read_lifecycle(call: Call) -> CheckIn:
    """A sign of life."""
    body = read_body(call.body)
    if _read_word(body, "event", LIFECYCLE) is None:
        raise refuse("event", "is required")
    return CheckIn(_read_app(call), IC_KIND, _read_instance(call), must_exist=True)


def write_noted(answer: Any, call: Call) -> Reply:
    return Reply(200, {})


def _read_app(call: Call) -> str:
    """Only the SDK id: the number of the app could be guessed."""
    app = call.path["app"]
    if not SDK_ID.fullmatch(app):
        raise refuse_unknown("app")
    return app


def _read_instance(call: Call) -> str:
    text = call.path["instance"]
    try:
        return str(UUID(text))
    except ValueError as error:
        raise refuse_unknown("instance") from error


def _read_uuid(text: str, name: str) -> str:
    try:
        return str(UUID(text))
    except ValueError as error:
        raise refuse(name, "must be a uuid") from error
