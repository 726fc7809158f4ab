"""What is kept of a call to a gateway: no secret, no recipient, at most a few kB."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import unquote

from providers.failures import parse_body
from providers.outbound import DeviceAnswer, DeviceCall, Exchange
from providers.outcomes import Failure
from providers.scrub import HIDDEN, Scrubber, cut_text, find_header_secrets

METHOD = "POST"
RECIPIENT = "[recipient]"
_SECRET_PIECE = re.compile(r"[\w.~+/-]{8,}")
# A device in a path: no gateway has a fixed word of that length, and no token is shorter.
_LONG_PIECE = re.compile(r"[^/?&=#]{24,}")
# Of an address: no fixed word of it is as long as the first, and no token is shorter at its end.
LEAST_PIECE, LEAST_TAIL = 16, 8
_BREAKS = re.compile("[/?&=#]")
_CUT_REST = "[A-Za-z0-9_.~%:+=-]*"


def write_exchange(
    call: DeviceCall, answer: DeviceAnswer | Failure, recipient: str, seconds: float = 0.0
) -> Exchange:
    """A call and its answer as they may be kept and shown.

    `recipient` is the target's value in the push: it is hidden wherever it stands, whole, in its
    parts where it is JSON or an address, or cut. `seconds` are what a call without an answer took.
    """
    names = list_names(recipient)
    scrubber = _find_scrubber(call, names)
    got = answer if isinstance(answer, DeviceAnswer) else None
    return Exchange(
        method=METHOD,
        url=cut_text(_hide_recipient(scrubber, call.url)),
        request=_scrub_bytes(scrubber, call.body),
        status=got.status if got else None,
        response=_hide_cut(names, _scrub_bytes(scrubber, got.body)) if got else "",
        seconds=got.seconds if got else seconds,
    )


def hide_secrets(words: str, call: DeviceCall, recipient: str) -> str:
    """What was said of a call, without what the call says of us and of its recipient."""
    names = list_names(recipient)
    return _hide_cut(names, _find_scrubber(call, names).scrub_text(words))


def list_names(recipient: str) -> set[str]:
    """What names a recipient: its value, the texts in it, and the parts of those that are
    addresses. Whoever is called may repeat any of them."""
    try:
        texts = {recipient, *_walk(json.loads(recipient))}
    except (ValueError, RecursionError):
        texts = {recipient}
    parts = {part for text in texts if "://" in text for part in _list_parts(text)}
    return texts | parts


def _find_scrubber(call: DeviceCall, names: Iterable[str]) -> Scrubber:
    pairs = (line.partition(":") for line in call.headers)
    headers = {name.strip(): value.strip() for name, _, value in pairs}
    secrets = find_header_secrets(headers)
    # A header may hold several: `vapid t=..., k=...` (RFC 8292, 3).
    pieces = (piece for secret in secrets for piece in _SECRET_PIECE.findall(secret))
    return Scrubber({*secrets, *pieces, *names})


def _hide_recipient(scrubber: Scrubber, url: str) -> str:
    scheme, mark, rest = scrubber.scrub_text(url).partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{mark}{host}{slash}{_LONG_PIECE.sub(RECIPIENT, path)}"


def _list_parts(address: str) -> Iterator[str]:
    """The path and what of it is long, or its end; as it stands and without escapes."""
    path = "/" + address.partition("://")[2].partition("/")[2]
    for text in (path, unquote(path)):
        *begin, tail = _BREAKS.split(text)
        yield text
        yield from (piece for piece in begin if len(piece) >= LEAST_PIECE)
        yield from (piece for piece in (tail, *tail.split(":")) if len(piece) >= LEAST_TAIL)


def _hide_cut(names: Iterable[str], text: str) -> str:
    """Without names that only begin in it: whoever spoke has cut them, or we have."""
    for name in names:
        begin = name[:LEAST_PIECE]
        if len(begin) == LEAST_PIECE and _BREAKS.search(begin) is None and begin in text:
            text = re.sub(re.escape(begin) + _CUT_REST, HIDDEN, text)
    return text


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
