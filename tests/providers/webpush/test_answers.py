"""How much of an answer is taken apart: anybody may name the server that gives it."""

from __future__ import annotations

import json

import pytest

from providers.outcomes import Outcome, Reason
from providers.vendors.webpush.wire_errors import MAX_SAID, MAX_WORDS, read_result


def write_body(length: int) -> bytes:
    empty = json.dumps({"message": "No more", "more": ""})
    return json.dumps({"message": "No more", "more": "x" * (length - len(empty))}).encode()


def read(status: int, body: bytes):
    return read_result(0, status, {}, body, is_trusted=False)


@pytest.mark.parametrize(
    ("length", "words"),
    [
        (MAX_SAID, "No more"),
        (MAX_SAID + 1, write_body(MAX_SAID + 1)[:MAX_WORDS].decode()),
    ],
)
def test_of_a_long_answer_only_its_beginning_is_read(length, words):
    result = read(410, write_body(length))

    assert (result.reason, result.message) == (Reason.TOKEN, words)


@pytest.mark.parametrize(
    ("length", "outcome"), [(MAX_SAID, Outcome.ACCEPTED), (MAX_SAID + 1, Outcome.UNKNOWN)]
)
def test_a_long_200_leaves_it_open(length, outcome):
    assert read(200, write_body(length)).outcome is outcome


def test_an_answer_that_is_nested_deeply_is_nothing_that_is_known():
    body = b"[" * MAX_SAID

    assert read(200, body).outcome is Outcome.UNKNOWN
    assert read(410, body).message == "[" * MAX_WORDS
