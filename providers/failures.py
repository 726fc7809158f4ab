"""What a status of any vendor means, and what no answer does; for `http` and `fanout` alike."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from http import HTTPStatus
from typing import Any

from providers.outcomes import Failure, Reason
from providers.scrub import cut_text

MAX_ANSWER_BYTES = 1_048_576
MAX_WORDS_BYTES = 500
MAX_LEVELS = 64  # of lists and objects in each other; no vendor's API has a tenth
TOO_LONG = "The vendor's answer is longer than 1 MB."
HOP_HEADER = "X-Pushadmin-Hop"

# A gateway's word that its own upstream did not answer says nothing about what that one did.
UNCERTAIN_STATUSES = frozenset({408, 502, 504})
# Of a server that has not begun with the call (RFC 9110, 15.6.2, 15.6.4 and 15.6.6).
NOT_BEGUN_STATUSES = frozenset({501, 503, 505})
THROTTLED_STATUSES = frozenset({420, 429})
CREDENTIAL_STATUSES = frozenset({401, 403, 407})

# What reading an answer raises that is not as documented; a moment that no clock has is an OSError.
MISREADINGS = (
    LookupError, TypeError, AttributeError, ValueError, ArithmeticError, OSError, RecursionError,
)  # fmt: skip

_PHRASES = {status.value: status.phrase for status in HTTPStatus}
_hop: ContextVar[str] = ContextVar("hop", default="")


@contextmanager
def hopping(installation: str, hop: int) -> Iterator[None]:
    """Calls made inside say that they are the `hop`-th of a chain of installations."""
    mark = _hop.set(f"{installation},{hop}")
    try:
        yield
    finally:
        _hop.reset(mark)


def find_hop() -> str:
    """What calls made here say of the chain that they are in; "" for none."""
    return _hop.get()


def leaves_doubt(status: int) -> bool:
    """Whether a call may have been taken although such an error came, where no key tells it from
    a repeat: a server may fail before it takes a call or right after."""
    is_failure = status >= 500 and status not in NOT_BEGUN_STATUSES
    return is_failure or status in UNCERTAIN_STATUSES


def explain_status(status: int, words: str = "") -> Failure:
    """What a status other than 2xx means, for any vendor; `words` are the vendor's own."""
    message = words or f"HTTP {status} {_PHRASES.get(status, '')}".strip()
    was_sent = None if status in UNCERTAIN_STATUSES else True
    if status in CREDENTIAL_STATUSES:
        return Failure(Reason.CREDENTIAL, message, is_permanent=True, was_sent=True)
    if status in THROTTLED_STATUSES:
        return Failure(Reason.THROTTLED, message, was_sent=True)
    if 300 <= status < 400:
        message = f"The account's address answers with a redirect ({status}). Correct it."
        return Failure(Reason.CREDENTIAL, message, is_permanent=True, was_sent=True)
    if status >= 500 or status in UNCERTAIN_STATUSES:
        return Failure(Reason.VENDOR, message, was_sent=was_sent)
    return Failure(Reason.PAYLOAD, message, is_permanent=True, was_sent=True)


def describe_misreading(status: int) -> str:
    """Something answered, yet perhaps not the vendor: whether it got the call, nobody knows."""
    return f"The vendor's answer ({status}) is not what its documentation says."


def find_words(body: Any) -> str:
    """A sentence for people somewhere in an error body; "" if there is none."""
    if isinstance(body, str):
        is_page = body.lstrip().startswith("<")
        return "" if is_page else cut_text(body.strip(), MAX_WORDS_BYTES)
    if isinstance(body, list):
        return find_words(body[0]) if body else ""
    if isinstance(body, dict):
        for key in ("message", "error_description", "description", "detail", "error", "errors"):
            words = find_words(body.get(key))
            if words:
                return words
    return ""


def explain_unwritable() -> Failure:
    """What cannot be put into a request at all."""
    return Failure(
        Reason.CREDENTIAL,
        "The vendor's address or the account's credentials cannot be put into a request.",
        is_permanent=True,
    )


def explain_inner_address() -> Failure:
    """Where the guard against inner addresses has stopped a call."""
    return Failure(
        Reason.CREDENTIAL,
        "The account's address leads to a private or loopback network. Correct it, or name "
        "its origin in PUSHADMIN_OUTBOUND_ALLOW.",
        is_permanent=True,
    )


def explain_unreachable(word: str) -> Failure:
    """Nothing was written; `word` is the library's for what went wrong."""
    return Failure(Reason.VENDOR, f"The vendor cannot be reached ({word}).")


def explain_silence(word: str) -> Failure:
    """The request was written, perhaps in part, and its answer did not come whole."""
    words = f"The request was sent and no whole answer came ({word})."
    return Failure(Reason.NO_ANSWER, words, was_sent=None)


def parse_body(content: bytes) -> tuple[Any, bool]:
    """A body's JSON, or its text, and whether it is JSON; of texts only what any database takes.

    What has more than MAX_LEVELS is none that anybody could look through.
    """
    try:
        body = json.loads(content)
        _check_levels(body, content)
        # Only an escape can bring in what no database takes: NUL and half characters.
        return (_clean(body) if b"\\u" in content else body), True
    except (ValueError, RecursionError):
        return _clean(content.decode("utf-8", "replace")), False


def _check_levels(body: Any, content: bytes) -> None:
    level, left = [body], MAX_LEVELS
    if content.count(b"[") + content.count(b"{") <= left:
        return
    while level:
        level = [inner for outer in level for inner in _list_inner(outer)]
        left -= 1
        if left < 0:
            raise ValueError("too many levels")


def _list_inner(value: Any) -> Iterable[Any]:
    """The lists and objects that stand in one."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return (item for item in inner if isinstance(item, dict | list))


_UNPRINTABLE = re.compile("[\0\ud800-\udfff]")


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return _UNPRINTABLE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_clean(item) for item in value]
    if isinstance(value, dict):
        return {_clean(name): _clean(item) for name, item in value.items()}
    return value
