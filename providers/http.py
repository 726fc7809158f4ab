"""The one place where a vendor call leaves us, and the scrubbed record of each call. What answers
mean is `failures`'; the guard against inner addresses and the time limits are `http_session`'s.
Gateways that take one device per call are called by `fanout`.
"""

from __future__ import annotations

import http.client
import json
import logging
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypedDict, Unpack
from urllib.parse import urlsplit

import requests
from requests_hardened.ip_filter import InvalidIPAddress
from urllib3.exceptions import HTTPError

from providers.commands import FetchStatus
from providers.failures import (
    HOP_HEADER,
    MAX_ANSWER_BYTES,
    MISREADINGS,
    TOO_LONG,
    describe_misreading,
    explain_inner_address,
    explain_silence,
    explain_status,
    explain_unreachable,
    explain_unwritable,
    find_hop,
    find_words,
    hopping,
    parse_body,
)
from providers.http_session import (
    CONNECT_SECONDS,
    Progress,
    find_call_seconds,
    find_progress,
    get_session,
    running_call,
    using_session,
)
from providers.outbound import Exchange, Request
from providers.outcomes import Failure, Reason
from providers.pacing import read_retry_after
from providers.scrub import Scrubber, cut_text, find_header_secrets

__all__ = [
    "CallOptions",
    "call",
    "explain_status",
    "find_words",
    "get_session",
    "hopping",
    "recording",
    "send",
    "using_session",
    "write_request",
]

JSON_HEADERS = {"Content-Type": "application/json; charset=utf-8"}

logger = logging.getLogger(__name__)


class CallOptions(TypedDict, total=False):
    """What `call` takes beside method and URL; everything is optional.

    `recipients` are JSON keys whose values are counted, not kept. `secrets` are credentials that
    stand neither in a header nor under a telling name. `read` turns the parsed body into a value:
    a KeyError, TypeError and the like there means that the answer is not understood.
    `read_headers` is given the answer's headers too, whatever their case, in place of `read`.
    `read_error` gets the status and the parsed body (a text, if it is no JSON) of an answer that
    is no success, and may know better than the status what it means. `allows_text` lets `read`
    judge an answer that is no JSON, as a text. Times in seconds.
    """

    headers: Mapping[str, str]
    params: Mapping[str, str | int]
    json: Any
    data: bytes | Mapping[str, str]
    read: Callable[[Any], Any]
    read_headers: Callable[[Any, Mapping[str, str]], Any]
    read_error: Callable[[int, Any], Failure | None]
    recipients: Collection[str]
    secrets: Collection[str]
    connect_seconds: float
    read_seconds: float
    allows_empty: bool
    allows_text: bool


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: Mapping[str, str]
    content: bytes


class _Unreadable(Exception):
    """The answer's size or form cannot be worked with."""


_scrubber: ContextVar[Scrubber | None] = ContextVar("scrubber", default=None)
_record: ContextVar[list[Exchange] | None] = ContextVar("record", default=None)


def call(session: requests.Session, method: str, url: str, **options: Unpack[CallOptions]) -> Any:
    """One vendor call: its parsed JSON body, or what `read` makes of it.

    Raises `Failure` and nothing else. An empty answer is None where `allows_empty`.
    """
    request = _prepare_request(session, method, url, options)
    scrubber = Scrubber(
        find_header_secrets(request.headers) | set(options.get("secrets", ())),
        options.get("recipients", ()),
    )
    progress = Progress(options.get("read_seconds", find_call_seconds()))
    marks = (running_call.set(progress), _scrubber.set(scrubber))
    try:
        answer = _fetch_answer(session, request, options, scrubber)
        return _read_answer(answer, options)
    except Failure as failure:
        failure.message = scrubber.scrub_text(failure.message)
        failure.args = (failure.message,)
        raise
    finally:
        running_call.reset(marks[0])
        _scrubber.reset(marks[1])


def write_request(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    json: Any,
    lookup: FetchStatus | None = None,
    count: int = 0,
) -> Request:
    """A call with a JSON body, encoded, that `send` makes later; talks to nobody."""
    return Request(
        method=method,
        url=url,
        headers={**JSON_HEADERS, **headers},
        body=_encode_json(json),
        lookup=lookup,
        count=count,
    )


def send(session: requests.Session, request: Request, **options: Unpack[CallOptions]) -> Any:
    """Make a call that was written before; as `call`."""
    options = {**options, "headers": request.headers, "data": request.body}
    return call(session, request.method, request.url, **options)


@contextmanager
def recording() -> Iterator[list[Exchange]]:
    """Collects the scrubbed exchanges of every call made inside, in this thread."""
    exchanges: list[Exchange] = []
    mark = _record.set(exchanges)
    try:
        yield exchanges
    finally:
        _record.reset(mark)


def _prepare_request(
    session: requests.Session, method: str, url: str, options: CallOptions
) -> requests.PreparedRequest:
    headers = {"Accept": "application/json", **options.get("headers", {})}
    data: Any = options.get("data")
    if "json" in options:
        headers = {**JSON_HEADERS, **headers}
        data = _encode_json(options["json"])
    if find_hop():
        headers[HOP_HEADER] = find_hop()
    request = requests.Request(method, url, headers, data=data, params=options.get("params"))
    try:
        if "@" in urlsplit(url).netloc:
            raise ValueError("What an address names as a login would be sent there.")
        return session.prepare_request(request)
    except (requests.RequestException, ValueError):
        raise explain_unwritable() from None


def _encode_json(body: Any) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode()


def _fetch_answer(
    session: requests.Session,
    request: requests.PreparedRequest,
    options: CallOptions,
    scrubber: Scrubber,
) -> _Answer:
    started = time.monotonic()
    answer = None
    try:
        answer = _exchange_bytes(session, request, options)
        return answer
    except _ERRORS as error:
        # The cause is dropped: its text and its request hold addresses, headers and keys.
        raise _explain_silence(error) from None
    finally:
        seconds = time.monotonic() - started
        status = answer.status if answer else None
        where = scrubber.scrub_text(request.url or "")
        logger.debug("%s %s: %s in %.3f s", request.method, where, status, seconds)
        _keep_exchange(request, answer, where, seconds)


_ERRORS = (requests.RequestException, HTTPError, OSError, http.client.HTTPException, _Unreadable)


def _exchange_bytes(
    session: requests.Session, request: requests.PreparedRequest, options: CallOptions
) -> _Answer:
    seconds = find_progress().seconds
    limits = (options.get("connect_seconds", min(CONNECT_SECONDS, seconds)), seconds)
    response = session.send(request, timeout=limits, allow_redirects=False, stream=True)
    # Leaving the block gives a connection back; one that was not read to its end is closed.
    with response:
        content = bytearray()
        while chunk := response.raw.read(65536, decode_content=True):
            content += chunk
            if len(content) > MAX_ANSWER_BYTES:
                raise _Unreadable(TOO_LONG)
        return _Answer(response.status_code, response.headers, bytes(content))


def _explain_silence(error: Exception) -> Failure:
    if isinstance(error, _Unreadable):
        return Failure(Reason.NO_ANSWER, str(error), was_sent=None)
    if isinstance(error, InvalidIPAddress):
        return explain_inner_address()
    word = type(error).__name__
    return explain_silence(word) if find_progress().is_written else explain_unreachable(word)


def _read_answer(answer: _Answer, options: CallOptions) -> Any:
    body, is_json = parse_body(answer.content)
    if not 200 <= answer.status < 300:
        raise _explain_refusal(answer, body, options)
    if not answer.content and options.get("allows_empty"):
        return None
    if not is_json and not options.get("allows_text"):
        raise _misunderstand(answer.status)
    read, read_headers = options.get("read"), options.get("read_headers")
    try:
        if read_headers is not None:
            return read_headers(body, answer.headers)
        return body if read is None else read(body)
    except MISREADINGS:
        raise _misunderstand(answer.status) from None


def _misunderstand(status: int) -> Failure:
    return Failure(Reason.NO_ANSWER, describe_misreading(status), was_sent=None)


def _explain_refusal(answer: _Answer, body: Any, options: CallOptions) -> Failure:
    failure = _ask_vendor(answer.status, body, options)
    if failure is None:
        failure = explain_status(answer.status, find_words(body))
    if failure.retry_after is None and not failure.is_permanent:
        asked = answer.headers.get("Retry-After", "")
        failure.retry_after = read_retry_after(asked, datetime.now(UTC))
    return failure


def _ask_vendor(status: int, body: Any, options: CallOptions) -> Failure | None:
    read_error = options.get("read_error")
    if 300 <= status < 400:
        return None  # somebody in between: no vendor's API is documented to redirect
    try:
        return read_error(status, body) if read_error else None
    except MISREADINGS:
        return None  # an error page of somebody in between


def _keep_exchange(
    request: requests.PreparedRequest, answer: _Answer | None, where: str, seconds: float
) -> None:
    exchanges = _record.get()
    scrubber = _scrubber.get()
    if exchanges is None or scrubber is None:
        return
    exchanges.append(
        Exchange(
            method=request.method or "",
            url=cut_text(where),
            request=_scrub_bytes(scrubber, request.body),
            status=answer.status if answer else None,
            response=_scrub_bytes(scrubber, answer.content if answer else None),
            seconds=seconds,
        )
    )


def _scrub_bytes(scrubber: Scrubber, body: Any) -> str:
    if not body:
        return ""
    content = body.encode() if isinstance(body, str) else bytes(body)
    return scrubber.scrub_body(parse_body(content)[0])


class _LogFilter(logging.Filter):
    """Takes the running call's secrets out of what the HTTP library logs."""

    def filter(self, record: logging.LogRecord) -> bool:
        scrubber = _scrubber.get() or Scrubber()
        record.msg, record.args = scrubber.scrub_text(record.getMessage()), ()
        return True


logging.getLogger("urllib3.connectionpool").addFilter(_LogFilter())
