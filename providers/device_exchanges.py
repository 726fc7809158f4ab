"""What is kept of a call to a gateway: no secret, no recipient, at most a few kB."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from providers.failures import parse_body
from providers.outbound import DeviceAnswer, DeviceCall, Exchange
from providers.outcomes import Failure
from providers.scrub import Scrubber, cut_text, find_header_secrets

METHOD = "POST"
RECIPIENT = "[recipient]"
_SECRET_PIECE = re.compile(r"[\w.~+/-]{8,}")
# A device in a path: no gateway has a fixed word of that length, and no token is shorter.
_LONG_PIECE = re.compile(r"[^/?&=#]{24,}")


def write_exchange(
    call: DeviceCall, answer: DeviceAnswer | Failure, recipient: str, seconds: float = 0.0
) -> Exchange:
    """A call and its answer as they may be kept and shown.

    `recipient` is the target's value in the push: it is hidden wherever it stands, whole or in
    its parts where it is JSON. `seconds` are what a call without an answer took.
    """
    scrubber = _find_scrubber(call, recipient)
    got = answer if isinstance(answer, DeviceAnswer) else None
    return Exchange(
        method=METHOD,
        url=cut_text(_hide_recipient(scrubber, call.url)),
        request=_scrub_bytes(scrubber, call.body),
        status=got.status if got else None,
        response=_scrub_bytes(scrubber, got.body) if got else "",
        seconds=got.seconds if got else seconds,
    )


def hide_secrets(words: str, call: DeviceCall, recipient: str) -> str:
    """What was said of a call, without what the call says of us and of its recipient."""
    return _find_scrubber(call, recipient).scrub_text(words)


def _find_scrubber(call: DeviceCall, recipient: str) -> Scrubber:
    pairs = (line.partition(":") for line in call.headers)
    headers = {name.strip(): value.strip() for name, _, value in pairs}
    secrets = find_header_secrets(headers)
    # A header may hold several: `vapid t=..., k=...` (RFC 8292, 3).
    pieces = (piece for secret in secrets for piece in _SECRET_PIECE.findall(secret))
    return Scrubber({*secrets, *pieces, *_list_texts(recipient)})


def _hide_recipient(scrubber: Scrubber, url: str) -> str:
    scheme, mark, rest = scrubber.scrub_text(url).partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{mark}{host}{slash}{_LONG_PIECE.sub(RECIPIENT, path)}"


def _list_texts(recipient: str) -> Iterator[str]:
    yield recipient
    try:
        yield from _walk(json.loads(recipient))
    except (ValueError, RecursionError):
        return


def _walk(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _walk(item)


def _scrub_bytes(scrubber: Scrubber, body: bytes) -> str:
    if not body:
        return ""
    content, is_json = parse_body(body)
    if not is_json and not body.isascii():
        return f"[{len(body)} bytes]"  # encrypted for the device
    return scrubber.scrub_body(content)
