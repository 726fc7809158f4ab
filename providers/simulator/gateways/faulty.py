"""Answers that go over the wire as a fault has it: slowly, in half, never."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from providers.gateways import GatewayReply
from providers.simulator.gateways.desk import Verdict
from providers.simulator.plan import GivenFault

SLICES = 10  # a second, in which a narrow line sends
HEAD_LINES = 3  # of an answer's head, each of which a slow gateway waits for


async def _close(link: Any, stream: int, verdict: Verdict) -> None:
    """End the connection, and with it every call that waits on it."""
    link.transport.abort()


async def _say_nothing(link: Any, stream: int, verdict: Verdict) -> None:
    await asyncio.sleep(_find_fault(verdict).find_number("seconds"))
    link.connection.reset(stream, is_refused=False)
    link.flush()


async def _send_slow_head(link: Any, stream: int, verdict: Verdict) -> None:
    await asyncio.sleep(HEAD_LINES * _find_fault(verdict).find_number("seconds"))
    link.answer(stream, verdict)
    link.flush()


async def _send_slow_body(link: Any, stream: int, verdict: Verdict) -> None:
    body = _find_reply(verdict).body
    pieces = (body[at : at + 1] for at in range(len(body)))
    await _trickle(link, stream, verdict, pieces, _find_fault(verdict).find_number("seconds"))


async def _send_narrow(link: Any, stream: int, verdict: Verdict) -> None:
    body = _find_reply(verdict).body
    size = max(1, int(_find_fault(verdict).find_number("bytes_per_second") / SLICES))
    pieces = (body[at : at + size] for at in range(0, len(body), size))
    await _trickle(link, stream, verdict, pieces, 1 / SLICES)


async def _send_half(link: Any, stream: int, verdict: Verdict) -> None:
    body = _find_reply(verdict).body
    _begin(link, stream, verdict, len(body) + 1)
    link.connection.send(stream, body[: len(body) // 2], ends=False)
    link.flush()
    link.connection.reset(stream, is_refused=False)
    link.flush()


async def _send_wrong_length(link: Any, stream: int, verdict: Verdict) -> None:
    body = _find_reply(verdict).body
    _begin(link, stream, verdict, len(body) + int(_find_fault(verdict).find_number("by")))
    link.connection.send(stream, body, ends=True)
    link.flush()
    link.connection.go_away(stream)
    link.flush()


async def _trickle(
    link: Any, stream: int, verdict: Verdict, pieces: Iterable[bytes], seconds: float
) -> None:
    _begin(link, stream, verdict, len(_find_reply(verdict).body))
    for piece in pieces:
        link.connection.send(stream, piece, ends=False)
        link.flush()
        await asyncio.sleep(seconds)
    link.connection.send(stream, b"", ends=True)
    link.flush()


def _begin(link: Any, stream: int, verdict: Verdict, size: int) -> None:
    reply = _find_reply(verdict)
    link.connection.begin(stream, reply.status, reply.headers, size)


def _find_reply(verdict: Verdict) -> GatewayReply:
    assert verdict.reply is not None  # noqa: S101 only an answer can be sent badly
    return verdict.reply


def _find_fault(verdict: Verdict) -> GivenFault:
    assert verdict.wire is not None  # noqa: S101 that is why it came here
    return verdict.wire


ANSWER_FAULTS: Mapping[str, Callable[[Any, int, Verdict], Awaitable[None]]] = {
    "close_before_acceptance": _close,
    "accepted_answer_lost": _close,
    "silence": _say_nothing,
    "slow_headers": _send_slow_head,
    "slow_body": _send_slow_body,
    "bandwidth": _send_narrow,
    "half_body": _send_half,
    "wrong_length": _send_wrong_length,
}
