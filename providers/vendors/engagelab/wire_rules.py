"""What the vendor refuses in a push's content, each with its own number (vendor pages "Create Push
API" and its table of errors). What a field may hold is checked where the field is read.
"""

from __future__ import annotations

from typing import Any

from providers.json_values import write_json

from .wire_errors import Code, Refused
from .wire_values import Block, refuse_missing, refuse_type, refuse_value

MAX_CONTENT_BYTES = 4000  # notification and message together
MAX_WEB_BYTES = 2048
MAX_SPREAD_MINUTES = 1440
MAX_WEB_BUTTONS = 2
MAX_HMOS_LINES = 3
MAX_HMOS_LINE = 1024
KINDS = ("notification", "message", "live_activity", "voip")
ALONE = {"live_activity": Code.KINDS_COEXIST, "voip": Code.VOIP_ALONE}
EVENTS = ("start", "update", "end")


def check_content(body: Block) -> None:
    """Refuse what the vendor refuses.

    A notification beside a message has a number of its own (21306), yet the vendor's own sample of
    a group push carries both, and so do real calls: both are taken, but by a strict door.
    """
    present = [kind for kind in KINDS if body.find_block(kind) is not None]
    if not present:
        raise refuse_missing(body.at("notification"))
    for kind, code in ALONE.items():
        if kind in present and len(present) > 1:
            raise Refused(code, f"{kind} stands alone, without {present[0]}.", field=body.at(kind))
    check_size(body)
    _check_options(body, present)
    _CHECKS[present[0]](body)
    if "message" in present:
        _check_message(body)


def check_size(body: Block) -> None:
    for names, maximum in ((("notification", "message"), MAX_CONTENT_BYTES),):
        size = sum(_count_bytes(body.values.get(name)) for name in names)
        if size > maximum:
            words = f"notification and message have {size} bytes, at most {maximum} are taken."
            raise Refused(Code.TOO_LARGE, words, field=body.at(names[0]))
    notification = body.values.get("notification")
    web = notification.get("web") if isinstance(notification, dict) else None
    if _count_bytes(web) > MAX_WEB_BYTES:
        words = f"A web notification has at most {MAX_WEB_BYTES} bytes."
        raise Refused(Code.TOO_LARGE, words, field=body.at("notification.web"))


def _count_bytes(value: Any) -> int:
    return 0 if value is None else len(write_json(value).encode())


def _check_notification(body: Block) -> None:
    notification = body.take_block("notification")
    blocks = [notification.find_block(name) for name in ("android", "ios", "hmos", "web")]
    given = [block for block in blocks if block is not None]
    if not _has_alert(notification) and not any(map(_says_something, given)):
        raise Refused(Code.EMPTY_ALERT, "The alert is empty.", field=notification.at("alert"))
    hmos = notification.find_block("hmos")
    if hmos is not None:
        _check_hmos(hmos, notification)


def _has_alert(block: Block) -> bool:
    alert = block.values.get("alert")
    if alert is not None and not isinstance(alert, str | dict):
        raise refuse_type(block.at("alert"), "must be a text or an object")
    return bool(alert)


def _says_something(block: Block) -> bool:
    return _has_alert(block) or bool(block.values.get("content-available"))


def _check_hmos(hmos: Block, notification: Block) -> None:
    if not _has_alert(hmos) and not _has_alert(notification):
        raise Refused(Code.EMPTY_ALERT, "The alert is empty.", field=hmos.at("alert"))
    hmos.take_text("category")
    hmos.take_block("intent").take_text("url")
    hmos.find_number("badge_add_num", 1, 99)
    hmos.find_number("badge_set_num", 0, 99)
    lines = hmos.find_texts("inbox_content", MAX_HMOS_LINES)
    if any(len(line.encode()) > MAX_HMOS_LINE for line in lines):
        raise refuse_type(hmos.at("inbox_content"), f"has a line over {MAX_HMOS_LINE} bytes")
    if hmos.values.get("style") not in (None, 0, 3):
        raise refuse_value(hmos.at("style"), "must be 0 or 3")
    kind = hmos.values.get("push_type")
    if kind not in (None, 0, 2, 10):
        raise refuse_value(hmos.at("push_type"), "must be 0, 2 or 10")
    if kind in (2, 10):
        hmos.take_text("extra_data")


def _check_message(body: Block) -> None:
    message = body.take_block("message")
    content = message.values.get("msg_content")
    if content in (None, "", {}):
        raise refuse_missing(message.at("msg_content"))
    if not isinstance(content, str | dict):
        raise refuse_type(message.at("msg_content"), "must be a text or an object")


def _check_activity(body: Block) -> None:
    if body.values.get("platform") not in ("ios", ["ios"]):
        raise Refused(Code.ACTIVITY_PLATFORM, "A live activity is for ios only.")
    ios = body.take_block("live_activity").take_block("ios")
    event = ios.find_text("event")
    if event not in EVENTS:
        words = f"The event is one of {', '.join(EVENTS)}."
        raise Refused(Code.ACTIVITY_EVENT, words, field=ios.at("event"))
    if event == "start" and not ios.find_text("attributes-type"):
        raise Refused(Code.ACTIVITY_TYPE, "attributes-type is empty.", field=ios.at("event"))
    if not ios.find_block("content-state"):
        raise Refused(Code.ACTIVITY_STATE, "content-state is empty.", field=ios.at("event"))
    ios.find_number("relevance-score", 1, 100)
    if ios.values.get("apns-priority") not in (None, 5, 10):
        raise refuse_value(ios.at("apns-priority"), "must be 5 or 10")


def _check_voip(body: Block) -> None:
    if body.values.get("platform") not in ("ios", ["ios"]):
        raise Refused(Code.VOIP_PLATFORM, "voip is for ios only.", field=body.at("platform"))


_CHECKS = {
    "notification": _check_notification,
    "message": _check_message,
    "live_activity": _check_activity,
    "voip": _check_voip,
}


def _check_options(body: Block, present: list[str]) -> None:
    options = body.find_block("options")
    if options is None:
        return
    _check_spread(options, present)
    if options.values.get("plan_id") == "":
        raise Refused(Code.EMPTY_PLAN, "The plan id is empty.", field=options.at("plan_id"))
    for name in ("apns_production", "enhanc_message", "auto_truncation"):
        options.find_flag(name)
    options.find_number("override_msg_id", 1, 2**63 - 1)
    options.find_number("classification", 0, 1)
    _check_channels(options)
    buttons = options.values.get("web_buttons")
    if buttons is not None and (not isinstance(buttons, list) or len(buttons) > MAX_WEB_BUTTONS):
        raise refuse_type(options.at("web_buttons"), f"has at most {MAX_WEB_BUTTONS} entries")


def _check_spread(options: Block, present: list[str]) -> None:
    minutes = options.values.get("big_push_duration")
    if minutes is None:
        return
    where = options.at("big_push_duration")
    if "notification" not in present:
        words = "big_push_duration is for notifications only."
        raise Refused(Code.NO_DURATION_HERE, words, field=where)
    is_number = isinstance(minutes, int) and not isinstance(minutes, bool)
    if not is_number or not 0 <= minutes <= MAX_SPREAD_MINUTES:
        words = f"big_push_duration is a number of minutes up to {MAX_SPREAD_MINUTES}."
        raise Refused(Code.BAD_PARAMETER, words, field=where)


def _check_channels(options: Block) -> None:
    channels = options.find_block("third_party_channel")
    for vendor in channels.values if channels else ():
        way = channels.find_block(vendor) if channels else None
        for name in ("distribution", "distribution_new"):
            value = way.values.get(name) if way else None
            if value is not None and (not isinstance(value, str) or not value):
                words = f"The {name} of {vendor} is none that the vendor knows."
                raise Refused(Code.BAD_DISTRIBUTION, words, field=options.at("third_party_channel"))
