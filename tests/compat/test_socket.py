"""Over a real socket a client that sends too much can read why it is refused."""

from __future__ import annotations

import json
import socket
from urllib.parse import urlsplit

import pytest

from providers.outcomes import Refusal, RefusalKind
from tests.compat.conftest import OPEN, make_key
from tests.compat.test_door import fill

MEGABYTE = 1024 * 1024


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("dialect", OPEN, ids=lambda dialect: dialect.key)
def test_a_body_above_the_largest_cap_is_answered_and_not_cut_off(live_server, app, dialect):
    posts = [route for route in dialect.routes if route.method == "POST"]
    route = max(posts, key=lambda item: item.max_bytes)
    size = (route.max_bytes // MEGABYTE + 6) * MEGABYTE
    address = urlsplit(live_server.url)
    head = (
        f"{route.method} /compat/{dialect.key}/{fill(route.path)} HTTP/1.1\r\n"
        f"Host: {address.netloc}\r\nConnection: close\r\nContent-Length: {size}\r\n"
        f"Authorization: {dialect.write_authorization(make_key(app)[1])}\r\n\r\n"
    )

    with socket.create_connection((address.hostname, address.port)) as line:
        line.sendall(head.encode())
        for _part in range(size // MEGABYTE):
            line.sendall(b"{" * MEGABYTE)
        answer = line.makefile("rb").read()

    write = route.write_refusal or dialect.write_refusal
    expected = write(Refusal(RefusalKind.TOO_LARGE, "words"))
    assert f" {expected.status} ".encode() in answer.split(b"\r\n", 1)[0]
    assert set(expected.body) <= set(json.loads(answer.split(b"\r\n\r\n", 1)[1]))
