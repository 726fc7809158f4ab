"""What is no proper JSON is refused, and nothing is read that nobody wants."""

from __future__ import annotations

import gzip
import io
import json
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.compat.bodies import Body, parse_body, unpack_body
from providers.outcomes import Refusal, RefusalKind

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(st.characters(codec="utf8")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=20,
)


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"[1,]",
        b'{"a": 1, "a": 2}',
        b'{"a": NaN}',
        b"[-Infinity]",
        b"[1e999]",
        b'["\\ud800"]',
        b'{"\\udfff": 1}',
        b"[" * 21 + b"]" * 21,
        b"[" * 100_000,
        b"\xff\xfe",
        b"[" + b"9" * 5000 + b"]",
        json.dumps({str(number): number for number in range(1001)}).encode(),
        b"[" + b"0," * 5_000_000 + b"0]",
    ],
    ids=range(14),
)
def test_doubtful_json_is_refused(content):
    with pytest.raises(Refusal) as refused:
        parse_body(content)

    assert refused.value.kind is RefusalKind.MALFORMED


@given(values)
def test_proper_json_is_read_as_it_is(value):
    assert parse_body(json.dumps(value).encode()) == value


@pytest.mark.parametrize("content", [b"", b"  \n", b"\xef\xbb\xbf"])
def test_an_empty_body_is_none(content):
    assert parse_body(content) is None


@pytest.mark.parametrize(
    ("pack", "encoding"), [(gzip.compress, "gzip"), (zlib.compress, "Deflate"), (bytes, "utf-8")]
)
def test_a_packed_body_is_unpacked_up_to_its_cap(pack, encoding):
    content = b"x" * 1000

    assert unpack_body(pack(content), encoding, 1000) == content
    if pack is not bytes:
        with pytest.raises(Refusal) as refused:
            unpack_body(pack(content), encoding, 999)
        assert refused.value.kind is RefusalKind.TOO_LARGE


@pytest.mark.parametrize("content", [b"{}", gzip.compress(b"{}", mtime=0)[:-3]])
def test_a_body_that_is_not_packed_as_it_says_is_refused(content):
    with pytest.raises(Refusal) as refused:
        unpack_body(content, "gzip", 1000)

    assert refused.value.kind is RefusalKind.MALFORMED


def test_a_mark_of_byte_order_is_passed_over():
    assert parse_body(b'\xef\xbb\xbf{"a": "\\ud83d\\ude00"}') == {"a": "\U0001f600"}


def test_twenty_levels_and_a_thousand_keys_are_fine():
    value = {str(number): number for number in range(1000)}
    for _level in range(19):
        value = [value]

    assert parse_body(json.dumps(value).encode()) == value


def open_body(content: bytes, **environ: str) -> Body:
    given = {"CONTENT_LENGTH": str(len(content)), **environ}
    return Body({"wsgi.input": io.BytesIO(content), **given})


def test_a_body_that_says_it_is_too_large_is_not_read():
    body = open_body(b"x" * 11)

    with pytest.raises(Refusal) as refused:
        body.read(10)

    assert (refused.value.kind, body.taken) == (RefusalKind.TOO_LARGE, 0)


def test_a_body_without_a_length_is_refused_when_the_count_passes_the_cap():
    body = Body({"wsgi.input": io.BytesIO(b"x" * 300_000), "wsgi.input_terminated": True})

    with pytest.raises(Refusal) as refused:
        body.read(100_000)

    assert (refused.value.kind, body.taken) == (RefusalKind.TOO_LARGE, 131_072)


def test_what_nobody_reads_is_dropped_up_to_a_limit():
    body = open_body(b"x" * 1_000_000)

    body.drain(200_000)

    assert body.taken == 262_144


def test_nothing_is_read_where_nobody_says_that_there_is_a_body():
    body = Body({"wsgi.input": io.BytesIO(b"next request"), "CONTENT_LENGTH": ""})

    assert body.read(100) == b""
