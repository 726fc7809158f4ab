"""Faults of answers: refusals in the dialect's own shape, and bodies that say nothing or lie."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

from providers.inbound import Reply
from providers.outcomes import Refusal, RefusalKind
from providers.routing import Shape
from providers.simulator.plan import GivenFault

HUGE = 20_000_000
PAGE = "<!doctype html><html><title>Welcome</title><h1>It works!</h1></html>"


@dataclass(frozen=True, slots=True)
class SpoiltReply(Reply):
    """A reply that something happens to on its way. Without a status nothing is answered."""

    wire: GivenFault | None = None
    door: GivenFault | None = None


@dataclass(frozen=True, slots=True)
class _Refused:
    status: int
    kind: RefusalKind
    words: str


_REFUSED: Mapping[str, _Refused] = {
    "error_400": _Refused(400, RefusalKind.INVALID, "The message is malformed"),
    "error_401": _Refused(401, RefusalKind.UNAUTHENTICATED, "Invalid push credentials"),
    "error_403": _Refused(403, RefusalKind.FORBIDDEN, "This key may not send"),
    "token_expired": _Refused(401, RefusalKind.UNAUTHENTICATED, "The access token has expired"),
    "error_404": _Refused(404, RefusalKind.NOT_FOUND, "There is nothing at this address."),
    "error_410": _Refused(410, RefusalKind.NOT_FOUND, "Unregistered since "),
    "error_413": _Refused(413, RefusalKind.TOO_LARGE, "The call is too large"),
    "error_422": _Refused(422, RefusalKind.INVALID, "This cannot be done"),
    "error_429": _Refused(429, RefusalKind.THROTTLED, "Too many calls"),
    "quota_exhausted": _Refused(429, RefusalKind.THROTTLED, "The quota is used up"),
    "error_500": _Refused(500, RefusalKind.INTERNAL, "Something went wrong"),
    "error_502": _Refused(502, RefusalKind.UNAVAILABLE, "Bad gateway"),
    "error_503": _Refused(503, RefusalKind.UNAVAILABLE, "Temporarily unavailable"),
    "error_504": _Refused(504, RefusalKind.UNAVAILABLE, "Gateway timeout"),
    "accepted_500": _Refused(500, RefusalKind.INTERNAL, "Something went wrong"),
    "accepted_504": _Refused(504, RefusalKind.UNAVAILABLE, "Gateway timeout"),
}


def write_refusal(shape: Shape | None, refusal: Refusal) -> Reply:
    """A refusal in the vendor's own shape."""
    if shape is None:
        return Reply(400, {"error": refusal.message})
    reply = shape(refusal)
    if refusal.retry_after is not None and "Retry-After" not in reply.headers:
        headers = {**reply.headers, "Retry-After": f"{refusal.retry_after:g}"}
        return replace(reply, headers=headers)
    return reply


def refuse(shape: Shape | None, given: GivenFault, now: datetime) -> Reply:
    """The answer to a call that is not taken; one that is no answer at all has no status."""
    if given.name == "redirect":
        return Reply(302, "", "text/plain", {"Location": str(given.find("to"))})
    if given.name not in _REFUSED:
        return SpoiltReply(0, "", wire=given)
    reply = _write_refused(shape, given.name, now)
    wait = _find_wait(given, now)
    return replace(reply, headers={**reply.headers, "Retry-After": wait}) if wait else reply


def _write_refused(shape: Shape | None, name: str, now: datetime) -> Reply:
    refused = _REFUSED[name]
    words = refused.words
    if name == "error_410":
        words += now.astimezone(UTC).isoformat(timespec="seconds")
    reply = write_refusal(shape, Refusal(refused.kind, words))
    if shape is not None and refused.kind is RefusalKind.UNAUTHENTICATED:
        return reply  # some have another status than 401 for it

    def say_status(value: Any) -> Any:
        """An envelope that repeats the status says the one that is meant."""
        return refused.status if value == reply.status else value

    return replace(reply, status=refused.status, body=_walk(reply.body, say_status))


def _find_wait(given: GivenFault, now: datetime) -> str:
    if given.name == "quota_exhausted":
        return f"{max(1.0, (given.until - now).total_seconds()):.0f}" if given.until else ""
    if "retry_after" not in given.fault.options:
        return ""
    return write_retry_after(str(given.find("retry_after")), now)


def write_retry_after(wish: str, now: datetime) -> str:
    """A header's value: as it stands, or what `date:30`, `huge` and `garbage` mean."""
    word, _, seconds = wish.partition(":")
    match word:
        case "date":
            moment = now + timedelta(seconds=float(seconds or 0))
            return format_datetime(moment.astimezone(UTC), usegmt=True)
        case "huge":
            return "9" * 30
        case "garbage":
            return "in a moment"
    return wish


def spoil(shape: Shape | None, reply: Reply, given: GivenFault, now: datetime) -> Reply:
    """What is answered instead of `reply`."""
    if given.name in _REFUSED:
        return _write_refused(shape, given.name, now)
    if given.name == "clock_skew":
        moment = now + timedelta(seconds=given.find_number("seconds"))
        date = format_datetime(moment.astimezone(UTC), usegmt=True)
        return replace(reply, headers={**reply.headers, "Date": date})
    return _SPOILERS[given.name](reply)


def write_untaken(shape: Shape | None) -> Reply:
    """The honest answer behind a lie about a call that was not taken."""
    return write_refusal(shape, Refusal(RefusalKind.INTERNAL, "The call was not taken"))


def _say_all_is_well(reply: Reply) -> Reply:
    return replace(reply, status=200)


def _write_page(reply: Reply) -> Reply:
    return Reply(200, PAGE, "text/html; charset=utf-8")


def _break_off(reply: Reply) -> Reply:
    text = _write_text(reply)
    return Reply(200, text[: max(1, len(text) * 2 // 3)])


def _swap_types(reply: Reply) -> Reply:
    return Reply(200, _walk(reply.body, _swap))


def _drop_values(reply: Reply) -> Reply:
    return Reply(200, _drop(reply.body))


def _spoil_texts(reply: Reply) -> Reply:
    return Reply(200, _walk(reply.body, lambda value: f"{value}\0\ud800"))


def _write_nothing(reply: Reply) -> Reply:
    return Reply(200, "")


def _inflate(reply: Reply) -> Reply:
    return Reply(200, _write_text(reply) + " " * HUGE)


_SPOILERS: Mapping[str, Callable[[Reply], Reply]] = {
    "ok_with_error": _say_all_is_well,
    "html": _write_page,
    "invalid_json": _break_off,
    "wrong_types": _swap_types,
    "missing_ids": _drop_values,
    "unprintable": _spoil_texts,
    "empty": _write_nothing,
    "huge": _inflate,
}


def _write_text(reply: Reply) -> str:
    return reply.body if isinstance(reply.body, str) else json.dumps(reply.body)


def _walk(value: Any, change: Callable[[Any], Any]) -> Any:
    if isinstance(value, dict):
        return {name: _walk(item, change) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_walk(item, change) for item in value]
    return change(value)


def _swap(value: Any) -> Any:
    return {"value": [value]} if isinstance(value, str) else f"no number: {value}"


def _drop(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _drop(item) for name, item in value.items() if isinstance(item, dict | list)}
    return [_drop(item) for item in value if isinstance(item, dict | list)]
