"""One call with a great many devices: how long it takes, what memory, and its reading alone."""

from __future__ import annotations

import http.client
import json
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from door_calls import Bench
from door_server import CONNECTIONS, Post, describe, send, send_all, serving


def measure_large(bench: Bench, size: int) -> Iterator[str]:
    """One call with so many devices, in the dialect that takes the most."""
    dialect = max(
        bench.dialects, key=lambda item: max(route.max_recipients for route in item.routes)
    )
    posts = [write_large(bench, dialect, size) for _call in range(3)]
    with serving() as server:
        send_all(server, [bench.write(dialect) for _call in range(2 * CONNECTIONS)])
        before, cpu = server.read_peak(), server.read_cpu()
        line = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
        times = []
        for post in posts:
            line.close()
            times.append(send(line, post))
        line.close()
        cpu = (server.read_cpu() - cpu) / len(posts)
        after = server.read_peak()
    megabytes = len(posts[0].body) / 1e6
    yield (
        f"{dialect.label}, {size:,} devices in one call of {megabytes:.1f} MB: "
        f"{describe(times, '.2f')} s, {cpu:.2f} s of the server's CPU; peak memory of a process "
        f"{before} MB before, {after} MB after"
    )
    yield describe_reading(dialect, posts[0], size)


def write_large(bench: Bench, dialect: Any, size: int) -> Post:
    post = bench.write(dialect, 1)
    body = widen(json.loads(post.body), bench.tokens[0], bench.tokens[:size])
    return replace(post, body=json.dumps(body).encode())


def widen(value: Any, mark: str, tokens: list[str]) -> Any:
    """The body with a list of one recipient made one of all."""
    if value == [mark]:
        return tokens
    if isinstance(value, dict):
        return {name: widen(item, mark, tokens) for name, item in value.items()}
    return [widen(item, mark, tokens) for item in value] if isinstance(value, list) else value


def describe_reading(dialect: Any, post: Post, size: int) -> str:
    """From the bytes to a checked command, beside nested serializers of the same shape."""
    from campaigns.compat.bodies import parse_body
    from providers.inbound import Call
    from providers.routing import find_route

    path = post.path.removeprefix(f"/compat/{dialect.key}/")
    route, pieces = find_route(dialect.routes, "POST", path)
    serializer = shape(json.loads(post.body))

    def read() -> None:
        command = route.read(Call(parse_body(post.body), pieces, headers=post.headers))
        assert sum(len(item.values) for part in command.parts for item in part.targets) == size

    def read_with_drf() -> None:
        filled = type(serializer)(data=json.loads(post.body))
        filled.is_valid(raise_exception=True)

    spent: dict[Callable[[], None], list[float]] = {read: [], read_with_drf: []}
    for _round in range(5):
        for act, times in spent.items():
            began = time.process_time()
            act()
            times.append((time.process_time() - began) * 1000)
    own, peer = spent[read], spent[read_with_drf]
    ratio = statistics.median(peer) / statistics.median(own)
    return (
        f"{size:,} devices read and checked: {describe(own, '.0f')} ms of CPU, nested serializers "
        f"{describe(peer, '.0f')} ms, {ratio:.1f} times"
    )


def shape(value: Any) -> Any:
    """A serializer, or a field of one, that takes what looks like this."""
    from rest_framework import serializers

    match value:
        case dict():
            fields = {name: shape(item) for name, item in value.items()}
            return type("Shape", (serializers.Serializer,), fields)()
        case [dict(), *_]:
            return type(shape(value[0]))(many=True)
        case [first, *_]:
            return serializers.ListField(child=shape(first))
        case bool():
            return serializers.BooleanField()
        case int():
            return serializers.IntegerField()
    return serializers.CharField(allow_blank=True)
