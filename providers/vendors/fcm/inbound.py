"""The vendor's calls as we serve them: data only; and how it answers in the simulator."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime

from providers.commands import Accepted
from providers.gateways import Gateway, GatewayCall, GatewayReply, GatewaySend
from providers.inbound import Call, Quota, Reply, Route
from providers.outcomes import Refusal, RefusalKind
from providers.recipients import Targets

from . import wire_auth, wire_errors, wire_sends

SEND = "messages"
# 600,000 tokens of quota a minute, per project (throttling-and-quotas).
QUOTAS: Mapping[str, Quota] = {SEND: Quota(calls=600_000, within=60, per_app=True)}
MAX_BYTES = 100_000  # a message is 4,096 bytes; names and what is not counted come on top

ROUTES = (
    Route(
        method="POST",
        path=wire_sends.SEND_PATH,
        read=wire_sends.read_send,
        write=wire_sends.write_sent,
        write_refusal=wire_sends.write_refusal,
        quota=SEND,
        max_bytes=MAX_BYTES,
    ),
    Route(
        method="POST",
        path=wire_auth.TOKEN_PATH,
        read=wire_auth.read_token_request,
        write=wire_auth.write_token,
        write_refusal=wire_auth.write_token_refusal,
        is_open=True,
        takes_forms=True,
        max_bytes=MAX_BYTES,
    ),
    Route(
        method="POST",
        path=wire_sends.BATCH_PATH,
        read=wire_sends.refuse_batch,
        write=wire_sends.write_sent,
        is_open=True,
        max_bytes=MAX_BYTES,
    ),
)

ISSUED = "ya29.simulated"  # the access token that the simulator gives
REFUSED = "refused"


def _write(reply: Reply) -> GatewayReply:
    headers = {name.lower(): value for name, value in reply.headers.items()}
    headers["content-type"] = "application/json; charset=UTF-8"
    return GatewayReply(reply.status, json.dumps(reply.body).encode(), headers)


def _read_call(call: GatewayCall) -> GatewaySend | GatewayReply:
    """A send, or a token for whatever assertion; a call for trial sends nothing."""
    if call.method != "POST":
        raise Refusal(RefusalKind.NOT_FOUND, "There is nothing at this address.")
    if wire_auth.is_own_path(call.path):
        body = {"access_token": ISSUED, "expires_in": wire_auth.LIFE, "token_type": "Bearer"}
        return _write(Reply(200, body))
    if not call.path.endswith(wire_sends.VERB):
        raise Refusal(RefusalKind.NOT_FOUND, "There is nothing at this address.")
    shown = wire_auth.read_authorization(Call(headers=call.headers))
    if shown.key == REFUSED:
        raise Refusal(RefusalKind.UNAUTHENTICATED, "Request had invalid authentication credentials")
    return _read_message(call)


def _read_message(call: GatewayCall) -> GatewaySend | GatewayReply:
    try:
        body = json.loads(call.body)
    except ValueError:
        raise Refusal(RefusalKind.MALFORMED, "Invalid JSON payload received.") from None
    inner = Call(body, {"project": _find_project(call)}, now=call.now)
    push = wire_sends.read_send(inner)
    if push.is_dry_run:
        return _write(wire_sends.write_sent(Accepted(""), inner))
    [part] = push.parts
    targets = part.targets[0] if part.targets else Targets("", ("",))
    return GatewaySend(targets.values[0], wire_sends.find_tag(body))


def _find_project(call: GatewayCall) -> str:
    return call.path.removesuffix(wire_sends.VERB).rpartition("/")[2]


def _write_accepted(call: GatewayCall, send: GatewaySend) -> GatewayReply:
    name = wire_sends.write_tag(f"{send.recipient} {send.key} {call.now}").decode()
    inner = Call({}, {"project": _find_project(call)})
    return _write(wire_sends.write_sent(Accepted(name), inner))


def _write_dead(call: GatewayCall, send: GatewaySend, since: datetime) -> GatewayReply:
    return _write(wire_sends.write_unregistered())


def _write_refusal(call: GatewayCall, refusal: Refusal) -> GatewayReply:
    is_token = wire_auth.is_own_path(call.path)
    write = wire_auth.write_token_refusal if is_token else wire_errors.write_refusal
    return _write(write(refusal))


GATEWAY = Gateway(
    read=_read_call,
    write_accepted=_write_accepted,
    write_dead=_write_dead,
    write_refusal=_write_refusal,
)
