"""The vendor-compatible door: one view for every dialect and each of its routes.

It answers JSON in the dialect's own shape whatever happens, ourselves failing included.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpResponse, JsonResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt

from campaigns.compat.bodies import Body, parse_body, unpack_body
from campaigns.compat.rations import execute_counted
from campaigns.errors import DATABASE_AWAY, Forbidden, Invalid, NotFound, Unavailable
from campaigns.models import ApiKey
from campaigns.models.access import find_installation
from campaigns.services import access, quotas
from campaigns.services.access import is_guest
from campaigns.services.callers import Caller, find_app_door
from campaigns.services.credentials import find_principal
from providers import registry
from providers.commands import Command, SendPush, SendPushes
from providers.contract import Dialect
from providers.inbound import Call, Reply, Route
from providers.outcomes import Refusal, RefusalKind
from providers.routing import choose_shape, find_repeats, find_route

HOP_HEADER = "x-pushadmin-hop"
MAX_HOPS = 3
MAX_FIELDS = 1_000
DEFAULT_CAP = 10_000_000
BODILESS = frozenset({"GET", "HEAD", "OPTIONS"})

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Visit:
    """A call that has found its route; its body is still on the line."""

    dialect: Dialect
    route: Route
    call: Call
    body: Body


@csrf_exempt
def answer_call(request: WSGIRequest, dialect: str, path: str) -> HttpResponse:
    """Answer one call of a script that speaks `dialect`; `path` is what follows its mount."""
    spoken = find_dialect(dialect)
    if spoken is None:
        return JsonResponse({"code": "not_found", "message": "No such dialect."}, status=404)
    path = path.lstrip("/")
    body = Body(request.environ)
    cap = DEFAULT_CAP
    request_id = getattr(request, "request_id", "")
    try:
        visit = _find_visit(request, spoken, path, body)
        cap = visit.route.max_bytes
        reply = _serve(visit)
    except Refusal as refusal:
        reply = _write_refusal(spoken, path, refusal, request_id)
    except DATABASE_AWAY as error:
        logger.warning("The database did not answer: %s", error)
        reply = _write_refusal(spoken, path, Unavailable(), request_id)
    except Exception:
        logger.exception("a call of %s failed: request %s", spoken.key, request_id)
        words = _("Something went wrong here. Quote request %(id)s.") % {"id": request_id}
        reply = _write_refusal(spoken, path, Refusal(RefusalKind.INTERNAL, words), request_id)
    body.drain(2 * cap)
    return write_response(reply)


def find_dialect(key: str) -> Dialect | None:
    """The dialect of that key if scripts may speak it here: it has routes, and is a real vendor."""
    for dialect in registry.all_dialects():
        if dialect.key == key and dialect.has_door:
            return dialect
    return None


def _find_visit(request: WSGIRequest, dialect: Dialect, path: str, body: Body) -> Visit:
    route, pieces = find_route(dialect.routes, str(request.method), path)
    headers = {name.lower(): value for name, value in request.headers.items()}
    pairs = read_query(request)
    call = Call(None, pieces, dict(pairs), headers, repeats=find_repeats(pairs))
    return Visit(dialect, route, call, body)


def read_query(request: WSGIRequest) -> list[tuple[str, str]]:
    """The parameters of an address in their order; raises Refusal for too many."""
    text = request.environ.get("QUERY_STRING", "").encode("latin-1").decode("utf-8", "replace")
    try:
        return parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError as error:
        message = f"More than {MAX_FIELDS} parameters."
        raise Refusal(RefusalKind.INVALID, message) from error


def _serve(visit: Visit) -> Reply:
    now = timezone.now()
    hops = _read_hops(visit.call.headers)
    caller = Caller(_find_key(visit, now), visit.dialect, now, hops)
    _count_call(visit, caller)
    call = _complete_call(visit, caller)
    command = visit.route.read(call)
    _refuse_crowd(command, visit.route)
    answer = execute_counted(command, visit.route, caller)
    return visit.route.write(answer, call)


def _count_call(visit: Visit, caller: Caller) -> None:
    """Count it against its quota, the key's or its app's; raises Refused when that is used up."""
    dialect, name = visit.dialect, visit.route.quota
    if not caller.key.pk:
        return None  # a guest's calls are nobody's to count
    quota = dialect.quotas.get(name)
    if quota is not None and quota.per_app and dialect.name_door is not None:
        with suppress(NotFound):  # told when the body has been read: what is too large comes first
            app = find_app_door(dialect.name_door(visit.call), caller).app
            return quotas.use_app_quota(app, dialect, name, now=caller.now)
    return quotas.use_quota(caller.key, dialect, name, now=caller.now)


def _read_hops(headers: Mapping[str, str]) -> int:
    """How many installations the call has come through; raises Refused for one in a circle."""
    text = headers.get(HOP_HEADER)
    if text is None:
        return 0
    sender, _comma, count = text.partition(",")
    count = count.strip()
    if not (count.isascii() and count.isdigit() and len(count) < 4):
        raise Invalid(_("The header X-Pushadmin-Hop is malformed."))
    if sender.strip() == find_installation().installation_id or int(count) > MAX_HOPS:
        raise Forbidden(_("This call has gone round in a circle."), code="loop")
    return int(count)


def _find_key(visit: Visit, now: datetime) -> ApiKey:
    if visit.route.is_open:
        return access.make_guest()
    call = replace(visit.call, now=now)
    shown = visit.dialect.authenticate(call)  # type: ignore[misc]  # has_door has asked
    return find_principal(shown, visit.dialect, now=now)


def _complete_call(visit: Visit, caller: Caller) -> Call:
    """The call with its body, which is JSON whatever its content type says, the time, and the
    options of the door that it names; raises NotFound for one that is not there."""
    call = replace(visit.call, now=caller.now)
    if visit.route.method not in BODILESS:
        call = replace(call, body=_read_body(visit))
    name_door = visit.dialect.name_door
    if name_door is None or is_guest(caller.key):
        return call
    return replace(call, options=find_app_door(name_door(call), caller).options)


def _read_body(visit: Visit) -> Any:
    most = visit.route.max_bytes
    encoding = visit.call.headers.get("content-encoding", "")
    content = unpack_body(visit.body.read(most), encoding, most)
    if not (visit.route.takes_forms and _is_form(visit.call)):
        return parse_body(content)
    text = content.decode("utf-8", "replace")
    try:
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_FIELDS))
    except ValueError as error:
        message = f"More than {MAX_FIELDS} fields."
        raise Refusal(RefusalKind.INVALID, message) from error


def _is_form(call: Call) -> bool:
    kind = call.headers.get("content-type", "").partition(";")[0].strip()
    return kind.lower() == "application/x-www-form-urlencoded"


def _refuse_crowd(command: Command, route: Route) -> None:
    parts = [part for push in _list_pushes(command) for part in push.parts]
    count = sum(len(targets.values) for part in parts for targets in part.targets)
    if count > route.max_recipients:
        raise Invalid(_("At most %(count)s recipients per call.") % {"count": route.max_recipients})


def _list_pushes(command: Command) -> tuple[SendPush, ...]:
    match command:
        case SendPush():
            return (command,)
        case SendPushes(pushes):
            return pushes
    return ()


def _write_refusal(dialect: Dialect, path: str, refusal: Refusal, request_id: str = "") -> Reply:
    refusal.request_id = request_id
    reply: Reply = choose_shape(dialect, path)(refusal)  # type: ignore[misc]  # has_door has asked
    if not refusal.allowed:
        return reply
    # RFC 9110 15.5.6: who is refused for the method is told which ones there are.
    return replace(reply, headers={**reply.headers, "Allow": ", ".join(refusal.allowed)})


def answer_refusal(dialect: Dialect, path: str, refusal: Refusal) -> HttpResponse:
    """The answer to a call that is refused before it is ours, such as one of a wrong host."""
    return write_response(_write_refusal(dialect, path, refusal))


def write_response(reply: Reply) -> HttpResponse:
    """A reply as Django sends it."""
    content: Any = reply.body
    if not isinstance(content, str):
        content = json.dumps(content, separators=(",", ":"))
    response = HttpResponse(content, status=reply.status, content_type=reply.content_type)
    for name, value in reply.headers.items():
        response.headers[name] = value
    return response
