"""Bodies: bounded, strict JSON, and nothing else."""

from __future__ import annotations

import hashlib
import json
import math
import re
import time
from collections.abc import Iterable
from typing import Any

import msgspec
from django.utils.translation import gettext as _
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser

from campaigns.api.errors import Malformed, TooLarge

MAX_BYTES = 10_000_000
MAX_DEPTH = 20
MAX_KEYS = 1000
MAX_NUMBER = 2**53
DRAIN_SECONDS = 10
PIECE = 65_536
SURROGATE = re.compile("[\ud800-\udfff]")


class AlwaysJSON(BaseContentNegotiation):
    """Answers are JSON whatever the Accept header says; bodies go by their content type."""

    def select_parser(self, request: Any, parsers: Any) -> Any:
        media_type = (request.content_type or "").partition(";")[0].strip().lower()
        return next((parser for parser in parsers if parser.media_type == media_type), None)

    def select_renderer(self, request: Any, renderers: Any, format_suffix: Any = None) -> Any:
        return renderers[0], renderers[0].media_type


class StrictJSONParser(BaseParser):
    """JSON of at most the view's `max_bytes`: no duplicate keys, no NaN, no lone surrogates."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        view, request = parser_context["view"], parser_context["request"]
        raw = read_bounded(stream, request.headers, getattr(view, "max_bytes", MAX_BYTES))
        request.fingerprint = hashlib.sha256(raw).hexdigest()
        return self.decode(raw, view)

    def decode(self, raw: bytes, view: Any) -> Any:
        return parse_json(raw)


class TypedParser(StrictJSONParser):
    """Large bodies, decoded straight into a msgspec Struct by the view's `body_decoder`.

    It is made when the view is: what msgspec learns of a type at the first decoding, threads that
    decode at the same time read half-made, and the process ends (msgspec 0.22).
    """

    def decode(self, raw: bytes, view: Any) -> Any:
        try:
            return view.body_decoder.decode(raw)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            raise Malformed(_("The body is wrong: %(error)s") % {"error": str(error)}) from error


def read_bounded(stream: Any, headers: Any, maximum: int) -> bytes:
    """The whole body; raises TooLarge, after dropping what the client still sends."""
    length = headers.get("Content-Length", "")
    is_over = length.isdecimal() and int(length) > maximum
    raw = b"" if is_over else stream.read(maximum + 1)
    if is_over or len(raw) > maximum:
        _drain(stream, 2 * maximum)
        raise TooLarge(_("A body has at most %(maximum)s bytes here.") % {"maximum": maximum})
    return raw


def _drain(stream: Any, maximum: int) -> None:
    # A client that is still writing would not read the answer: it would see a broken pipe.
    until = time.monotonic() + DRAIN_SECONDS
    while maximum > 0 and time.monotonic() < until:
        piece = stream.read(PIECE)
        if not piece:
            return
        maximum -= len(piece)


def parse_json(raw: bytes) -> Any:
    """Read strict JSON; raises Malformed with a sentence."""
    try:
        body = json.loads(
            raw.decode("utf-8"), object_pairs_hook=_read_object, parse_constant=_refuse_constant
        )
    except RecursionError as error:
        raise Malformed(_("The JSON is nested too deeply.")) from error
    except ValueError as error:
        raise Malformed(_("The body is no JSON: %(error)s") % {"error": str(error)}) from error
    _check_value(body, 1)
    return body


def _refuse_constant(text: str) -> Any:
    raise Malformed(_("%(text)s is no JSON number.") % {"text": text})


def _read_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(pairs) > MAX_KEYS:
        raise Malformed(_("An object has at most %(maximum)s keys.") % {"maximum": MAX_KEYS})
    body = dict(pairs)
    if len(body) < len(pairs):
        raise Malformed(_("A key occurs twice in one object."))
    return body


def _check_value(value: Any, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise Malformed(_("The JSON is nested too deeply."))
    if isinstance(value, dict):
        _check_items(value, depth)
        _check_items(value.values(), depth)
    elif isinstance(value, list):
        _check_items(value, depth)
    elif isinstance(value, str):
        if SURROGATE.search(value) or "\0" in value:
            raise Malformed(_("A text holds a character that cannot be stored."))
    elif isinstance(value, float | int):
        _check_number(value)


def _check_items(items: Iterable[Any], depth: int) -> None:
    for item in items:
        _check_value(item, depth + 1)


def _check_number(value: float | int) -> None:
    if not (math.isfinite(value) if isinstance(value, float) else abs(value) <= MAX_NUMBER):
        raise Malformed(_("A number is out of range."))
