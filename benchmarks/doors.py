"""What the doors of all dialects take per second, beside a bare DRF view that makes one INSERT.

`python benchmarks/doors.py [--calls N] [--rounds N] [--large A,B] [--waits N] [--postgres]` serves
both with gunicorn as `manage.py up` does, over real sockets and in turns, with calls that our own
clients write; then sends to a great many devices with one call, reads that call beside nested
serializers, and waits for outcomes. Appends what it found to benchmarks/doors.txt.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import engine

HERE = Path(__file__).resolve().parent / "peer"
RESULTS = Path(__file__).with_suffix(".txt")
CONNECTIONS = 8
KEYS = 60  # a dialect's own limits count per key; so many scripts stay below them
RECIPIENTS = 10
WAIT = 5.0
TICKS = os.sysconf("SC_CLK_TCK")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=600, help="of each kind in a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--large", default="100000,250000")
    parser.add_argument("--waits", type=int, default=15)
    parser.add_argument("--postgres", action="store_true")
    options = parser.parse_args()
    engine.serve_postgres(options.postgres)
    sizes = [int(size) for size in options.large.split(",") if size]
    with (
        tempfile.TemporaryDirectory(prefix="pa-bench-") as folder,
        engine.simulating(folder) as url,
    ):
        engine.prepare(folder, url)
        Path(folder, "static").mkdir()
        bench = Bench(url, max([RECIPIENTS, *sizes]))
        lines = list(measure_waits(bench, options.waits)) if options.waits else []
        lines += measure_rates(bench, options.calls, options.rounds)
        for size in sizes:
            lines += measure_large(bench, size)
    engine.report(lines, RESULTS)


@dataclass(frozen=True, slots=True)
class Post:
    """One call as it goes over the wire; `path` with the query."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Server:
    """One web process group of ours, by its port and its leader."""

    port: int
    process: int

    def list_members(self) -> list[Path]:
        entries = Path("/proc").glob("[0-9]*")
        return [entry for entry in entries if self._is_member(entry)]

    def _is_member(self, entry: Path) -> bool:
        try:
            return os.getpgid(int(entry.name)) == self.process
        except ProcessLookupError:
            return False

    def read_cpu(self) -> float:
        """Seconds of CPU that its processes have used."""
        stats = [(entry / "stat").read_text().rpartition(")")[2] for entry in self.list_members()]
        return sum(sum(map(int, stat.split()[11:13])) for stat in stats) / TICKS

    def read_peak(self) -> int:
        """Largest memory that one of its processes has ever had, in MB."""
        texts = [(entry / "status").read_text() for entry in self.list_members()]
        return max(int(text.partition("VmHWM:")[2].split()[0]) for text in texts) // 1024


@contextmanager
def serving(application: str = "pushadmin.wsgi:application") -> Iterator[Server]:
    """gunicorn with as many processes and threads as `manage.py up` gives it."""
    from campaigns.management.commands.up import plan_web

    with socket.create_server(("127.0.0.1", 0), backlog=256) as bound:
        command = [
            application if word.startswith("pushadmin.wsgi") else word
            for word in plan_web(bound).command
        ]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), str(engine.ROOT)])}
        port = bound.getsockname()[1]
        with subprocess.Popen(
            command, cwd=engine.ROOT, env=environment, pass_fds=(bound.fileno(),),
            start_new_session=True,
        ) as process:  # fmt: skip
            try:
                yield Server(port, process.pid)
            finally:
                process.terminate()


class Bench:
    """An app with phones that every dialect can name, served by the sandbox; keys for each door."""

    def __init__(self, url: str, size: int) -> None:
        from campaigns.models import Device
        from providers import registry

        self.app = engine.make_app("doors", size)
        sandbox = next(dialect for dialect in registry.all_dialects() if dialect.is_sandbox)
        engine.route_through(self.app, sandbox, url)
        devices = Device.objects.filter(app=self.app).order_by("pk")
        self.tokens: list[str] = list(devices.values_list("token", flat=True))
        self.dialects = [dialect for dialect in registry.all_dialects() if dialect.has_door]
        self._name_devices(devices[:RECIPIENTS])
        self.keys = [self._issue_key(number) for number in range(KEYS)]
        self.used = 0

    def _name_devices(self, devices: Any) -> None:
        """Each is somebody's, and known to every vendor by an id that is its token's text too."""
        from campaigns.models import DeviceIdentifier, Person
        from campaigns.models.audience import hash64

        kinds = {kind for dialect in self.dialects for kind in dialect.identifier_kinds}
        names = {kind.name for kind in kinds if not kind.is_token}
        for device in devices:
            device.person = Person.objects.create(
                workspace=self.app.workspace, external_user_id=device.token
            )
            device.save()
            DeviceIdentifier.objects.bulk_create(
                DeviceIdentifier(
                    app=self.app, device=device, kind=name, value=device.token,
                    value_hash=hash64(device.token),
                )
                for name in names
            )  # fmt: skip

    def _issue_key(self, number: int) -> str:
        from campaigns.services.access import issue_key

        workspace, now = self.app.workspace, datetime.now(UTC)
        _key, text = issue_key(workspace, name=f"{number}", apps=[self.app], actor="b", now=now)
        return text

    def write(self, dialect: Any, count: int = RECIPIENTS, wait: float = 0.0) -> Post:
        """A send as our own client would make it, with an id and a key that come next."""
        self.used += 1
        request = self.connect(dialect).write(self.make_push(dialect, count, wait))
        text = self.keys[self.used % KEYS]
        headers = {**request.headers, "Authorization": dialect.write_authorization(text)}
        url = urlsplit(request.url)
        return Post(f"{url.path}?{url.query}".rstrip("?"), headers, request.body)

    def connect(self, dialect: Any) -> Any:
        from campaigns.services.doors import ensure_door
        from providers.outbound import AccountConfig

        door = ensure_door(self.app, dialect, datetime.now(UTC))
        urls = {spec.name: f"http://127.0.0.1/compat/{dialect.key}" for spec in dialect.base_urls}
        credentials = {spec.name: "good" for spec in dialect.credentials}
        return dialect.connect(
            AccountConfig(
                public_id="b", credentials=credentials, base_urls=urls, options=door.identifiers
            )
        )

    def make_push(self, dialect: Any, count: int, wait: float) -> Any:
        from providers.commands import PushPart, SendPush
        from providers.message import PushMessage
        from providers.message_fields import Platform
        from providers.recipients import Audience, Targets

        message = PushMessage(title="Sale", body="Ends tonight").resolve(Platform.ANDROID)
        kind = find_kind(dialect)
        targets = (Targets(kind, tuple(self.tokens[:count])),) if kind else ()
        part = PushPart(message, targets, None if kind else Audience())
        group = str(self.app.groups.get(name="General").pk) if dialect.has_groups else ""
        return SendPush(
            parts=(part,), group=group, tag="sale", client_key=f"{self.used}", wait=wait
        )


def find_kind(dialect: Any) -> str:
    """How the dialect names an Android phone or who has it; "" where it names nobody."""
    from providers.contract import Addressing
    from providers.message_fields import Platform
    from providers.recipients import PersonKind

    kinds = [
        kind.name for kind in dialect.identifier_kinds if kind.platform in (None, Platform.ANDROID)
    ]
    if Addressing.USERNAME in dialect.limits.addressing:
        return str(PersonKind.EXTERNAL_USER_ID)
    if dialect.limits.addressing & {Addressing.TOKEN, Addressing.VENDOR_ID}:
        return kinds[0] if kinds else "token"
    return ""


def send_all(server: Server, posts: Sequence[Post]) -> list[float]:
    """Seconds of each call, over some connections that are kept; every answer must be good."""

    def send_some(own: Sequence[Post]) -> list[float]:
        line = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
        try:
            return [send(line, post) for post in own]
        finally:
            line.close()

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        found = pool.map(send_some, [posts[place::CONNECTIONS] for place in range(CONNECTIONS)])
        return [seconds for own in found for seconds in own]


def send(line: http.client.HTTPConnection, post: Post) -> float:
    began = time.monotonic()
    line.request("POST", post.path, post.body, post.headers)
    answer = line.getresponse()
    text = answer.read()
    assert answer.status < 300, (post.path, answer.status, text[:500])
    return time.monotonic() - began


@dataclass(frozen=True, slots=True)
class Round:
    """What one kind of calls did in one round."""

    per_second: float
    cpu: float  # of the server, in ms a call


def measure_round(server: Server, posts: Sequence[Post]) -> Round:
    cpu, began = server.read_cpu(), time.monotonic()
    send_all(server, posts)
    seconds = time.monotonic() - began
    return Round(len(posts) / seconds, (server.read_cpu() - cpu) / len(posts) * 1000)


def measure_rates(bench: Bench, calls: int, rounds: int) -> Iterator[str]:
    """The peer and each dialect in turn, several times; each process is warm before."""
    made = subprocess.run(
        [sys.executable, str(HERE / "door_peer.py")], capture_output=True, text=True, check=True
    )
    note = Post(
        "/notes/",
        {"Authorization": f"Token {made.stdout.strip()}", "Content-Type": "application/json"},
        json.dumps({"body": "Ends tonight"}).encode(),
    )
    with serving() as doors, serving("door_peer:make_application()") as peer:
        ways: dict[str, tuple[Server, Callable[[], Post]]] = {"": (peer, lambda: note)}
        for dialect in bench.dialects:
            ways[dialect.label] = (doors, lambda dialect=dialect: bench.write(dialect))  # type: ignore[misc]
        found: dict[str, list[Round]] = {name: [] for name in ways}
        for place in range(rounds + 1):
            for name, (server, write) in ways.items():
                count = calls if place else KEYS
                told = measure_round(server, [write() for _call in range(count)])
                if place:
                    found[name].append(told)
    yield f"{CONNECTIONS} connections, {calls} calls a round, {rounds} rounds; min, median, max"
    peers = found.pop("")
    yield describe_rates("DRF token POST, one INSERT", peers, peers)
    yield from (describe_rates(f"send, {name}", own, peers) for name, own in found.items())


def describe_rates(name: str, own: list[Round], peers: list[Round]) -> str:
    """In absolute figures, and as ratios of rounds that stood next to each other."""
    speeds = [item.per_second for item in own]
    ratios = [mine.per_second / peer.per_second for mine, peer in zip(own, peers, strict=True)]
    work = [mine.cpu / peer.cpu for mine, peer in zip(own, peers, strict=True)]
    cpu = statistics.median(item.cpu for item in own)
    return (
        f"{name}: {describe(speeds, '.0f')} a second, {describe(ratios, '.2f')} of the peer; "
        f"{cpu:.2f} ms of the server's CPU, {describe(work, '.1f')} times the peer's"
    )


def describe(values: Sequence[float], form: str) -> str:
    told = (min(values), statistics.median(values), max(values))
    return " / ".join(format(value, form) for value in told)


def measure_waits(bench: Bench, count: int) -> Iterator[str]:
    """How long a call takes that is answered with the outcome; one by one, a worker beside it."""
    command = [*engine.MANAGE, "dispatch", "--name", "w1"]
    with serving() as server, subprocess.Popen(command) as worker:
        try:
            for dialect in bench.dialects:
                if can_wait(bench, dialect):
                    yield describe_waits(bench, dialect, server, count)
        finally:
            worker.terminate()


def can_wait(bench: Bench, dialect: Any) -> bool:
    """Whether the dialect says in a call that its caller waits."""
    bench.used += 1
    client = bench.connect(dialect)
    push = bench.make_push(dialect, 1, 0.0)
    now, waited = client.write(push), client.write(replace(push, wait=WAIT))
    return bool((now.url, now.body) != (waited.url, waited.body))


def describe_waits(bench: Bench, dialect: Any, server: Server, count: int) -> str:
    spent: dict[float, list[float]] = {0.0: [], WAIT: []}
    line = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    for place in range(count + 1):
        for wait, times in spent.items():
            line.close()  # gunicorn keeps a silent connection for two seconds only
            seconds = send(line, bench.write(dialect, 1, wait)) * 1000
            if place:
                times.append(seconds)
            time.sleep(0.2)
    line.close()
    return (
        f"{dialect.label}, answered with the outcome: {describe(spent[WAIT], '.0f')} ms; "
        f"answered at once: {describe(spent[0.0], '.0f')} ms ({count} calls each)"
    )


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


if __name__ == "__main__":
    main()
