"""Recipients and cohorts of a batch, and ids that a script named, as compressed bytes."""

from __future__ import annotations

import json
import sys
import zlib
from array import array
from collections.abc import Iterable, Sequence
from itertools import accumulate, chain, tee
from operator import sub

# Level 1: ids are sorted and dense, so more effort buys little and costs CPU on the hot path.
LEVEL = 1


def pack_ids(ids: Iterable[int]) -> bytes:
    """64-bit ids, stored as differences, which compress to about a byte each when dense."""
    own, previous = tee(ids)
    return _compress(array("q", map(sub, own, chain((0,), previous))))


def unpack_ids(packed: bytes | memoryview) -> list[int]:
    """The ids in the order in which they were packed."""
    return list(accumulate(_expand("q", packed)))


def pack_cohorts(cohorts: Iterable[int]) -> bytes:
    """32-bit cohort numbers."""
    return _compress(array("i", cohorts))


def unpack_cohorts(packed: bytes | memoryview) -> Sequence[int]:
    """The cohorts in the order in which they were packed."""
    return _expand("i", packed)


def pack_texts(texts: Sequence[str]) -> bytes:
    """Ids as the `ids` column of TargetChunk and RejectedIds keeps them."""
    return zlib.compress(json.dumps(texts, separators=(",", ":")).encode(), LEVEL)


def unpack_texts(packed: bytes | memoryview) -> list[str]:
    """The ids that `pack_texts` was given."""
    texts: list[str] = json.loads(zlib.decompress(packed))
    return texts


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
