"""One error shape for every refusal: `{"code", "message", "fields", "request_id"}`."""

from __future__ import annotations

import logging
from typing import Any

from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.http import Http404
from django.utils.translation import gettext as _
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

from campaigns.errors import DATABASE_AWAY, KeyReused, Refused, Unavailable
from providers.outcomes import HTTP_STATUS, Refusal

log = logging.getLogger(__name__)
CODES = {
    400: "invalid", 401: "unauthenticated", 403: "forbidden", 404: "not_found",
    405: "method_not_allowed", 406: "not_acceptable", 413: "too_large",
    415: "unsupported_media_type", 422: "idempotency_key_reused", 429: "throttled",
    500: "internal",
}  # fmt: skip


class TooLarge(exceptions.APIException):
    """A body, or a list in it, is over its cap."""

    status_code = 413


class Malformed(exceptions.APIException):
    """A body is no JSON that we take."""

    status_code = 400
    default_code = "malformed"


def answer_exception(error: Exception, context: dict[str, Any]) -> Response:
    """The answer for anything that a view raises; what nobody expected is logged and a 500."""
    set_rollback()
    if isinstance(error, DATABASE_AWAY):
        log.warning("The database did not answer: %s", error)
        error = Unavailable()
    request_id = getattr(context["request"]._request, "request_id", "")
    status, code, message, fields = _describe(error)
    if status == 500:
        log.error("An API call failed.", exc_info=error)
    body = {"code": code, "message": message, "fields": fields, "request_id": request_id}
    return Response(body, status=status, headers=_write_headers(error, status))


def _describe(error: Exception) -> tuple[int, str, str, dict[str, str]]:
    match error:
        case Refused():
            status = 422 if isinstance(error, KeyReused) else HTTP_STATUS[error.kind]
            return status, error.code, error.message, error.fields
        case Refusal():
            fields = {error.field: error.message} if error.field else {}
            return HTTP_STATUS[error.kind], error.kind.value, error.message, fields
        case exceptions.ValidationError():
            fields = flatten_faults(error.detail)
            return 400, "invalid", _("Some values are wrong; see fields."), fields
        case exceptions.APIException():
            code = CODES.get(error.status_code, "refused")
            is_own = error.status_code == 400
            return error.status_code, str(error.default_code if is_own else code), _say(error), {}
        case Http404():
            return 404, "not_found", _("There is no such thing, or it is not yours."), {}
        case SuspiciousOperation():
            status = 413 if isinstance(error, RequestDataTooBig) else 400
            return status, CODES[status], _("The request is malformed or too large."), {}
    return 500, CODES[500], _("Something went wrong here. It has been logged."), {}


def _say(error: exceptions.APIException) -> str:
    return str(error.detail)


def _write_headers(error: Exception, status: int) -> dict[str, str]:
    headers = {}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    wait = getattr(error, "wait", None) or getattr(error, "retry_after", None)
    if wait:
        headers["Retry-After"] = str(int(wait) + 1)
    return headers


def flatten_faults(detail: Any, path: str = "") -> dict[str, str]:
    """Nested messages of serializers as one sentence by path, `message.android.priority`."""
    if isinstance(detail, dict):
        pairs = [(f"{path}.{key}".lstrip("."), value) for key, value in detail.items()]
    elif isinstance(detail, list) and any(isinstance(item, dict | list) for item in detail):
        pairs = [(f"{path}[{index}]", item) for index, item in enumerate(detail) if item]
    else:
        words = detail if isinstance(detail, list) else [detail]
        return {path.removesuffix(".non_field_errors"): " ".join(str(word) for word in words)}
    return {key: text for name, item in pairs for key, text in flatten_faults(item, name).items()}
