"""A vendor that is told whom a call means, keeps labels, and takes calls back. Its wire format is
our own, and goes over a real socket.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from providers import http, registry
from providers.audience import read_expression, write_expression
from providers.audience_calls import ChangeMembers, CreateLabel, FetchLabel, MembersChanged
from providers.commands import Accepted, Answer, PushPart, Recalled, RecallPush, SendPush
from providers.contract import Addressing, Dialect, Idempotency
from providers.inbound import Call, Reply, Route
from providers.message_json import read_message, write_message
from providers.outbound import Request
from providers.outcomes import Failure, Reason
from providers.recipients import Audience, Targets
from providers.simulator import Simulator
from providers.vendors.sandbox import wire
from providers.vendors.sandbox.outbound import Sandbox

DESCRIBED = frozenset({Addressing.LABEL, Addressing.FILTER, Addressing.EVERYONE})


def write_send(push: SendPush) -> dict[str, Any]:
    [part] = push.parts
    body: dict[str, Any] = {
        "key": push.client_key,
        "tag": push.tag,
        "message": write_message(part.message),
        "targets": [[item.kind, item.values] for item in part.targets],
    }
    if part.audience is not None:
        expression = part.audience.expression
        body["labels"] = part.audience.labels
        body["expression"] = write_expression(expression) if expression else None
    return body


def read_send(call: Call) -> SendPush:
    body = call.body
    audience = None
    if "labels" in body:
        written = body["expression"]
        expression = read_expression(written) if written else None
        audience = Audience(labels=tuple(body["labels"]), expression=expression)
    targets = tuple(Targets(kind, tuple(values)) for kind, values in body["targets"])
    part = PushPart(read_message(body["message"]), targets, audience)
    return SendPush(parts=(part,), client_key=body["key"], tag=body["tag"])


def write_sent(accepted: Accepted, call: Call) -> Reply:
    return Reply(200, {"transfer": accepted.transfer})


def write_done(answer: Answer, call: Call) -> Reply:
    failed = answer.failed if isinstance(answer, MembersChanged) else {}
    return Reply(200, {"failed": list(failed)})


def write_recalled(recalled: Recalled, call: Call) -> Reply:
    return Reply(200, {"taken": [[item.kind, item.values] for item in recalled.taken or ()]})


def read_recalled(body: Any) -> Recalled:
    return Recalled(tuple(Targets(kind, tuple(values)) for kind, values in body["taken"]))


def read_members(call: Call) -> ChangeMembers:
    add, remove = tuple(call.body["add"]), tuple(call.body["remove"])
    return ChangeMembers(app="", label=call.path["label"], add=add, remove=remove)


ROUTES = (
    Route(method="POST", path="told", read=read_send, write=write_sent),
    Route(
        method="DELETE",
        path="told/{number}",
        read=lambda call: RecallPush(call.path["number"]),
        write=write_recalled,
    ),
    Route(
        method="GET",
        path="labels/{label}",
        read=lambda call: FetchLabel("", call.path["label"]),
        write=write_done,
    ),
    Route(
        method="PUT",
        path="labels/{label}",
        read=lambda call: CreateLabel("", call.path["label"]),
        write=write_done,
    ),
    Route(method="POST", path="labels/{label}", read=read_members, write=write_done),
)


class Told(Sandbox):
    """A client of it."""

    def write(self, push: SendPush) -> Request:
        url = self._find_url("told")
        return http.write_request("POST", url, headers=self.headers, json=write_send(push))

    def cancel(self, reference: str) -> Recalled:
        recalled: Recalled = self._ask("DELETE", f"told/{reference}", read=read_recalled)
        return recalled

    def ensure_label(self, name: str, add: tuple[str, ...], remove: tuple[str, ...]) -> None:
        try:
            self._ask("GET", f"labels/{name}")
        except Failure as failure:
            if failure.reason is Reason.CREDENTIAL:
                raise
            self._ask("PUT", f"labels/{name}")
        self._ask("POST", f"labels/{name}", json={"add": add, "remove": remove})

    def _ask(self, method: str, path: str, **options: Any) -> Any:
        return http.call(
            http.get_session(),
            method,
            self._find_url(path),
            headers=self.headers,
            read_error=wire.read_error,
            **{"read": lambda body: body["failed"], **options},
        )


def make_dialect(*addressing: Addressing, **abilities: Any) -> Dialect:
    """The vendor, with these ways to name recipients."""
    plain = registry.get("sandbox")
    limits = replace(
        plain.limits,
        addressing=frozenset(addressing) or DESCRIBED,
        labels_per_call=abilities.pop("labels_per_call", 2),
        batch_size=abilities.pop("batch_size", 250),
    )
    usual: dict[str, Any] = {
        "limits": limits,
        "connect": Told,
        "routes": (*plain.routes, *ROUTES),
        "idempotency": Idempotency.KEY,
        "wants_references": False,
        "has_receipts": False,
        "has_labels": True,
        "can_cancel": True,
        "can_filter": lambda expression: True,
    }
    return replace(plain, **{**usual, **abilities})


def serve(simulator: Simulator, dialect: Dialect) -> None:
    """Let the simulator speak it too."""
    simulator.dialects[dialect.key] = dialect
