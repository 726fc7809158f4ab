"""Tells a script's call, sent again under its own id, from another call."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

from providers.audience import write_expression
from providers.commands import PushPart, SendPush
from providers.message_json import write_message


def find_fingerprint(*pushes: SendPush) -> str:
    """64 hex digits, the same for two calls that mean the same."""
    return _hash_texts(text for push in pushes for text in _list_texts(push))


def find_steps_fingerprint(push: SendPush, steps: Sequence[Any]) -> str:
    """The same of a push that goes by steps; `steps` is JSON of what decides them."""
    return _hash_texts((*_list_texts(push), json.dumps(steps, sort_keys=True)))


def _hash_texts(texts: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for text in texts:
        # A length before each text keeps two neighbours from being told apart wrongly.
        encoded = text.encode("utf-8", "surrogatepass")
        digest.update(b"%d:" % len(encoded))
        digest.update(encoded)
    return digest.hexdigest()


def _list_texts(push: SendPush) -> Iterator[str]:
    yield from (push.group, push.tag, push.name, str(push.expires_in))
    yield from _list_extras(push)
    for part in push.parts:
        yield json.dumps(write_message(part.message), sort_keys=True)
        yield from _list_audience(part)
        for targets in part.targets:
            yield targets.kind
            yield json.dumps(targets.values)
            yield from (f"id={text}" for text in targets.ids)


def _list_extras(push: SendPush) -> Iterator[str]:
    """What not every dialect says; left out where it says nothing, as before there was such."""
    if push.app or push.app_group:
        yield f"app={push.app}|{push.app_group}"
    if push.due_at or push.wall_clock:
        yield f"due={push.due_at.isoformat() if push.due_at else ''}|{push.wall_clock}"
    if push.rate is not None:
        yield f"rate={push.rate}"
    if push.callback is not None:
        yield f"callback={json.dumps(asdict(push.callback))}"


def _list_audience(part: PushPart) -> Iterator[str]:
    if part.only_primary:
        yield "only_primary"
    if part.audience is not None:
        expression = part.audience.expression
        body = None if expression is None else write_expression(expression)
        yield json.dumps([part.audience.labels, part.audience.segments, body], sort_keys=True)
