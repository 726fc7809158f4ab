"""Recipients and cohorts of a batch as bytes: little-endian integers, compressed."""

from __future__ import annotations

import sys
import zlib
from array import array
from collections.abc import Iterable, Sequence

# Level 1: ids are sorted and dense, so more effort buys little and costs CPU on the hot path.
LEVEL = 1


def pack_ids(ids: Iterable[int]) -> bytes:
    """64-bit ids, stored as differences, which compress to about a byte each when dense."""
    previous = 0
    deltas = array("q")
    for value in ids:
        deltas.append(value - previous)
        previous = value
    return _compress(deltas)


def unpack_ids(packed: bytes | memoryview) -> list[int]:
    """The ids in the order in which they were packed."""
    total = 0
    ids = []
    for delta in _expand("q", packed):
        total += delta
        ids.append(total)
    return ids


def pack_cohorts(cohorts: Iterable[int]) -> bytes:
    """32-bit cohort numbers."""
    return _compress(array("i", cohorts))


def unpack_cohorts(packed: bytes | memoryview) -> Sequence[int]:
    """The cohorts in the order in which they were packed."""
    return _expand("i", packed)


def _compress(values: array[int]) -> bytes:
    if sys.byteorder == "big":
        values.byteswap()
    return zlib.compress(values.tobytes(), LEVEL)


def _expand(kind: str, packed: bytes | memoryview) -> array[int]:
    values: array[int] = array(kind)
    values.frombytes(zlib.decompress(packed))
    if sys.byteorder == "big":
        values.byteswap()
    return values
