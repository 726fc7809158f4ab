"""A session that leads a client straight to the routes of its own dialect, without a socket."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import requests
from requests.adapters import BaseAdapter
from urllib3 import HTTPResponse

from providers import http
from providers.commands import AcceptedMany, SendPushes
from providers.contract import Dialect
from providers.inbound import Call, Reply
from providers.outcomes import Refusal
from providers.routing import find_route


class DoorAdapter(BaseAdapter):
    """Reads a request by the dialect's routes and answers with what `result` is given for it."""

    def __init__(self, dialect: Dialect, answer: Callable[[Any], Any]) -> None:
        super().__init__()
        self.dialect = dialect
        self.answer = answer
        self.commands: list[Any] = []
        self.bodies: list[bytes] = []

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        reply = self._reply(request)
        content = reply.body if isinstance(reply.body, str) else json.dumps(reply.body)
        response = requests.Response()
        response.status_code = reply.status
        response.headers.update(reply.headers)
        response.raw = HTTPResponse(io.BytesIO(content.encode()), preload_content=False)
        return response

    def _reply(self, request: requests.PreparedRequest) -> Reply:
        url = urlsplit(request.url)
        headers = {name.lower(): value for name, value in request.headers.items()}
        query = dict(parse_qsl(url.query, keep_blank_values=True))
        path = url.path.removeprefix(f"/{self.dialect.key}/")
        self.bodies.append(request.body)
        try:
            route, pieces = find_route(self.dialect.routes, request.method, path)
            body = json.loads(request.body) if request.body else None
            call = Call(body, pieces, query, headers)
            return route.write(self._execute(route.read(call)), call)
        except Refusal as refusal:
            return self.dialect.write_refusal(refusal)

    def _execute(self, command: Any) -> Any:
        """What is answered; several pushes are each answered as if they came alone."""
        if not isinstance(command, SendPushes):
            self.commands.append(command)
            return self.answer(command)
        pushes = [
            replace(push, client_key=push.client_key or command.client_key)
            for push in command.pushes
        ]
        self.commands += pushes
        entries = tuple(self.answer(push) for push in pushes)
        return AcceptedMany(
            entries=entries, reference=entries[0].transfer, client_key=command.client_key
        )

    def close(self) -> None:
        """Nothing is open."""


@contextmanager
def entering_door(dialect: Dialect, answer: Callable[[Any], Any]) -> Iterator[DoorAdapter]:
    """Vendor calls made inside end at the dialect's own routes."""
    adapter = DoorAdapter(dialect, answer)
    session = requests.Session()
    session.trust_env = False
    session.mount("http://", adapter)
    with session, http.using_session(session):
        yield adapter
