"""Reads a job's file of lines, a number of them at a time, wherever a step before has stopped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from campaigns.models import Job
from campaigns.services.jobs import read_piece

MAX_LINE = 16_384  # bytes; what is longer is cut


@dataclass(frozen=True, slots=True)
class Lines:
    """Some lines, the number of the first (from 1), and where the next step goes on."""

    texts: tuple[str, ...]
    first: int
    cursor: Mapping[str, Any]
    is_last: bool


def read_lines(job: Job, role: str, cursor: Mapping[str, Any], most: int) -> Lines:
    """At most `most` lines from the place of the cursor; no more than two pieces are in memory."""
    number, offset, line = cursor.get("piece", 0), cursor.get("offset", 0), cursor.get("line", 1)
    content = read_piece(job, role, number)[offset:]
    texts: list[str] = []
    while len(texts) < most:
        end = content.find(b"\n")
        if end < 0:
            following = read_piece(job, role, number + 1)
            if not following:
                texts += [_read(content)] if content else []
                return Lines(tuple(texts), line, {}, is_last=True)
            # The line goes on in the next piece, and its beginning lies before that piece's own.
            content, number = content[-MAX_LINE:] + following, number + 1
            offset = len(following) - len(content)
            continue
        texts.append(_read(content[:end]))
        content, offset = content[end + 1 :], offset + end + 1
    return Lines(
        tuple(texts),
        line,
        {"piece": number, "offset": offset, "line": line + len(texts)},
        is_last=False,
    )


def _read(line: bytes) -> str:
    return line[:MAX_LINE].decode("utf-8-sig", "replace").rstrip("\r")
