"""Log lines: one line each, with the request's id, with nothing that could forge another."""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Callable
from contextvars import ContextVar

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
# In an address: an invitation's secret, a hook's proof, a token. Words of a path have no digit
# or capital in twenty letters.
KEY_IN_PATH = re.compile(r"(?<=/)(?=[^/\s\"]*[0-9A-Z])[A-Za-z0-9_:.~%=+-]{20,}")
GIVEN_ID = re.compile(r"[A-Za-z0-9-]{8,64}")
current_request_id: ContextVar[str] = ContextVar("current_request_id", default="-")


class RequestIdMiddleware:
    """Give each request an id (`request.request_id`), log with it, answer it as X-Request-Id."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-Id", "")
        request_id = given if GIVEN_ID.fullmatch(given) else secrets.token_hex(16)
        request.request_id = request_id  # type: ignore[attr-defined]  # ours
        before = current_request_id.set(request_id)
        try:
            response = self.get_response(request)
        finally:
            current_request_id.reset(before)
        response.headers["X-Request-Id"] = request_id
        return response


class RequestIdFilter(logging.Filter):
    """Put the current request's id on every record."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = current_request_id.get()
        return True


class NoTraceFilter(logging.Filter):
    """Leave a record its sentence alone: what strangers cause every day is no fault of ours."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.exc_info = None
        return True


class DeniedFilter(logging.Filter):
    """Leave a refusal its sentence alone: that somebody may not do something is no fault of ours.
    What fails keeps its traceback."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info and isinstance(record.exc_info[1], PermissionDenied):
            record.exc_info = None
        return True


class LineFormatter(logging.Formatter):
    """Time, level, request id, logger, message. Control characters become visible escapes, and
    of keys in addresses the beginning is left."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(request_id)s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        line = super().formatMessage(record)
        line = KEY_IN_PATH.sub(lambda found: f"{found.group()[:4]}…", line)
        return CONTROL.sub(lambda found: repr(found.group())[1:-1], line)
