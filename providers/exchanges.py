"""What went over the wire of one call to a gateway, without secrets and without its recipient."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from providers.outbound import DeviceAnswer, DeviceCall, Exchange
from providers.outcomes import Failure
from providers.scrub import Scrubber, cut_text, find_header_secrets

LONGEST_WORD = 20  # of a path: what is longer names a device


def write_exchange(
    call: DeviceCall, answer: DeviceAnswer | Failure, secrets: Iterable[str] = ()
) -> Exchange:
    """A record of the call; `secrets` are what else it says about its recipient."""
    headers = dict(line.split(": ", 1) for line in call.headers if ": " in line)
    words = [word for word in urlsplit(call.url).path.split("/") if len(word) > LONGEST_WORD]
    scrubber = Scrubber(find_header_secrets(headers) | {*secrets, *words})
    exchange = Exchange(
        method="POST",
        url=cut_text(scrubber.scrub_text(call.url)),
        request=scrubber.scrub_body(_read_body(call.body)),
        status=None,
        response="",
        seconds=0.0,
    )
    if isinstance(answer, Failure):
        return exchange
    response = scrubber.scrub_body(_read_body(answer.body))
    return replace(exchange, status=answer.status, response=response, seconds=answer.seconds)


def _read_body(body: bytes) -> Any:
    """JSON as a value, a text as a text; of what is encrypted its length."""
    if not body:
        return ""
    try:
        text = body.decode()
        return json.loads(text)
    except UnicodeDecodeError:
        return f"[{len(body)} bytes]"
    except (ValueError, RecursionError):
        return text.replace("\0", "\ufffd")
